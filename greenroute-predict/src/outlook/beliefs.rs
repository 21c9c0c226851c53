use crate::prior::{Belief, Question};
use greenroute_core::{Expectation, ModelCard};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What is believed of cards, by their [digests](ModelCard::digest).
#[derive(Debug, Default)]
pub(super) struct Beliefs {
    held: Vec<(u64, Belief)>,
    places: HashMap<u64, usize, BuildHasherDefault<Digested>>,
}

/// So many cards are answered for side by side.
const LANES: usize = 16;

impl Beliefs {
    /// How many are kept at most.
    pub(super) const MOST: usize = 2_048;

    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.places.clear();
    }

    pub(super) fn have_room_for(&self, more: usize) -> bool {
        self.held.len() + more <= Self::MOST
    }

    pub(super) fn hold(&self, card: &ModelCard) -> bool {
        self.places.contains_key(&card.digest())
    }

    /// Keeps one more; where there is no room, it alone.
    pub(super) fn insert(&mut self, card: &ModelCard, belief: Belief) {
        if !self.have_room_for(1) {
            self.clear();
        }
        let digest = card.digest();
        self.places.entry(digest).or_insert_with(|| {
            self.held.push((digest, belief));
            self.held.len() - 1
        });
    }

    /// What a card's model will do, if anything is believed of it.
    pub(super) fn answer(&self, question: &Question<'_>, card: &ModelCard) -> Option<Expectation> {
        let (_, belief) = self.find(card.digest(), &mut 0)?;
        Some(question.answer(belief))
    }

    /// What the models of `cards` will do, after `all`; `None` where nothing is believed of one of them.
    pub(super) fn answer_all(
        &self,
        question: &Question<'_>,
        cards: &[&ModelCard],
        all: &mut Vec<Expectation>,
    ) -> Option<()> {
        let mut next = 0;
        for some in cards.chunks(LANES) {
            let mut last = self.held.first()?;
            let mut beliefs = [&last.1; LANES];
            for (belief, card) in beliefs.iter_mut().zip(some) {
                last = self.find(card.digest(), &mut next)?;
                *belief = &last.1;
            }
            question.answer_all(&beliefs, some.len(), all);
        }
        Some(())
    }

    /// The belief of a digest. Cards come in the order of before, mostly, so it is looked for at `next` first: the place
    /// behind the one that was found last.
    #[inline]
    fn find(&self, digest: u64, next: &mut usize) -> Option<&(u64, Belief)> {
        let place = match self.held.get(*next) {
            Some((held, _)) if *held == digest => *next,
            _ => *self.places.get(&digest)?,
        };
        *next = place + 1;
        self.held.get(place)
    }
}

/// A digest is its own hash.
#[derive(Debug, Default)]
struct Digested(u64);

impl Hasher for Digested {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

mod beliefs;

use crate::latent::Latent;
use crate::learned::{Learned, update};
use crate::prior::{Belief, ByHand, Place, Prior, Question, narrow};
use crate::weights::Weights;
use beliefs::Beliefs;
use greenroute_core::{Expectation, Expecter, ModelCard, PromptProfile, Result, Verdict};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What to expect of every model: the shipped [`Prior`], and what verdicts taught since.
///
/// Beliefs are worked out once for each card, kept under [`ModelCard::digest`], and dropped whenever something is
/// learned. 2,048 are kept: of a larger catalog, every decision works them out anew.
#[derive(Debug)]
pub struct Outlook {
    prior: Prior,
    by_hand: ByHand,
    fingerprint: String,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    learned: Learned,
    beliefs: Beliefs,
}

impl Outlook {
    /// With what a file of weights believes, and nothing learned.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](greenroute_core::ErrorKind::Decode) if the file holds no prior, as
    /// [`Prior::from_weights`] says.
    pub fn from_weights(weights: &Weights) -> Result<Self> {
        Ok(Self::new(Prior::from_weights(weights)?, weights.about().fingerprint.clone()))
    }

    /// With a prior; `fingerprint` is that of the weights it came from.
    #[must_use]
    pub fn new(prior: Prior, fingerprint: impl Into<String>) -> Self {
        let by_hand = ByHand::new(&prior);
        Self { prior, by_hand, fingerprint: fingerprint.into(), state: RwLock::default() }
    }

    /// What is believed without any verdict.
    #[must_use]
    pub const fn prior(&self) -> &Prior {
        &self.prior
    }

    /// What verdicts taught, as it is now.
    #[must_use]
    pub fn learned(&self) -> Learned {
        self.read().learned.clone()
    }

    /// Forgets every verdict: what is left is the prior, exactly.
    pub fn clear(&self) {
        *self.write() = State::default();
    }

    /// Where a profile that is learned from stands. A receipt may have kept it from before the weights were trained anew:
    /// then its numbers are of other tasks than these, and what it asks for is all that is read of it. It is among the tasks
    /// that the table holds, however new it was.
    fn place(&self, profile: &PromptProfile) -> Place {
        let profile =
            &PromptProfile { novelty: greenroute_core::units::Probability::ZERO, ..profile.clone() };
        match Latent::of(profile).filter(|latent| self.agrees(latent, profile)) {
            Some(latent) => Place { tasks: *latent.tasks, lowering: self.lowering(&latent, profile) },
            None => self.by_hand.place(profile),
        }
    }

    /// Whether the tasks that the profile names are those that these weights have at the places of its numbers.
    fn agrees(&self, latent: &Latent<'_>, profile: &PromptProfile) -> bool {
        profile.tasks.iter().all(|(name, weight)| {
            let mut named = self.prior.tasks().zip(latent.tasks).filter(|(known, _)| *known == name);
            named.any(|(_, held)| (f64::from(*held) - weight).abs() < 1e-3)
        })
    }

    fn lowering(&self, latent: &Latent<'_>, profile: &PromptProfile) -> f32 {
        let novelty = narrow(profile.novelty.as_fraction());
        self.by_hand.lowering(latent, profile.difficulty, novelty, narrow(self.prior.excess))
    }

    #[cold]
    fn believe(&self, learned: &Learned, card: &ModelCard) -> Belief {
        let mut stance = self.prior.stance(card);
        update(&mut stance, &learned.tallies(&card.key, &self.prior.tasks));
        self.prior.belief(&stance)
    }

    /// Hands a prompt on, as beliefs are asked about it.
    fn ask<T>(&self, profile: &PromptProfile, answer: impl FnOnce(&Question<'_>) -> T) -> T {
        let by_hand;
        let (tasks, lowering) = match Latent::of(profile) {
            Some(latent) => (latent.tasks, self.lowering(&latent, profile)),
            None => {
                by_hand = self.by_hand.place(profile);
                (&by_hand.tasks, by_hand.lowering)
            }
        };
        let novelty = narrow(profile.novelty.as_fraction());
        answer(&Question { tasks, lowering, novelty, output: profile.output.into() })
    }

    /// Where a card was not asked about since something was learned. Beliefs are worked out under the lock that learning
    /// takes, so that none outlives what it was made of.
    #[cold]
    fn answer_new(&self, question: &Question<'_>, cards: &[&ModelCard]) -> Vec<Expectation> {
        let mut all = Vec::with_capacity(cards.len());
        let State { learned, beliefs } = &mut *self.write();
        for cards in cards.chunks(Beliefs::MOST) {
            if !beliefs.have_room_for(cards.iter().filter(|card| !beliefs.hold(card)).count()) {
                beliefs.clear();
            }
            for card in cards {
                if !beliefs.hold(card) {
                    beliefs.insert(card, self.believe(learned, card));
                }
            }
            beliefs.answer_all(question, cards, &mut all);
        }
        all
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expecter for Outlook {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        self.ask(profile, |question| {
            let known = self.read().beliefs.answer(question, card);
            known.unwrap_or_else(|| {
                let State { learned, beliefs } = &mut *self.write();
                let belief = self.believe(learned, card);
                let expectation = question.answer(&belief);
                beliefs.insert(card, belief);
                expectation
            })
        })
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        self.ask(profile, |question| {
            let mut all = Vec::with_capacity(cards.len());
            let known = self.read().beliefs.answer_all(question, cards, &mut all);
            // All anew, so that what is learned meanwhile counts for all of them or for none.
            if known.is_some() { all } else { self.answer_new(question, cards) }
        })
    }

    fn learn(&self, verdicts: &[Verdict]) -> Result<()> {
        if verdicts.is_empty() {
            return Ok(());
        }
        let places: Vec<Place> = verdicts.iter().map(|verdict| self.place(&verdict.profile)).collect();
        let mut state = self.write();
        for (verdict, place) in verdicts.iter().zip(&places) {
            state.learned.hear(verdict, place, &self.prior.tasks);
        }
        state.beliefs.clear();
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.read().learned.to_bytes(&self.fingerprint)
    }

    fn restore(&self, snapshot: &[u8]) -> Result<()> {
        let learned = Learned::from_bytes(snapshot, &self.prior.tasks)?;
        *self.write() = State { learned, ..State::default() };
        Ok(())
    }
}

#[cfg(test)]
mod tests;

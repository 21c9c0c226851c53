//! A prompt within its conversation: what was asked last counts most, and a terse follow-up is read with what came before.

use crate::text::{CUES, DIMENSIONS, Features, Reader, Scratch};
use greenroute_core::Prompt;
use greenroute_core::chat::{Block, Role};
use greenroute_core::conversation::Turn;
use greenroute_core::profile::said_before;
use std::cell::RefCell;

/// The user's messages before this prompt that are read for what it is about.
const REMEMBERED: usize = 4;
/// A prompt of so many tokens counts as much as the message before it; a shorter one less, a longer one more.
const TERSE: f32 = 5.0;
/// The most that the message before counts against a prompt's 1.
const MOST: f32 = 2.0;
/// What each message counts, against the one after it.
const FADING: f32 = 0.4;
/// What the reading of a text of so many bytes took is kept for the next; what a longer one took is given back.
const KEPT: usize = 48 << 10;

/// Memory that the readings of a thread use again.
#[derive(Default)]
struct Desk {
    scratch: Scratch,
    features: Features,
    /// The bytes of the longest text that it has read.
    longest: usize,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Hands the features of `prompt` within its conversation to `take`; `None` where there is nothing to read.
pub(super) fn with_mix<T>(
    reader: &Reader,
    prompt: &Prompt,
    history: &[Turn],
    take: impl FnOnce(&[f32; DIMENSIONS], &[f32; CUES]) -> T,
) -> Option<T> {
    DESK.with_borrow_mut(|desk| {
        let taken = desk.read(reader, prompt, history, take);
        if desk.longest > KEPT {
            *desk = Desk::default();
        }
        taken
    })
}

impl Desk {
    /// The features of one text, until the next is read.
    fn text(&mut self, reader: &Reader, text: &str) -> &Features {
        self.longest = self.longest.max(text.len());
        reader.skim_into(text, &mut self.scratch, &mut self.features);
        &self.features
    }

    fn read<T>(
        &mut self,
        reader: &Reader,
        prompt: &Prompt,
        history: &[Turn],
        take: impl FnOnce(&[f32; DIMENSIONS], &[f32; CUES]) -> T,
    ) -> Option<T> {
        self.text(reader, &prompt.text);
        let mut said =
            said_before(prompt, history).rev().filter(|message| message.role == Role::User).peekable();
        let more = texts(&prompt.blocks).next().is_some();
        if !more && said.peek().is_none() {
            return (self.features.tokens > 0).then(|| take(&self.features.embedding, &self.features.cues));
        }
        let mut mix = Mix::EMPTY;
        mix.add(&self.features, 1.0);
        for text in texts(&prompt.blocks) {
            mix.add(self.text(reader, text), 1.0);
        }
        let mut weight = (TERSE / mix.tokens).min(MOST);
        mix.settle();
        for message in said.take(REMEMBERED) {
            let mut before = Mix::EMPTY;
            for text in texts(&message.blocks) {
                before.add(self.text(reader, text), 1.0);
            }
            before.settle();
            mix.join(&before, weight);
            weight *= FADING;
        }
        let read = mix.settle();
        read.then(|| take(&mix.embedding, &mix.cues))
    }
}

fn texts(blocks: &[Block]) -> impl Iterator<Item = &str> {
    blocks
        .iter()
        .filter_map(|block| if let Block::Text { text } = block { Some(text.as_str()) } else { None })
}

/// Features of several texts.
#[derive(Debug, Clone)]
struct Mix {
    embedding: [f32; DIMENSIONS],
    cues: [f32; CUES],
    weight: f32,
    tokens: f32,
}

impl Mix {
    const EMPTY: Self = Self { embedding: [0.0; DIMENSIONS], cues: [0.0; CUES], weight: 0.0, tokens: 0.0 };

    /// A text, by its length; one without tokens adds nothing.
    #[expect(clippy::cast_precision_loss, reason = "a weight")]
    fn add(&mut self, features: &Features, weight: f32) {
        let tokens = features.tokens as f32;
        self.tokens += tokens;
        self.blend(&features.embedding, &features.cues, weight * tokens);
    }

    /// A settled mix, if there is anything in it.
    fn join(&mut self, other: &Self, weight: f32) {
        self.blend(&other.embedding, &other.cues, weight * other.weight);
    }

    fn blend(&mut self, embedding: &[f32; DIMENSIONS], cues: &[f32; CUES], weight: f32) {
        self.weight += weight;
        let into = self.embedding.iter_mut().chain(&mut self.cues);
        into.zip(embedding.iter().chain(cues)).for_each(|(sum, number)| *sum += weight * number);
    }

    /// Makes the cues a mean and each half of the embedding of length one again; whether anything was read.
    fn settle(&mut self) -> bool {
        if self.weight <= 0.0 {
            return false;
        }
        for half in self.embedding.chunks_exact_mut(DIMENSIONS / 2) {
            let length = half.iter().map(|number| number * number).sum::<f32>().sqrt();
            let scale = if length.is_normal() { length.recip() } else { 0.0 };
            half.iter_mut().for_each(|number| *number *= scale);
        }
        self.cues.iter_mut().for_each(|cue| *cue /= self.weight);
        self.weight = 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_long_text_took_is_given_back_whatever_stands_in_it() {
        let reader = Reader::shipped().unwrap();
        let read = |text: String| {
            with_mix(&reader, &Prompt::from(text), &[], |_, _| ());
            DESK.with_borrow(|desk| desk.longest)
        };
        for long in ["x".repeat(1 << 20), "two words ".repeat(1 << 17), " ".repeat(1 << 20)] {
            assert_eq!(read(long), 0, "a desk of its own size is kept");
        }
        // A short one's is kept.
        assert_eq!(read("Why is the sky blue?".to_owned()), 20);
    }

    #[test]
    fn of_a_long_conversation_the_latest_messages_count_and_the_answers_do_not() {
        use greenroute_core::chat::Message;
        let reader = Reader::shipped().unwrap();
        let mix = |history: Vec<Message>| {
            let prompt = Prompt { history, ..Prompt::from("and now?") };
            with_mix(&reader, &prompt, &[], |embedding, cues| (*embedding, *cues)).unwrap()
        };
        let user = |text: &str| Message::text(Role::User, text);
        let lately = || ["Name a river.", "Name a lake.", "Name a sea.", "Name a strait."].map(user).to_vec();
        let long = |early: &str| std::iter::repeat_with(|| user(early)).take(50).chain(lately()).collect();
        assert_eq!(mix(long("Prove the theorem.")), mix(lately()));
        assert_ne!(mix(lately()[1..].to_vec()), mix(lately()));
        let mut answered = lately();
        answered.insert(2, Message::text(Role::Assistant, "Lake Constance, between three countries."));
        assert_eq!(mix(answered), mix(lately()));
    }
}

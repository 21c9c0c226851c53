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
/// Hashed words that are kept for the next reading; what a longer text took is given back.
const KEPT: usize = 1 << 14;

/// Memory that the readings of a thread use again.
#[derive(Default)]
struct Desk {
    scratch: Scratch,
    features: Features,
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
        if desk.features.grams.capacity() > KEPT {
            *desk = Desk::default();
        }
        taken
    })
}

impl Desk {
    fn read<T>(
        &mut self,
        reader: &Reader,
        prompt: &Prompt,
        history: &[Turn],
        take: impl FnOnce(&[f32; DIMENSIONS], &[f32; CUES]) -> T,
    ) -> Option<T> {
        reader.skim_into(&prompt.text, &mut self.scratch, &mut self.features);
        let mut said =
            said_before(prompt, history).rev().filter(|message| message.role == Role::User).peekable();
        let more = texts(&prompt.blocks).next().is_some();
        if !more && said.peek().is_none() {
            return (self.features.tokens > 0).then(|| take(&self.features.embedding, &self.features.cues));
        }
        let mut mix = Mix::EMPTY;
        mix.add(&self.features, 1.0);
        for text in texts(&prompt.blocks) {
            reader.skim_into(text, &mut self.scratch, &mut self.features);
            mix.add(&self.features, 1.0);
        }
        let mut weight = (TERSE / mix.tokens).min(MOST);
        mix.settle();
        for message in said.take(REMEMBERED) {
            let mut before = Mix::EMPTY;
            for text in texts(&message.blocks) {
                reader.skim_into(text, &mut self.scratch, &mut self.features);
                before.add(&self.features, 1.0);
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

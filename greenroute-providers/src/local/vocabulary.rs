//! One face for both kinds of vocabulary: merged by score as Gemma's, or of the best sum of scores as T5's.

use super::tokenizer::Tokenizer;
use super::unigram::Unigram;

/// A vocabulary and how text becomes its entries.
#[derive(Debug)]
pub(super) enum Vocabulary {
    Merges(Box<Tokenizer>),
    Unigram(Box<Unigram>),
}

impl Vocabulary {
    /// How many entries there are that a model may say.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Merges(tokenizer) => tokenizer.len(),
            Self::Unigram(unigram) => unigram.len(),
        }
    }

    /// What every prompt begins with.
    pub(super) fn start(&self) -> Option<u32> {
        match self {
            Self::Merges(tokenizer) => tokenizer.start(),
            Self::Unigram(_) => None,
        }
    }

    /// What every prompt ends with: an encoder is told that there is no more.
    pub(super) fn finish(&self) -> Option<u32> {
        match self {
            Self::Merges(_) => None,
            Self::Unigram(unigram) => unigram.end(),
        }
    }

    /// Whether the model says with `id` that it is done.
    pub(super) fn is_end(&self, id: u32) -> bool {
        match self {
            Self::Merges(tokenizer) => tokenizer.is_end(id),
            Self::Unigram(unigram) => unigram.end() == Some(id),
        }
    }

    /// The entry that steers the model by this name.
    pub(super) fn control(&self, text: &str) -> Option<u32> {
        match self {
            Self::Merges(tokenizer) => tokenizer.control(text),
            Self::Unigram(unigram) => unigram.control(text),
        }
    }

    /// Appends the entries of `text`.
    pub(super) fn encode(&self, text: &str, out: &mut Vec<u32>) {
        match self {
            Self::Merges(tokenizer) => tokenizer.encode(text, out),
            Self::Unigram(unigram) => unigram.encode(text, out),
        }
    }

    /// Appends the bytes that `id` stands for; control entries stand for none.
    pub(super) fn decode(&self, id: u32, out: &mut Vec<u8>) {
        match self {
            Self::Merges(tokenizer) => tokenizer.decode(id, out),
            Self::Unigram(unigram) => unigram.decode(id, out),
        }
    }
}

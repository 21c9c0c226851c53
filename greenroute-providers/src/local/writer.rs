//! From logits to an answer, one token at a time.

use super::NAME;
use super::sample::{Sampler, log_probability};
use super::text_stream::{Stops, TextStream, Trim};
use super::vocabulary::Vocabulary;
use greenroute_core::chat::FinishReason;
use greenroute_core::{Error, ErrorKind, Result};

/// How an answer is to be written.
#[derive(Debug)]
pub(super) struct Style {
    pub(super) max_output: usize,
    /// Why the answer ends at `max_output`: the request's limit, or the window's end.
    pub(super) at_limit: FinishReason,
    pub(super) sampler: Sampler,
    pub(super) stops: Vec<String>,
    /// Whether white space at both ends of the answer is dropped.
    pub(super) trim: bool,
    pub(super) log_probabilities: bool,
}

/// An answer that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    sampler: Sampler,
    max_output: usize,
    at_limit: FinishReason,
    stream: TextStream,
    stops: Stops,
    trim: Trim,
    text: String,
    output_tokens: usize,
    log_probabilities: Option<Vec<f64>>,
}

/// What one step gave.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    /// The text that is new, often none.
    pub(super) text: String,
    pub(super) then: Then,
}

/// How it goes on.
#[derive(Debug, PartialEq)]
pub(super) enum Then {
    /// The next step takes this token.
    Token(u32),
    End(FinishReason),
}

/// An answer that is done.
#[derive(Debug, PartialEq)]
pub(super) struct Whole {
    pub(super) text: String,
    /// Every token that was computed, the one that says "done" included.
    pub(super) output_tokens: usize,
    pub(super) log_probabilities: Option<Vec<f64>>,
}

impl Writer {
    pub(super) fn new(style: Style) -> Self {
        Self {
            sampler: style.sampler,
            max_output: style.max_output,
            at_limit: style.at_limit,
            stream: TextStream::default(),
            stops: Stops::new(style.stops),
            trim: Trim::new(style.trim),
            text: String::new(),
            output_tokens: 0,
            log_probabilities: style.log_probabilities.then(Vec::new),
        }
    }

    /// Whether nothing was written yet.
    pub(super) fn is_new(&self) -> bool {
        self.output_tokens == 0
    }

    /// Chooses the next token by its `logits`.
    pub(super) fn write(&mut self, logits: &[f32], vocabulary: &Vocabulary) -> Result<Written> {
        let damaged = || {
            let message = "the model gave no usable probabilities; its file may be damaged";
            Error::new(ErrorKind::ModelFault, NAME, message)
        };
        let id = self.sampler.next(logits).ok_or_else(damaged)?;
        self.output_tokens += 1;
        if vocabulary.is_end(id) {
            return Ok(self.finish(FinishReason::Stop));
        }
        if let Some(known) = &mut self.log_probabilities {
            known.push(log_probability(logits, id));
        }
        vocabulary.decode(id, self.stream.bytes());
        let (text, stopped) = self.stops.push(self.trim.start(&self.stream.take()));
        let text = self.trim.end(&text);
        self.text.push_str(&text);
        if stopped {
            return Ok(Written { text, then: Then::End(FinishReason::Stop) });
        }
        if self.output_tokens < self.max_output {
            return Ok(Written { text, then: Then::Token(id) });
        }
        let mut last = self.finish(self.at_limit.clone());
        last.text.insert_str(0, &text);
        Ok(last)
    }

    /// Lets out what was held back.
    fn finish(&mut self, reason: FinishReason) -> Written {
        let (mut text, stopped) = self.stops.push(self.trim.start(&self.stream.finish()));
        if !stopped {
            text.push_str(&self.stops.finish());
        }
        let text = self.trim.end(&text);
        self.text.push_str(&text);
        Written { text, then: Then::End(reason) }
    }

    pub(super) fn into_whole(self) -> Whole {
        let Self { text, output_tokens, log_probabilities, .. } = self;
        Whole { text, output_tokens, log_probabilities }
    }
}

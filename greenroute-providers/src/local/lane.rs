//! One request while the engine serves it.

use super::NAME;
use super::network::{Context, Network};
use super::vocabulary::Vocabulary;
use super::writer::{Style, Then, Whole, Writer, Written};
use futures_channel::mpsc::UnboundedSender;
use greenroute_core::chat::{Block, ChatEvent, ChatResponse, ComputeTime, FinishReason};
use greenroute_core::units::Tokens;
use greenroute_core::usage::{Counted, ServerTiming, TimingSource, Usage};
use greenroute_core::{Error, ErrorKind, ModelKey, Note, Result};
use std::time::{Duration, Instant};

/// A request on its way to the engine.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) key: ModelKey,
    pub(super) prompt: Vec<u32>,
    pub(super) style: Style,
    pub(super) asked: Asked,
}

/// Who asked, when, and where the answer goes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) arrived: Instant,
    pub(super) timeout: Option<Duration>,
    pub(super) compute_time: ComputeTime,
    /// What cannot be done as asked.
    pub(super) notes: Vec<Note>,
    pub(super) events: UnboundedSender<Result<ChatEvent>>,
}

impl Asked {
    /// Whether there is still somebody to answer; whose time is up is told so.
    pub(super) fn waits(&self, key: &ModelKey) -> bool {
        if self.events.is_closed() {
            return false;
        }
        let Some(timeout) = self.timeout.filter(|timeout| self.arrived.elapsed() >= *timeout) else {
            return true;
        };
        let message = format!("no whole answer within {} ms", timeout.as_millis());
        self.fail(Error::new(ErrorKind::Timeout, key.to_string(), message));
        false
    }

    pub(super) fn fail(&self, error: Error) {
        // Whoever asked may have left meanwhile.
        let _ = self.events.unbounded_send(Err(error));
    }
}

/// A request whose prompt is being read or whose answer is being written.
#[derive(Debug)]
pub(super) struct Lane {
    key: ModelKey,
    asked: Asked,
    pub(super) context: Context,
    writer: Writer,
    input_tokens: usize,
    queue: Duration,
    prefill: Duration,
    decode: Duration,
}

impl Lane {
    /// Takes a request up; one without a prompt is refused.
    pub(super) fn open(job: Job, network: &Network) -> Option<Self> {
        let Job { key, prompt, style, asked } = job;
        let input_tokens = prompt.len();
        let Some(context) = network.begin(prompt) else {
            asked.fail(Error::new(ErrorKind::InvalidRequest, NAME, "the prompt must not be empty"));
            return None;
        };
        let queue = asked.arrived.elapsed();
        let writer = Writer::new(style);
        let (prefill, decode) = (Duration::ZERO, Duration::ZERO);
        Some(Self { key, asked, context, writer, input_tokens, queue, prefill, decode })
    }

    pub(super) fn is_reading(&self) -> bool {
        self.context.unread() > 0
    }

    pub(super) fn waits(&self) -> bool {
        self.asked.waits(&self.key)
    }

    pub(super) fn fail(&self, error: Error) {
        self.asked.fail(error);
    }

    /// Takes note of time that was computed for it. Until the first token is there, it counts as reading.
    pub(super) fn computed(&mut self, part: Duration) {
        self.asked.compute_time.add(part);
        let phase = if self.writer.is_new() { &mut self.prefill } else { &mut self.decode };
        *phase = phase.saturating_add(part);
    }

    /// Chooses the next token.
    pub(super) fn choose(&mut self, logits: &[f32], vocabulary: &Vocabulary) -> Result<Written> {
        self.writer.write(logits, vocabulary)
    }

    /// Tells what was written; gives itself back unless that was the end.
    pub(super) fn tell(mut self, written: Result<Written>) -> Option<Self> {
        let Written { text, then } = match written {
            Ok(written) => written,
            Err(error) => {
                self.fail(error);
                return None;
            }
        };
        if !text.is_empty() {
            let _ = self.asked.events.unbounded_send(Ok(ChatEvent::Text(text)));
        }
        match then {
            Then::Token(token) => {
                self.context.push(token);
                Some(self)
            }
            Then::End(reason) => {
                self.finish(reason);
                None
            }
        }
    }

    fn finish(self, finish_reason: FinishReason) {
        let elapsed = self.asked.arrived.elapsed();
        let Whole { text, output_tokens, log_probabilities } = self.writer.into_whole();
        let usage = Usage::new(Tokens::from(self.input_tokens), Tokens::from(output_tokens));
        let timing = ServerTiming {
            queue: Some(self.queue),
            prefill: Some(self.prefill),
            decode: Some(self.decode),
            elapsed: Some(elapsed),
            ..ServerTiming::by(TimingSource::ModelCompute)
        };
        let blocks = if text.is_empty() { Vec::new() } else { vec![Block::text(text)] };
        let response = ChatResponse {
            timing: Some(timing),
            log_probabilities,
            notes: self.asked.notes.clone(),
            ..ChatResponse::new(self.key, blocks, finish_reason, Counted::Reported(usage))
        };
        let _ = self.asked.events.unbounded_send(Ok(ChatEvent::Done(Box::new(response))));
    }
}

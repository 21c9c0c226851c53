//! From the tokens of a prompt to an answer, one token at a time.

use super::NAME;
use super::model::{CHUNK, LocalModel};
use super::sample::Sampler;
use super::text_stream::{Stops, TextStream, Trim};
use greenroute_core::chat::FinishReason;
use greenroute_core::{Error, ErrorKind, Result};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// What to generate from what.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) prompt: Vec<u32>,
    pub(super) max_output: usize,
    /// Why the answer ends at `max_output`: the request's limit, or the window's end.
    pub(super) at_limit: FinishReason,
    pub(super) sampler: Sampler,
    pub(super) stops: Vec<String>,
    /// Whether white space at both ends of the answer is dropped.
    pub(super) trim: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Generated {
    pub(super) text: String,
    /// `None` where the caller broke off.
    pub(super) finish_reason: Option<FinishReason>,
    pub(super) input_tokens: usize,
    /// Every token that was computed, the one that says "done" included.
    pub(super) output_tokens: usize,
    pub(super) prefill: Duration,
    pub(super) decode: Duration,
}

/// Runs `plan`. `step` is called between all steps of the model with the text that is new, often none, and says
/// whether to go on.
pub(super) fn generate(
    model: &LocalModel,
    plan: Plan,
    mut step: impl FnMut(&str) -> ControlFlow<()>,
) -> Result<Generated> {
    let Plan { prompt, max_output, at_limit, mut sampler, stops, trim } = plan;
    let mut done = Generated {
        text: String::new(),
        finish_reason: None,
        input_tokens: prompt.len(),
        output_tokens: 0,
        prefill: Duration::ZERO,
        decode: Duration::ZERO,
    };
    let started = Instant::now();
    let mut session = model.session();
    let mut state = None;
    for chunk in prompt.chunks(CHUNK) {
        state = Some(session.advance(chunk)?);
        if step("").is_break() {
            done.prefill = started.elapsed();
            return Ok(done);
        }
    }
    let state =
        state.ok_or_else(|| Error::new(ErrorKind::InvalidRequest, NAME, "the prompt must not be empty"))?;
    let mut logits = session.logits(&state)?;
    done.prefill = started.elapsed();

    let started = Instant::now();
    let (mut stream, mut stops, mut trim) = (TextStream::default(), Stops::new(stops), Trim::new(trim));
    let finish_reason = loop {
        let id = sampler.next(&logits).ok_or_else(|| {
            Error::new(
                ErrorKind::ModelFault,
                NAME,
                "the model gave no usable probabilities; its file may be damaged",
            )
        })?;
        done.output_tokens += 1;
        if model.tokenizer().is_end(id) {
            break FinishReason::Stop;
        }
        model.tokenizer().decode(id, stream.bytes());
        let (text, stopped) = stops.push(trim.start(&stream.take()));
        let text = trim.end(&text);
        done.text.push_str(&text);
        let go_on = step(&text);
        if stopped {
            done.decode = started.elapsed();
            done.finish_reason = Some(FinishReason::Stop);
            return Ok(done);
        }
        if go_on.is_break() {
            done.decode = started.elapsed();
            return Ok(done);
        }
        if done.output_tokens >= max_output {
            break at_limit;
        }
        let state = session.advance(&[id])?;
        logits = session.logits(&state)?;
    };
    let (mut text, stopped) = stops.push(trim.start(&stream.finish()));
    if !stopped {
        text.push_str(&stops.finish());
    }
    let text = trim.end(&text);
    done.text.push_str(&text);
    done.decode = started.elapsed();
    // The answer is whole: whoever breaks off now has it all.
    let _ = step(&text);
    done.finish_reason = Some(finish_reason);
    Ok(done)
}

//! From Gemini's answer, whole or in pieces, to ours.

use super::history::{CALL_ID, SIGNATURE};
use super::wire::{Candidate, FunctionCall, GenerateResponse, InlineData, Part, UsageMetadata};
use super::{NAME, usage};
use greenroute_core::chat::{Block, ChatEvent, ChatRequest, ChatResponse, FinishReason};
use greenroute_core::{Error, ErrorKind, ModelKey, Note, Result};
use serde_json::{Map, Value, json};

/// An answer as far as it has come. A whole one comes at once, a streamed one event by event: the road is the same.
#[derive(Debug)]
pub(super) struct Answer {
    /// The model that was asked.
    requested: ModelKey,
    /// What was asked, where it is still known.
    request: Option<ChatRequest>,
    blocks: Vec<Block>,
    /// Whether more text may join the last block: a signature holds for its own part alone.
    open: bool,
    calls: usize,
    finish_reason: Option<String>,
    finish_message: Option<String>,
    block_reason: Option<String>,
    usage: Option<UsageMetadata>,
    model_version: Option<String>,
    response_id: Option<String>,
    /// What the request could not say.
    pub(super) notes: Vec<Note>,
}

impl Answer {
    /// Nothing yet of the answer to `request`.
    pub(super) fn to(request: ChatRequest, notes: Vec<Note>) -> Self {
        let requested = request.model.clone();
        Self { request: Some(request), ..Self::of(requested, notes) }
    }

    /// Nothing yet of the answer to a request that is no longer known.
    pub(super) fn of(requested: ModelKey, notes: Vec<Note>) -> Self {
        Self {
            requested,
            request: None,
            blocks: Vec::new(),
            open: false,
            calls: 0,
            finish_reason: None,
            finish_message: None,
            block_reason: None,
            usage: None,
            model_version: None,
            response_id: None,
            notes,
        }
    }

    /// Who is asked, for errors.
    pub(super) fn origin(&self) -> String {
        self.requested.to_string()
    }

    /// Takes in more, and gives what of it is to be heard at once.
    pub(super) fn add(&mut self, more: GenerateResponse) -> Vec<ChatEvent> {
        keep(&mut self.model_version, more.model_version);
        keep(&mut self.response_id, more.response_id);
        // Every event counts all so far; a later count may be lower, and is the right one.
        keep(&mut self.usage, more.usage_metadata);
        keep(&mut self.block_reason, more.prompt_feedback.and_then(|feedback| feedback.block_reason));
        // No more than one answer is ever asked for.
        let first = |candidate: &Candidate| candidate.index.unwrap_or(0) == 0;
        let mut events = Vec::new();
        for candidate in more.candidates.into_iter().flatten().filter(first) {
            keep(&mut self.finish_reason, candidate.finish_reason);
            keep(&mut self.finish_message, candidate.finish_message);
            let parts = candidate.content.and_then(|content| content.parts);
            events.extend(parts.into_iter().flatten().filter_map(|part| self.part(part)));
        }
        events
    }

    /// Whether it said that it has come to an end; more may follow all the same.
    pub(super) fn has_ended(&self) -> bool {
        self.finish_reason.is_some() || self.block_reason.is_some()
    }

    /// All text so far.
    pub(super) fn text(&self) -> String {
        let texts = self.blocks.iter().filter_map(|block| match block {
            Block::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Whether anything but private notes came.
    pub(super) fn says_something(&self) -> bool {
        self.blocks.iter().any(|block| !matches!(block, Block::Opaque { .. }))
    }

    fn part(&mut self, part: Part) -> Option<ChatEvent> {
        let plain = part.other.is_empty();
        match part {
            Part { thought: Some(true), ref text, ref thought_signature, .. } => {
                let thinking = text.clone().filter(|text| !text.is_empty()).map(ChatEvent::Thinking);
                if thought_signature.is_some() {
                    self.opaque(json!(part));
                }
                thinking
            }
            Part { function_call: Some(call), thought_signature, .. } => {
                self.call(call, thought_signature);
                None
            }
            Part { inline_data: Some(InlineData { mime_type, data }), thought_signature, .. } => {
                self.sign(thought_signature, None);
                self.blocks.push(Block::Image { media_type: mime_type, base64: data });
                self.open = false;
                None
            }
            Part { text: Some(text), thought_signature, .. } => self.say(text, thought_signature),
            Part { thought_signature, .. } if plain => {
                self.sign(thought_signature, None);
                None
            }
            // Code that Gemini ran, and the like.
            other => {
                self.opaque(json!(other));
                None
            }
        }
    }

    fn say(&mut self, text: String, signature: Option<String>) -> Option<ChatEvent> {
        let signed = signature.is_some();
        self.sign(signature, None);
        if text.is_empty() {
            return None;
        }
        match self.blocks.last_mut() {
            Some(Block::Text { text: earlier }) if self.open => earlier.push_str(&text),
            _ => self.blocks.push(Block::text(text.as_str())),
        }
        self.open = !signed;
        Some(ChatEvent::Text(text))
    }

    fn call(&mut self, call: FunctionCall, signature: Option<String>) {
        self.sign(signature, call.id.clone());
        let id = call.id.unwrap_or_else(|| self.local_id());
        let arguments = call.args.filter(|args| !args.is_null()).unwrap_or_else(|| json!({}));
        self.blocks.push(Block::ToolCall { id, name: call.name, arguments });
        self.calls += 1;
        self.open = false;
    }

    /// An id for a call that Gemini gave none. Two answers of one conversation must not share it, so it holds the
    /// answer's id, or the number of calls before; other vendors take up to 40 letters, digits, `_` and `-`.
    fn local_id(&self) -> String {
        let known = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        let answer: String = self.response_id.iter().flat_map(|id| id.chars()).filter(known).take(24).collect();
        if !answer.is_empty() {
            return format!("call_{answer}_{}", self.calls);
        }
        let messages = self.request.iter().flat_map(|request| &request.messages);
        let earlier = messages.flat_map(|message| &message.blocks);
        let earlier = earlier.filter(|block| matches!(block, Block::ToolCall { .. })).count();
        format!("call_{}", earlier + self.calls)
    }

    /// Keeps what stands on the part whose block comes next.
    fn sign(&mut self, signature: Option<String>, call_id: Option<String>) {
        let marks = [(SIGNATURE, signature), (CALL_ID, call_id)];
        let marks = marks.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::String(value?))));
        let marks: Map<String, Value> = marks.collect();
        if !marks.is_empty() {
            self.opaque(Value::Object(marks));
        }
    }

    fn opaque(&mut self, content: Value) {
        self.blocks.push(Block::Opaque { made_by: self.requested.clone(), content });
        self.open = false;
    }

    /// The whole answer, or why there is none.
    ///
    /// # Errors
    /// [`ErrorKind::ContentFiltered`] where Gemini refused and said nothing, [`ErrorKind::ModelFault`] where what the
    /// model made could not be used.
    pub(super) fn finish(mut self) -> Result<ChatResponse> {
        let finish_reason = self.reason()?;
        let tier = self.usage.as_ref().and_then(|usage| usage.service_tier.clone());
        let written = self.text();
        let usage = usage::counted(self.usage.as_ref(), self.request.as_ref(), &written, &mut self.notes);
        let returned = match &self.model_version {
            Some(version) => ModelKey::new(NAME, version.trim_start_matches("models/")),
            None => self.requested.clone(),
        };
        let mut response = ChatResponse::new(returned, self.blocks, finish_reason, usage);
        response.served.response_id = self.response_id;
        response.served.service_tier = tier;
        response.notes = self.notes;
        Ok(response)
    }

    fn reason(&self) -> Result<FinishReason> {
        let fault = |kind, message| Err(Error::new(kind, self.origin(), message));
        let said = self.says_something();
        if let Some(reason) = &self.block_reason {
            return match said {
                true => Ok(FinishReason::Refused),
                false => fault(ErrorKind::ContentFiltered, format!("Gemini refused the prompt: {reason}")),
            };
        }
        // A whole answer without a reason is odd, but an answer.
        let reason = self.finish_reason.as_deref().unwrap_or("FINISH_REASON_UNSPECIFIED");
        let calls = self.calls > 0;
        match reason {
            "STOP" if calls => Ok(FinishReason::ToolCalls),
            "STOP" => Ok(FinishReason::Stop),
            // Thinking counts too, so that there may be no text at all.
            "MAX_TOKENS" => Ok(FinishReason::Length),
            "CONTINUATION" => Ok(FinishReason::Paused),
            _ if is_refusal(reason) && said => Ok(FinishReason::Refused),
            _ if is_refusal(reason) => {
                fault(ErrorKind::ContentFiltered, format!("Gemini refused to answer: {reason}"))
            }
            "MISSING_THOUGHT_SIGNATURE" => fault(ErrorKind::ModelFault, self.complaint(reason))
                .map_err(|error| error.with_retryable(false)),
            "MALFORMED_FUNCTION_CALL" => fault(ErrorKind::ModelFault, self.complaint(reason)),
            "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" | "MALFORMED_RESPONSE" if !said => {
                fault(ErrorKind::ModelFault, self.complaint(reason))
            }
            "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" | "MALFORMED_RESPONSE" => Ok(FinishReason::Faulty),
            other => Ok(FinishReason::Other(other.to_owned())),
        }
    }

    fn complaint(&self, reason: &str) -> String {
        match self.finish_message.as_deref() {
            Some(message) => format!("the model's output cannot be used: {reason}: {message}"),
            None => format!("the model's output cannot be used: {reason}"),
        }
    }
}

fn is_refusal(reason: &str) -> bool {
    const REASONS: [&str; 7] =
        ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "LANGUAGE", "MODEL_ARMOR"];
    REASONS.contains(&reason) || reason.starts_with("IMAGE_")
}

/// The later of two, where there is a later one.
fn keep<T>(slot: &mut Option<T>, later: Option<T>) {
    if later.is_some() {
        *slot = later;
    }
}

use super::dialect::Dialect;
use super::replay::Replay;
use super::wire::{Choice, Content, Part, Said, ToolCall};
use super::{OpenAi, tally};
use crate::hosted::calls::{arguments, made_up_id};
use crate::hosted::estimate;
use crate::hosted::stated::{Stated, stated};
use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason, Served};
use greenroute_core::usage::{Counted, Usage};
use greenroute_core::{Error, ErrorKind, Note, NoteCode, Result};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What was asked, and what the answer's headers say.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) provider: OpenAi,
    pub(super) request: ChatRequest,
    pub(super) notes: Vec<Note>,
    pub(super) request_id: Option<String>,
    /// The time in the vendor's front end; never of a stream.
    pub(super) elapsed: Option<Duration>,
}

/// What has been heard of an answer so far. A whole answer is heard as one piece, so that both end in the same words.
#[derive(Debug, Default)]
pub(super) struct Heard {
    text: String,
    thinking: String,
    calls: Vec<HeardCall>,
    refused: bool,
    chosen: bool,
    finish: Option<String>,
    log_probabilities: Option<Vec<f64>>,
    replay: Replay,
    /// Everything beside the choices; what comes again takes the place of what came before.
    beside: Map<String, Value>,
    comments: Vec<String>,
}

#[derive(Debug)]
struct HeardCall {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

/// What a piece adds; both may be empty.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Piece {
    pub(super) thinking: String,
    pub(super) text: String,
}

/// Why a piece could not be taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// It reports a failure: the body that says so.
    Reported(Value),
    /// It is not what it should be.
    Unreadable(String),
}

impl Heard {
    /// Takes one piece of an answer, or the whole of it.
    pub(super) fn hear(&mut self, piece: Value, dialect: &Dialect) -> Result<Piece, Fault> {
        let Value::Object(mut members) = piece else {
            return Err(Fault::Unreadable("it is no JSON object".to_owned()));
        };
        // Beside `error`, vLLM and Mistral know a body that is one.
        let is_error = members.get("object").and_then(Value::as_str) == Some("error");
        if is_error || members.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Fault::Reported(Value::Object(members)));
        }
        let choices = members.remove("choices");
        self.beside.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
        let choices = match choices {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(choices)) => choices,
            Some(_) => return Err(Fault::Unreadable("`choices` is no array".to_owned())),
        };
        let mut added = Piece::default();
        // Only one answer is ever asked for.
        let is_first = |choice: &Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0;
        for choice in choices.into_iter().filter(is_first) {
            self.replay.hear(&choice, dialect.replayed);
            let choice: Choice = serde_json::from_value(choice)
                .map_err(|error| Fault::Unreadable(format!("a choice cannot be read: {error}")))?;
            self.hear_choice(choice, &mut added)?;
        }
        Ok(added)
    }

    /// Takes a comment of the stream: some providers state their energy in one.
    pub(super) fn hear_comment(&mut self, comment: String) {
        if comment.trim_start().starts_with("energy") {
            self.comments.push(comment);
        }
    }

    /// Whether the answer is complete.
    pub(super) const fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether an answer, or a piece of one, came at all.
    pub(super) const fn is_answer(&self) -> bool {
        self.chosen
    }

    /// Whether anything was said yet.
    pub(super) fn has_begun(&self) -> bool {
        !(self.text.is_empty() && self.thinking.is_empty() && self.calls.is_empty())
    }

    /// The text so far.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn hear_choice(&mut self, choice: Choice, added: &mut Piece) -> Result<(), Fault> {
        if !choice.error.is_null() {
            return Err(Fault::Reported(json!({ "error": choice.error })));
        }
        self.chosen = true;
        if let Some(said) = choice.delta.or(choice.message) {
            let before = (self.thinking.len(), self.text.len());
            self.hear_said(said);
            added.thinking.push_str(self.thinking.get(before.0..).unwrap_or_default());
            added.text.push_str(self.text.get(before.1..).unwrap_or_default());
        }
        if let Some(told) = choice.logprobs {
            let chosen = told.content.into_iter().map(|token| token.logprob);
            self.log_probabilities.get_or_insert_default().extend(chosen);
        }
        if let Some(finish) = choice.finish_reason.filter(|finish| !finish.is_empty()) {
            self.finish = Some(finish);
        }
        Ok(())
    }

    fn hear_said(&mut self, said: Said) {
        // Some servers say the same under both names.
        let thinking = said.reasoning_content.filter(|text| !text.is_empty()).or(said.reasoning);
        self.thinking.push_str(&thinking.unwrap_or_default());
        match said.content {
            None => {}
            Some(Content::Text(text)) => self.text.push_str(&text),
            Some(Content::Parts(parts)) => parts.into_iter().for_each(|part| self.hear_part(part)),
        }
        if let Some(refusal) = said.refusal.filter(|refusal| !refusal.is_empty()) {
            self.refused = true;
            self.text.push_str(&refusal);
        }
        said.tool_calls.into_iter().flatten().for_each(|call| self.hear_call(call));
    }

    fn hear_part(&mut self, part: Part) {
        let thinking = part.thinking.into_iter().flatten().filter_map(|part| part.text);
        self.thinking.extend(thinking);
        self.text.push_str(&part.text.unwrap_or_default());
    }

    /// Pieces of one call share its index. Where a server leaves it out, a name begins a new call; where it gives
    /// every call the same, another id does.
    fn hear_call(&mut self, call: ToolCall) {
        let known = match call.index {
            Some(index) => {
                let known = self.calls.iter_mut().rfind(|known| known.index == Some(index));
                known.filter(|known| {
                    call.id.as_ref().is_none_or(|id| id.is_empty() || known.id.is_empty() || known.id == *id)
                })
            }
            None if call.function.name.as_ref().is_some_and(|name| !name.is_empty()) => None,
            None => self.calls.last_mut(),
        };
        let arguments = match call.function.arguments {
            Value::Null => String::new(),
            Value::String(piece) => piece,
            whole => whole.to_string(),
        };
        let (id, name) = (call.id.unwrap_or_default(), call.function.name.unwrap_or_default());
        match known {
            Some(known) => {
                if known.id.is_empty() {
                    known.id = id;
                }
                // Some servers say the name again with every piece.
                if known.name.is_empty() {
                    known.name = name;
                }
                known.arguments.push_str(&arguments);
            }
            None => self.calls.push(HeardCall { index: call.index, id, name, arguments }),
        }
    }

    /// The whole answer to `call`.
    ///
    /// # Errors
    /// [`ErrorKind::ModelFault`] for a tool call whose arguments are no JSON, [`ErrorKind::ContentFiltered`] for a
    /// refusal without a word.
    pub(super) fn answer(self, call: Call) -> Result<ChatResponse> {
        let Call { provider, request, mut notes, request_id, elapsed } = call;
        let dialect = &provider.0.dialect;
        let mut body = Value::Object(self.beside);
        adopt_usage(&mut body);
        let finish_reason = finish_reason(self.finish.as_deref(), self.refused, !self.calls.is_empty());
        let fault = |kind, message: String| Err(Error::new(kind, request.model.to_string(), message));
        if finish_reason == FinishReason::Refused && self.text.is_empty() && self.calls.is_empty() {
            return fault(ErrorKind::ContentFiltered, format!("{dialect} refused to answer"));
        }
        let usage = match tally::usage(&body) {
            Some(usage) => Counted::Reported(usage),
            None => {
                let calls = self.calls.iter().flat_map(|call| [&call.name, &call.arguments]);
                let said = [&self.text, &self.thinking].into_iter().chain(calls).map(String::as_str);
                Counted::Approximate(Usage::new(estimate::input(&request), estimate::output(said)))
            }
        };
        let mut blocks = Vec::new();
        // Where there are tools, also what was thought after their results is asked for again.
        let with_tools = !(self.calls.is_empty() && request.tools.is_empty());
        if let Some(content) = self.replay.into_content().filter(|_| with_tools) {
            blocks.push(Block::Opaque { made_by: request.model.clone(), content });
        }
        if !self.text.is_empty() {
            blocks.push(Block::Text { text: self.text });
        }
        let text_of = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let response_id = text_of("id").filter(|id| !id.is_empty());
        let calls = self.calls.len();
        for (position, heard) in self.calls.into_iter().enumerate() {
            let cut = finish_reason == FinishReason::Length && position + 1 == calls;
            match arguments(heard.arguments.into()) {
                Ok(arguments) => {
                    let made_up = || made_up_id(response_id.as_deref(), &request.messages, position);
                    let id = if heard.id.is_empty() { made_up() } else { heard.id };
                    blocks.push(Block::ToolCall { id, name: heard.name, arguments });
                }
                Err(_) if cut => {
                    let text =
                        format!("the call of `{}` was cut at the output limit and left out", heard.name);
                    notes.push(Note::new(NoteCode::Setting, text));
                }
                Err(error) => {
                    let message = format!("the arguments for `{}` are no JSON object: {error}", heard.name);
                    return fault(ErrorKind::ModelFault, message);
                }
            }
        }
        let named = text_of("model").filter(|model| !model.is_empty());
        let returned = named.map_or_else(|| request.model.clone(), |model| provider.key(&model));
        let mut response = ChatResponse::new(returned, blocks, finish_reason, usage);
        response.timing = tally::timing(&body, dialect, elapsed);
        match stated(&body, &self.comments) {
            Stated::None => {}
            Stated::Reading(reading) => response.stated = Some(reading),
            Stated::Unusable(why) => notes.push(Note::new(NoteCode::MeterDegraded, why)),
        }
        let groq_id = || body.pointer("/x_groq/id").and_then(Value::as_str).map(str::to_owned);
        response.served = Served {
            response_id,
            request_id: request_id.or_else(groq_id),
            service_tier: text_of("service_tier"),
            region: None,
        };
        response.notes = notes;
        response.log_probabilities = self.log_probabilities.filter(|_| request.log_probabilities);
        Ok(response)
    }
}

fn finish_reason(finish: Option<&str>, refused: bool, has_calls: bool) -> FinishReason {
    match finish {
        Some("length") => FinishReason::Length,
        Some("model_length") => FinishReason::ContextOverflow,
        Some("content_filter") => FinishReason::Refused,
        _ if refused => FinishReason::Refused,
        Some("tool_calls" | "function_call") => FinishReason::ToolCalls,
        // Some servers stop for tools and say only that they stopped.
        Some("stop" | "eos") if has_calls => FinishReason::ToolCalls,
        Some("stop" | "eos") => FinishReason::Stop,
        Some("error") => FinishReason::Faulty,
        Some(other) => FinishReason::Other(other.to_owned()),
        None => FinishReason::Other("none was given".to_owned()),
    }
}

/// Without `include_usage` a stream of Groq's has its usage in `x_groq` alone.
fn adopt_usage(body: &mut Value) {
    let usage = body.pointer("/x_groq/usage").filter(|usage| usage.get("prompt_tokens").is_some()).cloned();
    if let (Some(usage), Value::Object(members)) = (usage, body) {
        members.entry("usage").or_insert(usage);
    }
}

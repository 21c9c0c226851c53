//! From Gemini's answer, whole or in pieces, to ours.

use super::history::{CALL_ID, SIGNATURE};
use super::wire::{Candidate, FunctionCall, GenerateResponse, InlineData, Part, UsageMetadata};
use super::{NAME, usage};
use crate::hosted::calls::next_call;
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
    calls: u64,
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
        // Every event counts all so far; a later count may be lower, and is the right one. One without a prompt counts
        // nothing: no prompt is empty.
        keep(&mut self.usage, more.usage_metadata.filter(|usage| usage.prompt_token_count.is_some()));
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
    /// answer's id, or goes on from the made-up ids before; other vendors take up to 40 letters, digits, `_` and `-`.
    fn local_id(&self) -> String {
        let known = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        let answer: String =
            self.response_id.iter().flat_map(|id| id.chars()).filter(known).take(24).collect();
        if !answer.is_empty() {
            return format!("call_{answer}_{}", self.calls);
        }
        let earlier = self.request.as_ref().map_or(0, |request| next_call(&request.messages));
        format!("call_{}", earlier.saturating_add(self.calls))
    }

    /// Keeps what stands on the part whose block comes next.
    fn sign(&mut self, signature: Option<String>, call_id: Option<String>) {
        let marks = [(SIGNATURE, signature), (CALL_ID, call_id)];
        let marks =
            marks.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::String(value?))));
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
    /// model made could not be used, [`ErrorKind::Decode`] where nothing came at all.
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
        let reason = match self.finish_reason.as_deref() {
            Some(reason) => reason,
            // Odd, but an answer.
            None if said => "FINISH_REASON_UNSPECIFIED",
            None => return fault(ErrorKind::Decode, "there is no answer in what came".to_owned()),
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::chat::{Message, Role};
    use greenroute_core::units::Tokens;
    use greenroute_core::usage::Counted;
    use greenroute_core::{NoteCode, Usage};
    use proptest::prelude::*;

    fn key() -> ModelKey {
        ModelKey::new("gemini", "gemini-3.5-flash-lite")
    }

    fn asked() -> Answer {
        Answer::to(ChatRequest::new(key(), vec![Message::text(Role::User, "Say hi.")]), vec![])
    }

    fn finish(bodies: &[Value]) -> (Result<ChatResponse>, Vec<ChatEvent>) {
        let (mut answer, mut events) = (asked(), Vec::new());
        for body in bodies {
            events.extend(answer.add(serde_json::from_value(body.clone()).unwrap()));
        }
        (answer.finish(), events)
    }

    /// The answer to a recorded body.
    fn recorded(text: &str) -> Result<ChatResponse> {
        let body = serde_json::from_str::<Value>(text).unwrap()["response"]["body"].take();
        finish(&[body]).0
    }

    fn signature(text: &str) -> Block {
        Block::Opaque { made_by: key(), content: json!({"thoughtSignature": text}) }
    }

    fn ended(reason: &str, parts: &Value) -> Value {
        json!({"candidates": [{"content": {"parts": parts}, "finishReason": reason}], "responseId": "r-1"})
    }

    #[test]
    fn a_recorded_answer_is_read_whole() {
        let answer =
            recorded(include_str!("../../tests/fixtures/wire/gemini_generate_content.json")).unwrap();
        assert_eq!(answer.blocks, [signature("c2lnbmF0dXJl"), Block::text("Hi!")]);
        assert_eq!(answer.finish_reason, FinishReason::Stop);
        let usage = Usage {
            input_uncached: Tokens::new(9),
            output_visible: Tokens::new(2),
            output_reasoning: Tokens::new(41),
            ..Usage::default()
        };
        assert_eq!(answer.usage, Counted::Reported(usage));
        assert_eq!(answer.returned, key());
        assert_eq!(answer.served.response_id.as_deref(), Some("r-1"));
        assert_eq!(answer.served.service_tier.as_deref(), Some("standard"));
        assert_eq!((answer.notes, answer.log_probabilities), (vec![], None));
    }

    #[test]
    fn a_recorded_tool_call_is_one_although_it_says_stop() {
        let answer = recorded(include_str!("../../tests/fixtures/wire/gemini_tool_call.json")).unwrap();
        let marks = json!({"thoughtSignature": "dG9vbHNpZw==", "callId": "call_320"});
        let arguments = json!({"city": "Oslo"});
        let call = Block::ToolCall { id: "call_320".into(), name: "get_weather".into(), arguments };
        assert_eq!(answer.blocks, [Block::Opaque { made_by: key(), content: marks }, call]);
        assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
    }

    #[test]
    fn thinking_that_used_up_the_limit_is_an_answer_without_text() {
        let body = include_str!("../../tests/fixtures/wire/gemini_max_tokens_no_content.json");
        let answer = recorded(body).unwrap();
        assert_eq!((answer.text().as_str(), answer.finish_reason), ("", FinishReason::Length));
        assert_eq!(answer.usage.usage().output_reasoning, Tokens::new(13));
    }

    #[test]
    fn a_blocked_prompt_is_filtered() {
        let body = include_str!("../../tests/fixtures/wire/gemini_prompt_blocked.json");
        let error = recorded(body).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::ContentFiltered);
        assert!(error.message().contains("PROHIBITED_CONTENT"), "{error}");
    }

    #[test]
    fn every_reason_to_stop_has_its_meaning() {
        let text = json!([{"text": "hi"}]);
        let finish = |reason: &str, parts: &Value| finish(&[ended(reason, parts)]).0;
        for (reason, meaning) in [
            ("STOP", FinishReason::Stop),
            ("MAX_TOKENS", FinishReason::Length),
            ("SAFETY", FinishReason::Refused),
            ("RECITATION", FinishReason::Refused),
            ("IMAGE_SAFETY", FinishReason::Refused),
            ("CONTINUATION", FinishReason::Paused),
            ("MALFORMED_RESPONSE", FinishReason::Faulty),
            ("UNEXPECTED_TOOL_CALL", FinishReason::Faulty),
            ("OTHER", FinishReason::Other("OTHER".into())),
            ("NEW_ONE", FinishReason::Other("NEW_ONE".into())),
        ] {
            assert_eq!(finish(reason, &text).unwrap().finish_reason, meaning, "{reason}");
        }
        for (reason, parts, kind) in [
            ("SAFETY", json!([]), ErrorKind::ContentFiltered),
            ("MALFORMED_RESPONSE", json!([]), ErrorKind::ModelFault),
            ("MALFORMED_FUNCTION_CALL", text, ErrorKind::ModelFault),
            ("MISSING_THOUGHT_SIGNATURE", json!([]), ErrorKind::ModelFault),
        ] {
            let error = finish(reason, &parts).unwrap_err();
            assert_eq!(*error.kind(), kind, "{reason}");
            assert_eq!(error.is_retryable(), reason.starts_with("MALFORMED"), "{reason}");
        }
    }

    #[test]
    fn text_joins_up_but_for_what_is_signed() {
        let parts = json!([
            {"text": "thinking", "thought": true},
            {"text": "a"}, {"text": "b"},
            {"text": "c", "thoughtSignature": "s1"},
            {"text": "d"}, {"text": "e"},
            {"text": "", "thoughtSignature": "s2"},
        ]);
        let (answer, events) = finish(&[ended("STOP", &parts)]);
        let answer = answer.unwrap();
        let blocks =
            [Block::text("ab"), signature("s1"), Block::text("c"), Block::text("de"), signature("s2")];
        assert_eq!(answer.blocks, blocks);
        let heard = ["a", "b", "c", "d", "e"].map(|piece| ChatEvent::Text(piece.into()));
        let thinking = [ChatEvent::Thinking("thinking".into())];
        assert_eq!(events, [&thinking[..], &heard[..]].concat());
    }

    #[test]
    fn calls_without_ids_get_ones_that_no_other_answer_has() {
        let parts =
            json!([{"functionCall": {"name": "one"}}, {"functionCall": {"name": "two", "args": null}}]);
        let ids = |blocks: &[Block]| {
            let ids = blocks.iter().filter_map(|block| match block {
                Block::ToolCall { id, arguments, .. } => {
                    assert_eq!(*arguments, json!({}));
                    Some(id.clone())
                }
                _ => None,
            });
            ids.collect::<Vec<_>>()
        };
        let answer = finish(&[ended("STOP", &parts)]).0.unwrap();
        assert_eq!(ids(&answer.blocks), ["call_r-1_0", "call_r-1_1"]);
        let mut later = asked();
        let named = Block::ToolCall { id: "call_6".into(), name: "now".into(), arguments: Value::Null };
        let blocks = answer.blocks.into_iter().chain([named]).collect();
        let message = Message { role: Role::Assistant, blocks };
        later.request.as_mut().unwrap().messages.push(message);
        let mut unnamed = ended("STOP", &parts);
        unnamed.as_object_mut().unwrap().remove("responseId");
        later.add(serde_json::from_value(unnamed).unwrap());
        assert_eq!(ids(&later.finish().unwrap().blocks), ["call_7", "call_8"]);
    }

    #[test]
    fn the_last_count_is_right_and_one_that_does_not_add_up_is_noted() {
        let count = |candidates: u64, total: u64| {
            json!({"usageMetadata": {
                "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": candidates,
                "thoughtsTokenCount": 5, "toolUsePromptTokenCount": 7, "totalTokenCount": total
            }})
        };
        let end = ended("STOP", &json!([{"text": "hi"}]));
        let answer = finish(&[count(37, 149), end.clone(), count(8, 120)]).0.unwrap();
        let usage = Usage {
            input_uncached: Tokens::new(47),
            cache_read: Tokens::new(60),
            output_visible: Tokens::new(8),
            output_reasoning: Tokens::new(5),
            ..Usage::default()
        };
        assert_eq!((answer.usage, answer.notes), (Counted::Reported(usage), vec![]));
        let answer = finish(&[count(8, 130), end.clone()]).0.unwrap();
        let text = "Gemini counts 130 tokens in all, and its parts sum to 120 tokens";
        assert_eq!(answer.notes, [Note::new(NoteCode::UsageApproximate, text)]);
        let nothing = json!({"usageMetadata": {"serviceTier": "standard"}});
        let answer = finish(&[count(8, 120), end.clone(), nothing]).0.unwrap();
        assert_eq!(answer.usage, Counted::Reported(usage), "what counts nothing replaces no count");
        let total_alone = json!({"usageMetadata": {"totalTokenCount": 120}});
        let answer = finish(&[end.clone(), total_alone]).0.unwrap();
        assert!(answer.usage.is_approximate(), "what was not counted is not zero");
        let answer = finish(&[end]).0.unwrap();
        assert!(answer.usage.is_approximate() && answer.usage.usage().input_tokens() > Tokens::ZERO);
        assert_eq!(answer.notes, [], "the usage itself says that it is approximate");
    }

    #[test]
    fn another_candidate_is_not_mixed_in() {
        let body = json!({"candidates": [
            {"content": {"parts": [{"text": "mine"}]}, "finishReason": "STOP", "index": 0},
            {"content": {"parts": [{"text": "other"}]}, "finishReason": "STOP", "index": 1},
        ]});
        assert_eq!(finish(&[body]).0.unwrap().text(), "mine");
    }

    /// Any JSON that is not too deep.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-zA-Z]{0,6}".prop_map(Value::from),
        ];
        let keys = prop_oneof![
            Just("candidates"),
            Just("content"),
            Just("parts"),
            Just("text"),
            Just("thought"),
            Just("functionCall"),
            Just("name"),
            Just("args"),
            Just("thoughtSignature"),
            Just("finishReason"),
            Just("usageMetadata"),
            Just("promptTokenCount"),
            Just("totalTokenCount"),
            Just("promptFeedback"),
            Just("blockReason"),
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((keys.clone(), inner), 0..5).prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(bodies in proptest::collection::vec(any_json(), 0..4)) {
            let mut answer = asked();
            for body in bodies {
                if let Ok(more) = serde_json::from_value(body) {
                    for event in answer.add(more) {
                        let empty =
                            matches!(&event, ChatEvent::Text(text) | ChatEvent::Thinking(text) if text.is_empty());
                        prop_assert!(!empty);
                    }
                }
            }
            let _ = answer.finish();
        }

        #[test]
        fn the_buckets_sum_to_geminis_total(
            uncached in 0u64..1 << 40, cached in 0u64..1 << 40, candidates in 0u64..1 << 40,
            thoughts in 0u64..1 << 40, tools in 0u64..1 << 40,
        ) {
            let total = uncached + cached + candidates + thoughts + tools;
            let told = json!({"usageMetadata": {
                "promptTokenCount": uncached + cached, "cachedContentTokenCount": cached,
                "candidatesTokenCount": candidates, "thoughtsTokenCount": thoughts,
                "toolUsePromptTokenCount": tools, "totalTokenCount": total
            }});
            let answer = finish(&[told, ended("STOP", &json!([]))]).0.unwrap();
            prop_assert_eq!(answer.usage.usage().total_tokens().get(), total);
            prop_assert!(answer.notes.is_empty());
        }
    }
}

//! An answer as it comes: one line, or many.

use super::convert::THINKING;
use super::wire::{Chunk, Metrics, Think, ToolCall};
use crate::hosted::calls::{arguments, next_call};
use crate::hosted::estimate;
use crate::hosted::stated::{Stated, stated};
use greenroute_core::chat::{Block, ChatEvent, ChatRequest, ChatResponse, FinishReason};
use greenroute_core::units::Tokens;
use greenroute_core::usage::{Counted, ServerTiming, TimingSource, Usage};
use greenroute_core::{Error, ErrorKind, ModelKey, Note, NoteCode, Result};
use greenroute_http::Client;
use serde_json::{Value, json};
use std::time::Duration;

/// What has come so far, and what of the question is needed to make an answer of it.
#[derive(Debug)]
pub(super) struct Answer {
    client: Client,
    model: ModelKey,
    /// The most output that was asked for.
    limit: Option<u64>,
    think: Option<Think>,
    /// The input by its characters, should the server not count it.
    estimated_input: Tokens,
    /// The number of the next id that is made up.
    next_call: u64,
    notes: Vec<Note>,
    text: String,
    thinking: String,
    calls: Vec<Block>,
    log_probabilities: Vec<f64>,
    wants_log_probabilities: bool,
}

impl Answer {
    pub(super) fn to(
        request: &ChatRequest,
        client: Client,
        limit: Option<u64>,
        think: Option<Think>,
        notes: Vec<Note>,
    ) -> Self {
        Self {
            client,
            model: request.model.clone(),
            limit,
            think,
            estimated_input: estimate::input(request),
            next_call: next_call(&request.messages),
            notes,
            text: String::new(),
            thinking: String::new(),
            calls: Vec::new(),
            log_probabilities: Vec::new(),
            wants_log_probabilities: request.log_probabilities,
        }
    }

    /// What a line of the answer, or all of it, brings. After [`ChatEvent::Done`], and after an error, nothing counts.
    ///
    /// # Errors
    /// What the server says went wrong, [`ErrorKind::Decode`] for what is no answer; after the first piece of an answer
    /// both are a [`ErrorKind::StreamError`].
    pub(super) fn take(&mut self, line: &str) -> Result<Vec<ChatEvent>> {
        let chunk = serde_json::from_str::<Value>(line).map_err(|error| {
            self.fault(ErrorKind::Decode, format!("a line of the answer is no JSON: {error}"))
        })?;
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            let error = self.client.error_in(&chunk, &self.model.to_string());
            return Err(if self.heard() {
                self.fault(ErrorKind::StreamError, error.message().to_owned())
            } else {
                error
            });
        }
        // Ollama states none; servers and gateways that speak as it does may.
        let energy = stated(&chunk, &[]);
        // What stands in the line is not repeated: nobody has looked for keys in it.
        let chunk = serde_json::from_value::<Chunk>(chunk).map_err(|_| {
            self.fault(ErrorKind::Decode, "a line of the answer has another form than expected".to_owned())
        })?;
        let mut events = Vec::new();
        let said = chunk.message.unwrap_or_default();
        if let Some(thinking) = said.thinking.filter(|thinking| !thinking.is_empty()) {
            self.thinking.push_str(&thinking);
            events.push(ChatEvent::Thinking(thinking));
        }
        if let Some(text) = said.content.filter(|text| !text.is_empty()) {
            self.text.push_str(&text);
            events.push(ChatEvent::Text(text));
        }
        for call in said.tool_calls.unwrap_or_default() {
            let call = self.call(call)?;
            self.calls.push(call);
        }
        self.log_probabilities.extend(chunk.logprobs.unwrap_or_default().iter().map(|token| token.logprob));
        if chunk.done == Some(true) {
            let model = chunk.model.filter(|model| !model.is_empty());
            let mut response = self.end(model, chunk.done_reason, &chunk.metrics);
            match energy {
                Stated::None => {}
                Stated::Reading(reading) => response.stated = Some(reading),
                Stated::Unusable(why) => response.notes.push(Note::new(NoteCode::MeterDegraded, why)),
            }
            events.push(ChatEvent::Done(Box::new(response)));
        }
        Ok(events)
    }

    /// The error of an answer that ended without saying that it was complete.
    pub(super) fn cut(&self) -> Error {
        let kind = ErrorKind::StreamTruncated { partial: self.text.clone() };
        Error::new(kind, self.model.to_string(), "the answer ended before it was done")
    }

    pub(super) fn heard(&self) -> bool {
        !(self.text.is_empty() && self.thinking.is_empty() && self.calls.is_empty())
    }

    fn fault(&self, kind: ErrorKind, message: String) -> Error {
        let kind = if self.heard() { ErrorKind::StreamError } else { kind };
        Error::new(kind, self.model.to_string(), message)
    }

    /// # Errors
    /// [`ErrorKind::ModelFault`] for arguments that are no object.
    fn call(&mut self, call: ToolCall) -> Result<Block> {
        let name = call.function.name;
        let arguments = arguments(call.function.arguments).map_err(|what| {
            let message = format!("the arguments for `{name}` are no JSON object: {what}");
            Error::new(ErrorKind::ModelFault, self.model.to_string(), message)
        })?;
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            let id = format!("call_{}", self.next_call);
            self.next_call = self.next_call.saturating_add(1);
            id
        });
        Ok(Block::ToolCall { id, name, arguments })
    }

    fn end(&mut self, model: Option<String>, reason: Option<String>, metrics: &Metrics) -> ChatResponse {
        let returned = model
            .map_or_else(|| self.model.clone(), |model| ModelKey::new(self.model.provider.as_str(), model));
        let usage = self.usage(metrics);
        let finish_reason = self.finish_reason(reason, usage.usage());
        let mut notes = std::mem::take(&mut self.notes);
        if self.think == Some(Think::Switch(false)) && !self.thinking.is_empty() {
            notes
                .push(Note::new(NoteCode::Setting, "`effort`: the model thought, though it was told not to"));
        }
        // Thinking has probabilities too, and nothing tells which: they are not those of the answer.
        let log_probabilities =
            (self.wants_log_probabilities && self.thinking.is_empty() && !self.log_probabilities.is_empty())
                .then(|| std::mem::take(&mut self.log_probabilities));
        let mut blocks = Vec::new();
        if !self.thinking.is_empty() {
            let content = json!({THINKING: std::mem::take(&mut self.thinking)});
            blocks.push(Block::Opaque { made_by: self.model.clone(), content });
        }
        if !self.text.is_empty() {
            blocks.push(Block::text(std::mem::take(&mut self.text)));
        }
        blocks.append(&mut self.calls);
        ChatResponse {
            timing: timing(metrics),
            notes,
            log_probabilities,
            ..ChatResponse::new(returned, blocks, finish_reason, usage)
        }
    }

    /// Thinking is counted as visible output: the server counts both together.
    fn usage(&self, metrics: &Metrics) -> Counted {
        let written = metrics.eval_count.map(Tokens::new);
        let empty = (!self.heard()).then_some(Tokens::ZERO);
        let by_characters = || {
            let calls = self.calls.iter().map(|call| match call {
                Block::ToolCall { name, arguments, .. } => format!("{name}{arguments}"),
                _ => String::new(),
            });
            let calls: String = calls.collect();
            estimate::output([self.thinking.as_str(), &self.text, &calls])
        };
        let (Some(read), Some(written)) = (metrics.prompt_eval_count, written.or(empty)) else {
            let read = metrics.prompt_eval_count.map_or(self.estimated_input, Tokens::new);
            return Counted::Approximate(Usage::new(read, written.unwrap_or_else(by_characters)));
        };
        let cached = metrics.prompt_eval_cached_count.unwrap_or(0).min(read);
        Counted::Reported(Usage {
            input_uncached: Tokens::new(read - cached),
            cache_read: Tokens::new(cached),
            output_visible: written,
            ..Usage::default()
        })
    }

    fn finish_reason(&self, reason: Option<String>, usage: &Usage) -> FinishReason {
        if !self.calls.is_empty() {
            return FinishReason::ToolCalls;
        }
        match reason.as_deref() {
            Some("stop") => FinishReason::Stop,
            // One word for two things: the limit that was asked for, and the end of the window.
            Some("length") => match self.limit {
                Some(limit) if usage.output_tokens().get() < limit => FinishReason::ContextOverflow,
                _ => FinishReason::Length,
            },
            Some("load") => FinishReason::Paused,
            Some(_) | None => FinishReason::Other(reason.unwrap_or_else(|| "not told".to_owned())),
        }
    }
}

/// Loading the model is no computing: it is booked as the wait that it is.
pub(super) fn timing(metrics: &Metrics) -> Option<ServerTiming> {
    metrics.total_duration?;
    let time = |nanoseconds: Option<u64>| nanoseconds.map(Duration::from_nanos);
    Some(ServerTiming {
        queue: time(metrics.load_duration),
        prefill: time(metrics.prompt_eval_duration),
        decode: time(metrics.eval_duration),
        elapsed: time(metrics.total_duration),
        source: TimingSource::ModelCompute,
    })
}

#[cfg(test)]
mod tests {
    use super::super::stream::events;
    use super::*;
    use futures_util::{FutureExt, StreamExt, stream};
    use greenroute_core::chat::{Message, Role};
    use greenroute_http::Timeouts;
    use greenroute_testkit::{Body, Fixture};
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn key() -> ModelKey {
        ModelKey::new("ollama", "qwen3:4b")
    }

    fn asking(text: &str) -> ChatRequest {
        ChatRequest::new(key(), vec![Message::text(Role::User, text)])
    }

    fn to(request: &ChatRequest, think: Option<Think>) -> Answer {
        // One for all: each would load the certificates of this machine.
        static CLIENT: LazyLock<Client> = LazyLock::new(|| {
            let client = Client::new("ollama", "http://localhost", Timeouts::default()).unwrap();
            client.classifier(super::super::fault::classify)
        });
        Answer::to(request, CLIENT.clone(), request.max_output_tokens, think, Vec::new())
    }

    fn answer() -> Answer {
        to(&asking("hi"), None)
    }

    /// All events of these lines, as a stream gives them.
    fn read(answer: Answer, lines: Vec<String>) -> Vec<Result<ChatEvent>> {
        let lines = stream::iter(lines.into_iter().map(Ok));
        events(lines, answer).collect::<Vec<_>>().now_or_never().unwrap()
    }

    fn done(answer: Answer, lines: &[Value]) -> ChatResponse {
        let lines = lines.iter().map(ToString::to_string).collect();
        match read(answer, lines).pop() {
            Some(Ok(ChatEvent::Done(response))) => *response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_recorded_answer_tells_text_tokens_and_time() {
        let Body::Json(body) = Fixture::named("ollama_chat").reply.body else { panic!("it is no JSON") };
        let response = done(answer(), &[body]);
        assert_eq!((response.text().as_str(), &response.finish_reason), ("Hi!", &FinishReason::Stop));
        assert_eq!(response.returned, key());
        let usage = Usage::new(Tokens::new(39), Tokens::new(289));
        assert_eq!(response.usage, Counted::Reported(usage));
        let timing = response.timing.unwrap();
        assert_eq!(timing.source, TimingSource::ModelCompute);
        assert_eq!(timing.queue, Some(Duration::from_nanos(55_301_250)));
        let compute = Duration::from_nanos(99_508_167 + 4_388_903_630);
        assert_eq!(timing.compute(), Some(compute));
        assert_eq!(timing.elapsed, Some(Duration::from_nanos(4_852_334_875)));
    }

    #[test]
    fn a_recorded_stream_comes_in_pieces_and_ends_as_the_whole() {
        let Body::Frames(frames) = Fixture::named("ollama_stream").reply.body else {
            panic!("it is no stream")
        };
        let lines: Vec<String> =
            frames.iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap()).collect();
        let events: Vec<ChatEvent> = read(answer(), lines.clone()).into_iter().map(Result::unwrap).collect();
        let [ChatEvent::Text(one), ChatEvent::Text(two), ChatEvent::Done(done)] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!((format!("{one}{two}"), done.text()), ("Hi!".to_owned(), "Hi!".to_owned()));
        // Cut before its last line, it is no answer.
        let cut = read(answer(), lines[..2].to_vec()).pop().unwrap().unwrap_err();
        assert_eq!(*cut.kind(), ErrorKind::StreamTruncated { partial: "Hi!".to_owned() });
    }

    #[test]
    fn a_cached_prompt_is_counted_apart_and_an_uncounted_one_is_never_nothing() {
        let end = |more: Value| {
            let mut end = json!({"message": {"content": "Hi"}, "done": true, "done_reason": "stop"});
            end.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            done(answer(), &[end]).usage
        };
        let cached = end(json!({"prompt_eval_count": 40, "prompt_eval_cached_count": 32, "eval_count": 5}));
        let usage = *cached.usage();
        assert_eq!((usage.input_uncached.get(), usage.cache_read.get()), (8, 32));
        assert_eq!((usage.total_tokens().get(), cached.is_approximate()), (45, false));
        for less in
            [json!({"eval_count": 5}), json!({"prompt_eval_count": 40}), json!({"eval_count": "five"})]
        {
            let counted = end(less);
            assert!(counted.is_approximate());
            let usage = counted.usage();
            assert!(usage.input_tokens() > Tokens::ZERO && usage.output_tokens() > Tokens::ZERO);
        }
    }

    #[test]
    fn thinking_is_kept_for_the_model_that_thought() {
        let lines = [
            json!({"message": {"thinking": "Let me "}}),
            json!({"message": {"thinking": "see.", "content": ""}}),
            json!({"message": {"content": "Four."}}),
            json!({"message": {"content": ""}, "done": true, "done_reason": "stop"}),
        ];
        let response = done(to(&asking("2+2"), Some(Think::Switch(false))), &lines);
        let thought = Block::Opaque { made_by: key(), content: json!({"thinking": "Let me see."}) };
        assert_eq!(response.blocks, [thought, Block::text("Four.")]);
        let notes: Vec<String> = response.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes, ["`effort`: the model thought, though it was told not to"]);
    }

    #[test]
    fn calls_without_ids_get_ids_that_the_conversation_has_not_had() {
        let earlier = Block::ToolCall { id: "call_0".into(), name: "time".into(), arguments: json!({}) };
        let mut request = asking("Weather?");
        request.messages.insert(0, Message { role: Role::Assistant, blocks: vec![earlier] });
        let call = |arguments: Value| json!({"function": {"name": "weather", "arguments": arguments}});
        let calls = [call(json!({"city": "Oslo"})), call(Value::Null), call(json!("{\"city\":\"Rome\"}"))];
        let lines = [json!({"message": {"tool_calls": calls}}), json!({"done": true, "done_reason": "stop"})];
        let response = done(to(&request, None), &lines);
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        let call = |id: &str, arguments| Block::ToolCall { id: id.into(), name: "weather".into(), arguments };
        let expected = [
            call("call_1", json!({"city": "Oslo"})),
            call("call_2", json!({})),
            call("call_3", json!({"city": "Rome"})),
        ];
        assert_eq!(response.blocks, expected);
    }

    #[test]
    fn arguments_that_are_no_object_are_the_models_fault() {
        for arguments in [json!("{\"city\": Oslo}"), json!([1]), json!(7)] {
            let calls = [json!({"function": {"name": "weather", "arguments": arguments}})];
            let line = json!({"message": {"content": "Let me see.", "tool_calls": calls}}).to_string();
            let error = read(answer(), vec![line]).pop().unwrap().unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::ModelFault, "{arguments}");
            assert!(error.message().contains("`weather`"), "{error}");
        }
    }

    #[test]
    fn an_answer_cut_by_the_window_is_not_taken_for_one_cut_by_the_limit() {
        let finish = |limit, reason: Value| {
            let request = ChatRequest { max_output_tokens: limit, ..asking("hi") };
            let end = json!({
                "message": {"content": "Hi"}, "done": true, "done_reason": reason,
                "prompt_eval_count": 1, "eval_count": 8,
            });
            done(to(&request, None), &[end]).finish_reason
        };
        assert_eq!(finish(Some(8), json!("length")), FinishReason::Length);
        assert_eq!(finish(Some(100), json!("length")), FinishReason::ContextOverflow);
        assert_eq!(finish(None, json!("length")), FinishReason::Length);
        assert_eq!(finish(None, json!("load")), FinishReason::Paused);
        assert_eq!(finish(None, json!("unload")), FinishReason::Other("unload".to_owned()));
        assert_eq!(finish(None, Value::Null), FinishReason::Other("not told".to_owned()));
    }

    #[test]
    fn an_error_in_the_stream_is_what_it_says_before_the_first_piece_and_a_stream_error_after() {
        let overlong = json!({"error": "the input length exceeds the context length"}).to_string();
        let piece = json!({"message": {"content": "Hi"}}).to_string();
        let kind = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            read(answer(), lines).pop().unwrap().unwrap_err().kind().clone()
        };
        assert_eq!(kind(&[&overlong]), ErrorKind::ContextOverflow);
        assert_eq!(kind(&[r#"{"error":"llama runner process has terminated"}"#]), ErrorKind::Server);
        assert_eq!(kind(&[&piece, &overlong]), ErrorKind::StreamError);
        assert_eq!(kind(&["no JSON"]), ErrorKind::Decode);
        assert_eq!(kind(&[r#"{"message": 7}"#]), ErrorKind::Decode);
        assert_eq!(kind(&[&piece, "no JSON"]), ErrorKind::StreamError);
        assert_eq!(kind(&[]), ErrorKind::StreamTruncated { partial: String::new() });
    }

    #[test]
    fn energy_that_a_gateway_states_is_passed_on_and_what_cannot_be_true_is_noted() {
        let end = |energy: Value| {
            let said = json!({"content": "Hi"});
            done(answer(), &[json!({"message": said, "done": true, "usage": {"energy": energy}})])
        };
        let stated = end(json!({"joules": 12.0, "source": "measured"})).stated.unwrap();
        assert_eq!(stated.energy.value().as_joules(), 12.0);
        let impossible = end(json!({"joules": -1}));
        assert_eq!((impossible.stated, impossible.notes[0].code), (None, NoteCode::MeterDegraded));
        assert_eq!(end(Value::Null).notes, []);
    }

    #[test]
    fn probabilities_are_those_of_the_answer_or_none() {
        let lines = |thinking: &str| {
            let said = json!({"content": "Hi", "thinking": thinking});
            [json!({"message": said, "logprobs": [{"token": "Hi", "logprob": -0.5}], "done": true})]
        };
        let wanted = ChatRequest { log_probabilities: true, ..asking("hi") };
        assert_eq!(done(to(&wanted, None), &lines("")).log_probabilities, Some(vec![-0.5]));
        assert_eq!(done(to(&wanted, None), &lines("Hm.")).log_probabilities, None);
        assert_eq!(done(answer(), &lines("")).log_probabilities, None);
    }

    /// Any JSON, often with the names that the wire has.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
        ];
        let name = prop::sample::select(vec![
            "message",
            "content",
            "thinking",
            "tool_calls",
            "function",
            "name",
            "arguments",
            "id",
            "done",
            "done_reason",
            "error",
            "logprobs",
            "logprob",
            "model",
            "total_duration",
            "load_duration",
            "prompt_eval_count",
            "prompt_eval_cached_count",
            "prompt_eval_duration",
            "eval_count",
            "eval_duration",
        ]);
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..6).prop_map(|fields| {
                    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_panics_and_one_end_follows(
            values in prop::collection::vec(anything(), 0..6),
            noise in prop::option::of("\\PC{0,12}"),
        ) {
            let lines = values.iter().map(ToString::to_string).chain(noise).collect();
            let events = read(answer(), lines);
            let ends = events.iter().filter(|event| !matches!(event, Ok(ChatEvent::Text(_) | ChatEvent::Thinking(_))));
            prop_assert_eq!(ends.count(), 1);
            let last = events.last().unwrap();
            prop_assert!(matches!(last, Err(_) | Ok(ChatEvent::Done(_))), "{:?}", last);
        }

        #[test]
        fn however_a_text_is_cut_into_lines_it_is_the_same_answer(pieces in prop::collection::vec("\\PC{0,5}", 0..8)) {
            let lines = pieces.iter().map(|piece| json!({"message": {"content": piece}}));
            let end = json!({"done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 9});
            let lines: Vec<String> = lines.chain([end]).map(|line| line.to_string()).collect();
            let events: Vec<ChatEvent> = read(answer(), lines).into_iter().map(Result::unwrap).collect();
            let text = pieces.concat();
            let mut joined = String::new();
            for event in &events {
                if let ChatEvent::Text(piece) = event {
                    prop_assert!(!piece.is_empty());
                    joined.push_str(piece);
                }
            }
            prop_assert_eq!(&joined, &text);
            prop_assert!(matches!(events.last(), Some(ChatEvent::Done(done)) if done.text() == text));
        }
    }
}

//! Recorded answers as they come; requests as they go stand beside.

mod requests;

use super::answer::{Call, Heard};
use super::{Dialect, OpenAi, SchemaForm, fault, request, stream};
use crate::dialects::{self, deepseek, greenpt, groq, llama_server, melious, neuralwatt, openrouter, vllm};
use futures_util::{FutureExt, StreamExt};
use greenroute_core::chat::{Block, ChatEvent, ChatRequest, ChatResponse, FinishReason, Message, Role, Tool};
use greenroute_core::usage::Counted;
use greenroute_core::{Error, ErrorKind, Method, ModelKey, Result};
use greenroute_http::{Failure, Headers, SseItem, SseReader};
use greenroute_testkit::{Body, Fixture};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

const OPENAI: &Dialect = &super::OPENAI;

/// Made once for each dialect: setting up an HTTP client takes longer than a test.
fn provider(dialect: &Dialect) -> OpenAi {
    static MADE: Mutex<BTreeMap<&str, OpenAi>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    made.entry(dialect.name).or_insert_with(|| OpenAi::of(dialect).key("k").build().unwrap()).clone()
}

fn call(dialect: &Dialect) -> Call {
    let provider = provider(dialect);
    let request =
        ChatRequest::new(ModelKey::new(dialect.name, "m"), vec![Message::text(Role::User, "Say hi.")]);
    Call { provider, request, notes: Vec::new(), request_id: None, elapsed: None }
}

fn whole(dialect: &Dialect, body: Value) -> Result<ChatResponse> {
    let call = call(dialect);
    call.provider.clone().whole(body, call)
}

fn recorded(dialect: &Dialect, fixture: &str) -> ChatResponse {
    let Body::Json(body) = Fixture::named(fixture).reply.body else { panic!("{fixture} is a stream") };
    whole(dialect, body).unwrap()
}

fn bytes(fixture: &str) -> Vec<u8> {
    let Body::Frames(frames) = Fixture::named(fixture).reply.body else { panic!("{fixture} is no stream") };
    frames.concat()
}

/// The events of a body that ends in due form, cut into pieces of `size` bytes.
fn events(dialect: &Dialect, body: &[u8], size: usize) -> Vec<Result<ChatEvent>> {
    let mut reader = SseReader::new();
    let mut items: Vec<Result<SseItem>> = Vec::new();
    for chunk in body.chunks(size.max(1)) {
        reader.push(chunk);
        while let Some(item) = reader.pull().unwrap() {
            items.push(Ok(item));
        }
    }
    items.extend(reader.finish().map(Ok));
    let events = stream::events(futures_util::stream::iter(items), call(dialect));
    events.collect::<Vec<_>>().now_or_never().unwrap()
}

fn streamed(dialect: &Dialect, fixture: &str) -> (Vec<String>, Vec<String>, Result<ChatResponse, Error>) {
    let (mut texts, mut thoughts) = (Vec::new(), Vec::new());
    let mut all = events(dialect, &bytes(fixture), 7);
    let last = match all.pop().unwrap() {
        Ok(ChatEvent::Done(done)) => Ok(*done),
        Ok(other) => panic!("{other:?} came last"),
        Err(error) => Err(error),
    };
    for event in all {
        match event.unwrap() {
            ChatEvent::Text(text) => texts.push(text),
            ChatEvent::Thinking(text) => thoughts.push(text),
            other => panic!("{other:?}"),
        }
    }
    (texts, thoughts, last)
}

fn buckets(response: &ChatResponse) -> (u64, u64, u64, u64) {
    let usage = response.usage.usage();
    let get = [usage.input_uncached, usage.cache_read, usage.output_visible, usage.output_reasoning];
    let [uncached, cached, visible, reasoning] = get.map(|tokens| tokens.get());
    (uncached, cached, visible, reasoning)
}

/// How long it computed, in whole microseconds.
fn micros(response: &ChatResponse) -> Option<u128> {
    response.timing?.compute().map(|time| time.as_micros())
}

#[test]
fn recorded_answers_are_read_as_they_are_meant() {
    let openai = recorded(OPENAI, "openai_chat");
    assert_eq!((openai.text().as_str(), &openai.finish_reason), ("Hi!", &FinishReason::Stop));
    assert_eq!(openai.returned, ModelKey::new("openai", "gpt-4.1-mini-2025-04-14"));
    assert_eq!(buckets(&openai), (16, 0, 2, 0));
    assert_eq!(openai.served.response_id.as_deref(), Some("chatcmpl-test"));
    assert_eq!(openai.served.service_tier.as_deref(), Some("default"));
    let groq = recorded(&groq::DIALECT, "groq_chat");
    assert_eq!((groq.text().as_str(), buckets(&groq)), ("Hi!", (80, 0, 18, 20)));
    assert_eq!(micros(&groq), Some(107_884));
    assert_eq!(groq.timing.unwrap().queue, Some(Duration::from_nanos(100_202_725)));
    assert_eq!(groq.served.request_id.as_deref(), Some("req_01test"));
    let schema = recorded(&groq::DIALECT, "groq_json_schema");
    assert_eq!(schema.text(), "{\"answer\":\"hi\"}");
    let llama = recorded(&llama_server::DIALECT, "llamacpp_chat");
    assert_eq!((llama.text().as_str(), buckets(&llama)), ("pong", (1, 15, 102, 0)));
    assert_eq!(micros(&llama), Some(845_462));
    let vllm = recorded(&vllm::DIALECT, "vllm_chat_metrics");
    assert_eq!((vllm.text().as_str(), micros(&vllm)), ("Hi!", Some(1_325_700)));
}

#[test]
fn energy_that_a_provider_states_stands_apart_from_readings() {
    for (dialect, fixture, joules, method) in [
        (&neuralwatt::DIALECT, "neuralwatt_chat", 123.4, Method::Reported),
        (&greenpt::DIALECT, "greenpt_chat", 40.433, Method::Modelled),
        (&melious::DIALECT, "melious_chat", 540.0, Method::Modelled),
    ] {
        let answer = recorded(dialect, fixture);
        let stated = answer.stated.unwrap_or_else(|| panic!("{fixture} states no energy"));
        assert!((stated.energy.value().as_joules() - joules).abs() < 1e-6, "{fixture}: {stated}");
        assert_eq!((stated.method(), answer.reading), (method, None), "{fixture}");
    }
    for (dialect, fixture, joules) in
        [(&neuralwatt::DIALECT, "neuralwatt_stream", 123.4), (&greenpt::DIALECT, "greenpt_stream", 40.433)]
    {
        let done = streamed(dialect, fixture).2.unwrap();
        let stated = done.stated.unwrap_or_else(|| panic!("{fixture} states no energy"));
        assert!((stated.energy.value().as_joules() - joules).abs() < 1e-6, "{fixture}: {stated}");
        // Neither says its usage: nobody makes up a zero.
        assert!(done.usage.is_approximate() && done.usage.usage().input_tokens().get() > 0, "{fixture}");
    }
    let done = streamed(&greenpt::DIALECT, "greenpt_stream").2.unwrap();
    assert_eq!(micros(&done), Some(156_000));
}

#[test]
fn calls_of_tools_are_read_whole_and_in_pieces() {
    let oslo = |id: &str| Block::ToolCall {
        id: id.into(),
        name: "get_weather".into(),
        arguments: json!({"city": "Oslo"}),
    };
    let at_openai = recorded(OPENAI, "openai_tool_call");
    assert_eq!(
        (&at_openai.finish_reason, &at_openai.blocks),
        (&FinishReason::ToolCalls, &vec![oslo("call_test")])
    );
    let ping = Block::ToolCall { id: "call_test2".into(), name: "ping".into(), arguments: json!({}) };
    assert_eq!(recorded(&groq::DIALECT, "groq_tool_call").blocks, [oslo("call_test"), ping]);
    let (texts, _, done) = streamed(OPENAI, "openai_stream_tool_call");
    assert_eq!((texts.len(), done.unwrap().blocks), (0, vec![oslo("call_test")]));
}

fn with_calls(calls: &Value, finish: &str) -> Result<ChatResponse> {
    let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
    whole(OPENAI, json!({"id": "a1", "choices": [{"message": message, "finish_reason": finish}]}))
}

#[test]
fn ids_are_made_up_where_none_came_and_no_arguments_are_an_empty_object() {
    let calls = json!([
        {"function": {"name": "a", "arguments": ""}},
        {"id": "", "function": {"name": "b", "arguments": "null"}},
        {"id": "x", "function": {"name": "c", "arguments": {"n": 1}}},
        {"id": "y", "function": {"name": "d"}},
    ]);
    let answer = with_calls(&calls, "stop").unwrap();
    assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
    let read: Vec<_> = answer
        .blocks
        .into_iter()
        .map(|block| match block {
            Block::ToolCall { id, name, arguments } => (id, name, arguments),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("call_a1_0", "a", json!({})),
        ("call_a1_1", "b", json!({})),
        ("x", "c", json!({"n": 1})),
        ("y", "d", json!({})),
    ];
    assert_eq!(read, expected.map(|(id, name, arguments)| (id.to_owned(), name.to_owned(), arguments)));
    assert!(answer.usage.is_approximate() && answer.usage.usage().output_tokens().get() > 0);
}

#[test]
fn broken_arguments_are_the_models_fault_unless_the_limit_cut_them() {
    for arguments in ["{\"city\": Oslo}", "[1]", "\"x\""] {
        let calls = json!([{"id": "x", "function": {"name": "weather", "arguments": arguments}}]);
        let error = with_calls(&calls, "tool_calls").unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::ModelFault);
        assert!(error.message().contains("`weather`"), "{error}");
    }
    let cut = json!([
        {"id": "x", "function": {"name": "weather", "arguments": "{}"}},
        {"id": "y", "function": {"name": "time", "arguments": "{\"ci"}},
    ]);
    let answer = with_calls(&cut, "length").unwrap();
    assert_eq!((answer.blocks.len(), answer.finish_reason), (1, FinishReason::Length));
    assert!(answer.notes[0].text.contains("`time` was cut at the output limit"), "{:?}", answer.notes);
}

#[test]
fn recorded_streams_end_in_what_the_pieces_say() {
    let (texts, thoughts, done) = streamed(OPENAI, "openai_stream");
    let done = done.unwrap();
    assert_eq!((texts.concat(), thoughts.len(), done.text().as_str()), ("Hi!".to_owned(), 0, "Hi!"));
    assert_eq!((buckets(&done), done.timing), ((16, 0, 2, 0), None));
    let (texts, thoughts, done) = streamed(&groq::DIALECT, "groq_stream");
    let done = done.unwrap();
    assert_eq!((texts.concat(), thoughts.concat()), ("Hi!".to_owned(), "Greet".to_owned()));
    assert_eq!(buckets(&done), (69, 0, 10, 6), "usage that comes three times counts once");
    assert_eq!(micros(&done), Some(107_884));
    let (texts, thoughts, done) = streamed(&llama_server::DIALECT, "llamacpp_stream");
    assert_eq!((texts.concat(), thoughts.concat()), ("pong".to_owned(), "Okay".to_owned()));
    assert_eq!(micros(&done.unwrap()), Some(845_462));
}

#[test]
fn a_stream_that_breaks_off_is_never_an_answer() {
    let (texts, _, cut) = streamed(OPENAI, "openai_stream_cut");
    assert_eq!(texts.concat(), "Half an ans");
    let partial = ErrorKind::StreamTruncated { partial: "Half an ans".to_owned() };
    assert_eq!(*cut.unwrap_err().kind(), partial);
    let (texts, _, failed) = streamed(OPENAI, "openai_stream_error_midway");
    assert_eq!((texts.concat().as_str(), failed.unwrap_err().kind()), ("Par", &ErrorKind::StreamError));
    // A gateway that closes in due form after the model behind it died.
    let polite = b"data: {\"choices\":[{\"delta\":{\"content\":\"Half\"}}]}\n\ndata: [DONE]\n\n";
    let last = events(OPENAI, polite, 99).pop().unwrap().unwrap_err();
    assert_eq!(*last.kind(), ErrorKind::StreamTruncated { partial: "Half".to_owned() });
}

#[test]
fn what_breaks_after_the_answer_is_complete_costs_only_the_usage() {
    let complete = "data: {\"choices\":[{\"delta\":{\"content\":\"All.\"},\"finish_reason\":\"stop\"}]}\n\n";
    for after in ["", "data: {\"error\":{\"message\":\"late\"}}\n\n", "data: {no json\n\n"] {
        let body = format!("{complete}{after}");
        let all = events(OPENAI, body.as_bytes(), 99);
        let Some(Ok(ChatEvent::Done(done))) = all.last() else { panic!("{after}: {all:?}") };
        assert_eq!((done.text().as_str(), done.usage.is_approximate()), ("All.", true));
    }
}

#[test]
fn an_error_before_anything_was_said_is_what_it_would_be_outside_a_stream() {
    let kind = |error: Value| {
        let body = format!("data: {}\n\n", json!({ "error": error }));
        events(OPENAI, body.as_bytes(), 99).pop().unwrap().unwrap_err().kind().clone()
    };
    assert_eq!(kind(json!({"message": "x", "code": "server_overloaded"})), ErrorKind::Overloaded);
    assert_eq!(kind(json!({"message": "x", "code": 429})), ErrorKind::RateLimited { after: None });
    assert_eq!(
        kind(json!({"message": "x", "code": "insufficient_quota"})),
        ErrorKind::QuotaExhausted { until: None }
    );
    assert_eq!(kind(json!("broken")), ErrorKind::Server);
    let inside =
        json!({"choices": [{"error": {"code": 502, "message": "upstream"}, "finish_reason": "error"}]});
    assert_eq!(*whole(&openrouter::DIALECT, inside).unwrap_err().kind(), ErrorKind::Server);
}

#[test]
fn a_refusal_with_words_is_an_answer_and_without_is_an_error() {
    let said = |message: Value, finish: &str| {
        whole(OPENAI, json!({"choices": [{"message": message, "finish_reason": finish}]}))
    };
    let words = said(json!({"content": null, "refusal": "I cannot."}), "stop").unwrap();
    assert_eq!((words.text().as_str(), words.finish_reason), ("I cannot.", FinishReason::Refused));
    let silent = said(json!({"content": ""}), "content_filter").unwrap_err();
    assert_eq!(*silent.kind(), ErrorKind::ContentFiltered);
    for (finish, reason) in [
        ("length", FinishReason::Length),
        ("eos", FinishReason::Stop),
        ("model_length", FinishReason::ContextOverflow),
        ("novelty", FinishReason::Other("novelty".into())),
    ] {
        assert_eq!(said(json!({"content": "x"}), finish).unwrap().finish_reason, reason);
    }
}

#[test]
fn what_is_no_answer_is_not_taken_for_an_empty_one() {
    for body in [
        json!({}),
        json!({"choices": []}),
        json!([]),
        json!("hi"),
        json!({"choices": {}}),
        json!({"choices": [{"message": "hi"}]}),
    ] {
        assert_eq!(*whole(OPENAI, body.clone()).unwrap_err().kind(), ErrorKind::Decode, "{body}");
    }
    // What stands beside an answer never costs it.
    let odd = json!({"id": 7, "model": [], "usage": "none", "service_tier": {}, "choices": [
        {"index": null, "message": {"content": "x", "refusal": 5, "reasoning": {}}, "finish_reason": "stop", "logprobs": "no"}
    ]});
    let answer = whole(OPENAI, odd).unwrap();
    assert_eq!((answer.text().as_str(), answer.returned), ("x", ModelKey::new("openai", "m")));
    assert!(matches!(answer.usage, Counted::Approximate(_)));
}

#[test]
fn what_a_model_thought_before_a_call_goes_back_to_it_alone() {
    let message = json!({"content": null, "reasoning_content": "Hm.", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "{}"}}]});
    let answer =
        whole(&deepseek::DIALECT, json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]}))
            .unwrap();
    let opaque = Block::Opaque {
        made_by: ModelKey::new("deepseek", "m"),
        content: json!({"reasoning_content": "Hm."}),
    };
    assert_eq!(answer.blocks[0], opaque);
    let back = |model: ModelKey| {
        let history = vec![Message { role: Role::Assistant, blocks: answer.blocks.clone() }];
        request::messages(&ChatRequest::new(model, history), &deepseek::DIALECT).unwrap()
    };
    assert_eq!(back(ModelKey::new("deepseek", "m"))[0]["reasoning_content"], "Hm.");
    assert_eq!(back(ModelKey::new("deepseek", "other"))[0].get("reasoning_content"), None);
}

#[test]
fn every_dialect_is_complete_and_none_is_another() {
    let mut names = std::collections::BTreeSet::new();
    for dialect in dialects::ALL.iter().chain([&OPENAI]) {
        let told = [dialect.name, dialect.display_name, dialect.base_url_variable, dialect.key_variable];
        assert!(told.iter().all(|text| !text.is_empty()), "{dialect:?}");
        assert!(names.insert(dialect.name), "{dialect}");
        let made = provider(dialect);
        assert!(!format!("{made:?} {made}").contains("secret"), "{made:?}");
    }
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/dialects")).unwrap().count();
    assert_eq!(files, dialects::ALL.len() + 1, "a file in `dialects` is not in its list");
}

#[test]
fn ids_that_are_made_up_are_new_to_the_conversation_where_the_answer_has_none() {
    let called = || {
        let message = json!({"tool_calls": [{"function": {"name": "a", "arguments": "{}"}}]});
        json!({"id": "", "choices": [{"message": message, "finish_reason": "stop"}]})
    };
    let mut call = call(OPENAI);
    let first = call.provider.clone().whole(called(), self::call(OPENAI)).unwrap();
    call.request.messages.push(Message { role: Role::Assistant, blocks: first.blocks.clone() });
    let second = call.provider.clone().whole(called(), call).unwrap();
    let id = |answer: &ChatResponse| match &answer.blocks[0] {
        Block::ToolCall { id, .. } => id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((id(&first).as_str(), id(&second).as_str()), ("call_0", "call_1"));
}

#[test]
fn what_was_thought_after_a_tools_result_goes_back_too() {
    let message = json!({"content": "Rain.", "reasoning_content": "So."});
    let body = json!({"choices": [{"message": message, "finish_reason": "stop"}]});
    let plain = whole(&deepseek::DIALECT, body.clone()).unwrap();
    assert_eq!(plain.blocks, [Block::text("Rain.")], "without tools nobody asks for it");
    let mut call = call(&deepseek::DIALECT);
    call.request.tools.push(Tool {
        name: "weather".into(),
        description: String::new(),
        parameters: json!({"type": "object"}),
    });
    let answer = call.provider.clone().whole(body, call).unwrap();
    let history = vec![Message { role: Role::Assistant, blocks: answer.blocks }];
    let back = ChatRequest::new(ModelKey::new("deepseek", "m"), history);
    let back = request::messages(&back, &deepseek::DIALECT).unwrap();
    assert_eq!((&back[0]["reasoning_content"], &back[0]["content"]), (&json!("So."), &json!("Rain.")));
}

#[test]
fn an_error_event_is_one_whatever_its_form() {
    let kind = |event: &str| events(OPENAI, event.as_bytes(), 99).pop().unwrap().unwrap_err().kind().clone();
    for (event, expected) in [
        ("event: error\ndata: {\"message\": \"x\", \"code\": 503}\n\n", ErrorKind::Overloaded),
        ("data: {\"object\": \"error\", \"message\": \"x\", \"code\": 400}\n\n", ErrorKind::InvalidRequest),
        (
            "data: {\"error\": {\"message\": \"x\", \"type\": \"invalid_request_error\"}}\n\n",
            ErrorKind::InvalidRequest,
        ),
        ("data: {\"error\": {\"message\": \"x\", \"type\": \"server_error\"}}\n\n", ErrorKind::Server),
    ] {
        assert_eq!(kind(event), expected, "{event}");
    }
}

#[test]
fn servers_without_codes_are_understood_by_their_words() {
    let kind = |status: u16, error: Value| {
        let (headers, body) = (Headers::default(), json!({ "error": error }));
        let failure = Failure { status, headers: &headers, body: &body, text: "" };
        fault::classify(&failure).map(|classified| classified.kind)
    };
    for overlong in [
        "This model's maximum context length is 4096 tokens.",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097.",
    ] {
        assert_eq!(kind(400, json!({ "message": overlong })), Some(ErrorKind::ContextOverflow), "{overlong}");
    }
    let flagged =
        json!({"code": 403, "message": "x", "metadata": {"reasons": ["violence"], "flagged_input": "…"}});
    assert_eq!(kind(403, flagged), Some(ErrorKind::ContentFiltered));
    assert_eq!(kind(401, json!({"message": "x", "type": "invalid_request_error"})), None);
}

#[test]
fn no_card_accepts_a_schema_that_its_dialect_cannot_say() {
    for dialect in dialects::ALL.iter().filter(|dialect| dialect.schema == SchemaForm::None) {
        let able = crate::cards_of(dialect.name).unwrap().into_iter().find(|card| card.accepts.schema);
        assert_eq!(able.map(|card| card.key), None);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("choices"),
        Just("delta"),
        Just("message"),
        Just("content"),
        Just("tool_calls"),
        Just("function"),
        Just("arguments"),
        Just("usage"),
        Just("prompt_tokens"),
        Just("completion_tokens"),
        Just("x_groq"),
        Just("finish_reason"),
        Just("index"),
        Just("id"),
        Just("name"),
        Just("logprobs"),
        Just("timings"),
        Just("error"),
    ];
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_panics(body in any_json(), choice in any_json()) {
        for dialect in [OPENAI, &groq::DIALECT, &deepseek::DIALECT] {
            let _ = whole(dialect, body.clone());
            let _ = whole(dialect, json!({"choices": [choice.clone()], "usage": body.clone()}));
        }
    }

    #[test]
    fn no_stream_panics_or_ends_twice(pieces in proptest::collection::vec(any_json(), 0..6), done: bool) {
        let mut body: String = pieces.iter().map(|piece| format!("data: {piece}\n\n")).collect();
        if done {
            body.push_str("data: [DONE]\n\n");
        }
        let all = events(OPENAI, body.as_bytes(), 11);
        let ends = |event: &Result<ChatEvent>| !matches!(event, Ok(ChatEvent::Text(_) | ChatEvent::Thinking(_)));
        prop_assert_eq!(all.iter().filter(|event| ends(event)).count(), 1);
        prop_assert!(all.last().is_some_and(ends));
    }

    #[test]
    fn however_a_stream_is_cut_it_says_the_same(size in 1usize..400) {
        for (dialect, fixture) in [(&groq::DIALECT, "groq_stream"), (OPENAI, "openai_stream_tool_call")] {
            let plain: Vec<_> = events(dialect, &bytes(fixture), usize::MAX).into_iter().map(Result::unwrap).collect();
            let cut: Vec<_> = events(dialect, &bytes(fixture), size).into_iter().map(Result::unwrap).collect();
            prop_assert_eq!(plain, cut);
        }
    }
}

#[test]
fn a_piece_without_choices_adds_nothing() {
    let mut heard = Heard::default();
    let added = heard.hear(json!({"choices": [], "usage": null}), OPENAI).unwrap();
    assert!(added.text.is_empty() && added.thinking.is_empty() && !heard.is_answer());
}

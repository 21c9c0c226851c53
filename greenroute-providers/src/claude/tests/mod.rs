//! What is sent and what is read, by recorded shapes: no server is needed.

use super::answer::Asked;
use super::stream::Assembly;
use super::wire::Answer;
use super::{Claude, ClaudeBuilder};
use greenroute_core::chat::{
    Block, CacheFor, ChatEvent, ChatRequest, ChatResponse, Effort, FinishReason, Message, Role, Sampling,
    Tool, ToolChoice,
};
use greenroute_core::model::ModelKey;
use greenroute_core::units::Tokens;
use greenroute_core::{Counted, Error, ErrorKind, NoteCode, Result, Usage};
use greenroute_http::{SseItem, SseReader};
use greenroute_testkit::{Body, Fixture};
use proptest::prelude::*;
use serde_json::{Value, json};

mod streams;

const HAIKU: &str = "claude-haiku-4-5";

/// The body of a recorded answer.
fn recorded(name: &str) -> Value {
    match Fixture::named(&format!("anthropic_{name}")).reply.body {
        Body::Json(body) => body,
        other => panic!("{other:?}"),
    }
}

/// The bytes of a recorded stream.
fn frames(name: &str) -> String {
    match Fixture::named(&format!("anthropic_{name}")).reply.body {
        Body::Frames(frames) => frames.iter().map(|frame| std::str::from_utf8(frame).unwrap()).collect(),
        other => panic!("{other:?}"),
    }
}

fn builder() -> ClaudeBuilder {
    Claude::builder().key("canary-key").base_url("http://127.0.0.1:9").api_version("2023-06-01")
}

fn claude() -> Claude {
    builder().build().unwrap()
}

fn key(model: &str) -> ModelKey {
    ModelKey::new("anthropic", model)
}

fn asking(model: &str, text: &str) -> ChatRequest {
    let request = ChatRequest::new(key(model), vec![Message::text(Role::User, text)]);
    ChatRequest { max_output_tokens: Some(256), ..request }
}

fn weather() -> Tool {
    Tool {
        name: "get_weather".into(),
        description: "Weather".into(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }
}

/// What is sent, and the texts of the notes.
fn sent_by(claude: &Claude, request: &ChatRequest) -> (Value, Vec<String>) {
    let (ask, notes) = claude.ask(request, false).unwrap();
    let notes = notes.into_iter().map(|note| note.text.into_owned()).collect();
    (serde_json::to_value(ask).unwrap(), notes)
}

fn sent(request: &ChatRequest) -> (Value, Vec<String>) {
    sent_by(&claude(), request)
}

fn refused(request: &ChatRequest) -> Error {
    claude().ask(request, false).unwrap_err()
}

fn read(body: Value) -> Result<ChatResponse> {
    let mut asked = Asked::new(asking(HAIKU, "Say hi."), Vec::new());
    asked.read(serde_json::from_value::<Answer>(body).unwrap())
}

#[test]
fn a_plain_request_is_sent_in_full_and_nothing_is_added() {
    let mut request = asking(HAIKU, "Say hi.");
    request.messages.insert(0, Message::text(Role::System, "Be brief."));
    request.sampling = Sampling { temperature: Some(0.5), top_k: Some(40), ..Sampling::default() };
    request.stop = vec!["END".into()];
    let expected = json!({
        "model": HAIKU,
        "max_tokens": 256,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Say hi."}]}],
        "temperature": 0.5,
        "top_k": 40,
        "stop_sequences": ["END"],
    });
    assert_eq!(sent(&request), (expected, vec![]));
    let (streamed, _) =
        claude().ask(&request, true).map(|(ask, _)| (serde_json::to_value(ask).unwrap(), ())).unwrap();
    assert_eq!(streamed["stream"], json!(true));
}

#[test]
fn tools_and_images_are_sent_as_blocks_with_results_first_in_one_turn() {
    let call = |id: &str, city: &str| Block::ToolCall {
        id: id.into(),
        name: "get_weather".into(),
        arguments: json!({"city": city}),
    };
    let result = |id: &str, content: &str, is_error| Block::ToolResult {
        id: id.into(),
        content: content.into(),
        is_error,
    };
    let image = Block::Image { media_type: "image/png".into(), base64: "AAAA".into() };
    let messages = vec![
        Message { role: Role::User, blocks: vec![image, Block::text("Weather here and in Oslo?")] },
        Message {
            role: Role::Assistant,
            blocks: vec![Block::text("\n\n"), call("toolu_1", "Bern"), call("call:2", "Oslo")],
        },
        Message { role: Role::User, blocks: vec![Block::text("Hurry."), result("toolu_1", "4C", false)] },
        Message { role: Role::User, blocks: vec![result("call:2", " ", true)] },
    ];
    let other = Tool { name: "now".into(), description: String::new(), parameters: Value::Null };
    let request = ChatRequest {
        messages,
        tools: vec![weather(), other],
        tool_choice: ToolChoice::One("now".into()),
        ..asking(HAIKU, "")
    };
    let expected = json!({
        "model": HAIKU,
        "max_tokens": 256,
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "text", "text": "Weather here and in Oslo?"},
            ]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "id_call_3a_2", "name": "get_weather", "input": {"city": "Oslo"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4C"},
                {"type": "tool_result", "tool_use_id": "id_call_3a_2", "content": "The tool failed and did not say why.",
                 "is_error": true},
                {"type": "text", "text": "Hurry."},
            ]},
        ],
        "tools": [
            {"name": "get_weather", "description": "Weather", "input_schema": {
                "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
            }},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "tool", "name": "now"},
    });
    assert_eq!(sent(&request), (expected, vec![]));
}

#[test]
fn a_cache_is_marked_after_tools_instructions_and_the_last_message() {
    let thinking = json!({"type": "thinking", "thinking": "", "signature": "s"});
    let own = Block::Opaque { made_by: key(HAIKU), content: thinking.clone() };
    let mut request = asking(HAIKU, "One?");
    request.messages.insert(0, Message::text(Role::System, "Be brief."));
    request.messages.push(Message { role: Role::Assistant, blocks: vec![Block::text("Yes."), own] });
    request.tools = vec![weather(), weather()];
    request.cache = Some(CacheFor::OneHour);
    let (sent, notes) = sent(&request);
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(sent["tools"][0].get("cache_control"), None);
    assert_eq!(sent["tools"][1]["cache_control"], mark);
    assert_eq!(sent["system"][0]["cache_control"], mark);
    assert_eq!(sent["messages"][0]["content"], json!([{"type": "text", "text": "One?"}]));
    // Thinking cannot be marked: what stands before it is.
    let last = json!([{"type": "text", "text": "Yes.", "cache_control": mark}, thinking]);
    assert_eq!(sent["messages"][1]["content"], last);
}

#[test]
fn thinking_goes_back_word_for_word_to_its_own_model_and_to_no_other() {
    let answer = read(recorded("thinking")).unwrap();
    assert_eq!(answer.text(), "Hi!");
    let mut request = asking(HAIKU, "Say hi.");
    request.messages.push(Message { role: Role::Assistant, blocks: answer.blocks.clone() });
    request.messages.push(Message::text(Role::User, "Again."));
    let (same, notes) = sent(&request);
    assert_eq!(same["messages"][1]["content"], recorded("thinking")["content"]);
    assert_eq!(notes, Vec::<String>::new());
    for model in ["claude-sonnet-4-6", "claude-haiku-4-5-20251001"] {
        request.model = key(model);
        let (ask, notes) = claude().ask(&request, false).map(|(ask, notes)| (json!(ask), notes)).unwrap();
        assert_eq!(ask["messages"][1]["content"], json!([{"type": "text", "text": "Hi!"}]));
        assert_eq!(notes[0].code, NoteCode::OpaqueDropped);
        assert!(!ask.to_string().contains("Short greeting"), "thinking became text");
    }
}

#[test]
fn effort_is_asked_in_each_models_words_and_sampling_gives_way() {
    let hard = |model: &str| {
        let mut request = asking(model, "Why?");
        request.max_output_tokens = Some(8192);
        request.effort = Some(Effort::Medium);
        request.sampling = Sampling { temperature: Some(0.0), seed: Some(7), ..Sampling::default() };
        sent(&request)
    };
    let (budget, notes) = hard(HAIKU);
    assert_eq!(budget["thinking"], json!({"type": "enabled", "budget_tokens": 4096}));
    assert_eq!((budget.get("temperature"), budget.get("output_config")), (None, None));
    assert_eq!(
        notes,
        [
            "`seed` was left out: this API has none",
            "`temperature` was left out: it cannot be set while the model thinks"
        ]
    );
    let (adaptive, notes) = hard("claude-opus-5-5");
    assert_eq!(adaptive["thinking"], json!({"type": "adaptive"}));
    assert_eq!(adaptive["output_config"], json!({"effort": "medium"}));
    assert_eq!(notes[1], "`temperature` was left out: this model takes no sampling");
    let (unknown, notes) = hard("claude-of-tomorrow");
    assert_eq!((unknown.get("thinking"), unknown["temperature"].as_f64()), (None, Some(0.0)));
    assert_eq!(notes[0], "`effort` was not followed: it is not known how this model takes it");
}

#[test]
fn what_cannot_be_sent_is_noted_by_its_name() {
    let mut request = asking(HAIKU, "Hi.");
    request.sampling = Sampling {
        temperature: Some(1.5),
        top_p: Some(0.9),
        repetition_penalty: Some(1.1),
        ..Sampling::default()
    };
    request.stop = vec!["\n\n".into(), "END".into()];
    request.max_output_tokens = None;
    request.messages.push(Message::text(Role::System, "Be brief."));
    request.model = key("claude-sonnet-4-6");
    let bare = Claude { cards: Vec::new(), ..claude() };
    let (sent, notes) = sent_by(&bare, &request);
    let expected = json!({
        "model": "claude-sonnet-4-6", "max_tokens": 4096, "temperature": 1.0, "stop_sequences": ["END"],
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}],
    });
    assert_eq!(sent, expected);
    for field in ["max_output_tokens", "instructions", "stop", "repetition_penalty", "top_p", "temperature"] {
        assert_eq!(
            notes.iter().filter(|note| note.contains(field)).count(),
            if field == "temperature" { 2 } else { 1 },
            "{field}: {notes:?}"
        );
    }
}

#[test]
fn the_newer_api_gets_no_sampling_at_all() {
    let newer = builder().api_version("2026-10-21").build().unwrap();
    let mut request = asking(HAIKU, "Hi.");
    request.sampling =
        Sampling { temperature: Some(0.3), top_p: Some(0.9), top_k: Some(5), ..Sampling::default() };
    let (sent, notes) = sent_by(&newer, &request);
    assert!(["temperature", "top_p", "top_k"].iter().all(|field| sent.get(field).is_none()), "{sent}");
    assert_eq!(notes.len(), 3);
    let version = builder().api_version("soon").build().unwrap_err();
    assert!(version.to_string().contains("`api_version`"), "{version}");
}

#[test]
fn a_schema_is_closed_and_a_keyword_without_a_form_is_refused_by_name() {
    let mut request = asking(HAIKU, "Hi.");
    request.schema =
        Some(json!({"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}));
    assert_eq!(
        sent(&request).0["output_config"],
        Fixture::named("anthropic_structured_output").request["output_config"]
    );
    request.schema = Some(json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}));
    let error = refused(&request);
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("`minimum`"), "{error}");
}

#[test]
fn a_tool_cannot_be_forced_on_a_model_that_takes_no_force() {
    let forced = |model: &str| ChatRequest {
        tools: vec![weather()],
        tool_choice: ToolChoice::Any,
        ..asking(model, "Weather?")
    };
    assert_eq!(sent(&forced(HAIKU)).0["tool_choice"], json!({"type": "any"}));
    let error = refused(&forced("claude-opus-5-5"));
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("`tool_choice`"), "{error}");
}

#[test]
fn whole_answers_are_read_as_recorded() {
    let plain = read(recorded("messages")).unwrap();
    assert_eq!(plain.blocks, [Block::text("Hi!")]);
    assert_eq!(plain.finish_reason, FinishReason::Stop);
    assert_eq!(plain.returned, key("claude-haiku-4-5-20251001"));
    assert_eq!(plain.usage, Counted::Reported(Usage::new(Tokens::new(14), Tokens::new(6))));
    assert_eq!(plain.served.response_id.as_deref(), Some("msg_01TEST"));
    assert_eq!(plain.served.service_tier.as_deref(), Some("standard"));
    assert_eq!(plain.served.region.as_deref(), Some("global"));
    let tool = read(recorded("tool_use")).unwrap();
    let call = Block::ToolCall {
        id: "toolu_01TEST".into(),
        name: "get_weather".into(),
        arguments: json!({"city": "Oslo"}),
    };
    assert_eq!(tool.blocks, [Block::text("Checking."), call]);
    assert_eq!(tool.finish_reason, FinishReason::ToolCalls);
    let thinking = read(recorded("thinking")).unwrap();
    assert_eq!(thinking.usage.usage().output_reasoning, Tokens::new(30));
    assert_eq!(thinking.usage.usage().output_visible, Tokens::new(11));
    let cached = read(recorded("prompt_cache")).unwrap();
    assert_eq!(cached.usage.usage().cache_read, Tokens::new(4563));
    assert_eq!(read(recorded("structured_output")).unwrap().text(), "{\"answer\":\"hi\"}");
    assert_eq!(read(recorded("tool_result_followup")).unwrap().text(), "4 °C.");
}

#[test]
fn a_refusal_without_a_word_is_an_error_and_with_words_an_answer() {
    let mut body = recorded("refusal");
    let error = read(body.clone()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ContentFiltered);
    assert_eq!(error.to_string(), "anthropic/claude-haiku-4-5: the model refused to answer (bio)");
    body["content"] = json!([{"type": "text", "text": "I would rather not."}]);
    let answer = read(body).unwrap();
    assert_eq!((answer.finish_reason, answer.blocks.len()), (FinishReason::Refused, 1));
}

#[test]
fn every_reason_to_stop_has_its_word() {
    let reason = |reason: Value| {
        let body = json!({"content": [{"type": "text", "text": "x"}], "stop_reason": reason});
        read(body).unwrap().finish_reason
    };
    for (theirs, ours) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::ContextOverflow),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::Refused),
        ("pause_turn", FinishReason::Paused),
        ("something_new", FinishReason::Other("something_new".into())),
    ] {
        assert_eq!(reason(json!(theirs)), ours);
    }
    assert_eq!(reason(Value::Null), FinishReason::Other("unstated".into()));
}

#[test]
fn an_answer_that_nobody_counted_is_counted_approximately() {
    let answer =
        read(json!({"content": [{"type": "text", "text": "one two three"}], "stop_reason": "end_turn"}))
            .unwrap();
    assert!(answer.usage.is_approximate());
    let usage = *answer.usage.usage();
    assert!(usage.input_tokens() > Tokens::ZERO && usage.output_tokens() > Tokens::ZERO, "{usage:?}");
    assert_eq!(answer.returned, key(HAIKU));
}

#[test]
fn no_text_of_a_provider_shows_its_key() {
    let claude = claude();
    let shown = format!("{claude} {claude:?} {:?} {:?}", builder(), refused(&asking(HAIKU, "")));
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(claude.to_string(), "anthropic at http://127.0.0.1:9");
}

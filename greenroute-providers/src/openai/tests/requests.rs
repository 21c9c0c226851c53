//! One request, as each dialect says it.

use super::OPENAI;
use crate::dialects::{deepseek, groq, llama_server, mistral, vllm};
use crate::openai::effort::Efforts;
use crate::openai::{Dialect, request};
use greenroute_core::chat::{Block, ChatRequest, Effort, Message, Role, Sampling, Tool, ToolChoice};
use greenroute_core::{ErrorKind, ModelKey, NoteCode};
use serde_json::{Value, json};

fn full() -> ChatRequest {
    let image = Block::Image { media_type: "image/png".into(), base64: "AAAA".into() };
    let call =
        Block::ToolCall { id: "call_1".into(), name: "weather".into(), arguments: json!({"city": "Oslo"}) };
    let result = Block::ToolResult { id: "call_1".into(), content: "rain".into(), is_error: true };
    let message = |role, blocks| Message { role, blocks };
    ChatRequest {
        tools: vec![Tool {
            name: "weather".into(),
            description: "Of a city.".into(),
            parameters: json!({"type": "object"}),
        }],
        tool_choice: ToolChoice::One("weather".into()),
        schema: Some(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
        max_output_tokens: Some(64),
        effort: Some(Effort::Low),
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            top_k: Some(40),
            repetition_penalty: Some(1.1),
            seed: Some(7),
        },
        stop: vec!["END".into()],
        log_probabilities: true,
        ..ChatRequest::new(
            ModelKey::new("p", "m"),
            vec![
                Message::text(Role::System, "Be brief."),
                message(Role::User, vec![image, Block::text("What is this?")]),
                message(Role::Assistant, vec![Block::text("Let me see."), call]),
                message(Role::User, vec![Block::text("Well?"), result]),
            ],
        )
    }
}

/// What every dialect says alike.
fn common(system: &str) -> Value {
    json!({
        "model": "m",
        "messages": [
            {"role": system, "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "What is this?"},
            ]},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Error: rain"},
            {"role": "user", "content": "Well?"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "weather", "description": "Of a city.", "parameters": {"type": "object"},
        }}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "temperature": 0.5, "top_p": 0.9, "stop": ["END"],
    })
}

fn and(mut common: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more}") };
    common.as_object_mut().unwrap().extend(more);
    common
}

#[test]
fn each_dialect_says_the_same_request_in_its_own_words() {
    let written = |request: &ChatRequest, dialect: &Dialect| {
        let written =
            request::write(request, dialect, &Efforts::of(dialect.name, Vec::new()).unwrap(), None).unwrap();
        let notes: Vec<String> = written
            .notes
            .iter()
            .map(|note| {
                assert_eq!(note.code, NoteCode::Setting);
                note.text.split('`').nth(1).unwrap_or("schema").to_owned()
            })
            .collect();
        (Value::Object(written.body), notes)
    };
    let closed = json!({
        "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false,
    });
    let strict =
        json!({"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": closed}});
    let plain = json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": full().schema}});
    // Effort is told only to models that are known to take it, and where all models of a dialect do.
    let of = |model: &str| ChatRequest { model: ModelKey::new("p", model), ..full() };
    let (body, notes) = written(&of("gpt-6-luna"), OPENAI);
    let more = json!({"max_completion_tokens": 64, "seed": 7, "reasoning_effort": "low", "response_format": strict, "logprobs": true});
    assert_eq!(body, and(and(common("developer"), json!({"model": "gpt-6-luna"})), more));
    assert_eq!(notes, ["top_k", "repetition_penalty", "schema"]);
    assert_eq!(written(&full(), OPENAI).1, ["top_k", "repetition_penalty", "effort", "schema"]);
    let (body, notes) = written(&of("openai/gpt-oss-20b"), &groq::DIALECT);
    let more =
        json!({"max_completion_tokens": 64, "seed": 7, "reasoning_effort": "low", "response_format": strict});
    assert_eq!(body, and(and(common("system"), json!({"model": "openai/gpt-oss-20b"})), more));
    assert_eq!(notes, ["top_k", "repetition_penalty", "schema"]);
    let (body, notes) = written(&full(), &llama_server::DIALECT);
    let more = json!({"max_tokens": 64, "seed": 7, "top_k": 40, "repeat_penalty": 1.1, "response_format": plain, "logprobs": true});
    assert_eq!(body, and(common("system"), more));
    assert_eq!(notes, ["effort"]);
    let (body, notes) = written(&full(), &vllm::DIALECT);
    let more = json!({"max_tokens": 64, "seed": 7, "top_k": 40, "repetition_penalty": 1.1, "reasoning_effort": "low", "response_format": plain, "logprobs": true});
    assert_eq!(body, and(common("system"), more));
    assert_eq!(notes, [""; 0]);
    let (body, notes) = written(&ChatRequest { schema: None, ..full() }, &deepseek::DIALECT);
    assert_eq!(
        body,
        and(common("system"), json!({"max_tokens": 64, "reasoning_effort": "low", "logprobs": true}))
    );
    assert_eq!(notes, ["top_k", "repetition_penalty", "seed"]);
    let refused =
        request::write(&full(), &deepseek::DIALECT, &Efforts::of("deepseek", Vec::new()).unwrap(), None)
            .unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Unsupported);
    let (body, _) = written(&full(), &mistral::DIALECT);
    assert_eq!((&body["random_seed"], &body["max_tokens"]), (&json!(7), &json!(64)));
    let (called, answered) =
        (&body["messages"][2]["tool_calls"][0]["id"], &body["messages"][3]["tool_call_id"]);
    assert_eq!(called, answered);
    assert!(
        called
            .as_str()
            .is_some_and(|id| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())),
        "{called}"
    );
}

#[test]
fn off_switches_thinking_off_where_no_word_of_effort_does() {
    let written = |effort, dialect: &Dialect| {
        let request = ChatRequest { effort: Some(effort), schema: None, ..full() };
        let efforts = Efforts::of(dialect.name, Vec::new()).unwrap();
        let body = request::write(&request, dialect, &efforts, None).unwrap().body;
        ["thinking", "chat_template_kwargs", "reasoning_effort"].map(|field| body.get(field).cloned())
    };
    let disabled = Some(json!({"type": "disabled"}));
    assert_eq!(written(Effort::Off, &deepseek::DIALECT), [disabled, None, None]);
    assert_eq!(written(Effort::High, &deepseek::DIALECT), [None, None, Some(json!("max"))]);
    let template = Some(json!({"enable_thinking": false}));
    assert_eq!(written(Effort::Off, &llama_server::DIALECT), [None, template, None]);
    assert_eq!(written(Effort::Off, &vllm::DIALECT), [None, None, Some(json!("none"))]);
}

#[test]
fn blocks_that_only_another_model_can_read_are_left_out_with_a_note() {
    let mut request = ChatRequest { effort: None, schema: None, sampling: Sampling::default(), ..full() };
    let foreign =
        Block::Opaque { made_by: ModelKey::new("p", "other"), content: json!({"reasoning_content": "Hm."}) };
    request.messages[2].blocks.insert(0, foreign);
    let efforts = Efforts::of("deepseek", Vec::new()).unwrap();
    let written = request::write(&request, &deepseek::DIALECT, &efforts, None).unwrap();
    assert_eq!(written.body["messages"][2].get("reasoning_content"), None);
    assert_eq!(written.notes.iter().map(|note| note.code).collect::<Vec<_>>(), [NoteCode::OpaqueDropped]);
}

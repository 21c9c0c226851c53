//! Every rule refuses, in the vendor's words, what breaks it and nothing else.

use super::*;
use crate::fixture::Fixture;
use crate::reply::Body;
use bytes::Bytes;
use serde_json::json;

fn request(path: &str, version: Option<&str>, body: Value) -> Recorded {
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    headers.extend(version.map(|version| ("anthropic-version".to_owned(), version.to_owned())));
    let method = if body.is_null() { "GET" } else { "POST" };
    Recorded {
        vendor: "anthropic",
        method: method.to_owned(),
        path: path.to_owned(),
        query: BTreeMap::new(),
        headers,
        raw: Bytes::from(body.to_string()),
        body,
    }
}

fn posted(body: Value) -> Result<Asked, Reply> {
    Anthropic::default().read(&request("/v1/messages", Some("2023-06-01"), body))
}

/// A good request, with these fields instead of its own.
fn with(model: &str, changed: Value) -> Value {
    let mut body =
        json!({"model": model, "max_tokens": 4000, "messages": [{"role": "user", "content": "Hi."}]});
    let (Value::Object(body_fields), Value::Object(changed)) = (&mut body, changed) else { unreachable!() };
    body_fields.extend(changed);
    body
}

fn message(reply: &Reply) -> String {
    let Body::Json(body) = &reply.body else { panic!("{reply:?}") };
    body["error"]["message"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refuses(model: &str, changed: Value, words: &str) {
    let body = with(model, changed);
    let told = match posted(body.clone()) {
        Ok(_) => panic!("{body} was taken"),
        Err(reply) => message(&reply),
    };
    assert!(told.contains(words), "{body}: {told}");
}

const HAIKU: &str = "claude-haiku-4-5";
const SONNET: &str = "claude-sonnet-4-6";
const OPUS: &str = "claude-opus-5-5";

#[test]
fn recorded_requests_are_taken() {
    let recorded = |name: &&&str| name.starts_with("anthropic_") && !name.contains("_error_");
    for name in Fixture::NAMES.iter().filter(recorded) {
        let mut body = Fixture::named(name).request;
        // One is asked of a model that does not think so; the answer beside it is of this one.
        if body.pointer("/thinking/type").is_some_and(|kind| kind == "adaptive") {
            body["model"] = json!(SONNET);
        }
        if !body.is_null() && *name != "anthropic_count_tokens" {
            posted(body).unwrap_or_else(|reply| panic!("{name}: {}", message(&reply)));
        }
    }
    let counted = Fixture::named("anthropic_count_tokens").request;
    let request = request("/v1/messages/count_tokens", Some("2023-06-01"), counted);
    assert!(matches!(Anthropic::default().read(&request), Ok(Asked::Count(_))));
}

#[test]
fn the_form_of_a_request_is_held_to() {
    refuses(HAIKU, json!({"max_tokens": null}), "max_tokens: Field required");
    refuses(HAIKU, json!({"max_tokens": 9000}), "max_tokens: 9000 > 8192");
    refuses(HAIKU, json!({"seed": 7}), "seed: Extra inputs are not permitted");
    refuses(HAIKU, json!({"stream": "yes"}), "stream: Input should be a boolean");
    refuses(HAIKU, json!({"stop_sequences": ["\n"]}), "must contain non-whitespace");
    refuses(HAIKU, json!({"messages": []}), "at least one message is required");
    let said = |role: &str, content: Value| json!({"messages": [{"role": role, "content": content}]});
    refuses(HAIKU, said("assistant", json!("Hi.")), "first message must use the \"user\" role");
    refuses(HAIKU, said("system", json!("Hi.")), "messages.0.role: Input should be 'user', 'assistant'");
    refuses(HAIKU, said("user", json!([])), "must have non-empty content");
    refuses(HAIKU, said("user", json!([{"type": "text", "text": " "}])), "must contain non-whitespace text");
    refuses(
        HAIKU,
        said("user", json!([{"type": "text", "text": "x", "y": 1}])),
        "messages.0.content.0.y: Extra inputs",
    );
    let image = |data: &str| json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}]);
    refuses(HAIKU, said("user", image("%")), "invalid base64 data");
    assert!(posted(with(HAIKU, said("user", image("AAAA")))).is_ok());
}

#[test]
fn headers_and_paths_are_held_to() {
    let fake = Anthropic::default();
    for (version, words) in [(None, "header is required"), (Some("2024-01-01"), "not a valid version")] {
        let refusal = fake.read(&request("/v1/messages", version, with(HAIKU, json!({})))).unwrap_err();
        assert!(message(&refusal).contains(words));
    }
    let lost = fake.read(&request("/v1/complete", Some("2023-06-01"), json!({}))).unwrap_err();
    assert_eq!(lost.status, 404);
}

#[test]
fn sampling_is_for_those_who_take_it() {
    refuses(HAIKU, json!({"temperature": 1.5}), "temperature: Input should be less than or equal to 1");
    refuses(HAIKU, json!({"temperature": 0.5, "top_p": 0.9}), "cannot both be specified");
    refuses(OPUS, json!({"temperature": 0.5}), "`temperature` is deprecated for this model.");
    assert!(posted(with(OPUS, json!({"temperature": 1.0}))).is_ok());
    let body = with(HAIKU, json!({"temperature": 1.0}));
    let refusal = Anthropic::default().read(&request("/v1/messages", Some("2026-10-21"), body)).unwrap_err();
    assert_eq!(message(&refusal), "temperature: Extra inputs are not permitted");
}

#[test]
fn thinking_is_asked_for_in_each_models_words() {
    let budget = |tokens: u64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    refuses(HAIKU, budget(1000), "greater than or equal to 1024");
    refuses(HAIKU, budget(4000), "`max_tokens` must be greater than `thinking.budget_tokens`");
    refuses(HAIKU, json!({"thinking": {"type": "adaptive"}}), "\"thinking.type.adaptive\" is not supported");
    refuses(OPUS, budget(1024), "\"thinking.type.enabled\" is not supported");
    refuses(OPUS, json!({"thinking": {"type": "disabled"}}), "\"thinking.type.disabled\" is not supported");
    refuses(HAIKU, json!({"output_config": {"effort": "low"}}), "does not support the effort parameter");
    let mut hot = budget(1024);
    hot["temperature"] = json!(0.5);
    refuses(HAIKU, hot, "`temperature` may not be set when thinking is enabled");
    let tool = json!({"name": "now", "input_schema": {"type": "object"}});
    let mut forced = budget(1024);
    forced["tools"] = json!([tool]);
    forced["tool_choice"] = json!({"type": "any"});
    refuses(HAIKU, forced, "Thinking may not be enabled when tool_choice forces tool use");
    refuses(
        OPUS,
        json!({"tools": [tool], "tool_choice": {"type": "any"}}),
        "forced tool use is not supported",
    );
    assert!(
        posted(with(SONNET, json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}})))
            .is_ok()
    );
}

#[test]
fn tools_are_well_formed_and_every_call_is_answered_at_once() {
    refuses(
        HAIKU,
        json!({"tools": [{"name": "now", "input_schema": {}}]}),
        "input_schema.type: Field required",
    );
    refuses(
        HAIKU,
        json!({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}),
        "should match pattern",
    );
    refuses(HAIKU, json!({"tool_choice": {"type": "auto"}}), "only be specified while providing tools");
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"});
    let text = json!({"type": "text", "text": "Well?"});
    let talk = |assistant: Value, user: Value| {
        json!({"messages": [{"role": "user", "content": "When?"}, {"role": "assistant", "content": assistant},
            {"role": "user", "content": user}]})
    };
    assert!(posted(with(HAIKU, talk(json!([call]), json!([result, text])))).is_ok());
    let unanswered = "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1";
    refuses(HAIKU, talk(json!([call]), json!([text])), unanswered);
    refuses(HAIKU, talk(json!([call]), json!([text, result])), unanswered);
    refuses(
        HAIKU,
        talk(json!("Now."), json!([result])),
        "unexpected `tool_use_id` found in `tool_result` blocks",
    );
    let failed = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "", "is_error": true});
    refuses(HAIKU, talk(json!([call]), json!([failed])), "content cannot be empty if `is_error` is true");
    let mut odd = call.clone();
    odd["id"] = json!("call:1");
    refuses(HAIKU, talk(json!([odd]), json!([result])), "should match pattern");
    let mut loops = talk(json!([call]), json!([result]));
    loops["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    refuses(HAIKU, loops.clone(), "Expected `thinking` or `redacted_thinking`, but found `tool_use`");
    loops["messages"][1]["content"] = json!([seal::thinking(HAIKU, "Noon, I think."), call]);
    assert!(posted(with(HAIKU, loops.clone())).is_ok());
    refuses("claude-haiku-4-5-20251001", loops.clone(), "Invalid `signature` in `thinking` block");
    loops["messages"][1]["content"][0] = json!({"type": "thinking", "thinking": "Noon, I think."});
    refuses(HAIKU, loops, "messages.1.content.0.signature: Field required");
}

#[test]
fn a_prefilled_answer_is_for_those_who_take_it() {
    let prefilled =
        json!({"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Well"}]});
    assert!(posted(with(HAIKU, prefilled.clone())).is_ok());
    refuses(SONNET, prefilled, "does not support assistant message prefill");
}

#[test]
fn a_schema_must_be_one_that_the_api_compiles() {
    let format =
        |schema: Value| json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    refuses(
        HAIKU,
        format(json!({"type": "object", "properties": {}})),
        "'additionalProperties' must be explicitly set",
    );
    let bounded = json!({"type": "array", "items": {"type": "integer", "minimum": 1}});
    refuses(HAIKU, format(bounded), "For 'integer' type, property 'minimum' is not supported");
    assert!(posted(with(HAIKU, format(json!({"type": "array", "items": {"type": "integer"}})))).is_ok());
}

#[test]
fn at_most_four_places_are_marked_for_the_cache_and_thinking_is_none() {
    let marked = json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
    let many = |count: usize| json!({"messages": [{"role": "user", "content": vec![marked.clone(); count]}]});
    assert!(posted(with(HAIKU, many(4))).is_ok());
    refuses(HAIKU, many(5), "A maximum of 4 blocks with cache_control may be provided. Found 5.");
    let mut thought = seal::thinking(HAIKU, "Hm.");
    thought["cache_control"] = json!({"type": "ephemeral"});
    let talk = json!({"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": [thought]}]});
    refuses(HAIKU, talk, "cache_control: Extra inputs are not permitted");
}

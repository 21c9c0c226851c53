//! Groq: OpenAI's form, with times, reasoning and a usage that comes three times.

use crate::asked::{Asked, AskedChat, AskedList, Recorded};
use crate::fields::{Fields, Wrong};
use crate::fixture::Fixture;
use crate::openai::{batch, error, read, write};
use crate::reply::{Body, Reply};
use crate::said::SaidChat;
use crate::vendor::{Model, Trouble, Vendor};
use serde_json::{Value, json};

/// Groq's chat completions, models, files and batches.
#[derive(Debug, Default)]
pub(crate) struct Groq {
    store: batch::Store,
}

const MODELS: &[Model] = &[
    Model::thinking("openai/gpt-oss-20b"),
    Model::thinking("openai/gpt-oss-120b"),
    Model::thinking("qwen/qwen3.8-27b"),
    Model::tiny_window(),
];

/// Those whose answers can be held to a schema, and whose effort is low, medium or high.
const OPEN_WEIGHTS: [&str; 2] = ["openai/gpt-oss-20b", "openai/gpt-oss-120b"];

/// Models that were served once.
const GONE: [&str; 2] = ["llama-3.3-70b-versatile", "llama-3.1-8b-instant"];

const RULES: read::Rules = read::Rules { message_fields: &["reasoning"], strict: true, json_object: true };

const QUEUE_SECONDS: f64 = 0.000_175;
const READ_SECONDS: f64 = 0.000_001;
const WRITE_SECONDS: f64 = 0.000_01;

/// What decides over the form of the reasoning, and is no part of what is asked of the mind.
fn shows_reasoning(body: &Value) -> (bool, bool) {
    let format = body.get("reasoning_format").and_then(Value::as_str);
    let included = body.get("include_reasoning").and_then(Value::as_bool).unwrap_or(true);
    (included && format != Some("hidden"), format == Some("raw"))
}

impl Groq {
    fn read_chat(request: &Recorded) -> Result<AskedChat, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        for refused in ["logprobs", "top_logprobs", "logit_bias"] {
            if fields.any(refused).is_some() {
                return Err(fields.rule(refused, format!("property '{refused}' is unsupported")));
            }
        }
        let mut asked = read::chat(&mut fields, RULES)?;
        let old_limit = fields.count("max_tokens", 1)?;
        asked.max_tokens = fields.count("max_completion_tokens", 1)?.or(old_limit);
        read::penalties(&mut fields, -2.0..=2.0)?;
        fields.word("service_tier", &["auto", "on_demand", "flex", "performance"])?;
        fields.flag("disable_tool_validation")?;
        fields.flag("store")?;
        fields.object("metadata")?;
        fields.flag("include_reasoning")?;
        let format = fields.word("reasoning_format", &["hidden", "raw", "parsed"])?;
        if format.is_some() && fields.any("include_reasoning").is_some() {
            let told = "cannot specify both `include_reasoning` and `reasoning_format`";
            return Err(fields.rule("reasoning_format", told));
        }
        if format == Some("raw") && (asked.schema.is_some() || !asked.tools.is_empty()) {
            let told = "`reasoning_format` of `raw` cannot be used with JSON mode or tool calling";
            return Err(fields.rule("reasoning_format", told));
        }
        let oss = OPEN_WEIGHTS.contains(&asked.model.as_str());
        let efforts: &[&str] = if oss { &["low", "medium", "high"] } else { &["none", "default"] };
        let effort = fields.word("reasoning_effort", efforts)?;
        let json_schema = request.body.pointer("/response_format/type") == Some(&json!("json_schema"));
        if json_schema && !oss {
            let told = "This model does not support response format `json_schema`. See supported models at \
                        https://console.groq.com/docs/structured-outputs#supported-models";
            return Err(fields.rule("response_format", told));
        }
        if asked.schema.is_some() && !json_schema && !asked.tools.is_empty() {
            return Err(
                fields.rule("response_format", "json mode cannot be combined with tool/function calling")
            );
        }
        fields.done()?;
        let thinks = MODELS.iter().any(|model| model.id == asked.model && model.thinks);
        asked.thinking = thinks && effort != Some("none");
        (asked.shows_reasoning, asked.raw_reasoning) = shows_reasoning(&request.body);
        Ok(asked)
    }
}

impl Vendor for Groq {
    fn name(&self) -> &'static str {
        "groq"
    }

    fn base_path(&self) -> &'static str {
        "/openai/v1"
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("authorization", "Bearer ")]
    }

    fn models(&self) -> &'static [Model] {
        MODELS
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        let path = request.path.strip_prefix("/openai/v1").unwrap_or_default();
        if let Some(list) = read::listing(request, path) {
            return Ok(Asked::List(list));
        }
        if let Some(reply) = self.store.answer(self, request, path) {
            return Ok(Asked::Own(told(reply)));
        }
        if (request.method.as_str(), path) != ("POST", "/chat/completions") {
            let message = format!("Unknown request URL: {} {}.", request.method, request.path);
            return Err(refusal(404, &message, "invalid_request_error", Some("unknown_url")));
        }
        if !request.is_json() {
            return Err(refusal(400, "request body is not valid JSON", "invalid_request_error", None));
        }
        let asked = Self::read_chat(request).map_err(|wrong| words(&wrong))?;
        if GONE.contains(&asked.model.as_str()) {
            return Err(Reply::fixture("groq_error_400_model_decommissioned"));
        }
        Ok(Asked::Chat(Box::new(asked)))
    }

    fn chat(&self, asked: &AskedChat, said: &SaidChat) -> Reply {
        let usage = usage(said);
        if asked.streamed {
            told(Reply::sse(stream(asked, said, &usage)))
        } else {
            told(Reply::json(200, whole(asked, said, &usage)))
        }
    }

    /// The fixture's one entry, under the name of each.
    fn list(&self, asked: &AskedList, models: &[Model]) -> Reply {
        let recorded = match Fixture::named("groq_models").reply.body {
            Body::Json(body) => body.pointer("/data/0").cloned().unwrap_or_default(),
            Body::Frames(_) | Body::Raw(_) => Value::Null,
        };
        let entry = |model: &Model| {
            let mut entry = recorded.clone();
            for (key, value) in [
                ("id", json!(model.id)),
                ("name", json!(model.id)),
                ("hugging_face_id", json!(model.id)),
                ("context_window", json!(model.window)),
                ("context_length", json!(model.window)),
                ("max_completion_tokens", json!(model.max_output)),
                ("max_output_length", json!(model.max_output)),
            ] {
                write::put(&mut entry, key, value);
            }
            entry
        };
        told(Reply::json(200, write::listing(asked, models.iter().map(entry).collect())))
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        let invalid = "invalid_request_error";
        match trouble {
            Trouble::Key => Reply::fixture("groq_error_401"),
            Trouble::Permission => refusal(403, "Forbidden", "permissions_error", Some("forbidden")),
            Trouble::NoSuchModel(id) => {
                let message = format!("The model `{id}` does not exist or you do not have access to it.");
                refusal(404, &message, invalid, Some("model_not_found"))
            }
            Trouble::NoSuchPath => refusal(404, "Unknown request URL", invalid, Some("unknown_url")),
            Trouble::TooLong { tokens, .. } => {
                let message = format!(
                    "Please reduce the length of the messages or completion. Your messages resulted in {tokens} \
                     tokens."
                );
                refusal(400, &message, invalid, Some("context_length_exceeded"))
            }
            Trouble::Invalid(message) => refusal(400, message, invalid, None),
            Trouble::RateLimited(after) => {
                let reply = Reply::fixture("groq_error_429_tpm").without_header("retry-after");
                match after {
                    Some(after) => reply.header("retry-after", after.as_secs_f64().ceil().to_string()),
                    None => reply,
                }
            }
            Trouble::QuotaExhausted => Reply::fixture("groq_error_429_tpd"),
            Trouble::Overloaded => Reply::fixture("groq_error_498_flex"),
            Trouble::Unavailable => Reply::fixture("groq_error_503"),
            Trouble::Server => refusal(500, "Internal Server Error", "internal_server_error", None),
        }
    }

    fn midway(&self) -> String {
        error::midway()
    }

    fn ends(&self, frame: &str) -> bool {
        write::ends(frame)
    }

    fn tells_usage(&self, frame: &str) -> bool {
        frame.contains("\"usage\":{")
    }
}

/// `{"error": {…}}` with two or three fields.
fn refusal(status: u16, message: &str, kind: &str, code: Option<&str>) -> Reply {
    let mut inner = json!({"message": message, "type": kind});
    if let Some(code) = code {
        write::put(&mut inner, "code", json!(code));
    }
    Reply::json(status, json!({"error": inner})).header("x-request-id", "req_01test")
}

/// A field that breaks a rule, in the words of Groq.
fn words(wrong: &Wrong) -> Reply {
    let path = wrong.path();
    let message = match wrong {
        Wrong::Missing { .. } => format!("property '{path}' is missing"),
        Wrong::Unknown { .. } => format!("property '{path}' is unsupported"),
        Wrong::Type { wanted, .. } => format!("'{path}' : value must be {wanted}"),
        Wrong::Range { bound, above, .. } => {
            format!("'{path}' : number must be at {} {bound}", if *above { "most" } else { "least" })
        }
        Wrong::Word { wanted, .. } => {
            let wanted: Vec<String> = wanted.iter().map(|word| format!("`{word}`")).collect();
            format!("'{path}' : value must be one of {}", wanted.join(", "))
        }
        Wrong::Rule { message, .. } => message.clone(),
    };
    refusal(400, &message, "invalid_request_error", None)
}

/// Times are in seconds; the total leaves the queue out.
fn usage(said: &SaidChat) -> Value {
    let seconds = |tokens: u64, each: f64| f64::from(u32::try_from(tokens).unwrap_or(u32::MAX)) * each;
    let (input, output) = (said.usage.input, said.usage.output);
    let (reading, writing) = (seconds(input, READ_SECONDS), seconds(output, WRITE_SECONDS));
    let mut usage = json!({
        "queue_time": QUEUE_SECONDS,
        "prompt_tokens": input,
        "prompt_time": reading,
        "completion_tokens": output,
        "completion_time": writing,
        "total_tokens": input.saturating_add(output),
        "total_time": reading + writing,
    });
    if said.usage.reasoning > 0 {
        let details = json!({"reasoning_tokens": said.usage.reasoning});
        write::put(&mut usage, "completion_tokens_details", details);
    }
    usage
}

/// The text, with the reasoning before it where it is wanted raw.
fn content(asked: &AskedChat, said: &SaidChat) -> String {
    match &said.reasoning {
        Some(reasoning) if asked.raw_reasoning => format!("<think>\n{reasoning}\n</think>\n{}", said.text),
        _ => said.text.clone(),
    }
}

fn parsed_reasoning<'a>(asked: &AskedChat, said: &'a SaidChat) -> Option<&'a str> {
    said.reasoning.as_deref().filter(|_| asked.shows_reasoning && !asked.raw_reasoning)
}

/// The calls; the arguments of a tool that has none are the word `null`.
fn calls(said: &SaidChat) -> Value {
    let mut calls = write::calls(said);
    for (call, said) in calls.as_array_mut().into_iter().flatten().zip(&said.calls) {
        if said.arguments.as_object().is_none_or(serde_json::Map::is_empty)
            && let Some(function) = call.get_mut("function")
        {
            write::put(function, "arguments", json!("null"));
        }
    }
    calls
}

fn whole(asked: &AskedChat, said: &SaidChat, usage: &Value) -> Value {
    let mut message = json!({"role": "assistant"});
    if said.calls.is_empty() {
        write::put(&mut message, "content", json!(content(asked, said)));
    } else {
        write::put(&mut message, "tool_calls", calls(said));
    }
    if let Some(reasoning) = parsed_reasoning(asked, said) {
        write::put(&mut message, "reasoning", json!(reasoning));
    }
    let choice =
        json!({"index": 0, "message": message, "logprobs": null, "finish_reason": write::finish(said)});
    json!({
        "id": format!("chatcmpl-{}", said.number),
        "object": "chat.completion",
        "created": write::CREATED,
        "model": asked.model,
        "choices": [choice],
        "usage": usage,
        "usage_breakdown": null,
        "system_fingerprint": "fp_test",
        "x_groq": {"id": format!("req_{}", said.number), "seed": 307_780_601},
        "service_tier": "on_demand",
    })
}

fn stream(asked: &AskedChat, said: &SaidChat, usage: &Value) -> Vec<String> {
    let chunk = |choices: Value, more: Value| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", said.number),
            "object": "chat.completion.chunk",
            "created": write::CREATED,
            "model": asked.model,
            "system_fingerprint": "fp_test",
            "choices": choices,
        });
        write::add(&mut chunk, &more);
        write::frame(&chunk)
    };
    let delta = |delta: Value, finish: Option<&str>, more: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), more)
    };
    let plain = || json!({});
    let opening = json!({"x_groq": {"id": format!("req_{}", said.number), "seed": 307_780_601}});
    let mut frames = vec![delta(json!({"role": "assistant", "content": ""}), None, opening)];
    for piece in parsed_reasoning(asked, said).unwrap_or_default().split_inclusive(' ') {
        frames.push(delta(json!({"reasoning": piece, "channel": "analysis"}), None, plain()));
    }
    if said.calls.is_empty() {
        let content = content(asked, said);
        let pieces = content.split_inclusive(char::is_whitespace);
        frames.extend(pieces.map(|piece| delta(json!({"content": piece}), None, plain())));
    } else {
        let mut calls = calls(said);
        for (index, call) in calls.as_array_mut().into_iter().flatten().enumerate() {
            write::put(call, "index", json!(index));
        }
        frames.push(delta(json!({"tool_calls": calls}), None, plain()));
    }
    let mut last = json!({"x_groq": {"id": format!("req_{}", said.number), "usage": usage}});
    if asked.streamed_usage {
        write::put(&mut last, "usage", usage.clone());
    }
    frames.push(delta(plain(), Some(write::finish(said)), last));
    if asked.streamed_usage {
        frames.push(chunk(json!([]), json!({"usage": usage, "service_tier": "on_demand"})));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

/// With the headers that every answer has.
fn told(reply: Reply) -> Reply {
    [
        ("x-request-id", "req_01test"),
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-remaining-requests", "14370"),
        ("x-ratelimit-reset-requests", "2m59.56s"),
        ("x-ratelimit-limit-tokens", "18000"),
        ("x-ratelimit-remaining-tokens", "17997"),
        ("x-ratelimit-reset-tokens", "7.66s"),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value)| reply.header(name, value))
}

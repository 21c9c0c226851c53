//! The server of llama.cpp: OpenAI's form for one model, whatever it is called.

use crate::asked::{Asked, AskedChat, AskedList, Recorded};
use crate::fields::{Fields, Wrong};
use crate::mind;
use crate::openai::{read, write};
use crate::reply::Reply;
use crate::said::SaidChat;
use crate::vendor::{Model, Trouble, Vendor};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A server of llama.cpp without a key, with one model that thinks.
///
/// The real one leaves unknown fields unread; this one refuses them, so that a misspelt one is noticed. The real one
/// never looks at the model's name; to this one `tiny-window` is a window of 512 tokens.
#[derive(Debug)]
pub(crate) struct LlamaCpp;

const MODELS: &[Model] = &[Model::thinking("/models/Qwen3-1.7B-Q4_K_M.gguf")];

const RULES: read::Rules =
    read::Rules { message_fields: &["reasoning_content"], strict: false, json_object: false };

const READ_MILLIS: f64 = 0.001;
const WRITE_MILLIS: f64 = 0.01;

impl LlamaCpp {
    fn read_chat(request: &Recorded) -> Result<AskedChat, Wrong> {
        let mut body = request.body.clone();
        if body.get("model").is_none_or(Value::is_null) {
            write::put(&mut body, "model", json!("default"));
        }
        let mut fields = Fields::of(&body, "")?;
        let mut asked = read::chat(&mut fields, RULES)?;
        if asked.turns.iter().any(|turn| turn.images > 0) {
            let told = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj";
            return Err(fields.rule("messages", told));
        }
        read::penalties(&mut fields, f64::MIN..=f64::MAX)?;
        let limits = ["max_tokens", "max_completion_tokens", "n_predict"];
        let limits = limits.map(|key| fields.integer(key, -1..=i64::MAX));
        for limit in limits {
            asked.max_tokens = asked.max_tokens.or(limit?.and_then(|limit| u64::try_from(limit).ok()));
        }
        for number in
            ["min_p", "typical_p", "repeat_penalty", "dry_multiplier", "xtc_probability", "mirostat_tau"]
        {
            fields.number(number, 0.0..=f64::MAX)?;
        }
        for count in ["top_k", "repeat_last_n", "mirostat", "id_slot", "n_probs", "n_keep"] {
            fields.integer(count, -1..=i64::MAX)?;
        }
        for flag in ["cache_prompt", "timings_per_token", "return_progress", "ignore_eos", "parse_tool_calls"]
        {
            fields.flag(flag)?;
        }
        for text in ["grammar", "reasoning_format"] {
            fields.text(text)?;
        }
        let mut thinks = true;
        if let Some(mut template) = fields.object("chat_template_kwargs")? {
            thinks = template.flag("enable_thinking")?.unwrap_or(true);
        }
        fields.done()?;
        asked.thinking = thinks;
        asked.shows_reasoning = request.body.get("reasoning_format").and_then(Value::as_str) != Some("none");
        // What precedes the last turn is in the cache from the call before.
        let last = asked.turns.last().map_or(0, |turn| mind::count_words(&turn.text));
        asked.cached = asked.tokens().saturating_sub(last + 2);
        Ok(asked)
    }

    /// What only this server has.
    fn own(request: &Recorded, path: &str) -> Option<Reply> {
        let text = |key: &str| request.body.get(key).and_then(Value::as_str);
        Some(match (request.method.as_str(), path) {
            ("GET", "/health") => Reply::json(200, json!({"status": "ok"})),
            ("GET", "/props") => Reply::json(
                200,
                json!({
                    "default_generation_settings": {"n_ctx": 4096},
                    "total_slots": 1,
                    "model_path": MODELS.first().map(|model| model.id.as_ref()),
                    "build_info": "b10499-6d05498",
                }),
            ),
            ("POST", "/tokenize") => {
                let words = mind::count_words(text("content")?);
                Reply::json(200, json!({"tokens": (1..=words).collect::<Vec<_>>()}))
            }
            ("POST", "/apply-template") => {
                let turns = request.body.get("messages")?.as_array()?;
                let part =
                    |turn: &Value, field: &str| turn.get(field).and_then(Value::as_str).map(str::to_owned);
                let written = turns.iter().filter_map(|turn| {
                    Some(format!(
                        "<|im_start|> {}\n{} <|im_end|>\n",
                        part(turn, "role")?,
                        part(turn, "content")?
                    ))
                });
                Reply::json(
                    200,
                    json!({"prompt": format!("{}<|im_start|> assistant\n", written.collect::<String>())}),
                )
            }
            ("POST", "/embeddings") => {
                let told = "This server does not support embeddings. Start it with `--embeddings`";
                refusal(501, told, "not_supported_error")
            }
            _ => return None,
        })
    }
}

impl Vendor for LlamaCpp {
    fn name(&self) -> &'static str {
        "llamacpp"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn models(&self) -> &'static [Model] {
        MODELS
    }

    fn model(&self, id: &str) -> Option<Model> {
        let model = MODELS.first().cloned()?;
        Some(if id == "tiny-window" {
            Model { id: Cow::Borrowed("tiny-window"), window: 512, ..model }
        } else {
            model
        })
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        let path = request.path.strip_prefix("/v1").unwrap_or(&request.path);
        if let Some(list) = read::listing(request, path).filter(|list| list.only.is_none()) {
            return Ok(Asked::List(list));
        }
        if let Some(reply) = Self::own(request, path) {
            return Ok(Asked::Own(reply));
        }
        if (request.method.as_str(), path) != ("POST", "/chat/completions") {
            return Err(self.error(&Trouble::NoSuchPath));
        }
        if request.body.is_null() {
            let told = "[json.exception.parse_error.101] parse error at line 1, column 1: syntax error while parsing \
                        value - unexpected end of input; expected '[', '{', or a literal";
            return Err(refusal(500, told, "server_error"));
        }
        let asked = Self::read_chat(request);
        asked.map(|asked| Asked::Chat(Box::new(asked))).map_err(|wrong| words(&wrong))
    }

    fn chat(&self, asked: &AskedChat, said: &SaidChat) -> Reply {
        if asked.streamed {
            Reply::sse(stream(asked, said))
        } else {
            Reply::json(200, whole(asked, said)).header("content-type", "application/json; charset=utf-8")
        }
        .header("server", "llama.cpp")
    }

    fn list(&self, _asked: &AskedList, models: &[Model]) -> Reply {
        let entry = |model: &Model| {
            json!({
                "id": model.id,
                "object": "model",
                "created": write::CREATED,
                "owned_by": "llamacpp",
                "meta": {"n_ctx_train": model.window},
            })
        };
        let entries: Vec<Value> = models.iter().map(entry).collect();
        Reply::json(200, json!({"object": "list", "data": entries}))
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        match trouble {
            Trouble::Key => refusal(401, "Invalid API Key", "authentication_error"),
            Trouble::Permission => refusal(403, "Forbidden", "permission_error"),
            Trouble::NoSuchModel(_) | Trouble::NoSuchPath => {
                refusal(404, "File Not Found", "not_found_error")
            }
            Trouble::TooLong { tokens, window } => {
                let message = format!(
                    "request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
                );
                let inner = json!({
                    "code": 400,
                    "message": message,
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": tokens,
                    "n_ctx": window,
                });
                Reply::json(400, json!({"error": inner}))
                    .header("content-type", "application/json; charset=utf-8")
            }
            Trouble::Invalid(message) => refusal(400, message, "invalid_request_error"),
            // The real one has no such limits; a proxy before it may.
            Trouble::RateLimited(_) | Trouble::QuotaExhausted => {
                refusal(429, "Too many requests", "rate_limit_error")
            }
            Trouble::Overloaded | Trouble::Unavailable => Reply::fixture("llamacpp_error_loading"),
            Trouble::Server => refusal(500, "Compute error.", "server_error"),
        }
    }

    fn midway(&self) -> String {
        let inner = json!({"code": 500, "message": "Compute error.", "type": "server_error"});
        write::frame(&json!({"error": inner}))
    }

    fn ends(&self, frame: &str) -> bool {
        write::ends(frame)
    }

    fn tells_usage(&self, frame: &str) -> bool {
        frame.contains("\"usage\":{")
    }
}

/// An error whose code is a number.
fn refusal(status: u16, message: &str, kind: &str) -> Reply {
    let body = json!({"error": {"code": status, "message": message, "type": kind}});
    Reply::json(status, body).header("content-type", "application/json; charset=utf-8")
}

fn words(wrong: &Wrong) -> Reply {
    let path = wrong.path();
    match wrong {
        Wrong::Missing { .. } => refusal(400, &format!("'{path}' is required"), "invalid_request_error"),
        Wrong::Rule { message, .. } if path == "messages" && message.starts_with("image") => {
            refusal(500, message, "server_error")
        }
        other => refusal(400, &other.to_string(), "invalid_request_error"),
    }
}

/// Times are in milliseconds.
fn timings(said: &SaidChat) -> Value {
    let count = |tokens: u64| f64::from(u32::try_from(tokens).unwrap_or(u32::MAX));
    let read = said.usage.input.saturating_sub(said.usage.cached);
    json!({
        "cache_n": said.usage.cached,
        "prompt_n": read,
        "prompt_ms": count(read) * READ_MILLIS,
        "prompt_per_token_ms": READ_MILLIS,
        "prompt_per_second": 1000.0 / READ_MILLIS,
        "predicted_n": said.usage.output,
        "predicted_ms": count(said.usage.output) * WRITE_MILLIS,
        "predicted_per_token_ms": WRITE_MILLIS,
        "predicted_per_second": 1000.0 / WRITE_MILLIS,
    })
}

fn usage(said: &SaidChat) -> Value {
    json!({
        "prompt_tokens": said.usage.input,
        "completion_tokens": said.usage.output,
        "total_tokens": said.usage.input.saturating_add(said.usage.output),
        "prompt_tokens_details": {"cached_tokens": said.usage.cached},
    })
}

/// What every answer and chunk has. The model is the file's path, whatever was asked for.
fn head(said: &SaidChat, object: &str, choices: &Value) -> Value {
    json!({
        "id": format!("chatcmpl-{}", said.number),
        "object": object,
        "created": write::CREATED,
        "model": MODELS.first().map(|model| model.id.as_ref()),
        "system_fingerprint": "b10499-6d05498",
        "choices": choices,
    })
}

fn whole(asked: &AskedChat, said: &SaidChat) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text});
    if let Some(reasoning) = said.reasoning.as_ref().filter(|_| asked.shows_reasoning) {
        write::put(&mut message, "reasoning_content", json!(reasoning));
    }
    if !said.calls.is_empty() {
        write::put(&mut message, "content", Value::Null);
        write::put(&mut message, "tool_calls", write::calls(said));
    }
    let mut choice = json!({"finish_reason": write::finish(said), "index": 0, "message": message});
    if asked.top_log_probabilities.is_some() {
        write::put(&mut choice, "logprobs", write::log_probabilities(asked, said.pieces()));
    }
    let mut body = head(said, "chat.completion", &json!([choice]));
    write::put(&mut body, "usage", usage(said));
    write::put(&mut body, "timings", timings(said));
    body
}

fn stream(asked: &AskedChat, said: &SaidChat) -> Vec<String> {
    let delta = |delta: Value, finish: Option<&str>| {
        let choices = json!([{"finish_reason": finish, "index": 0, "delta": delta}]);
        write::frame(&head(said, "chat.completion.chunk", &choices))
    };
    let mut frames = vec![delta(json!({"role": "assistant", "content": null}), None)];
    let reasoning = said.reasoning.as_deref().filter(|_| asked.shows_reasoning).unwrap_or_default();
    frames
        .extend(reasoning.split_inclusive(' ').map(|piece| delta(json!({"reasoning_content": piece}), None)));
    for calls in write::call_deltas(said) {
        frames.push(delta(json!({"tool_calls": [calls]}), None));
    }
    frames.extend(said.pieces().map(|piece| {
        let mut choice = json!({"finish_reason": null, "index": 0, "delta": {"content": piece}});
        if asked.top_log_probabilities.is_some() {
            write::put(&mut choice, "logprobs", write::log_probabilities(asked, std::iter::once(piece)));
        }
        write::frame(&head(said, "chat.completion.chunk", &json!([choice])))
    }));
    frames.push(delta(json!({}), Some(write::finish(said))));
    if asked.streamed_usage {
        let mut last = head(said, "chat.completion.chunk", &json!([]));
        write::put(&mut last, "usage", usage(said));
        write::put(&mut last, "timings", timings(said));
        frames.push(write::frame(&last));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

//! OpenAI, and what servers that speak its language share.

pub(crate) mod batch;
pub(crate) mod error;
pub(crate) mod read;
mod schema;
pub(crate) mod write;

use crate::asked::{Asked, AskedChat, AskedEmbed, AskedList, Recorded};
use crate::fields::{Fields, Wrong};
use crate::reply::Reply;
use crate::said::SaidChat;
use crate::vendor::{Model, Trouble, Vendor};
use serde_json::json;

/// OpenAI's chat completions, embeddings, models, files and batches.
#[derive(Debug, Default)]
pub(crate) struct OpenAi {
    store: batch::Store,
}

const MODELS: &[Model] = &[
    Model::chat("gpt-4.1-mini"),
    Model::chat("gpt-4o-mini"),
    Model::thinking("gpt-5.4-mini"),
    Model::thinking("gpt-5.6-luna"),
    Model::thinking("gpt-6-luna"),
    Model::thinking("gpt-6-sol"),
    Model::thinking("gpt-6-astra"),
    Model::thinking("gpt-6.1-sol"),
    Model::thinking("gpt-6.1-terra"),
    Model::thinking("o4-mini"),
    Model::tiny_window(),
    Model::embedding("text-embedding-3-small"),
    Model::embedding("text-embedding-3-large"),
];

/// Under which name the vendor answers, where that is another than it was asked by.
const SNAPSHOTS: &[(&str, &str)] = &[
    ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"),
    ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("o4-mini", "o4-mini-2025-04-16"),
];

/// The model whose temperature cannot be set.
const FIXED_TEMPERATURE: &str = "o4-mini";

const RULES: read::Rules = read::Rules { message_fields: &[], strict: true, json_object: true };

impl OpenAi {
    fn thinks(id: &str) -> bool {
        MODELS.iter().any(|model| model.id == id && model.thinks)
    }

    fn read_chat(request: &Recorded) -> Result<AskedChat, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let mut asked = read::chat(&mut fields, RULES)?;
        let new = Self::thinks(&asked.model);
        let old_limit = fields.count("max_tokens", 1)?;
        if new && old_limit.is_some() {
            return Err(error::unsupported(
                "max_tokens",
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' \
                 instead.",
            ));
        }
        asked.max_tokens = fields.count("max_completion_tokens", 1)?.or(old_limit);
        read::penalties(&mut fields, -2.0..=2.0)?;
        let temperature = request.body.get("temperature").and_then(serde_json::Value::as_f64);
        if let Some(warmth) = temperature.filter(|warmth| asked.model == FIXED_TEMPERATURE && *warmth != 1.0)
        {
            let told = format!(
                "Unsupported value: 'temperature' does not support {warmth} with this model. Only the default (1) \
                 value is supported."
            );
            return Err(error::unsupported("temperature", &told));
        }
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh"];
        let effort = fields.word("reasoning_effort", &efforts)?;
        if effort.is_some() && !new {
            let told = "Unrecognized request argument supplied: reasoning_effort";
            return Err(error::unsupported("reasoning_effort", told));
        }
        asked.thinking = new && !matches!(effort, Some("none" | "minimal"));
        fields.word("verbosity", &["low", "medium", "high"])?;
        fields.word("service_tier", &["auto", "default", "flex", "scale", "priority"])?;
        fields.flag("store")?;
        fields.text("prompt_cache_key")?;
        fields.text("safety_identifier")?;
        fields.object("metadata")?;
        fields.done()?;
        let tokens = asked.tokens();
        // Prompts from 1024 tokens on are cached, in blocks of 128.
        asked.cached = if tokens >= 1024 { tokens - tokens % 128 } else { 0 };
        Ok(asked)
    }
}

impl Vendor for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("authorization", "Bearer ")]
    }

    fn models(&self) -> &'static [Model] {
        MODELS
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        let path = request.path.strip_prefix("/v1").unwrap_or_default();
        if let Some(list) = read::listing(request, path) {
            return Ok(Asked::List(list));
        }
        if let Some(reply) = self.store.answer(self, request, path) {
            return Ok(Asked::Own(told(reply)));
        }
        let asked = match (request.method.as_str(), path) {
            ("POST", "/chat/completions" | "/embeddings") if !request.is_json() => {
                return Err(error::not_json());
            }
            ("POST", "/chat/completions") => {
                Self::read_chat(request).map(|asked| Asked::Chat(Box::new(asked)))
            }
            ("POST", "/embeddings") => read::embed(request).map(Asked::Embed),
            _ => return Err(self.error(&Trouble::NoSuchPath)),
        };
        asked.map_err(|wrong| told(error::wrong(&wrong)))
    }

    fn chat(&self, asked: &AskedChat, said: &SaidChat) -> Reply {
        let snapshot = SNAPSHOTS.iter().find(|(id, _)| *id == asked.model);
        let model = snapshot.map_or(asked.model.as_str(), |(_, snapshot)| snapshot);
        let usage = write::usage(said);
        let head = json!({"service_tier": "default", "system_fingerprint": "fp_test"});
        if asked.streamed {
            told(Reply::sse(write::stream(asked, said, model, &head, &usage)))
        } else {
            told(Reply::json(200, write::whole(asked, said, model, &head, &usage)))
        }
    }

    fn embed(&self, asked: &AskedEmbed, vectors: &[Vec<f64>], tokens: u64) -> Reply {
        told(Reply::json(200, write::embeddings(asked, vectors, tokens)))
    }

    fn list(&self, asked: &AskedList, models: &[Model]) -> Reply {
        let entry = |model: &Model| json!({"id": model.id, "object": "model", "created": 1_744_316_542, "owned_by": "system"});
        told(Reply::json(200, write::listing(asked, models.iter().map(entry).collect())))
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        error::plain(trouble)
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

/// With the headers that every answer has.
fn told(reply: Reply) -> Reply {
    [
        ("x-request-id", "req_test"),
        ("openai-processing-ms", "1"),
        ("openai-version", "2020-10-01"),
        ("openai-organization", "org-x"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-reset-requests", "8.64s"),
        ("x-ratelimit-limit-tokens", "200000"),
        ("x-ratelimit-remaining-tokens", "199984"),
        ("x-ratelimit-reset-tokens", "4ms"),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value)| reply.header(name, value))
}

//! Answers in Ollama's form.

use crate::asked::{AskedChat, AskedEmbed};
use crate::said::{Finish, SaidCall, SaidChat};
use crate::vendor::Model;
use serde_json::{Map, Value, json};

/// When every answer was made.
pub(super) const CREATED: &str = "2026-11-21T12:00:00.123456789Z";

/// A whole answer.
pub(super) fn whole(asked: &AskedChat, said: &SaidChat) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text});
    if let (Some(thinking), Value::Object(message)) = (&said.reasoning, &mut message) {
        message.insert("thinking".to_owned(), json!(thinking));
    }
    if let (false, Value::Object(message)) = (said.calls.is_empty(), &mut message) {
        message.insert("tool_calls".to_owned(), calls(&said.calls));
    }
    let mut body = end(asked, said, &message);
    if let (Some(likely), Value::Object(body)) = (log_probabilities(asked, said.pieces()), &mut body) {
        body.insert("logprobs".to_owned(), likely);
    }
    body
}

/// The lines of a stream. What it thinks comes first, calls of tools come whole.
pub(super) fn stream(asked: &AskedChat, said: &SaidChat) -> Vec<String> {
    let chunk = |message: Value, likely: Option<Value>| {
        let mut chunk = Map::new();
        chunk.insert("model".to_owned(), json!(asked.model));
        chunk.insert("created_at".to_owned(), json!(CREATED));
        chunk.insert("message".to_owned(), message);
        chunk.insert("done".to_owned(), json!(false));
        chunk.extend(likely.map(|likely| ("logprobs".to_owned(), likely)));
        line(&Value::Object(chunk))
    };
    let mut frames = Vec::new();
    for piece in said.reasoning.iter().flat_map(|thought| thought.split_inclusive(' ')) {
        frames.push(chunk(json!({"role": "assistant", "content": "", "thinking": piece}), None));
    }
    for piece in said.pieces() {
        let likely = log_probabilities(asked, std::iter::once(piece));
        frames.push(chunk(json!({"role": "assistant", "content": piece}), likely));
    }
    if !said.calls.is_empty() {
        let message = json!({"role": "assistant", "content": "", "tool_calls": calls(&said.calls)});
        frames.push(chunk(message, None));
    }
    frames.push(line(&end(asked, said, &json!({"role": "assistant", "content": ""}))));
    frames
}

fn line(chunk: &Value) -> String {
    format!("{chunk}\n")
}

fn calls(calls: &[SaidCall]) -> Value {
    let call = |(index, call): (usize, &SaidCall)| {
        let function = json!({"index": index, "name": call.name, "arguments": call.arguments});
        json!({"id": format!("call_{}", call.id), "function": function})
    };
    calls.iter().enumerate().map(call).collect()
}

/// The last line, with counts in tokens and times in nanoseconds.
fn end(asked: &AskedChat, said: &SaidChat, message: &Value) -> Value {
    let reason = if said.finish == Finish::Length { "length" } else { "stop" };
    json!({
        "model": asked.model,
        "created_at": CREATED,
        "message": message,
        "done": true,
        "done_reason": reason,
        "total_duration": 4_250_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": said.usage.input,
        "prompt_eval_cached_count": said.usage.cached,
        "prompt_eval_duration": 1_250_000,
        "eval_count": said.usage.output,
        "eval_duration": 1_750_000,
    })
}

/// Invented: all the same.
fn log_probabilities<'a>(asked: &AskedChat, pieces: impl Iterator<Item = &'a str>) -> Option<Value> {
    asked.top_log_probabilities?;
    Some(pieces.map(|piece| json!({"token": piece, "logprob": -0.125, "bytes": piece.as_bytes()})).collect())
}

pub(super) fn embeddings(asked: &AskedEmbed, vectors: &[Vec<f64>], tokens: u64) -> Value {
    json!({
        "model": asked.model,
        "embeddings": vectors,
        "total_duration": 2_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": tokens,
    })
}

/// What is installed.
pub(super) fn tags(models: &[Model]) -> Value {
    let tag = |model: &Model| {
        json!({
            "name": model.id, "model": model.id, "modified_at": CREATED, "size": 2_000_000_000_u64, "digest": "d",
            "details": {"format": "gguf", "family": "fake", "parameter_size": "4.0B", "quantization_level": "Q4_K_M"},
        })
    };
    json!({"models": models.iter().map(tag).collect::<Vec<_>>()})
}

/// What is known of one model.
pub(super) fn shown(model: &Model, handless: &str) -> Value {
    let mut capabilities = vec![if model.embeds { "embedding" } else { "completion" }];
    if !model.embeds && model.id != handless {
        capabilities.extend(["tools", "vision"]);
    }
    if model.thinks {
        capabilities.push("thinking");
    }
    json!({
        "parameters": "temperature                    0.7",
        "details": {"format": "gguf", "family": "fake", "parameter_size": "4.0B", "quantization_level": "Q4_K_M"},
        "model_info": {
            "general.architecture": "fake",
            "general.parameter_count": 4_000_000_000_u64,
            "fake.context_length": model.window,
        },
        "capabilities": capabilities,
    })
}

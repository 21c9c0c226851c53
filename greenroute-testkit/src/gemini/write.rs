//! Answers in Gemini's form.

use super::signature;
use crate::asked::AskedChat;
use crate::mind::count_words;
use crate::reply::Reply;
use crate::said::{Finish, SaidChat};
use serde_json::{Map, Value, json};

/// An answer, whole or in pieces as it was asked for.
pub(super) fn chat(asked: &AskedChat, said: &SaidChat) -> Reply {
    if asked.streamed {
        Reply::sse(chunks(asked, said).iter().map(|chunk| format!("data: {chunk}\n\n")))
    } else {
        Reply::json(200, whole(asked, said))
    }
}

/// A whole answer, which a batch's results hold too.
pub(super) fn whole(asked: &AskedChat, said: &SaidChat) -> Value {
    let mut parts = thoughts(asked, said);
    parts.extend(calls(asked, said));
    if !said.text.is_empty() {
        let mut part = json!({"text": said.text});
        if asked.thinking {
            put(&mut part, "thoughtSignature", json!(signature::of(&asked.model, "text")));
        }
        parts.push(part);
    }
    body(asked, said, Some(parts), said.usage.output - said.usage.reasoning, true)
}

/// The events of a stream. The last has the reason to stop, and text of nothing or no parts at all.
fn chunks(asked: &AskedChat, said: &SaidChat) -> Vec<Value> {
    let mut chunks = Vec::new();
    for part in thoughts(asked, said) {
        chunks.push(body(asked, said, Some(vec![part]), 0, false));
    }
    let calls = calls(asked, said);
    if !calls.is_empty() {
        chunks.push(body(asked, said, Some(calls), said.usage.output - said.usage.reasoning, false));
    }
    let mut written = 0;
    for piece in said.pieces() {
        written += count_words(piece);
        chunks.push(body(asked, said, Some(vec![json!({"text": piece})]), written, false));
    }
    let signed = asked.thinking && !said.text.is_empty();
    let last =
        signed.then(|| vec![json!({"text": "", "thoughtSignature": signature::of(&asked.model, "text")})]);
    chunks.push(body(asked, said, last, said.usage.output - said.usage.reasoning, true));
    chunks
}

fn thoughts(asked: &AskedChat, said: &SaidChat) -> Vec<Value> {
    let shown = said.reasoning.iter().filter(|_| asked.shows_reasoning);
    shown.map(|thought| json!({"text": thought, "thought": true})).collect()
}

/// Calls without ids, as they mostly come; of several the first alone is signed.
fn calls(asked: &AskedChat, said: &SaidChat) -> Vec<Value> {
    let call = |(place, call): (usize, &crate::SaidCall)| {
        let mut part = json!({"functionCall": {"name": call.name, "args": call.arguments}});
        if place == 0 && signature::is_checked(&asked.model) {
            let text = format!("{} {}", call.name, call.arguments);
            put(&mut part, "thoughtSignature", json!(signature::of(&asked.model, &text)));
        }
        part
    };
    said.calls.iter().enumerate().map(call).collect()
}

fn body(asked: &AskedChat, said: &SaidChat, parts: Option<Vec<Value>>, written: u64, last: bool) -> Value {
    let mut content = json!({"role": "model"});
    if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
        put(&mut content, "parts", Value::Array(parts));
    }
    let mut candidate = json!({"content": content, "index": 0});
    if last {
        let reason = if said.finish == Finish::Length { "MAX_TOKENS" } else { "STOP" };
        put(&mut candidate, "finishReason", json!(reason));
        if said.finish == Finish::Calls {
            put(&mut candidate, "finishMessage", json!("Model generated function call(s)."));
        }
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage(said, written),
        "modelVersion": asked.model,
        "responseId": format!("r{}", said.number),
    })
}

/// Counts of nothing are left out.
fn usage(said: &SaidChat, written: u64) -> Value {
    let usage = said.usage;
    let mut counts = Map::new();
    for (name, count) in [
        ("promptTokenCount", usage.input),
        ("cachedContentTokenCount", usage.cached),
        ("candidatesTokenCount", written),
        ("thoughtsTokenCount", usage.reasoning),
        ("totalTokenCount", usage.input + written + usage.reasoning),
    ] {
        if count > 0 {
            counts.insert(name.to_owned(), json!(count));
        }
    }
    counts.insert("promptTokensDetails".to_owned(), json!([{"modality": "TEXT", "tokenCount": usage.input}]));
    counts.insert("serviceTier".to_owned(), json!("standard"));
    Value::Object(counts)
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(key.to_owned(), value);
    }
}

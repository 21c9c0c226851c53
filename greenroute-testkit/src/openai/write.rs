//! Answers in OpenAI's form.

use crate::asked::{AskedChat, AskedEmbed, AskedList};
use crate::said::{Finish, SaidChat};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

/// When every answer was made, in seconds since 1970.
pub(crate) const CREATED: u64 = 1_795_246_760;

/// The usage with its details.
pub(crate) fn usage(said: &SaidChat) -> Value {
    let usage = said.usage;
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

/// Why it ended.
pub(crate) fn finish(said: &SaidChat) -> &'static str {
    match said.finish {
        Finish::Stop | Finish::StopText(_) => "stop",
        Finish::Length => "length",
        Finish::Calls => "tool_calls",
    }
}

/// The calls of tools in a whole message.
pub(crate) fn calls(said: &SaidChat) -> Value {
    let call = |call: &crate::SaidCall| {
        json!({
            "id": format!("call_{}", call.id),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments.to_string()},
        })
    };
    said.calls.iter().map(call).collect()
}

/// A whole answer. `head` has what a vendor adds beside the choices.
pub(crate) fn whole(asked: &AskedChat, said: &SaidChat, model: &str, head: &Value, usage: &Value) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text, "refusal": null, "annotations": []});
    if !said.calls.is_empty() {
        put(&mut message, "content", Value::Null);
        put(&mut message, "tool_calls", calls(said));
    }
    let choice = json!({
        "index": 0,
        "message": message,
        "logprobs": log_probabilities(asked, said.pieces()),
        "finish_reason": finish(said),
    });
    let mut body = json!({
        "id": format!("chatcmpl-{}", said.number),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        "usage": usage,
    });
    add(&mut body, head);
    body
}

/// The frames of a stream. Where usage is wanted, every chunk has the field, and one after the last choice has it
/// filled.
pub(crate) fn stream(
    asked: &AskedChat,
    said: &SaidChat,
    model: &str,
    head: &Value,
    usage: &Value,
) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", said.number),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "choices": choices,
            "obfuscation": "x9",
        });
        if asked.streamed_usage {
            put(&mut chunk, "usage", usage);
        }
        add(&mut chunk, head);
        frame(&chunk)
    };
    let delta = |delta: Value, log_probabilities: Value, finish: Option<&str>| {
        let choice =
            json!([{"index": 0, "delta": delta, "logprobs": log_probabilities, "finish_reason": finish}]);
        chunk(choice, Value::Null)
    };
    let opening = if said.calls.is_empty() { json!("") } else { Value::Null };
    let opening = json!({"role": "assistant", "content": opening, "refusal": null});
    let mut frames = vec![delta(opening, Value::Null, None)];
    for call in call_deltas(said) {
        frames.push(delta(json!({"tool_calls": [call]}), Value::Null, None));
    }
    for piece in said.pieces() {
        let likely = log_probabilities(asked, std::iter::once(piece));
        frames.push(delta(json!({"content": piece}), likely, None));
    }
    frames.push(delta(json!({}), Value::Null, Some(finish(said))));
    if asked.streamed_usage {
        frames.push(chunk(json!([]), usage.clone()));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

/// The calls of tools in the pieces of a stream: id and name come with the first piece of each.
pub(crate) fn call_deltas(said: &SaidChat) -> Vec<Value> {
    let mut deltas = Vec::new();
    for (index, call) in said.calls.iter().enumerate() {
        deltas.push(json!({
            "index": index,
            "id": format!("call_{}", call.id),
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }));
        let arguments = call.arguments.to_string();
        let pieces = arguments.split_inclusive([':', ',']);
        deltas.extend(pieces.map(|piece| json!({"index": index, "function": {"arguments": piece}})));
    }
    deltas
}

/// One event.
pub(crate) fn frame(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}

/// Whether a frame belongs to the end of a stream.
pub(crate) fn ends(frame: &str) -> bool {
    frame.contains("\"finish_reason\":\"") || frame.contains("\"choices\":[]") || frame.contains("[DONE]")
}

/// Invented, the first piece the surest.
pub(crate) fn log_probabilities<'a>(asked: &AskedChat, pieces: impl Iterator<Item = &'a str>) -> Value {
    let Some(top) = asked.top_log_probabilities else { return Value::Null };
    let content: Vec<Value> = pieces
        .map(|piece| {
            let alternatives = ["", "?", "!", ".", ","].into_iter().zip(1_u32..);
            let beside =
                alternatives.map(|(mark, rank)| (format!("{piece}{mark}"), -0.125 * f64::from(rank)));
            let wanted = usize::try_from(top).unwrap_or(usize::MAX);
            let beside = beside.take(wanted).map(
                |(token, logprob)| json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()}),
            );
            let beside: Vec<Value> = beside.collect();
            json!({"token": piece, "logprob": -0.125, "bytes": piece.as_bytes(), "top_logprobs": beside})
        })
        .collect();
    json!({"content": content, "refusal": null})
}

/// Vectors, as numbers or as base64 of 32-bit floats.
pub(crate) fn embeddings(asked: &AskedEmbed, vectors: &[Vec<f64>], tokens: u64) -> Value {
    let vector = |vector: &[f64]| {
        if !asked.base64 {
            return json!(vector);
        }
        #[expect(clippy::cast_possible_truncation, reason = "32 bits are what the vendor sends")]
        let bytes: Vec<u8> = vector.iter().flat_map(|number| (*number as f32).to_le_bytes()).collect();
        json!(BASE64_STANDARD.encode(bytes))
    };
    let entry = |(index, numbers): (usize, &Vec<f64>)| json!({"object": "embedding", "index": index, "embedding": vector(numbers)});
    json!({
        "object": "list",
        "data": vectors.iter().enumerate().map(entry).collect::<Vec<_>>(),
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}

/// The list, or the one model that was asked for.
pub(crate) fn listing(asked: &AskedList, mut models: Vec<Value>) -> Value {
    match asked.only {
        Some(_) => models.pop().unwrap_or_default(),
        None => json!({"object": "list", "data": models}),
    }
}

/// Puts a field into an object.
pub(crate) fn put(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}

/// Puts the fields of one object into another.
pub(crate) fn add(object: &mut Value, more: &Value) {
    if let (Value::Object(map), Value::Object(more)) = (object, more) {
        map.extend::<Map<String, Value>>(more.clone());
    }
}

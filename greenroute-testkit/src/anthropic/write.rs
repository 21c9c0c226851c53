use super::rules::snapshot;
use super::{Write, seal};
use crate::asked::{AskedChat, AskedList};
use crate::fields::Wrong;
use crate::reply::Reply;
use crate::said::{Finish, SaidChat};
use crate::vendor::Model;
use serde_json::{Value, json};

/// A whole answer.
pub(super) fn message(asked: &AskedChat, said: &SaidChat, write: Write) -> Value {
    let model = asked.model.as_str();
    let mut content = Vec::new();
    if let Some(thought) = &said.reasoning {
        content.push(seal::thinking(model, thought));
        // One model that hides a part of what it thinks is enough.
        if model == "claude-sonnet-4-6" {
            content.push(seal::redacted(model));
        }
    }
    if !said.text.is_empty() {
        content.push(json!({"type": "text", "text": said.text}));
    }
    content.extend(said.calls.iter().map(|call| {
        let (id, caller) = (format!("toolu_{}", call.id), json!({"type": "direct"}));
        json!({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments, "caller": caller})
    }));
    let (reason, sequence) = match &said.finish {
        Finish::Stop => ("end_turn", None),
        Finish::StopText(text) => ("stop_sequence", Some(text)),
        Finish::Length => ("max_tokens", None),
        Finish::Calls => ("tool_use", None),
    };
    json!({
        "id": format!("msg_{}", said.number), "type": "message", "role": "assistant", "model": snapshot(model), "content": content,
        "stop_reason": reason, "stop_sequence": sequence, "stop_details": null, "usage": usage(said, write),
    })
}

/// Disjoint on the input's side, as nobody else has it; thinking is part of the output.
fn usage(said: &SaidChat, write: Write) -> Value {
    let written = write.tokens.min(said.usage.input.saturating_sub(said.usage.cached));
    let (five, hour) = if write.for_an_hour { (0, written) } else { (written, 0) };
    let mut usage = json!({
        "input_tokens": said.usage.input.saturating_sub(said.usage.cached).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": said.usage.cached,
        "output_tokens": said.usage.output,
        "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour},
        "service_tier": "standard",
        "inference_geo": "global",
    });
    if let (Some(_), Value::Object(usage)) = (&said.reasoning, &mut usage) {
        usage.insert("output_tokens_details".to_owned(), json!({"thinking_tokens": said.usage.reasoning}));
    }
    usage
}

/// One event: its name is its type.
pub(super) fn frame(data: &Value) -> String {
    let name = data.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

/// The answer in pieces.
pub(super) fn stream(mut message: Value, said: &SaidChat) -> Reply {
    let mut take = |name: &str| message.get_mut(name).map(Value::take).unwrap_or_default();
    let (content, usage) = (take("content"), take("usage"));
    let delta = json!({
        "stop_reason": take("stop_reason"), "stop_sequence": take("stop_sequence"), "stop_details": null,
    });
    let mut begun = usage.clone();
    let mut ended = usage;
    if let (Value::Object(begun), Value::Object(ended), Value::Object(message)) =
        (&mut begun, &mut ended, &mut message)
    {
        begun.insert("output_tokens".to_owned(), json!(1));
        begun.remove("output_tokens_details");
        for only_at_first in ["cache_creation", "service_tier", "inference_geo"] {
            ended.remove(only_at_first);
        }
        message.insert("content".to_owned(), json!([]));
    }
    if let Value::Object(message) = &mut message {
        message.insert("usage".to_owned(), begun);
    }
    let mut frames = vec![frame(&json!({"type": "message_start", "message": message}))];
    for (index, block) in content.as_array().into_iter().flatten().enumerate() {
        let (empty, deltas) = pieces(block, said);
        frames.push(frame(&json!({"type": "content_block_start", "index": index, "content_block": empty})));
        if index == 0 {
            frames.push(frame(&json!({"type": "ping"})));
        }
        frames.extend(
            deltas
                .into_iter()
                .map(|delta| frame(&json!({"type": "content_block_delta", "index": index, "delta": delta}))),
        );
        frames.push(frame(&json!({"type": "content_block_stop", "index": index})));
    }
    frames.push(frame(&json!({"type": "message_delta", "delta": delta, "usage": ended})));
    frames.push(frame(&json!({"type": "message_stop"})));
    Reply::sse(frames).header("cache-control", "no-cache")
}

/// A block as it begins, and the pieces that fill it.
fn pieces(block: &Value, said: &SaidChat) -> (Value, Vec<Value>) {
    let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "text" => {
            let pieces = said.pieces().map(|piece| json!({"type": "text_delta", "text": piece}));
            (json!({"type": "text", "text": ""}), pieces.collect())
        }
        "thinking" => {
            let words = text("thinking").split_inclusive(' ');
            let mut pieces: Vec<Value> =
                words.map(|word| json!({"type": "thinking_delta", "thinking": word})).collect();
            pieces.push(json!({"type": "signature_delta", "signature": text("signature")}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), pieces)
        }
        "tool_use" => {
            let input = block.get("input").cloned().unwrap_or_default();
            let whole = if input.as_object().is_some_and(serde_json::Map::is_empty) {
                String::new()
            } else {
                input.to_string()
            };
            let mut pieces = vec![json!({"type": "input_json_delta", "partial_json": ""})];
            let letters: Vec<char> = whole.chars().collect();
            pieces.extend(letters.chunks(7).map(
                |some| json!({"type": "input_json_delta", "partial_json": some.iter().collect::<String>()}),
            ));
            let mut empty = block.clone();
            if let Value::Object(empty) = &mut empty {
                empty.insert("input".to_owned(), json!({}));
            }
            (empty, pieces)
        }
        _ => (block.clone(), Vec::new()),
    }
}

/// The headers that stand on every answer.
pub(super) fn headed(reply: Reply) -> Reply {
    reply
        .header("request-id", "req_011FAKE")
        .header("anthropic-organization-id", "00000000-0000-0000-0000-000000000000")
        .header("x-envoy-upstream-service-time", "1")
}

/// A page of models.
pub(super) fn models(asked: &AskedList, models: &[Model]) -> Value {
    let one = |model: &Model| {
        json!({
            "type": "model", "id": model.id, "display_name": format!("The fake {}", model.id),
            "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active", "max_input_tokens": model.window,
            "max_tokens": model.max_output, "retires_at": null,
        })
    };
    if let (Some(_), Some(only)) = (&asked.only, models.first()) {
        return one(only);
    }
    let rest = models.get(asked.skip..).unwrap_or_default();
    let page: Vec<Value> = rest.iter().take(asked.limit.unwrap_or(20)).map(one).collect();
    let id = |model: Option<&Value>| model.and_then(|model| model.get("id")).cloned();
    json!({
        "first_id": id(page.first()), "last_id": id(page.last()), "has_more": page.len() < rest.len(), "data": page,
    })
}

/// A broken rule in the vendor's words.
pub(super) fn complaint(wrong: &Wrong) -> String {
    let path = wrong.path().replace('[', ".").replace(']', "");
    match wrong {
        Wrong::Missing { .. } => format!("{path}: Field required"),
        Wrong::Unknown { .. } => format!("{path}: Extra inputs are not permitted"),
        Wrong::Type { wanted, .. } => format!("{path}: Input should be {wanted}"),
        Wrong::Range { bound, above: true, .. } => {
            format!("{path}: Input should be less than or equal to {bound}")
        }
        Wrong::Range { bound, above: false, .. } => {
            format!("{path}: Input should be greater than or equal to {bound}")
        }
        Wrong::Word { wanted, .. } => format!("{path}: Input should be '{}'", wanted.join("', '")),
        Wrong::Rule { message, .. } => message.clone(),
    }
}

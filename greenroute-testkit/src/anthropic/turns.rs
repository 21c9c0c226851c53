//! The conversation, and what its blocks must be and follow.

use super::read::{Marks, Thinking, is_word};
use super::rules::Rules;
use super::seal;
use crate::asked::{AskedChat, Turn};
use crate::fields::{Fields, Wrong};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use greenroute_core::chat::Role;
use serde_json::Value;

/// What of a turn's blocks the rules between turns need.
#[derive(Debug, Default)]
struct Shape {
    /// The kinds of its blocks, in order.
    kinds: Vec<String>,
    calls: Vec<String>,
    results: Vec<String>,
}

/// Reads the messages into `asked`. Neighbours of one role are one turn, as they are to the model.
pub(super) fn read(
    fields: &mut Fields<'_>,
    asked: &mut AskedChat,
    rules: Rules,
    thinking: &Thinking,
    marks: &mut Marks,
) -> Result<(), Wrong> {
    let mut shapes: Vec<Shape> = Vec::new();
    fields.need_list("messages")?;
    for mut message in fields.objects("messages")? {
        let role = message.word("role", &["user", "assistant"])?.ok_or_else(|| message.missing("role"))?;
        let role = if role == "user" { Role::User } else { Role::Assistant };
        if asked.turns.last().is_none_or(|turn| turn.role != role) {
            asked.turns.push(Turn::new(role));
            shapes.push(Shape::default());
        }
        match message.any("content") {
            None => return Err(message.missing("content")),
            Some(Value::String(text)) => {
                if text.trim().is_empty() {
                    let message_text =
                        format!("{}: all messages must have non-empty content", message.path(""));
                    return Err(message.rule("content", message_text));
                }
                add(asked, &mut shapes, |turn, shape| {
                    say(turn, text);
                    shape.kinds.push("text".to_owned());
                });
            }
            Some(_) => {
                for mut block in message.objects("content")? {
                    read_block(&mut block, role, asked, &mut shapes, marks)?;
                    block.done()?;
                }
            }
        }
        message.done()?;
    }
    let wrong = |message: String| Err(Wrong::Rule { path: "messages".to_owned(), message });
    match asked.turns.first().map(|turn| turn.role) {
        None => return wrong("messages: at least one message is required".to_owned()),
        Some(Role::User) => {}
        Some(_) => return wrong("messages: first message must use the \"user\" role".to_owned()),
    }
    if let Some(place) = shapes.iter().position(|shape| shape.kinds.is_empty()) {
        return wrong(format!("messages.{place}: all messages must have non-empty content"));
    }
    if !rules.prefill && asked.turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
        return wrong(
            "This model does not support assistant message prefill. The conversation must end with a user message."
                .to_owned(),
        );
    }
    pairs(&shapes).or_else(wrong)?;
    if thinking.budget.is_some() {
        loops(&shapes).or_else(wrong)?;
    }
    Ok(())
}

fn add(asked: &mut AskedChat, shapes: &mut [Shape], change: impl FnOnce(&mut Turn, &mut Shape)) {
    if let (Some(turn), Some(shape)) = (asked.turns.last_mut(), shapes.last_mut()) {
        change(turn, shape);
    }
}

fn say(turn: &mut Turn, text: &str) {
    if !turn.text.is_empty() {
        turn.text.push('\n');
    }
    turn.text.push_str(text);
}

fn read_block(
    block: &mut Fields<'_>,
    role: Role,
    asked: &mut AskedChat,
    shapes: &mut [Shape],
    marks: &mut Marks,
) -> Result<(), Wrong> {
    let words: &[&'static str] = match role {
        Role::Assistant => &["text", "tool_use", "thinking", "redacted_thinking"],
        _ => &["text", "image", "tool_result"],
    };
    let kind = block.word("type", words)?.ok_or_else(|| block.missing("type"))?;
    add(asked, shapes, |_, shape| shape.kinds.push(kind.to_owned()));
    match kind {
        "text" => {
            let text = block.need_text("text")?;
            if text.trim().is_empty() {
                return Err(
                    block.rule("text", "messages: text content blocks must contain non-whitespace text")
                );
            }
            add(asked, shapes, |turn, _| say(turn, text));
        }
        "image" => {
            let mut source = block.object("source")?.ok_or_else(|| block.missing("source"))?;
            source.word("type", &["base64"])?.ok_or_else(|| source.missing("type"))?;
            let kinds = ["image/jpeg", "image/png", "image/gif", "image/webp"];
            source.word("media_type", &kinds)?.ok_or_else(|| source.missing("media_type"))?;
            let data = source.need_text("data")?;
            if data.is_empty() || STANDARD.decode(data).is_err() {
                let message = format!("{}: invalid base64 data", source.path("base64"));
                return Err(source.rule("data", message));
            }
            source.done()?;
            add(asked, shapes, |turn, _| turn.images += 1);
        }
        "tool_use" => {
            let (id, name) = (block.need_text("id")?, block.need_text("name")?);
            if !is_word(id, 256) || !is_word(name, 128) {
                let message = format!("{}: String should match pattern '^[a-zA-Z0-9_-]+$'", block.path("id"));
                return Err(block.rule("id", message));
            }
            let input = block.any("input").ok_or_else(|| block.missing("input"))?;
            if !input.is_object() {
                let message = format!("{}: Input should be a valid dictionary", block.path("input"));
                return Err(block.rule("input", message));
            }
            block.any("caller");
            add(asked, shapes, |turn, shape| {
                turn.calls.push(format!("{name} {input}"));
                shape.calls.push(id.to_owned());
            });
        }
        "tool_result" => {
            let id = block.need_text("tool_use_id")?;
            let failed = block.flag("is_error")? == Some(true);
            let content = match block.any("content") {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            if failed && content.trim().is_empty() {
                let message =
                    format!("{}: content cannot be empty if `is_error` is true", block.path("tool_result"));
                return Err(block.rule("content", message));
            }
            add(asked, shapes, |turn, shape| {
                turn.results.push(content);
                shape.results.push(id.to_owned());
            });
        }
        _ => {
            let value = sealed(block, kind)?;
            if let Some(fault) = seal::fault(&asked.model, &value) {
                return Err(
                    block.rule("signature", format!("{}: {fault}", block.path("")).replace(".:", ":"))
                );
            }
        }
    }
    // Thinking cannot be marked: there the mark is one field too many.
    if kind.ends_with("thinking") { Ok(()) } else { marks.read(block, asked) }
}

/// A block of thinking, all of whose fields must be there.
fn sealed(block: &mut Fields<'_>, kind: &str) -> Result<Value, Wrong> {
    if kind == "redacted_thinking" {
        let data = block.need_text("data")?;
        return Ok(serde_json::json!({"type": kind, "data": data}));
    }
    let (thinking, signature) = (block.need_text("thinking")?, block.need_text("signature")?);
    Ok(serde_json::json!({"type": kind, "thinking": thinking, "signature": signature}))
}

/// Every call of a tool is answered in the next turn, before anything else is said there, and nothing else is.
fn pairs(shapes: &[Shape]) -> Result<(), String> {
    let none = Shape::default();
    for (place, shape) in shapes.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| shapes.get(before)).unwrap_or(&none);
        if let Some(stray) = shape.results.iter().find(|id| !before.calls.contains(id)) {
            return Err(format!(
                "messages.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {stray}. Each `tool_result` \
                 block must have a corresponding `tool_use` block in the previous message."
            ));
        }
        let after = shapes.get(place + 1).unwrap_or(&none);
        let first = after.kinds.iter().take_while(|kind| *kind == "tool_result").count();
        let open = shape.calls.iter().find(|id| !after.results.contains(id));
        let open = open.or_else(|| shape.calls.first().filter(|_| first < after.results.len()));
        if let Some(id) = open {
            return Err(format!(
                "messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each \
                 `tool_use` block must have a corresponding `tool_result` block in the next message."
            ));
        }
    }
    Ok(())
}

/// With a budget of thinking, the turn whose tools have just answered began with thinking.
fn loops(shapes: &[Shape]) -> Result<(), String> {
    let [.., called, answered] = shapes else { return Ok(()) };
    let first = called.kinds.first().map(String::as_str).unwrap_or_default();
    if answered.results.is_empty() || first.ends_with("thinking") {
        return Ok(());
    }
    let place = shapes.len().saturating_sub(2);
    Err(format!(
        "messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When \
         `thinking` is enabled, a final `assistant` message must start with a thinking block."
    ))
}

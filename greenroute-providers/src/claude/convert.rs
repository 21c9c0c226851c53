use super::rules::ClaudeRules;
use super::thinking::{Hindrance, plan};
use super::wire::{
    Ask, Block as Wire, CacheControl, Format, Image, Marked, OutputConfig, Part, Prompt, Tool, ToolChoice,
    Turn,
};
use crate::hosted::{calls, schema};
use greenroute_core::chat::{Block, CacheFor, ChatRequest, Message, Role, ToolChoice as Choice};
use greenroute_core::{Date, Error, ErrorKind, ModelCard, Note, NoteCode, Result};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The output limit of a model without a card, where the request has none: the API wants a number, and every model
/// that it serves takes this one.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// What a tool said that failed without a word: the API refuses an error that is empty.
const SILENT_FAILURE: &str = "The tool failed and did not say why.";

/// From this version on the API takes no sampling parameters at all.
const NO_SAMPLING_SINCE: (i32, u8, u8) = (2026, 10, 21);

/// What decides how a request is written, besides the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) card: Option<&'a ModelCard>,
    pub(super) rules: Option<&'a ClaudeRules>,
    pub(super) version: Date,
}

/// `request` as the API wants it, and what of it could not be said.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] for instructions that are no text, [`ErrorKind::Unsupported`] for a schema or a
/// forced tool that the model does not take.
pub(super) fn ask<'a>(
    request: &'a ChatRequest,
    terms: Terms<'_>,
    stream: bool,
) -> Result<(Ask<'a>, Vec<Note>)> {
    let mut notes = Vec::new();
    let max_tokens = max_tokens(request, terms.card, &mut notes);
    let forced = matches!(request.tool_choice, Choice::Any | Choice::One(_));
    if forced && terms.rules.is_some_and(|rules| !rules.forced_tools) {
        let message = "this model cannot be made to call a tool: `tool_choice`";
        return Err(fault(request, ErrorKind::Unsupported, message));
    }
    let (system, messages) = turns(request, &mut notes)?;
    let hindrance = if forced {
        Some(Hindrance::ForcedTool)
    } else {
        answers_thoughtless_call(&messages).then_some(Hindrance::ToolLoop)
    };
    let plan = plan(request.effort, terms.rules, max_tokens, hindrance);
    if let Some(why) = plan.unmet {
        note(&mut notes, format!("`effort` was not followed: {why}"));
    }
    let format = match &request.schema {
        Some(schema) => {
            let shaped = schema::shape(schema, &schema::CLAUDE, &request.model)?;
            notes.extend(shaped.note);
            Some(Format { kind: "json_schema", schema: shaped.schema })
        }
        None => None,
    };
    let mut prompt = Prompt {
        model: request.model.model.as_str(),
        system,
        messages,
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: tool_choice(request),
        thinking: plan.thinking,
        output_config: OutputConfig { effort: plan.effort, format },
    };
    if let Some(cache) = request.cache {
        mark(&mut prompt, cache);
    }
    let mut ask = Ask {
        prompt,
        max_tokens,
        temperature: None,
        top_p: None,
        top_k: None,
        stop_sequences: stops(request, &mut notes),
        stream,
    };
    sample(&mut ask, request, terms, plan.thinks, &mut notes);
    Ok((ask, notes))
}

fn fault(request: &ChatRequest, kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, request.model.to_string(), message)
}

fn note(notes: &mut Vec<Note>, text: impl Into<Cow<'static, str>>) {
    notes.push(Note::new(NoteCode::Setting, text));
}

/// The API wants a limit: the request's, at most the card's, else the card's own.
fn max_tokens(request: &ChatRequest, card: Option<&ModelCard>, notes: &mut Vec<Note>) -> u64 {
    let most = card.and_then(|card| card.window.max_output);
    match (request.max_output_tokens, most) {
        (Some(asked), Some(most)) if asked > most => {
            note(notes, format!("`max_output_tokens` was lowered to {most}, the most of this model"));
            most
        }
        (Some(asked), _) => asked,
        (None, Some(most)) => most,
        (None, None) => {
            let text = format!(
                "`max_output_tokens` was set to {DEFAULT_MAX_TOKENS}: the API wants a number, and the model's own is \
                 not known"
            );
            note(notes, text);
            DEFAULT_MAX_TOKENS
        }
    }
}

/// The system blocks, and the turns: speakers alternate, and what a tool gave comes first.
fn turns<'a>(
    request: &'a ChatRequest,
    notes: &mut Vec<Note>,
) -> Result<(Vec<Marked<Wire<'a>>>, Vec<Turn<'a>>)> {
    let mut system = Vec::new();
    let mut turns: Vec<Turn<'a>> = Vec::new();
    let (mut moved, mut dropped) = (false, 0_usize);
    for Message { role, blocks } in &request.messages {
        if *role == Role::System {
            for block in blocks {
                let Block::Text { text } = block else {
                    let message = format!("instructions may hold text only, not a {}", block.kind());
                    return Err(fault(request, ErrorKind::InvalidRequest, &message));
                };
                if !text.trim().is_empty() {
                    moved |= !turns.is_empty();
                    system.push(Wire::Text { text }.into());
                }
            }
            continue;
        }
        let role = if *role == Role::Assistant { "assistant" } else { "user" };
        let mut parts: Vec<Part<'a>> = Vec::with_capacity(blocks.len());
        for block in blocks {
            match part(block, request) {
                Some(part) => parts.push(part),
                None => dropped += usize::from(matches!(block, Block::Opaque { .. })),
            }
        }
        if parts.is_empty() {
            continue;
        }
        match turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => turn.content.append(&mut parts),
            None => turns.push(Turn { role, content: parts }),
        }
    }
    for turn in turns.iter_mut().filter(|turn| turn.role == "user") {
        turn.content.sort_by_key(|part| !is_result(part));
    }
    if moved {
        note(
            notes,
            "instructions that stood between messages were sent ahead of them: the API takes none there",
        );
    }
    if dropped > 0 {
        let text = format!("{dropped} blocks that only another model can read were left out");
        notes.push(Note::new(NoteCode::OpaqueDropped, text));
    }
    if turns.is_empty() {
        return Err(fault(
            request,
            ErrorKind::InvalidRequest,
            "nothing of the prompt can be sent to this model",
        ));
    }
    Ok((system, turns))
}

/// Whether the last turn gives the results of tools that were called without thinking before.
fn answers_thoughtless_call(turns: &[Turn<'_>]) -> bool {
    let [.., called, answered] = turns else { return false };
    answered.content.first().is_some_and(is_result) && !matches!(called.content.first(), Some(Part::Own(_)))
}

fn is_result(part: &Part<'_>) -> bool {
    matches!(part, Part::Block(Marked { it: Wire::ToolResult { .. }, .. }))
}

/// A block as the API knows it; none for blank text, which it refuses, and for what another model made.
fn part<'a>(block: &'a Block, request: &ChatRequest) -> Option<Part<'a>> {
    let block = match block {
        Block::Text { text } if text.trim().is_empty() => return None,
        Block::Text { text } => Wire::Text { text },
        Block::Image { media_type, base64 } => {
            Wire::Image { source: Image { kind: "base64", media_type, data: base64 } }
        }
        Block::ToolCall { id, name, arguments } => {
            Wire::ToolUse { id: tool_id(id), name, input: calls::as_object(arguments) }
        }
        Block::ToolResult { id, content, is_error } => {
            let content = if *is_error && content.trim().is_empty() { SILENT_FAILURE } else { content };
            Wire::ToolResult { tool_use_id: tool_id(id), content, is_error: *is_error }
        }
        Block::Opaque { made_by, content } => {
            let same = made_by.provider == request.model.provider && made_by.model == request.model.model;
            return same.then_some(Part::Own(content));
        }
        _ => return None,
    };
    Some(Part::Block(block.into()))
}

/// An id that the API takes, letters, digits, `_` and `-`: a conversation may come from a vendor with other ids. Every
/// other character is written as its number, so that two ids stay two.
fn tool_id(id: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(allowed) {
        return Cow::Borrowed(id);
    }
    let mut written = String::from("id_");
    for c in id.chars() {
        if allowed(c) {
            written.push(c);
        } else {
            written.push_str(&format!("_{:x}_", u32::from(c)));
        }
    }
    Cow::Owned(written)
}

fn tool(tool: &greenroute_core::chat::Tool) -> Marked<Tool<'_>> {
    let input_schema = match &tool.parameters {
        Value::Object(schema) if schema.contains_key("type") => Cow::Borrowed(&tool.parameters),
        // A tool without arguments may be described by anything; the API wants an object's schema.
        Value::Object(schema) => {
            let mut schema = schema.clone();
            schema.insert("type".to_owned(), json!("object"));
            Cow::Owned(Value::Object(schema))
        }
        Value::Null => Cow::Owned(json!({"type": "object", "properties": {}})),
        _ => Cow::Borrowed(&tool.parameters),
    };
    Tool { name: &tool.name, description: &tool.description, input_schema }.into()
}

/// Without tools the API takes no choice either.
fn tool_choice(request: &ChatRequest) -> Option<ToolChoice<'_>> {
    match &request.tool_choice {
        Choice::Auto => None,
        Choice::Never => (!request.tools.is_empty()).then_some(ToolChoice::None),
        Choice::Any => Some(ToolChoice::Any),
        Choice::One(name) => Some(ToolChoice::Tool { name }),
    }
}

/// Up to four places may be marked. These three: the prompt is read in this order, so that what stays the same from
/// one request to the next is found again even where the end differs.
fn mark(prompt: &mut Prompt<'_>, cache: CacheFor) {
    let ttl = match cache {
        CacheFor::FiveMinutes => "5m",
        CacheFor::OneHour => "1h",
    };
    let control = Some(CacheControl { kind: "ephemeral", ttl });
    if let Some(tool) = prompt.tools.last_mut() {
        tool.cache_control = control;
    }
    if let Some(block) = prompt.system.last_mut() {
        block.cache_control = control;
    }
    let parts = prompt.messages.last_mut().into_iter().flat_map(|turn| turn.content.iter_mut().rev());
    let mut blocks = parts.filter_map(|part| match part {
        Part::Block(block) => Some(block),
        Part::Own(_) => None,
    });
    if let Some(block) = blocks.next() {
        block.cache_control = control;
    }
}

/// The API refuses blank stop texts.
fn stops<'a>(request: &'a ChatRequest, notes: &mut Vec<Note>) -> Vec<&'a str> {
    let (blank, stops): (Vec<_>, Vec<_>) =
        request.stop.iter().map(String::as_str).partition(|text| text.trim().is_empty());
    if !blank.is_empty() {
        note(notes, "`stop` was followed in part: this API takes no stop text of blanks alone");
    }
    stops
}

fn sample(ask: &mut Ask<'_>, request: &ChatRequest, terms: Terms<'_>, thinks: bool, notes: &mut Vec<Note>) {
    let sampling = request.sampling;
    let mut left_out = |field: &str, why: &str| note(notes, format!("`{field}` was left out: {why}"));
    if sampling.repetition_penalty.is_some_and(|penalty| penalty > 1.0) {
        left_out("repetition_penalty", "this API has none");
    }
    if sampling.seed.is_some() {
        left_out("seed", "this API has none");
    }
    let (year, month, day) = NO_SAMPLING_SINCE;
    let refused = if Date::new(year, month, day).is_some_and(|since| terms.version >= since) {
        Some("this version of the API takes no sampling")
    } else if terms.rules.is_some_and(|rules| !rules.sampling) {
        Some("this model takes no sampling")
    } else if thinks {
        Some("it cannot be set while the model thinks")
    } else {
        None
    };
    if let Some(why) = refused {
        // 1 is what the model does anyway.
        if sampling.temperature.is_some_and(|temperature| (temperature - 1.0).abs() > f64::EPSILON) {
            left_out("temperature", why);
        }
        if sampling.top_p.is_some() {
            left_out("top_p", why);
        }
        if sampling.top_k.is_some() {
            left_out("top_k", why);
        }
        return;
    }
    ask.temperature = sampling.temperature.map(|temperature| temperature.min(1.0));
    ask.top_p = sampling.top_p;
    ask.top_k = sampling.top_k;
    if terms.rules.is_some() && ask.temperature.is_some() && ask.top_p.is_some() {
        ask.top_p = None;
        left_out("top_p", "this model takes it only where `temperature` is unset");
    }
    if ask.temperature < sampling.temperature {
        note(notes, "`temperature` was lowered to 1, the most of this API");
    }
}

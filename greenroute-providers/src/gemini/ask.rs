//! From a request to Gemini's form of it.

use super::facts::{ModelFacts, Thinking};
use super::history::contents;
use super::wire::{
    Content, FunctionCallingConfig, FunctionDeclaration, GenerateRequest, GenerationConfig, Part,
    ThinkingConfig, ToolConfig, ToolSet,
};
use crate::hosted::{checks, schema};
use greenroute_core::chat::{Block, ChatRequest, Role, ToolChoice};
use greenroute_core::model::ModelCard;
use greenroute_core::{Error, ErrorKind, Note, NoteCode, Result};

/// The most stop texts that the API takes.
const MOST_STOPS: usize = 5;

/// The request in Gemini's words, and what those could not say.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for what Gemini does not take, [`ErrorKind::InvalidRequest`] for a history that
/// contradicts itself.
pub(super) fn ask(
    request: &ChatRequest,
    card: Option<&ModelCard>,
    facts: &ModelFacts,
    thoughts: bool,
) -> Result<(GenerateRequest, Vec<Note>)> {
    if request.stop.len() > MOST_STOPS {
        let message = format!("Gemini takes at most {MOST_STOPS} stop texts, not {}", request.stop.len());
        return Err(Error::new(ErrorKind::Unsupported, request.model.to_string(), message));
    }
    let (contents, dropped) = contents(request, facts.checks_signatures)?;
    let mut notes = settings_left_out(request, facts);
    if dropped > 0 {
        let text = format!("{dropped} blocks that only another model can read were left out");
        notes.push(Note::new(NoteCode::OpaqueDropped, text));
    }
    let schema = match &request.schema {
        Some(schema) => Some(schema::shape(schema, &schema::GEMINI, &request.model)?),
        None => None,
    };
    notes.extend(schema.as_ref().and_then(|shaped| shaped.note.clone()));
    let asked = GenerateRequest {
        model: None,
        system_instruction: system(request)?,
        contents,
        tools: tools(request),
        tool_config: tool_config(request),
        generation_config: GenerationConfig {
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
            top_k: request.sampling.top_k,
            // Gemini's seeds have 31 bits; equal seeds stay equal.
            seed: request.sampling.seed.map(|seed| seed & 0x7fff_ffff),
            max_output_tokens: checks::output_limit(request, card),
            stop_sequences: request.stop.clone(),
            response_mime_type: schema.as_ref().map(|_| "application/json"),
            response_json_schema: schema.map(|shaped| shaped.schema),
            thinking_config: thinking(request, facts, thoughts),
        },
    };
    Ok((asked, notes))
}

/// Instructions, from wherever they stand.
fn system(request: &ChatRequest) -> Result<Option<Content>> {
    let said = request.messages.iter().filter(|message| message.role == Role::System);
    let mut parts = Vec::new();
    for block in said.flat_map(|message| &message.blocks) {
        match block {
            Block::Text { text } if text.is_empty() => {}
            Block::Text { text } => parts.push(Part { text: Some(text.clone()), ..Part::default() }),
            other => {
                let message = format!("Gemini takes no {} in instructions", other.kind());
                return Err(Error::new(ErrorKind::Unsupported, request.model.to_string(), message));
            }
        }
    }
    Ok((!parts.is_empty()).then_some(Content { role: None, parts }))
}

fn tools(request: &ChatRequest) -> Vec<ToolSet> {
    if request.tools.is_empty() {
        return Vec::new();
    }
    let declare = |tool: &greenroute_core::chat::Tool| FunctionDeclaration {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters_json_schema: tool.parameters.clone(),
    };
    vec![ToolSet { function_declarations: request.tools.iter().map(declare).collect() }]
}

/// Nothing where the model decides: that is Gemini's default.
fn tool_config(request: &ChatRequest) -> Option<ToolConfig> {
    if request.tools.is_empty() {
        return None;
    }
    let (mode, allowed_function_names) = match &request.tool_choice {
        ToolChoice::Auto => return None,
        ToolChoice::Never => ("NONE", None),
        ToolChoice::Any => ("ANY", None),
        ToolChoice::One(name) => ("ANY", Some(vec![name.clone()])),
    };
    Some(ToolConfig { function_calling_config: FunctionCallingConfig { mode, allowed_function_names } })
}

fn thinking(request: &ChatRequest, facts: &ModelFacts, thoughts: bool) -> Option<ThinkingConfig> {
    let mut config = ThinkingConfig { include_thoughts: thoughts.then_some(true), ..ThinkingConfig::default() };
    match (request.effort, &facts.effort) {
        (Some(effort), Some(Thinking::Budget(by))) => config.thinking_budget = Some(*by.get(effort)),
        (Some(effort), Some(Thinking::Level(by))) => config.thinking_level = Some(by.get(effort).clone()),
        _ => {}
    }
    (config != ThinkingConfig::default()).then_some(config)
}

/// A note for each setting that has no effect.
fn settings_left_out(request: &ChatRequest, facts: &ModelFacts) -> Vec<Note> {
    let sampling = &request.sampling;
    let mut texts = Vec::new();
    if sampling.repetition_penalty.is_some() {
        texts.push("`repetition_penalty` was left out: Gemini has none".to_owned());
    }
    if request.effort.is_some() && facts.effort.is_none() {
        texts.push(format!(
            "`effort` was left to the model: it is not known how {} is told; `GeminiBuilder::thinking` tells",
            request.model
        ));
    }
    for (name, set) in [
        ("temperature", sampling.temperature.is_some()),
        ("top_p", sampling.top_p.is_some()),
        ("top_k", sampling.top_k.is_some()),
    ] {
        if set && facts.ignores.iter().any(|ignored| ignored == name) {
            texts.push(format!("`{name}` has no effect: {} passes it over", request.model));
        }
    }
    texts.into_iter().map(|text| Note::new(NoteCode::Setting, text)).collect()
}

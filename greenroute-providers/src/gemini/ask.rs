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
            top_k: request.sampling.top_k.map(checks::top_k),
            seed: request.sampling.seed.map(checks::seed),
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
    // A model that cannot think refuses the wish to see its thoughts.
    let include_thoughts = (thoughts && facts.effort.is_some()).then_some(true);
    let mut config = ThinkingConfig { include_thoughts, ..ThinkingConfig::default() };
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
    if sampling.repetition_penalty.is_some_and(|penalty| penalty > 1.0) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemini::facts::Facts;
    use greenroute_core::ModelKey;
    use greenroute_core::chat::{Effort, Message, Sampling, Tool};
    use serde_json::{Value, json};

    fn asking(model: &str, messages: Vec<Message>) -> ChatRequest {
        ChatRequest::new(ModelKey::new("gemini", model), messages)
    }

    fn said(blocks: Vec<Block>) -> Message {
        Message { role: Role::Assistant, blocks }
    }

    fn asked(request: &ChatRequest) -> (Value, Vec<String>) {
        let facts = Facts::shipped().unwrap().of(request.model.model.as_str());
        let (asked, notes) = ask(request, None, &facts, false).unwrap();
        (json!(asked), notes.into_iter().map(|note| note.text.into_owned()).collect())
    }

    /// The body of a recorded request.
    fn recorded(text: &str) -> Value {
        serde_json::from_str::<Value>(text).unwrap()["request"]["body"].take()
    }

    fn weather() -> Tool {
        Tool {
            name: "get_weather".into(),
            description: "Weather".into(),
            parameters: json!({
                "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
            }),
        }
    }

    /// The settings of the recorded requests.
    fn settings(request: ChatRequest) -> ChatRequest {
        ChatRequest {
            max_output_tokens: Some(256),
            effort: Some(Effort::Low),
            sampling: Sampling {
                temperature: Some(0.2),
                top_p: Some(0.9),
                top_k: Some(40),
                seed: Some(7),
                ..Sampling::default()
            },
            stop: vec!["###".into()],
            ..request
        }
    }

    #[test]
    fn every_setting_goes_out_as_it_was_recorded() {
        let messages = vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Say hi.")];
        let request = ChatRequest {
            tools: vec![weather()],
            tool_choice: ToolChoice::One("get_weather".into()),
            ..settings(asking("gemini-3.5-flash-lite", messages))
        };
        let mut body = recorded(include_str!("../../tests/fixtures/wire/gemini_tool_call.json"));
        body["generationConfig"]["thinkingConfig"].as_object_mut().unwrap().remove("includeThoughts");
        let (sent, notes) = asked(&request);
        assert_eq!(sent, body);
        assert_eq!(notes.len(), 3, "this model passes over temperature, top_p and top_k: {notes:?}");
    }

    #[test]
    fn a_plain_prompt_is_nothing_but_its_contents() {
        let request = asking("gemini-2.5-flash", vec![Message::text(Role::User, "Say hi.")]);
        let contents = json!([{"role": "user", "parts": [{"text": "Say hi."}]}]);
        assert_eq!(asked(&request), (json!({ "contents": contents }), vec![]));
    }

    #[test]
    fn a_tools_result_follows_its_call_as_it_was_recorded() {
        let model = ModelKey::new("gemini", "gemini-3.5-flash-lite");
        let sign = Block::Opaque { made_by: model, content: json!({"thoughtSignature": "dG9vbHNpZw=="}) };
        let arguments = json!({"city": "Oslo"});
        let call = Block::ToolCall { id: "call_r-1_0".into(), name: "get_weather".into(), arguments };
        let result = Block::ToolResult { id: "call_r-1_0".into(), content: "4C".into(), is_error: false };
        let messages = vec![
            Message::text(Role::System, "Be brief."),
            Message::text(Role::User, "Weather in Oslo?"),
            said(vec![sign, call]),
            Message { role: Role::User, blocks: vec![result] },
        ];
        let request =
            ChatRequest { tools: vec![weather()], ..settings(asking("gemini-3.5-flash-lite", messages)) };
        let mut body = recorded(include_str!("../../tests/fixtures/wire/gemini_tool_result_followup.json"));
        body["generationConfig"]["thinkingConfig"].as_object_mut().unwrap().remove("includeThoughts");
        assert_eq!(asked(&request).0, body);
    }

    #[test]
    fn a_schema_goes_out_as_it_was_recorded() {
        let messages = vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Say hi.")];
        let schema = json!({
            "type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"],
            "additionalProperties": false
        });
        let request = ChatRequest { schema: Some(schema), ..asking("gemini-3.5-flash", messages) };
        let body = recorded(include_str!("../../tests/fixtures/wire/gemini_structured_output.json"));
        assert_eq!(asked(&request).0, body);
    }

    #[test]
    fn a_schema_that_gemini_would_not_hold_to_is_refused_by_its_keyword() {
        let schema = Some(json!({"type": "string", "minLength": 3}));
        let request = ChatRequest { schema, ..asking("m", vec![Message::text(Role::User, "hi")]) };
        let facts = Facts::shipped().unwrap().of("m");
        let error = ask(&request, None, &facts, false).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("`minLength`"), "{error}");
    }

    #[test]
    fn effort_is_told_as_each_model_takes_it_and_noted_where_that_is_not_known() {
        for (model, effort, config, noted) in [
            ("gemini-2.5-flash", Effort::Off, json!({"thinkingBudget": 0}), 0),
            ("gemini-2.5-pro", Effort::Off, json!({"thinkingBudget": 128}), 0),
            ("gemini-2.5-pro", Effort::High, json!({"thinkingBudget": 32768}), 0),
            ("gemini-3.5-flash", Effort::Off, json!({"thinkingLevel": "minimal"}), 0),
            ("gemini-4-argon", Effort::Medium, json!({"thinkingLevel": "medium"}), 0),
            ("gemini-9", Effort::High, Value::Null, 1),
        ] {
            let messages = vec![Message::text(Role::User, "hi")];
            let (sent, notes) = asked(&ChatRequest { effort: Some(effort), ..asking(model, messages) });
            assert_eq!(sent["generationConfig"]["thinkingConfig"], config, "{model} {effort:?}");
            assert_eq!(notes.len(), noted, "{model}: {notes:?}");
        }
    }

    #[test]
    fn what_gemini_has_no_word_for_is_noted_or_refused() {
        let plain = || asking("gemini-2.5-flash", vec![Message::text(Role::User, "hi")]);
        let sampling =
            Sampling { repetition_penalty: Some(1.1), seed: Some(u64::MAX), ..Sampling::default() };
        let (sent, notes) = asked(&ChatRequest { sampling, ..plain() });
        assert_eq!(sent["generationConfig"], json!({"seed": 2_147_483_647}));
        assert_eq!(notes, ["`repetition_penalty` was left out: Gemini has none"]);
        let facts = Facts::shipped().unwrap().of("m");
        let refused = |request| ask(&request, None, &facts, false).unwrap_err().kind().clone();
        let stop = (0..6).map(|stop| stop.to_string()).collect();
        assert_eq!(refused(ChatRequest { stop, ..plain() }), ErrorKind::Unsupported);
        let image = Block::Image { media_type: "image/png".into(), base64: "AAAA".into() };
        let ruled = Message { role: Role::System, blocks: vec![image] };
        let messages = vec![ruled, Message::text(Role::User, "hi")];
        assert_eq!(refused(asking("m", messages)), ErrorKind::Unsupported);
    }

    #[test]
    fn tool_choices_are_modes() {
        let mode = |tool_choice| {
            let messages = vec![Message::text(Role::User, "hi")];
            let request = ChatRequest { tools: vec![weather()], tool_choice, ..asking("m", messages) };
            asked(&request).0["toolConfig"]["functionCallingConfig"].take()
        };
        assert_eq!(mode(ToolChoice::Auto), Value::Null);
        assert_eq!(mode(ToolChoice::Never), json!({"mode": "NONE"}));
        assert_eq!(mode(ToolChoice::Any), json!({"mode": "ANY"}));
    }
}

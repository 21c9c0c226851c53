//! Requests in Gemini's form.

use super::signature;
use crate::asked::{AskedChat, AskedTool, ToolChoice, Turn};
use crate::fields::{Fields, Wrong};
use greenroute_core::chat::Role;
use serde_json::{Value, json};

/// A body whose fields are named as JSON names them: Google takes the names of its protocol buffers as well, and its own
/// library sends a few. What belongs to the caller keeps its names.
pub(super) fn in_camel_case(body: &Value) -> Value {
    const CALLERS: [&str; 7] = [
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseSchema",
        "responseJsonSchema",
        "metadata",
    ];
    match body {
        Value::Object(fields) => {
            let each = fields.iter().map(|(name, value)| {
                let mut words = name.split('_');
                let mut camel = words.next().unwrap_or_default().to_owned();
                for word in words {
                    let mut letters = word.chars();
                    camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
                    camel.push_str(letters.as_str());
                }
                let value =
                    if CALLERS.contains(&camel.as_str()) { value.clone() } else { in_camel_case(value) };
                (camel, value)
            });
            Value::Object(each.collect())
        }
        Value::Array(values) => values.iter().map(in_camel_case).collect(),
        other => other.clone(),
    }
}

/// A `GenerateContentRequest` for `model`, without its end: whoever has more to read of it calls `done`.
pub(super) fn generate(fields: &mut Fields<'_>, model: &str, thinks: bool) -> Result<AskedChat, Wrong> {
    let mut asked = AskedChat { model: model.to_owned(), ..AskedChat::default() };
    if let Some(mut system) = fields.object("systemInstruction")? {
        system.text("role")?;
        for mut part in system.objects("parts")? {
            let gap = if asked.system.is_empty() { "" } else { "\n" };
            asked.system = format!("{}{gap}{}", asked.system, part.need_text("text")?);
            part.done()?;
        }
        system.done()?;
    }
    contents(fields, &mut asked)?;
    tools(fields, &mut asked)?;
    asked.thinking = thinks;
    if let Some(mut config) = fields.object("generationConfig")? {
        settings(&mut config, &mut asked)?;
        config.done()?;
    }
    for mut setting in fields.objects("safetySettings")? {
        setting.need_text("category")?;
        setting.need_text("threshold")?;
        setting.done()?;
    }
    fields.text("cachedContent")?;
    fields.word("serviceTier", &["standard", "flex", "priority"])?;
    Ok(asked)
}

fn contents(fields: &mut Fields<'_>, asked: &mut AskedChat) -> Result<(), Wrong> {
    let contents = fields.objects("contents")?;
    if contents.is_empty() {
        return Err(fields.missing("contents"));
    }
    // The calls of the model's last turn, which the next turn must answer.
    let mut open: Vec<String> = Vec::new();
    for (place, mut content) in contents.into_iter().enumerate() {
        let role = match content.text("role")?.unwrap_or("user") {
            "user" => Role::User,
            "model" => Role::Assistant,
            _ => return Err(content.rule("role", "Please use a valid role: user, model.")),
        };
        let mut turn = Turn::new(role);
        let (mut calls, mut answered) = (Vec::new(), Vec::new());
        let parts = content.objects("parts")?;
        if parts.is_empty() {
            let told = format!(
                "* GenerateContentRequest.contents[{place}].parts: contents.parts must not be empty.\n"
            );
            return Err(content.rule("parts", told));
        }
        for mut part in parts {
            if let Some(call) = read_part(&mut part, &mut turn, &mut answered)? {
                let signed = part.text("thoughtSignature")?;
                check_signature(&part, &call, signed, asked, calls.is_empty(), place)?;
                calls.push(call.0);
            }
            let signature = part.text("thoughtSignature")?;
            if signature.is_some_and(|signature| !signature::is_bytes(signature)) {
                let told = "Invalid value at 'contents.parts.thought_signature' (TYPE_BYTES), Base64 decoding failed";
                return Err(part.rule("thoughtSignature", told));
            }
            part.flag("thought")?;
            part.done()?;
        }
        content.done()?;
        pair_up(fields, &open, &answered)?;
        open = calls;
        asked.turns.push(turn);
    }
    if !open.is_empty() {
        return Err(fields.rule("contents", UNANSWERED));
    }
    Ok(())
}

const UNANSWERED: &str = "Please ensure that the number of function response parts is equal to the number of function \
                          call parts of the function call turn.";

/// Every call is answered in the next turn, under its name and in its place.
fn pair_up(fields: &Fields<'_>, open: &[String], answered: &[String]) -> Result<(), Wrong> {
    if open.is_empty() && !answered.is_empty() {
        let told = "Please ensure that function response turn comes immediately after a function call turn.";
        return Err(fields.rule("contents", told));
    }
    if open != answered {
        return Err(fields.rule("contents", UNANSWERED));
    }
    Ok(())
}

/// One part's content; a call of a function with its text.
fn read_part(
    part: &mut Fields<'_>,
    turn: &mut Turn,
    answered: &mut Vec<String>,
) -> Result<Option<(String, String)>, Wrong> {
    let kinds =
        ["text", "inlineData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"];
    let given: Vec<_> = kinds.into_iter().filter(|kind| part.any(kind).is_some()).collect();
    let [kind] = given.as_slice() else {
        let told = "* GenerateContentRequest.contents.parts.data: required oneof field 'data' must have one initialized \
                    field\n";
        return Err(part.rule("data", told));
    };
    let user = turn.role == Role::User;
    match *kind {
        "text" => {
            let text = part.need_text("text")?;
            if text.is_empty() && user {
                let told = "* GenerateContentRequest.contents.parts.text: text must not be empty\n";
                return Err(part.rule("text", told));
            }
            turn.text.push_str(text);
        }
        "inlineData" => {
            let mut data = part.object("inlineData")?.ok_or_else(|| part.missing("inlineData"))?;
            let media = data.need_text("mimeType")?;
            if !media.starts_with("image/") {
                return Err(data.rule("mimeType", format!("Unsupported MIME type: {media}")));
            }
            if !signature::is_bytes(data.need_text("data")?) {
                let told =
                    "Invalid value at 'contents.parts.inline_data.data' (TYPE_BYTES), Base64 decoding failed";
                return Err(data.rule("data", told));
            }
            data.done()?;
            turn.images += 1;
        }
        "functionCall" if !user => {
            let mut call = part.object("functionCall")?.ok_or_else(|| part.missing("functionCall"))?;
            let name = call.need_text("name")?.to_owned();
            call.text("id")?;
            let arguments = call.object("args")?.is_some();
            let args = if arguments { call.any("args").cloned().unwrap_or_default() } else { json!({}) };
            call.done()?;
            let text = format!("{name} {args}");
            turn.calls.push(text.clone());
            return Ok(Some((name, text)));
        }
        "functionResponse" if user => {
            let mut response =
                part.object("functionResponse")?.ok_or_else(|| part.missing("functionResponse"))?;
            answered.push(response.need_text("name")?.to_owned());
            response.text("id")?;
            let told = response.object("response")?.is_some();
            if !told {
                return Err(response.missing("response"));
            }
            turn.results.push(response.any("response").map(Value::to_string).unwrap_or_default());
            response.done()?;
        }
        // Code that the vendor ran, whose form is its own.
        "executableCode" | "codeExecutionResult" if !user => {}
        other => {
            let told = format!("Please ensure that {other} stands in a turn whose role may have it.");
            return Err(part.rule(other, told));
        }
    }
    Ok(None)
}

/// The first call of a turn is signed, where the model checks.
fn check_signature(
    part: &Fields<'_>,
    (name, call): &(String, String),
    signed: Option<&str>,
    asked: &AskedChat,
    first: bool,
    place: usize,
) -> Result<(), Wrong> {
    if !signature::is_checked(&asked.model) {
        return Ok(());
    }
    match signed {
        None if first => {
            let told = format!(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to \
                 work correctly, and missing thought_signature may lead to degraded model performance. Additional \
                 data, function call `default_api:{name}`, position {}.",
                place + 1
            );
            Err(part.rule("thoughtSignature", told))
        }
        Some(signature) if !signature::holds(signature, &asked.model, call) => {
            Err(part.rule("thoughtSignature", "Thought signature is not valid."))
        }
        _ => Ok(()),
    }
}

fn tools(fields: &mut Fields<'_>, asked: &mut AskedChat) -> Result<(), Wrong> {
    for mut set in fields.objects("tools")? {
        for mut declared in set.objects("functionDeclarations")? {
            let name = declared.need_text("name")?.to_owned();
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
            let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            if !begins || name.len() > 64 || !name.bytes().all(fits) {
                let told = "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric \
                            (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum \
                            length of 64.";
                return Err(declared.rule("name", told));
            }
            if asked.tools.iter().any(|tool| tool.name == name) {
                return Err(declared.rule("name", format!("Duplicate function declaration found: {name}")));
            }
            declared.text("description")?;
            let (plain, json) = (declared.any("parameters"), declared.any("parametersJsonSchema"));
            if plain.is_some() && json.is_some() {
                let told = "parameters and parameters_json_schema must not both be set.";
                return Err(declared.rule("parameters", told));
            }
            declared.done()?;
            let schema = json.cloned().or_else(|| plain.map(as_json_schema)).unwrap_or_default();
            asked.tools.push(AskedTool { name, schema });
        }
        set.done()?;
    }
    let Some(mut config) = fields.object("toolConfig")? else { return Ok(()) };
    if let Some(mut calling) = config.object("functionCallingConfig")? {
        let mode = calling.word("mode", &["AUTO", "ANY", "NONE", "VALIDATED"])?;
        let allowed = calling.texts("allowedFunctionNames")?.unwrap_or_default();
        if asked.tools.is_empty() {
            let told = "Function calling config is set without function_declarations.";
            return Err(calling.rule("mode", told));
        }
        if !allowed.is_empty() && !matches!(mode, Some("ANY" | "VALIDATED")) {
            let told = "Function calling mode must be ANY or VALIDATED when allowed_function_names is set.";
            return Err(calling.rule("allowedFunctionNames", told));
        }
        if let Some(unknown) = allowed.iter().find(|name| asked.tools.iter().all(|tool| tool.name != **name))
        {
            let told = format!("allowed_function_names has {unknown}, which is not declared.");
            return Err(calling.rule("allowedFunctionNames", told));
        }
        asked.tool_choice = match (mode, allowed.first()) {
            (Some("ANY"), Some(name)) => ToolChoice::One(name.clone()),
            (Some("ANY"), None) => ToolChoice::Any,
            (Some("NONE"), _) => ToolChoice::None,
            _ => ToolChoice::Auto,
        };
        calling.done()?;
    }
    config.done()
}

fn settings(config: &mut Fields<'_>, asked: &mut AskedChat) -> Result<(), Wrong> {
    config.number("temperature", 0.0..=2.0)?;
    config.number("topP", 0.0..=1.0)?;
    config.count("topK", 1)?;
    config.integer("seed", i64::from(i32::MIN)..=i64::from(i32::MAX))?;
    config.integer("candidateCount", 1..=1)?;
    config.number("presencePenalty", -2.0..=2.0)?;
    config.number("frequencyPenalty", -2.0..=2.0)?;
    asked.max_tokens = config.count("maxOutputTokens", 1)?;
    asked.stop = config.texts("stopSequences")?.unwrap_or_default();
    if asked.stop.len() > 5 {
        let told = "* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences.\n";
        return Err(config.rule("stopSequences", told));
    }
    if config.flag("responseLogprobs")? == Some(true) {
        let told = format!("Logprobs is not enabled for models/{}", asked.model);
        return Err(config.rule("responseLogprobs", told));
    }
    let media = config.word("responseMimeType", &["text/plain", "application/json", "text/x.enum"])?;
    let plain = config.any("responseSchema");
    if let Some(keyword) = plain.and_then(openapi_refuses) {
        let told = format!(
            "Invalid JSON payload received. Unknown name \"{keyword}\" at 'generation_config.response_schema': Cannot \
             find field."
        );
        return Err(config.rule("responseSchema", told));
    }
    let schema = config.any("responseJsonSchema").cloned().or_else(|| plain.map(as_json_schema));
    if schema.is_some() && media != Some("application/json") {
        let told = "* GenerateContentRequest.generation_config.response_mime_type: must be application/json where a \
                    schema is set.\n";
        return Err(config.rule("responseMimeType", told));
    }
    let any =
        (media == Some("application/json")).then(|| json!({"properties": {"answer": {"type": "string"}}}));
    asked.schema = schema.or(any);
    if let Some(mut thinking) = config.object("thinkingConfig")? {
        think(&mut thinking, asked)?;
        thinking.done()?;
    }
    Ok(())
}

/// Of the keywords that only JSON Schema has, the first that a schema of the OpenAPI subset holds.
fn openapi_refuses(schema: &Value) -> Option<&'static str> {
    const UNKNOWN: [&str; 5] = ["additionalProperties", "$defs", "$ref", "const", "oneOf"];
    let here = UNKNOWN.into_iter().find(|keyword| schema.get(keyword).is_some());
    let properties =
        schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|named| named.values());
    here.or_else(|| properties.chain(schema.get("items")).find_map(openapi_refuses))
}

/// The OpenAPI subset writes its types in capitals.
fn as_json_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let each = fields.iter().map(|(key, value)| match value {
                Value::String(kind) if key == "type" => (key.clone(), json!(kind.to_ascii_lowercase())),
                other => (key.clone(), as_json_schema(other)),
            });
            Value::Object(each.collect())
        }
        Value::Array(values) => values.iter().map(as_json_schema).collect(),
        other => other.clone(),
    }
}

/// Models that cannot think less than a little.
const NEVER_MINIMAL: [&str; 4] =
    ["gemini-3.1-pro-preview", "gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-argon"];

fn think(config: &mut Fields<'_>, asked: &mut AskedChat) -> Result<(), Wrong> {
    let budget = config.integer("thinkingBudget", -1..=32_768)?;
    let level = config.text("thinkingLevel")?.map(str::to_ascii_lowercase);
    let shown = config.flag("includeThoughts")?;
    if !asked.thinking && (budget.is_some_and(|budget| budget != 0) || level.is_some() || shown == Some(true))
    {
        return Err(config.rule("thinkingConfig", "Thinking is not enabled for this model."));
    }
    if budget.is_some() && level.is_some() {
        let told = "You can only set only one of thinking budget and thinking level.";
        return Err(config.rule("thinkingBudget", told));
    }
    if let Some(level) = &level {
        if !signature::is_checked(&asked.model) {
            return Err(config.rule("thinkingLevel", "Thinking level is not supported for this model."));
        }
        if level == "minimal" && NEVER_MINIMAL.contains(&asked.model.as_str()) {
            let told = "Thinking level MINIMAL is not supported for this model.";
            return Err(config.rule("thinkingLevel", told));
        }
        if !["minimal", "low", "medium", "high"].contains(&level.as_str()) {
            let told = format!(
                "Invalid value at 'generation_config.thinking_config.thinking_level' (TYPE_ENUM), \"{level}\""
            );
            return Err(config.rule("thinkingLevel", told));
        }
    }
    asked.thinking &= budget != Some(0) && level.as_deref() != Some("minimal");
    asked.shows_reasoning = shown == Some(true);
    Ok(())
}

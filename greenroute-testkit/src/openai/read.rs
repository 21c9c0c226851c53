//! Requests in OpenAI's form.

use super::schema;
use crate::asked::{AskedChat, AskedEmbed, AskedList, AskedTool, Recorded, ToolChoice, Turn};
use crate::fields::{Fields, Wrong};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use greenroute_core::chat::Role;
use serde_json::Value;
use std::ops::RangeInclusive;

/// Wherein servers of this form differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Fields that a message may have beside OpenAI's.
    pub(crate) message_fields: &'static [&'static str],
    /// Whether a strict schema must be what OpenAI calls strict.
    pub(crate) strict: bool,
    /// Whether `json_object` makes the answer JSON, and the prompt must speak of it.
    pub(crate) json_object: bool,
}

/// Reads what every server of this form knows, but for the limit of the answer's length and the penalties.
pub(crate) fn chat(fields: &mut Fields<'_>, rules: Rules) -> Result<AskedChat, Wrong> {
    let mut asked = AskedChat { model: fields.need_text("model")?.to_owned(), ..AskedChat::default() };
    messages(fields, rules, &mut asked)?;
    tools(fields, rules, &mut asked)?;
    format(fields, rules, &mut asked)?;
    fields.number("temperature", 0.0..=2.0)?;
    fields.number("top_p", 0.0..=1.0)?;
    fields.integer("seed", i64::MIN..=i64::MAX)?;
    fields.integer("n", 1..=1)?;
    fields.text("user")?;
    asked.stop = match fields.any("stop") {
        None => Vec::new(),
        Some(Value::String(stop)) => vec![stop.clone()],
        Some(_) => fields.texts("stop")?.unwrap_or_default(),
    };
    if asked.stop.len() > 4 {
        let told = "Invalid 'stop': array too long. Expected an array with maximum length 4.";
        return Err(fields.rule("stop", told));
    }
    asked.streamed = fields.flag("stream")?.unwrap_or(false);
    if let Some(mut options) = fields.object("stream_options")? {
        if !asked.streamed {
            let told = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(fields.rule("stream_options", told));
        }
        asked.streamed_usage = options.flag("include_usage")?.unwrap_or(false);
        options.flag("include_obfuscation")?;
        options.done()?;
    }
    let wanted = fields.flag("logprobs")?.unwrap_or(false);
    let top = fields.integer("top_logprobs", 0..=20)?;
    if top.is_some() && !wanted {
        return Err(
            fields.rule("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is set to true.")
        );
    }
    asked.top_log_probabilities = wanted.then(|| top.and_then(|top| u64::try_from(top).ok()).unwrap_or(0));
    Ok(asked)
}

/// The two penalties and the bias, which are read and have no effect.
pub(crate) fn penalties(fields: &mut Fields<'_>, range: RangeInclusive<f64>) -> Result<(), Wrong> {
    fields.number("frequency_penalty", range.clone())?;
    fields.number("presence_penalty", range)?;
    fields.object("logit_bias")?;
    Ok(())
}

fn messages(fields: &mut Fields<'_>, rules: Rules, asked: &mut AskedChat) -> Result<(), Wrong> {
    fields.need_list("messages")?;
    let messages = fields.objects("messages")?;
    if messages.is_empty() {
        let told = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array \
                    instead.";
        return Err(fields.rule("messages", told));
    }
    // The calls that still want their results.
    let mut open: Vec<String> = Vec::new();
    for mut message in messages {
        let role = message.need_text("role")?;
        if role != "tool" && !open.is_empty() {
            return Err(unanswered(&message, &open));
        }
        match role {
            "system" | "developer" => {
                let turn = content(&mut message, Role::System, false)?;
                let gap = if asked.system.is_empty() { "" } else { "\n" };
                asked.system = format!("{}{gap}{}", asked.system, turn.text);
            }
            "user" => asked.turns.push(content(&mut message, Role::User, true)?),
            "assistant" => {
                let calls = message.objects("tool_calls")?;
                let mut turn = if calls.is_empty() || message.any("content").is_some() {
                    content(&mut message, Role::Assistant, false)?
                } else {
                    Turn::new(Role::Assistant)
                };
                for mut call in calls {
                    let id = call.need_text("id")?.to_owned();
                    call.word("type", &["function"])?.ok_or_else(|| call.missing("type"))?;
                    let mut function = call.object("function")?.ok_or_else(|| call.missing("function"))?;
                    let name = function.need_text("name")?;
                    turn.calls.push(format!("{name} {}", function.need_text("arguments")?));
                    function.done()?;
                    call.done()?;
                    open.push(id);
                }
                message.text("refusal")?;
                asked.turns.push(turn);
            }
            "tool" => {
                let id = message.need_text("tool_call_id")?;
                let Some(place) = open.iter().position(|known| known == id) else {
                    let told = "Invalid parameter: messages with role 'tool' must be a response to a preceeding \
                                message with 'tool_calls'.";
                    return Err(message.rule("role", told));
                };
                open.remove(place);
                let result = content(&mut message, Role::User, false)?.text;
                match asked.turns.last_mut() {
                    Some(turn) if !turn.results.is_empty() => turn.results.push(result),
                    _ => asked.turns.push(Turn { results: vec![result], ..Turn::new(Role::User) }),
                }
            }
            other => {
                return Err(Wrong::Word {
                    path: message.path("role"),
                    wanted: vec!["system", "assistant", "user", "tool", "developer"],
                    got: other.to_owned(),
                });
            }
        }
        message.text("name")?;
        for field in rules.message_fields {
            message.text(field)?;
        }
        message.done()?;
    }
    if !open.is_empty() {
        return Err(unanswered(fields, &open));
    }
    let empty = |turn: &Turn| turn.text.is_empty() && turn.images == 0 && turn.results.is_empty();
    if asked.turns.iter().all(empty) && asked.system.is_empty() {
        return Err(fields.rule("messages", "Invalid 'messages': empty prompt."));
    }
    Ok(())
}

fn unanswered(fields: &Fields<'_>, open: &[String]) -> Wrong {
    let told = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    );
    fields.rule("messages", told)
}

/// A text, or parts of which only a user's may be images.
fn content(message: &mut Fields<'_>, role: Role, images: bool) -> Result<Turn, Wrong> {
    let mut turn = Turn::new(role);
    match message.any("content") {
        None => return Err(message.missing("content")),
        Some(Value::String(text)) => turn.text.clone_from(text),
        Some(_) => {
            for mut part in message.objects("content")? {
                match part.need_text("type")? {
                    "text" => turn.text.push_str(part.need_text("text")?),
                    "image_url" if images => {
                        let mut image = part.object("image_url")?.ok_or_else(|| part.missing("image_url"))?;
                        if !is_image(image.need_text("url")?) {
                            return Err(
                                image.rule("url", "Invalid image: expected a URL or base64 of an image.")
                            );
                        }
                        image.word("detail", &["auto", "low", "high"])?;
                        image.done()?;
                        turn.images += 1;
                    }
                    other => {
                        let wanted = if images { vec!["text", "image_url"] } else { vec!["text"] };
                        return Err(Wrong::Word { path: part.path("type"), wanted, got: other.to_owned() });
                    }
                }
                part.done()?;
            }
        }
    }
    Ok(turn)
}

fn is_image(url: &str) -> bool {
    let Some(data) = url.strip_prefix("data:image/") else {
        return url.starts_with("https://") || url.starts_with("http://");
    };
    let bytes = data.split_once(";base64,").map(|(_, bytes)| BASE64_STANDARD.decode(bytes));
    bytes.is_some_and(|bytes| bytes.is_ok_and(|bytes| !bytes.is_empty()))
}

fn tools(fields: &mut Fields<'_>, rules: Rules, asked: &mut AskedChat) -> Result<(), Wrong> {
    for mut tool in fields.objects("tools")? {
        tool.word("type", &["function"])?.ok_or_else(|| tool.missing("type"))?;
        let mut function = tool.object("function")?.ok_or_else(|| tool.missing("function"))?;
        let name = name(&mut function)?;
        function.text("description")?;
        let parameters = function.any("parameters").cloned().unwrap_or_default();
        let strict = function.flag("strict")?.unwrap_or(false) && rules.strict;
        let object = parameters.is_null() || parameters.get("type").and_then(Value::as_str) == Some("object");
        let held = if strict { schema::strict(&parameters) } else { Ok(()) };
        let held =
            if object { held } else { Err("schema must be a JSON Schema of 'type: \"object\"'".to_owned()) };
        if let Err(told) = held {
            let told = format!("Invalid schema for function '{name}': {told}");
            return Err(function.rule("parameters", told));
        }
        function.done()?;
        tool.done()?;
        asked.tools.push(AskedTool { name, schema: parameters });
    }
    fields.flag("parallel_tool_calls")?;
    asked.tool_choice = match fields.any("tool_choice") {
        None => ToolChoice::Auto,
        Some(Value::String(_)) => match fields.word("tool_choice", &["none", "auto", "required"])? {
            Some("none") => ToolChoice::None,
            Some("required") => ToolChoice::Any,
            _ => ToolChoice::Auto,
        },
        Some(_) => {
            let mut choice = fields.object("tool_choice")?.ok_or_else(|| fields.missing("tool_choice"))?;
            choice.word("type", &["function"])?;
            let mut function = choice.object("function")?.ok_or_else(|| choice.missing("function"))?;
            let name = function.need_text("name")?.to_owned();
            function.done()?;
            choice.done()?;
            if !asked.tools.iter().any(|tool| tool.name == name) {
                let told = format!("Tool choice '{name}' not found in 'tools' parameter.");
                return Err(fields.rule("tool_choice", told));
            }
            ToolChoice::One(name)
        }
    };
    if asked.tools.is_empty() && fields.any("tool_choice").is_some() {
        return Err(fields.rule("tool_choice", "'tool_choice' is only allowed when 'tools' are specified."));
    }
    Ok(())
}

fn format(fields: &mut Fields<'_>, rules: Rules, asked: &mut AskedChat) -> Result<(), Wrong> {
    let Some(mut format) = fields.object("response_format")? else { return Ok(()) };
    match format.word("type", &["text", "json_object", "json_schema"])? {
        Some("json_schema") => {
            let mut inner = format.object("json_schema")?.ok_or_else(|| format.missing("json_schema"))?;
            let name = name(&mut inner)?;
            inner.text("description")?;
            let wanted = inner.any("schema").cloned().unwrap_or_default();
            if inner.flag("strict")?.unwrap_or(false)
                && rules.strict
                && let Err(told) = schema::strict(&wanted)
            {
                let told = format!("Invalid schema for response_format '{name}': {told}");
                return Err(Wrong::Rule { path: "response_format".to_owned(), message: told });
            }
            inner.done()?;
            asked.schema = Some(wanted);
        }
        Some("json_object") if rules.json_object => {
            let said = std::iter::once(&asked.system).chain(asked.turns.iter().map(|turn| &turn.text));
            if !said.into_iter().any(|text| text.to_ascii_lowercase().contains("json")) {
                let told = "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                            'json_object'.";
                return Err(Wrong::Rule { path: "messages".to_owned(), message: told.to_owned() });
            }
            asked.schema = Some(serde_json::json!({"properties": {"answer": {"type": "string"}}}));
        }
        Some(_) => {}
        None => return Err(format.missing("type")),
    }
    format.done()
}

/// The name of a function or of a schema.
fn name(fields: &mut Fields<'_>) -> Result<String, Wrong> {
    let name = fields.need_text("name")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(name.to_owned());
    }
    let path = fields.path("name");
    let told = format!(
        "Invalid '{path}': string does not match pattern. Expected a string that matches the pattern \
         '^[a-zA-Z0-9_-]+$'."
    );
    Err(fields.rule("name", told))
}

/// A request for vectors.
pub(crate) fn embed(request: &Recorded) -> Result<AskedEmbed, Wrong> {
    let mut fields = Fields::of(&request.body, "")?;
    let model = fields.need_text("model")?.to_owned();
    let texts = match fields.any("input") {
        None => return Err(fields.missing("input")),
        Some(Value::String(text)) => vec![text.clone()],
        Some(_) => fields.texts("input")?.unwrap_or_default(),
    };
    if texts.is_empty() || texts.len() > 2048 || texts.iter().any(String::is_empty) {
        return Err(fields.rule("input", "'$.input' is invalid. Please check the API reference."));
    }
    let dimensions = fields.integer("dimensions", 1..=3072)?.and_then(|length| u64::try_from(length).ok());
    let base64 = fields.word("encoding_format", &["float", "base64"])? == Some("base64");
    fields.text("user")?;
    fields.done()?;
    Ok(AskedEmbed { model, texts, dimensions, base64 })
}

/// A request for the models, or for one.
pub(crate) fn listing(request: &Recorded, path: &str) -> Option<AskedList> {
    let rest = path.strip_prefix("/models").filter(|_| request.method == "GET")?;
    let only = rest.strip_prefix('/').map(str::to_owned);
    (rest.is_empty() || only.is_some()).then(|| AskedList { only, ..AskedList::default() })
}

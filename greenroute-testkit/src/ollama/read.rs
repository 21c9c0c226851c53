//! Requests in Ollama's form. Unlike the real server this one refuses fields that it does not know.

use super::error::{error, plain};
use super::{HANDLESS, LEVELLED};
use crate::asked::{Asked, AskedChat, AskedEmbed, AskedList, AskedTool, Turn};
use crate::fields::{Fields, Wrong};
use crate::mind::count_words;
use crate::reply::Reply;
use crate::vendor::{Model, Trouble};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use greenroute_core::chat::Role;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn chat(body: &Value, models: &[Model]) -> Result<Asked, Reply> {
    let read = || {
        let mut fields = Fields::of(body, "")?;
        let mut asked = AskedChat { model: fields.need_text("model")?.to_owned(), ..AskedChat::default() };
        messages(&mut fields, &mut asked)?;
        tools(&mut fields, &mut asked)?;
        asked.schema = match fields.any("format") {
            None => None,
            Some(Value::String(word)) if word == "json" => {
                Some(json!({"properties": {"answer": {"type": "string"}}}))
            }
            Some(schema) if schema.is_object() => Some(schema.clone()),
            Some(other) => {
                let told =
                    format!("invalid format: {other}; expected \"json\" or a valid JSON Schema object");
                return Err(fields.rule("format", told));
            }
        };
        // Streamed unless told not to.
        asked.streamed = fields.flag("stream")?.unwrap_or(true);
        let wanted = fields.flag("logprobs")?.unwrap_or(false);
        let top = fields.integer("top_logprobs", 0..=20)?.unwrap_or(0);
        asked.top_log_probabilities = wanted.then(|| u64::try_from(top).unwrap_or(0));
        keep_alive(&mut fields)?;
        let window = options(&mut fields, &mut asked)?;
        let think = fields.any("think").cloned();
        // Absent is true for both.
        let cuts =
            [fields.flag("truncate")?, fields.flag("shift")?].into_iter().any(|cuts| cuts != Some(false));
        fields.done()?;
        Ok((asked, think, window, cuts))
    };
    let (mut asked, think, window, cuts) = read().map_err(|wrong| refused(&wrong))?;
    let Some(model) = models.iter().find(|model| model.id == asked.model) else {
        // The server says so.
        return Ok(Asked::Chat(Box::new(asked)));
    };
    asked.thinking = thinks(model, think.as_ref())?;
    if !asked.tools.is_empty() && model.id == HANDLESS {
        let told = format!("registry.ollama.ai/library/{HANDLESS} does not support tools");
        return Err(error(400, &told));
    }
    if asked.turns.is_empty() {
        // Nothing to say: the model is loaded.
        let loaded = json!({
            "model": asked.model, "created_at": super::write::CREATED,
            "message": {"role": "assistant", "content": ""}, "done_reason": "load", "done": true,
        });
        return Ok(Asked::Own(Reply::json(200, loaded)));
    }
    let window = window.unwrap_or(model.window).min(model.window);
    let tokens = asked.tokens();
    if tokens > window {
        if !cuts {
            return Err(plain(&Trouble::TooLong { tokens, window }));
        }
        cut(&mut asked, window);
    }
    Ok(Asked::Chat(Box::new(asked)))
}

/// Only the last turn is kept, and of it the words that fill half the window: nobody is told.
fn cut(asked: &mut AskedChat, window: u64) {
    let half = usize::try_from(window / 2).unwrap_or(usize::MAX);
    asked.system.clear();
    asked.turns.drain(..asked.turns.len().saturating_sub(1));
    for turn in &mut asked.turns {
        let words: Vec<&str> = turn.text.split_whitespace().collect();
        turn.text = words.get(words.len().saturating_sub(half)..).unwrap_or_default().join(" ");
    }
}

/// Whether it thinks, or that it cannot as told.
fn thinks(model: &Model, think: Option<&Value>) -> Result<bool, Reply> {
    let asked = match think {
        None => return Ok(model.thinks),
        Some(Value::Bool(asked)) => *asked,
        Some(Value::String(level)) if ["low", "medium", "high", "max"].contains(&level.as_str()) => {
            if model.thinks && model.id != LEVELLED {
                let told = format!("think value {level:?} is not supported for this model");
                return Err(error(400, &told));
            }
            true
        }
        Some(other) => {
            let told = format!(
                "invalid think value: {other} (must be \"high\", \"medium\", \"low\", true, or false)"
            );
            return Err(error(400, &told));
        }
    };
    if asked && !model.thinks {
        return Err(error(400, &format!("{:?} does not support thinking", model.id)));
    }
    // A model with levels thinks whatever it is told.
    Ok(asked || model.id == LEVELLED)
}

fn messages(fields: &mut Fields<'_>, asked: &mut AskedChat) -> Result<(), Wrong> {
    let mut called: BTreeMap<String, String> = BTreeMap::new();
    for mut message in fields.objects("messages")? {
        let role = message.word("role", &["system", "user", "assistant", "tool"])?;
        let role = role.ok_or_else(|| message.missing("role"))?;
        let text = message.text("content")?.unwrap_or_default().to_owned();
        match role {
            "system" => {
                let gap = if asked.system.is_empty() { "" } else { "\n" };
                asked.system = format!("{}{gap}{text}", asked.system);
            }
            "tool" => {
                let name = message.need_text("tool_name")?;
                if let Some(id) = message.text("tool_call_id")?
                    && called.get(id).is_none_or(|known| known != name)
                {
                    return Err(message.rule("tool_call_id", format!("no tool {name} was called as {id}")));
                }
                match asked.turns.last_mut() {
                    Some(turn) if !turn.results.is_empty() => turn.results.push(text),
                    _ => asked.turns.push(Turn { results: vec![text], ..Turn::new(Role::User) }),
                }
            }
            "assistant" => {
                message.text("thinking")?;
                let mut turn = Turn { text, ..Turn::new(Role::Assistant) };
                for mut call in message.objects("tool_calls")? {
                    let id = call.text("id")?.map(str::to_owned);
                    let mut function = call.object("function")?.ok_or_else(|| call.missing("function"))?;
                    let name = function.need_text("name")?;
                    function.integer("index", 0..=i64::MAX)?;
                    let arguments = function.any("arguments");
                    if !arguments.is_some_and(Value::is_object) {
                        let told = "json: cannot unmarshal into Go struct field \
                                    .messages.tool_calls.function.arguments of type map";
                        return Err(function.rule("arguments", told));
                    }
                    turn.calls.push(format!("{name} {}", arguments.cloned().unwrap_or_default()));
                    called.extend(id.map(|id| (id, name.to_owned())));
                    function.done()?;
                    call.done()?;
                }
                asked.turns.push(turn);
            }
            _ => {
                let images = message.texts("images")?.unwrap_or_default();
                if images
                    .iter()
                    .any(|image| !BASE64_STANDARD.decode(image).is_ok_and(|bytes| !bytes.is_empty()))
                {
                    return Err(message.rule("images", "illegal base64 data at input byte 0"));
                }
                let images = u64::try_from(images.len()).unwrap_or(u64::MAX);
                asked.turns.push(Turn { text, images, ..Turn::new(Role::User) });
            }
        }
        message.done()?;
    }
    Ok(())
}

fn tools(fields: &mut Fields<'_>, asked: &mut AskedChat) -> Result<(), Wrong> {
    for mut tool in fields.objects("tools")? {
        tool.word("type", &["function"])?.ok_or_else(|| tool.missing("type"))?;
        let mut function = tool.object("function")?.ok_or_else(|| tool.missing("function"))?;
        let name = function.need_text("name")?.to_owned();
        function.text("description")?;
        let schema = function.any("parameters").cloned().unwrap_or_default();
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(function.rule("parameters", "parameters must be a schema of an object"));
        }
        function.done()?;
        tool.done()?;
        asked.tools.push(AskedTool { name, schema });
    }
    Ok(())
}

/// The options that have a meaning here, and the window that is asked for.
fn options(fields: &mut Fields<'_>, asked: &mut AskedChat) -> Result<Option<u64>, Wrong> {
    let Some(mut options) = fields.object("options")? else { return Ok(None) };
    options.number("temperature", 0.0..=2.0)?;
    options.number("top_p", 0.0..=1.0)?;
    options.number("min_p", 0.0..=1.0)?;
    options.integer("top_k", 0..=i64::from(i32::MAX))?;
    options.number("repeat_penalty", 0.0..=f64::MAX)?;
    options.integer("seed", -1..=i64::from(i32::MAX))?;
    asked.max_tokens =
        options.integer("num_predict", 1..=i64::from(i32::MAX))?.and_then(|most| u64::try_from(most).ok());
    asked.stop = options.texts("stop")?.unwrap_or_default();
    let window = options.count("num_ctx", 1)?;
    options.done()?;
    Ok(window)
}

/// Seconds, or a time such as `5m`.
fn keep_alive(fields: &mut Fields<'_>) -> Result<(), Wrong> {
    match fields.any("keep_alive") {
        None | Some(Value::Number(_) | Value::String(_)) => Ok(()),
        Some(_) => Err(fields.rule("keep_alive", "time: invalid duration")),
    }
}

pub(super) fn embed(body: &Value, models: &[Model]) -> Result<Asked, Reply> {
    let read = || {
        let mut fields = Fields::of(body, "")?;
        let model = fields.need_text("model")?.to_owned();
        let texts = match fields.any("input") {
            None => return Err(fields.missing("input")),
            Some(Value::String(text)) => vec![text.clone()],
            Some(_) => fields.texts("input")?.unwrap_or_default(),
        };
        let cuts = fields.flag("truncate")?.unwrap_or(true);
        let dimensions = fields.count("dimensions", 1)?;
        keep_alive(&mut fields)?;
        options(&mut fields, &mut AskedChat::default())?;
        fields.done()?;
        Ok((AskedEmbed { model, texts, dimensions, base64: false }, cuts))
    };
    let (mut asked, cuts) = read().map_err(|wrong| refused(&wrong))?;
    let window = models.iter().find(|model| model.id == asked.model).map(|model| model.window);
    if let Some(window) = window.filter(|_| cuts) {
        let most = usize::try_from(window).unwrap_or(usize::MAX);
        for text in asked.texts.iter_mut().filter(|text| count_words(text) > window) {
            *text = text.split_whitespace().take(most).collect::<Vec<_>>().join(" ");
        }
    }
    Ok(Asked::Embed(asked))
}

pub(super) fn show(body: &Value) -> Result<Asked, Reply> {
    let read = || {
        let mut fields = Fields::of(body, "")?;
        let only = Some(fields.need_text("model")?.to_owned());
        fields.flag("verbose")?;
        fields.done()?;
        Ok(Asked::List(AskedList { only, ..AskedList::default() }))
    };
    read().map_err(|wrong: Wrong| refused(&wrong))
}

fn refused(wrong: &Wrong) -> Reply {
    plain(&Trouble::Invalid(wrong.to_string()))
}

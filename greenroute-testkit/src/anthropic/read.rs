//! What a request asks for, once it has been held against every rule of the API.

use super::rules::{self, Rules};
use super::schema;
use crate::asked::{AskedChat, AskedList, AskedTool, Recorded, ToolChoice};
use crate::fields::{Fields, Wrong};
use crate::vendor::Model;
use serde_json::Value;

/// A place up to which the prompt is to be cached.
#[derive(Debug)]
pub(super) struct Mark {
    /// What stands before it.
    pub(super) prefix: AskedChat,
    pub(super) for_an_hour: bool,
}

impl Mark {
    pub(super) fn key(&self) -> String {
        format!("{:?}", self.prefix)
    }
}

/// A prompt, and its marks from the first to the last; `counted` where it is only to be counted.
pub(super) fn chat(body: &Value, version: &str, counted: bool) -> Result<(AskedChat, Vec<Mark>), Wrong> {
    let mut fields = Fields::of(body, "")?;
    let model = fields.need_text("model")?;
    let rules = rules::of(model);
    let mut asked = AskedChat { model: model.to_owned(), ..AskedChat::default() };
    let mut marks = Marks::default();
    read_tools(&mut fields, &mut asked, rules, &mut marks)?;
    read_system(&mut fields, &mut asked, &mut marks)?;
    let thinking = read_thinking(&mut fields, rules)?;
    asked.thinking = thinking.thinks;
    super::turns::read(&mut fields, &mut asked, rules, &thinking, &mut marks)?;
    read_output(&mut fields, &mut asked, rules)?;
    if marks.all.len() > 4 {
        let found = marks.all.len();
        let message = format!("A maximum of 4 blocks with cache_control may be provided. Found {found}.");
        return Err(fields.rule("cache_control", message));
    }
    if thinking.thinks && matches!(asked.tool_choice, ToolChoice::Any | ToolChoice::One(_)) && thinking.asked
    {
        let message = "Thinking may not be enabled when tool_choice forces tool use.";
        return Err(fields.rule("tool_choice", message));
    }
    if !counted {
        read_limits(&mut fields, &mut asked, &thinking)?;
        if version == "2023-06-01" {
            read_sampling(&mut fields, rules, &thinking)?;
        }
        if let Some(mut metadata) = fields.object("metadata")? {
            metadata.text("user_id")?;
            metadata.done()?;
        }
        fields.word("service_tier", &["auto", "standard_only"])?;
        fields.text("inference_geo")?;
    }
    fields.done()?;
    Ok((asked, marks.all))
}

/// How the request has the model think.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thinking {
    pub(super) thinks: bool,
    /// Whether the request says so itself.
    pub(super) asked: bool,
    pub(super) budget: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Marks {
    all: Vec<Mark>,
}

impl Marks {
    /// Reads the mark of a block, up to which `asked` has been read.
    pub(super) fn read(&mut self, block: &mut Fields<'_>, asked: &AskedChat) -> Result<(), Wrong> {
        let Some(mut control) = block.object("cache_control")? else { return Ok(()) };
        control.word("type", &["ephemeral"])?.ok_or_else(|| control.missing("type"))?;
        let for_an_hour = control.word("ttl", &["5m", "1h"])? == Some("1h");
        control.done()?;
        let AskedChat { model, system, tools, turns, .. } = asked.clone();
        let prefix = AskedChat { model, system, tools, turns, ..AskedChat::default() };
        self.all.push(Mark { prefix, for_an_hour });
        Ok(())
    }
}

fn read_tools(
    fields: &mut Fields<'_>,
    asked: &mut AskedChat,
    rules: Rules,
    marks: &mut Marks,
) -> Result<(), Wrong> {
    for mut tool in fields.objects("tools")? {
        let name = tool.need_text("name")?;
        if !is_word(name, 128) {
            let message =
                format!("{}: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'", tool.path("name"));
            return Err(tool.rule("name", message));
        }
        if asked.tools.iter().any(|known| known.name == name) {
            return Err(tool.rule("name", "tools: Tool names must be unique."));
        }
        tool.text("description")?;
        tool.flag("strict")?;
        tool.word("type", &["custom"])?;
        let schema = tool.any("input_schema").ok_or_else(|| tool.missing("input_schema"))?;
        let path = tool.path("custom.input_schema.type");
        match schema.get("type") {
            Some(kind) if kind == "object" => {}
            Some(_) => {
                return Err(Wrong::Rule { message: format!("{path}: Input should be 'object'"), path });
            }
            None => return Err(Wrong::Rule { message: format!("{path}: Field required"), path }),
        }
        asked.tools.push(AskedTool { name: name.to_owned(), schema: schema.clone() });
        marks.read(&mut tool, asked)?;
        tool.done()?;
    }
    let Some(mut choice) = fields.object("tool_choice")? else { return Ok(()) };
    if asked.tools.is_empty() {
        let message = "tool_choice: may only be specified while providing tools.";
        return Err(fields.rule("tool_choice", message));
    }
    let kind =
        choice.word("type", &["auto", "any", "tool", "none"])?.ok_or_else(|| choice.missing("type"))?;
    asked.tool_choice = match kind {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Any,
        "none" => ToolChoice::None,
        _ => {
            let name = choice.need_text("name")?;
            if asked.tools.iter().all(|tool| tool.name != name) {
                let message = format!("Tool '{name}' not found in provided tools");
                return Err(choice.rule("name", message));
            }
            ToolChoice::One(name.to_owned())
        }
    };
    if kind != "none" {
        choice.flag("disable_parallel_tool_use")?;
    }
    choice.done()?;
    if matches!(kind, "any" | "tool") && !rules.forced_tools {
        return Err(
            fields.rule("tool_choice", "tool_choice: forced tool use is not supported on this model.")
        );
    }
    Ok(())
}

fn read_system(fields: &mut Fields<'_>, asked: &mut AskedChat, marks: &mut Marks) -> Result<(), Wrong> {
    match fields.any("system") {
        Some(Value::String(text)) => asked.system.clone_from(text),
        Some(_) => {
            for mut block in fields.objects("system")? {
                block.word("type", &["text"])?.ok_or_else(|| block.missing("type"))?;
                let text = block.need_text("text")?;
                if text.is_empty() {
                    return Err(block.rule("text", "system: text content blocks must be non-empty"));
                }
                asked.system.push_str(text);
                asked.system.push('\n');
                marks.read(&mut block, asked)?;
                block.done()?;
            }
        }
        None => {}
    }
    Ok(())
}

fn read_thinking(fields: &mut Fields<'_>, rules: Rules) -> Result<Thinking, Wrong> {
    let Some(mut thinking) = fields.object("thinking")? else {
        return Ok(Thinking { thinks: rules.thinks_unasked, asked: false, budget: None });
    };
    let words = ["enabled", "adaptive", "between_tools", "disabled"];
    let kind = thinking.word("type", &words)?.ok_or_else(|| thinking.missing("type"))?;
    if !rules.thinking.contains(&kind) {
        let message = format!(
            "\"thinking.type.{kind}\" is not supported for this model. Use \"thinking.type.{}\".",
            rules.thinking.first().unwrap_or(&"disabled")
        );
        return Err(thinking.rule("type", message));
    }
    let budget = if kind == "enabled" {
        thinking
            .integer("budget_tokens", 1024..=i64::MAX)?
            .ok_or_else(|| thinking.missing("budget_tokens"))?;
        thinking.count("budget_tokens", 1024)?
    } else {
        None
    };
    if matches!(kind, "enabled" | "adaptive") {
        thinking.word("display", &["summarized", "omitted"])?;
    }
    thinking.done()?;
    Ok(Thinking { thinks: matches!(kind, "enabled" | "adaptive"), asked: true, budget })
}

fn read_output(fields: &mut Fields<'_>, asked: &mut AskedChat, rules: Rules) -> Result<(), Wrong> {
    let Some(mut output) = fields.object("output_config")? else { return Ok(()) };
    if output.word("effort", &["low", "medium", "high", "xhigh", "max"])?.is_some() && !rules.effort {
        return Err(output.rule("effort", "This model does not support the effort parameter."));
    }
    if let Some(mut format) = output.object("format")? {
        format.word("type", &["json_schema"])?.ok_or_else(|| format.missing("type"))?;
        let schema = format.any("schema").ok_or_else(|| format.missing("schema"))?;
        schema::check(schema, "output_config.format.schema")?;
        asked.schema = Some(schema.clone());
        format.done()?;
    }
    output.done()
}

fn read_limits(fields: &mut Fields<'_>, asked: &mut AskedChat, thinking: &Thinking) -> Result<(), Wrong> {
    let most = fields.count("max_tokens", 1)?.ok_or_else(|| fields.missing("max_tokens"))?;
    let known = rules::MODELS.iter().find(|model: &&Model| model.id == asked.model);
    if let Some(model) = known.filter(|model| most > model.max_output) {
        let message = format!(
            "max_tokens: {most} > {}, which is the maximum allowed number of output tokens for {}",
            model.max_output, model.id
        );
        return Err(fields.rule("max_tokens", message));
    }
    if thinking.budget.is_some_and(|budget| budget >= most) {
        let message = "`max_tokens` must be greater than `thinking.budget_tokens`.";
        return Err(fields.rule("max_tokens", message));
    }
    asked.max_tokens = Some(most);
    asked.stop = fields.texts("stop_sequences")?.unwrap_or_default();
    if asked.stop.iter().any(|stop| stop.trim().is_empty()) {
        let message = "stop_sequences: each stop sequence must contain non-whitespace";
        return Err(fields.rule("stop_sequences", message));
    }
    asked.streamed = fields.flag("stream")?.unwrap_or(false);
    Ok(())
}

fn read_sampling(fields: &mut Fields<'_>, rules: Rules, thinking: &Thinking) -> Result<(), Wrong> {
    let temperature = fields.number("temperature", 0.0..=1.0)?;
    let top_p = fields.number("top_p", 0.0..=1.0)?;
    let top_k = fields.integer("top_k", 0..=i64::MAX)?;
    let default = |temperature: f64| (temperature - 1.0).abs() < 1e-9;
    let set = temperature.is_some_and(|temperature| !default(temperature));
    let field = if set {
        "temperature"
    } else if top_p.is_some() {
        "top_p"
    } else {
        "top_k"
    };
    if !rules.sampling && (set || top_p.is_some() || top_k.is_some()) {
        return Err(fields.rule(field, format!("`{field}` is deprecated for this model.")));
    }
    if temperature.is_some() && top_p.is_some() {
        let message =
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
        return Err(fields.rule("top_p", message));
    }
    if thinking.thinks && (set || top_k.is_some() || top_p.is_some_and(|top_p| top_p < 0.95)) {
        let message = format!("`{field}` may not be set when thinking is enabled.");
        return Err(fields.rule(field, message));
    }
    Ok(())
}

/// Which models to list.
pub(super) fn list(request: &Recorded) -> Result<AskedList, Wrong> {
    let mut asked = AskedList::default();
    for (name, value) in &request.query {
        let wrong = |message: String| Wrong::Rule { path: name.clone(), message };
        match name.as_str() {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=1000).contains(limit));
                let message = || wrong("limit: Input should be between 1 and 1000".to_owned());
                asked.limit = Some(limit.ok_or_else(message)?);
            }
            "after_id" => {
                let place = rules::MODELS.iter().position(|model| model.id == *value);
                asked.skip = place.ok_or_else(|| wrong(format!("after_id: no model {value}")))? + 1;
            }
            _ => return Err(wrong(format!("{name}: Extra inputs are not permitted"))),
        }
    }
    Ok(asked)
}

/// Whether a text is letters, digits, `_` and `-`, and not too long.
pub(super) fn is_word(text: &str, most: usize) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.len() <= most && text.chars().all(allowed)
}

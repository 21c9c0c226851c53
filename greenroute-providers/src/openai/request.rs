use super::dialect::{Dialect, NoThinking, SchemaForm};
use super::effort::Efforts;
use crate::hosted::{checks, schema};
use greenroute_core::chat::{Block, ChatRequest, Effort, Message, Role, Tool, ToolChoice};
use greenroute_core::{Error, ErrorKind, ModelCard, Note, NoteCode, Result};
use serde_json::{Map, Value, json};

/// A request in the vendor's form.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) body: Map<String, Value>,
    /// What the form has no words for.
    pub(super) notes: Vec<Note>,
}

/// `request` as `dialect` says it.
pub(super) fn write(
    request: &ChatRequest,
    dialect: &Dialect,
    efforts: &Efforts,
    card: Option<&ModelCard>,
) -> Result<Written> {
    let mut writer = Writer { request, dialect, efforts, body: Map::new(), notes: Vec::new() };
    writer.put("model", request.model.model.as_str());
    writer.put("messages", messages(request, dialect)?);
    if let Some(limit) = checks::output_limit(request, card) {
        writer.put(dialect.output_limit, limit);
    }
    writer.sampling();
    writer.tools();
    writer.schema()?;
    if !request.stop.is_empty() {
        writer.put("stop", request.stop.clone());
    }
    let foreign =
        |block: &&Block| matches!(block, Block::Opaque { made_by, .. } if *made_by != request.model);
    let dropped = request.messages.iter().flat_map(|message| &message.blocks).filter(foreign).count();
    if dropped > 0 {
        let text = format!("{dropped} blocks that only another model can read were left out");
        writer.notes.push(Note::new(NoteCode::OpaqueDropped, text));
    }
    if request.log_probabilities && dialect.log_probabilities {
        writer.put("logprobs", true);
    }
    Ok(Written { body: writer.body, notes: writer.notes })
}

struct Writer<'a> {
    request: &'a ChatRequest,
    dialect: &'a Dialect,
    efforts: &'a Efforts,
    body: Map<String, Value>,
    notes: Vec<Note>,
}

impl Writer<'_> {
    fn put(&mut self, field: &str, value: impl Into<Value>) {
        self.body.insert(field.to_owned(), value.into());
    }

    /// A setting that some dialects have a field for.
    fn put_if_known(&mut self, setting: &str, field: Option<&str>, value: Option<impl Into<Value>>) {
        match (field, value) {
            (_, None) => {}
            (Some(field), Some(value)) => self.put(field, value),
            (None, Some(_)) => self.left_out(setting),
        }
    }

    fn left_out(&mut self, setting: &str) {
        let text = format!("`{setting}` was not sent: {} has no such setting for this model", self.dialect);
        self.notes.push(Note::new(NoteCode::Setting, text));
    }

    fn sampling(&mut self) {
        let (sampling, dialect) = (self.request.sampling, *self.dialect);
        self.put_if_known("temperature", Some("temperature"), sampling.temperature);
        self.put_if_known("top_p", Some("top_p"), sampling.top_p);
        self.put_if_known("top_k", dialect.top_k, sampling.top_k.map(checks::top_k));
        self.put_if_known("repetition_penalty", dialect.repetition_penalty, sampling.repetition_penalty);
        self.put_if_known("seed", dialect.seed, sampling.seed.map(checks::seed));
        if let Some(effort) = self.request.effort {
            self.effort(effort);
        }
    }

    fn effort(&mut self, effort: Effort) {
        match self.dialect.no_thinking.filter(|_| effort == Effort::Off) {
            Some(NoThinking::Disabled) => self.put("thinking", json!({"type": "disabled"})),
            Some(NoThinking::Template) => self.put("chat_template_kwargs", json!({"enable_thinking": false})),
            None => match self.efforts.word(effort, self.request.model.model.as_str(), self.dialect) {
                Some(word) => self.put("reasoning_effort", word),
                None => self.left_out("effort"),
            },
        }
    }

    fn tools(&mut self) {
        if self.request.tools.is_empty() {
            return;
        }
        self.put("tools", self.request.tools.iter().map(tool).collect::<Value>());
        match &self.request.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::Never => self.put("tool_choice", "none"),
            ToolChoice::Any => self.put("tool_choice", "required"),
            ToolChoice::One(name) => {
                self.put("tool_choice", json!({"type": "function", "function": {"name": name}}));
            }
        }
    }

    fn schema(&mut self) -> Result<()> {
        let Some(schema) = &self.request.schema else {
            return Ok(());
        };
        let form = match self.dialect.schema {
            SchemaForm::None => {
                let message = format!("{} takes no schema of an answer", self.dialect);
                return Err(Error::new(ErrorKind::Unsupported, self.request.model.to_string(), message));
            }
            SchemaForm::Plain => json!({"name": "answer", "schema": schema}),
            SchemaForm::Strict => {
                let shaped = schema::shape(schema, &schema::STRICT, &self.request.model)?;
                self.notes.extend(shaped.note);
                json!({"name": "answer", "strict": true, "schema": shaped.schema})
            }
        };
        self.put("response_format", json!({"type": "json_schema", "json_schema": form}));
        Ok(())
    }
}

/// A tool in the protocol's form.
pub(super) fn tool(tool: &Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".to_owned(), tool.name.as_str().into());
    if !tool.description.is_empty() {
        function.insert("description".to_owned(), tool.description.as_str().into());
    }
    function.insert("parameters".to_owned(), tool.parameters.clone());
    json!({"type": "function", "function": function})
}

/// The conversation in the protocol's form.
pub(super) fn messages(request: &ChatRequest, dialect: &Dialect) -> Result<Vec<Value>> {
    let scribe = Scribe { request, dialect };
    let mut written = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        match message.role {
            Role::System => scribe.instructions(message, &mut written)?,
            Role::User => scribe.user(message, &mut written)?,
            Role::Assistant => scribe.model(message, &mut written)?,
        }
    }
    Ok(written)
}

struct Scribe<'a> {
    request: &'a ChatRequest,
    dialect: &'a Dialect,
}

impl Scribe<'_> {
    fn misplaced(&self, block: &Block, whose: &str) -> Error {
        let message = format!("{} {} cannot stand in {whose}", article(block), block.kind());
        Error::new(ErrorKind::InvalidRequest, self.request.model.to_string(), message)
    }

    fn instructions(&self, message: &Message, into: &mut Vec<Value>) -> Result<()> {
        if let Some(block) = message.blocks.iter().find(|block| !matches!(block, Block::Text { .. })) {
            return Err(self.misplaced(block, "standing instructions"));
        }
        let text = message.plain_text();
        if !text.is_empty() {
            into.push(json!({"role": self.dialect.system_role, "content": text}));
        }
        Ok(())
    }

    /// Results of tools come first: they must follow the calls.
    fn user(&self, message: &Message, into: &mut Vec<Value>) -> Result<()> {
        let mut parts = Vec::new();
        let mut has_images = false;
        for block in &message.blocks {
            match block {
                Block::Text { text } if text.is_empty() => {}
                Block::Text { text } => parts.push(json!({"type": "text", "text": text})),
                Block::Image { media_type, base64 } => {
                    has_images = true;
                    let url = format!("data:{media_type};base64,{base64}");
                    parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
                }
                Block::ToolResult { id, content, is_error } => {
                    let content = if *is_error { format!("Error: {content}") } else { content.clone() };
                    into.push(json!({"role": "tool", "tool_call_id": self.call_id(id), "content": content}));
                }
                // Nobody but a model makes these, and it has them in its own messages.
                Block::Opaque { .. } => {}
                block => return Err(self.misplaced(block, "what the user says")),
            }
        }
        if has_images {
            into.push(json!({"role": "user", "content": parts}));
        } else if !parts.is_empty() {
            into.push(json!({"role": "user", "content": message.plain_text()}));
        }
        Ok(())
    }

    fn model(&self, message: &Message, into: &mut Vec<Value>) -> Result<()> {
        let mut written = Map::new();
        let mut calls = Vec::new();
        for block in &message.blocks {
            match block {
                Block::Text { .. } => {}
                Block::ToolCall { id, name, arguments } => {
                    let arguments = if arguments.is_null() { "{}".to_owned() } else { arguments.to_string() };
                    let function = json!({"name": name, "arguments": arguments});
                    calls.push(json!({"id": self.call_id(id), "type": "function", "function": function}));
                }
                Block::Opaque { made_by, content } if *made_by == self.request.model => {
                    let fields = content.as_object().into_iter().flatten();
                    let wanted = fields.filter(|(name, _)| self.dialect.replayed.contains(&name.as_str()));
                    written.extend(wanted.map(|(name, value)| (name.clone(), value.clone())));
                }
                Block::Opaque { .. } => {}
                block => return Err(self.misplaced(block, "an answer of the model")),
            }
        }
        let text = message.plain_text();
        if text.is_empty() && calls.is_empty() {
            return Ok(());
        }
        written.insert("role".to_owned(), "assistant".into());
        written.insert("content".to_owned(), if text.is_empty() { Value::Null } else { text.into() });
        if !calls.is_empty() {
            written.insert("tool_calls".to_owned(), calls.into());
        }
        into.push(Value::Object(written));
        Ok(())
    }

    /// The id of a call as this vendor takes it: always the same for the same id, so that call and result still meet.
    fn call_id(&self, id: &str) -> String {
        let Some(length) = self.dialect.call_id_length else {
            return id.to_owned();
        };
        if id.len() == length && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return id.to_owned();
        }
        // FNV-1a, stirred once more for each character.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325, step);
        let mut digit = || {
            hash = step(hash, b'.');
            u32::try_from((hash >> 32) % 36).ok().and_then(|digit| char::from_digit(digit, 36)).unwrap_or('0')
        };
        (0..length).map(|_| digit()).collect()
    }
}

const fn article(block: &Block) -> &'static str {
    match block {
        Block::Image { .. } | Block::Opaque { .. } => "an",
        _ => "a",
    }
}

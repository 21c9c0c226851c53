use super::answer::Asked;
use super::usage::overwrite;
use super::wire::Answer;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use greenroute_core::chat::{ChatEvent, FinishReason};
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_http::{Client, SseItem, SseStream};
use serde_json::{Map, Value, json};

/// An answer that comes in pieces: what `assembly` makes of `items`, up to its end.
pub(super) fn events(items: SseStream, assembly: Assembly) -> BoxStream<'static, Result<ChatEvent>> {
    let reading = Some((items, assembly));
    stream::unfold(reading, |reading| async {
        let (mut items, mut assembly) = reading?;
        let event = next(&mut items, &mut assembly).await;
        let over = matches!(event, Err(_) | Ok(ChatEvent::Done(_)));
        Some((event, (!over).then_some((items, assembly))))
    })
    .boxed()
}

async fn next(items: &mut SseStream, assembly: &mut Assembly) -> Result<ChatEvent> {
    loop {
        match items.next().await {
            Some(Ok(SseItem::Event { name, data })) => {
                if let Some(event) = assembly.take(&name, &data)? {
                    return Ok(event);
                }
            }
            Some(Ok(SseItem::Comment(_))) => {}
            Some(Err(error)) => return Err(error),
            None => return Err(assembly.truncated()),
        }
    }
}

/// An answer as far as it has come.
#[derive(Debug)]
pub(super) struct Assembly {
    client: Client,
    asked: Asked,
    request_id: Option<String>,
    answer: Option<Answer>,
    /// In the order in which their pieces came, so that the pieces joined are the answer's text.
    blocks: Vec<Growing>,
}

/// A block that is not whole yet.
#[derive(Debug)]
struct Growing {
    index: u64,
    /// As it began, and with what came for it since.
    block: Map<String, Value>,
    /// A tool's arguments, so far.
    arguments: String,
}

impl Growing {
    fn is(&self, kind: &str) -> bool {
        self.block.get("type").and_then(Value::as_str) == Some(kind)
    }

    fn append(&mut self, field: &str, more: &str) {
        match self.block.get_mut(field) {
            Some(Value::String(text)) => text.push_str(more),
            _ => drop(self.block.insert(field.to_owned(), json!(more))),
        }
    }
}

impl Assembly {
    /// Nothing yet. `request_id` is what the headers told.
    pub(super) const fn new(client: Client, asked: Asked, request_id: Option<String>) -> Self {
        Self { client, asked, request_id, answer: None, blocks: Vec::new() }
    }

    /// Takes one event of the wire, and gives at most one of greenroute's.
    ///
    /// # Errors
    /// An error that the provider reports, and what cannot be read.
    pub(super) fn take(&mut self, name: &str, data: &str) -> Result<Option<ChatEvent>> {
        let Ok(Value::Object(mut event)) = serde_json::from_str(data) else {
            let known = ["message", "content", "error"].iter().any(|prefix| name.starts_with(prefix));
            return if known { Err(self.broken("an event that is no JSON")) } else { Ok(None) };
        };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or(name).to_owned();
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        let mut part = |field: &str| event.remove(field).unwrap_or_default();
        match kind.as_str() {
            "message_start" => {
                let answer = serde_json::from_value(part("message"));
                self.answer = Some(answer.map_err(|_| self.broken("a beginning that is none"))?);
                Ok(None)
            }
            "content_block_start" => match part("content_block") {
                Value::Object(block) => Ok(self.begin(index, block)),
                _ => Err(self.broken("a block that is none")),
            },
            "content_block_delta" => self.grow(index, &part("delta")),
            "message_delta" => {
                let (mut delta, usage) = (part("delta"), part("usage"));
                let answer = self.answer.get_or_insert_default();
                if let Some(reason) = delta.get("stop_reason").and_then(Value::as_str) {
                    answer.stop_reason = Some(reason.to_owned());
                }
                if let Some(details) = delta.get_mut("stop_details").filter(|details| !details.is_null()) {
                    answer.stop_details = details.take();
                }
                overwrite(&mut answer.usage, usage);
                Ok(None)
            }
            "message_stop" => self.finish().map(Some),
            "error" => Err(self.reported(&Value::Object(event))),
            // A ping, or what the vendor has added since.
            _ => Ok(None),
        }
    }

    fn begin(&mut self, index: u64, block: Map<String, Value>) -> Option<ChatEvent> {
        let text = |field: &str| block.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let event = match block.get("type").and_then(Value::as_str) {
            Some("text") => Some(ChatEvent::Text(text("text"))),
            Some("thinking") => Some(ChatEvent::Thinking(text("thinking"))),
            _ => None,
        };
        self.blocks.push(Growing { index, block, arguments: String::new() });
        event.filter(
            |event| !matches!(event, ChatEvent::Text(text) | ChatEvent::Thinking(text) if text.is_empty()),
        )
    }

    fn grow(&mut self, index: u64, delta: &Value) -> Result<Option<ChatEvent>> {
        let more = |field: &str| delta.get(field).and_then(Value::as_str).unwrap_or_default();
        let (kind, field) = match more("type") {
            "text_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "input_json_delta" => ("", "partial_json"),
            // Citations, and what the vendor has added since.
            _ => return Ok(None),
        };
        let text = more(field);
        if kind == "text" && self.blocks.last().is_none_or(|last| last.index != index || !last.is("text")) {
            self.blocks.push(Growing { index, block: text_block(), arguments: String::new() });
        }
        let Some(block) = self.blocks.iter_mut().rfind(|block| block.index == index) else {
            return Err(self.broken("a piece of a block that has not begun"));
        };
        if kind.is_empty() {
            block.arguments.push_str(text);
            return Ok(None);
        }
        if !block.is(kind) {
            return Err(self.broken("a piece of another kind than its block"));
        }
        block.append(field, text);
        Ok(match field {
            "text" if !text.is_empty() => Some(ChatEvent::Text(text.to_owned())),
            "thinking" if !text.is_empty() => Some(ChatEvent::Thinking(text.to_owned())),
            _ => None,
        })
    }

    fn finish(&mut self) -> Result<ChatEvent> {
        let Some(mut answer) = self.answer.take() else {
            return Err(self.broken("an end without a beginning"));
        };
        let cut = super::answer::finish_reason(answer.stop_reason.as_deref()) == FinishReason::Length;
        let mut content = Vec::with_capacity(self.blocks.len());
        let blocks = std::mem::take(&mut self.blocks);
        let count = blocks.len();
        for (place, Growing { mut block, arguments, .. }) in blocks.into_iter().enumerate() {
            let last = place + 1 == count;
            if !arguments.trim().is_empty() {
                match serde_json::from_str(&arguments) {
                    Ok(arguments) => drop(block.insert("input".to_owned(), arguments)),
                    // `read` leaves it out.
                    Err(_) if cut && last => {}
                    Err(error) => {
                        let message = format!("the model's call of a tool has broken arguments: {error}");
                        return Err(self.asked.fault(ErrorKind::ModelFault, message));
                    }
                }
            }
            content.push(Value::Object(block));
        }
        answer.content = Some(content);
        let mut response = self.asked.read(answer)?;
        response.served.request_id = self.request_id.take();
        Ok(ChatEvent::Done(Box::new(response)))
    }

    /// The text so far.
    fn text(&self) -> String {
        let texts = self.blocks.iter().filter(|growing| growing.is("text"));
        texts.filter_map(|growing| growing.block.get("text")?.as_str()).collect()
    }

    /// Whether the caller has been given anything.
    fn heard(&self) -> bool {
        let said = |growing: &Growing, kind| {
            growing.is(kind)
                && growing.block.get(kind).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
        };
        self.blocks.iter().any(|growing| said(growing, "text") || said(growing, "thinking"))
    }

    /// The provider closed the stream without saying that it was complete.
    pub(super) fn truncated(&self) -> Error {
        let kind = ErrorKind::StreamTruncated { partial: self.text() };
        self.asked.fault(kind, "the stream ended before the answer did")
    }

    fn broken(&self, what: &str) -> Error {
        let kind = if self.heard() { ErrorKind::StreamError } else { ErrorKind::Decode };
        self.asked.fault(kind, format!("the stream held {what}"))
    }

    fn reported(&self, event: &Value) -> Error {
        let error = self.client.error_in(event, &self.asked.key.to_string());
        if !self.heard() {
            return error;
        }
        self.asked.fault(ErrorKind::StreamError, format!("the provider broke off: {}", error.message()))
    }
}

fn text_block() -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), json!("text")), ("text".to_owned(), json!(""))])
}

//! The conversation in Gemini's form: two roles, results of tools by name and order, signatures on their parts.

use super::wire::{Content, FunctionCall, FunctionResponse, InlineData, Part};
use greenroute_core::chat::{Block, ChatRequest, Message, Role};
use greenroute_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// In a [`Block::Opaque`]: the signature of the part that follows.
pub(super) const SIGNATURE: &str = "thoughtSignature";
/// In a [`Block::Opaque`]: the id that Gemini itself gave the function call that follows.
pub(super) const CALL_ID: &str = "callId";

/// Stands for the signature of a tool call that Gemini did not make, or that lost it.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>, "FAQs".
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The conversation but its instructions, and how many private blocks of other models were left out.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] for blocks that their speaker cannot say, and for results of unknown calls.
pub(super) fn contents(request: &ChatRequest, sign_calls: bool) -> Result<(Vec<Content>, usize)> {
    let mut history = History { request, sign_calls, calls: HashMap::new(), contents: Vec::new(), dropped: 0 };
    for message in &request.messages {
        match message.role {
            Role::System => {}
            Role::User => history.heard(message)?,
            Role::Assistant => history.said(message)?,
        }
    }
    Ok((history.contents, history.dropped))
}

struct History<'a> {
    request: &'a ChatRequest,
    sign_calls: bool,
    calls: HashMap<&'a str, Call<'a>>,
    contents: Vec<Content>,
    dropped: usize,
}

/// A tool call that results refer to.
struct Call<'a> {
    name: &'a str,
    /// Gemini's own id of it.
    id: Option<String>,
    /// How many calls were before it: results go back in this order.
    place: usize,
}

/// What stands on a part besides its content.
#[derive(Default)]
struct Mark {
    signature: Option<String>,
    call_id: Option<String>,
}

impl<'a> History<'a> {
    fn heard(&mut self, message: &'a Message) -> Result<()> {
        let (mut results, mut parts) = (Vec::new(), Vec::new());
        for block in &message.blocks {
            match block {
                Block::Text { text } if text.is_empty() => {}
                Block::Text { text } => parts.push(Part { text: Some(text.clone()), ..Part::default() }),
                Block::Image { media_type, base64 } => parts.push(image(media_type, base64)),
                Block::ToolResult { id, content, is_error } => results.push(self.result(id, content, *is_error)?),
                other => return Err(self.fault(format!("a user cannot say a {}", other.kind()))),
            }
        }
        // Results of one turn's calls stand together, whatever number of messages they came in.
        if let (false, Some(last)) = (results.is_empty(), self.contents.last_mut())
            && last.role == Some("user")
            && last.parts.iter().all(|part| part.function_response.is_some())
        {
            let earlier = std::mem::take(&mut last.parts);
            let mut all = earlier.into_iter().map(|part| (0, part)).collect::<Vec<_>>();
            self.contents.pop();
            all.append(&mut results);
            results = all;
        }
        results.sort_by_key(|(place, _)| *place);
        let parts: Vec<Part> = results.into_iter().map(|(_, part)| part).chain(parts).collect();
        self.push("user", parts);
        Ok(())
    }

    fn said(&mut self, message: &'a Message) -> Result<()> {
        let (mut parts, mut mark) = (Vec::new(), Mark::default());
        for block in &message.blocks {
            match block {
                Block::Opaque { made_by, .. } if *made_by != self.request.model => self.dropped += 1,
                Block::Opaque { content, .. } => {
                    leftover(&mut parts, std::mem::take(&mut mark));
                    match read_mark(content) {
                        Some(read) => mark = read,
                        None => parts.extend(serde_json::from_value::<Part>(content.clone())),
                    }
                }
                Block::Text { text } if text.is_empty() => {}
                Block::Text { text } => {
                    parts.push(signed(Part { text: Some(text.clone()), ..Part::default() }, &mut mark));
                }
                Block::Image { media_type, base64 } => parts.push(signed(image(media_type, base64), &mut mark)),
                Block::ToolCall { id, name, arguments } => {
                    let vendors_id = mark.call_id.take();
                    let call = Call { name, id: vendors_id.clone(), place: self.calls.len() };
                    self.calls.insert(id, call);
                    let call = FunctionCall { id: vendors_id, name: name.clone(), args: Some(arguments.clone()) };
                    parts.push(signed(Part { function_call: Some(call), ..Part::default() }, &mut mark));
                }
                other => return Err(self.fault(format!("a model cannot say a {}", other.kind()))),
            }
        }
        leftover(&mut parts, mark);
        // Of calls made together the first alone is signed.
        if let Some(first) = parts.iter_mut().find(|part| part.function_call.is_some())
            && self.sign_calls
        {
            first.thought_signature.get_or_insert_with(|| NO_SIGNATURE.to_owned());
        }
        self.push("model", parts);
        Ok(())
    }

    fn result(&self, id: &str, content: &str, is_error: bool) -> Result<(usize, Part)> {
        let Some(call) = self.calls.get(id) else {
            return Err(self.fault(format!("the tool result `{id}` answers no call before it")));
        };
        let response = match serde_json::from_str::<Map<String, Value>>(content) {
            Ok(object) if !is_error => Value::Object(object),
            _ => json!({ if is_error { "error" } else { "result" }: content }),
        };
        let response = FunctionResponse { id: call.id.clone(), name: call.name.to_owned(), response };
        Ok((call.place, Part { function_response: Some(response), ..Part::default() }))
    }

    /// A turn without anything in it is refused by the API, and says nothing.
    fn push(&mut self, role: &'static str, parts: Vec<Part>) {
        if !parts.is_empty() {
            self.contents.push(Content { role: Some(role), parts });
        }
    }

    fn fault(&self, message: String) -> Error {
        Error::new(ErrorKind::InvalidRequest, self.request.model.to_string(), message)
    }
}

fn image(media_type: &str, base64: &str) -> Part {
    let inline_data = InlineData { mime_type: media_type.to_owned(), data: base64.to_owned() };
    Part { inline_data: Some(inline_data), ..Part::default() }
}

fn signed(mut part: Part, mark: &mut Mark) -> Part {
    part.thought_signature = std::mem::take(mark).signature;
    part
}

/// A signature with no part after it came on an empty text.
fn leftover(parts: &mut Vec<Part>, mark: Mark) {
    if mark.signature.is_some() {
        parts.push(Part { text: Some(String::new()), thought_signature: mark.signature, ..Part::default() });
    }
}

/// The mark that `content` is, unless it is a whole part.
fn read_mark(content: &Value) -> Option<Mark> {
    let object = content.as_object()?;
    let known = object.keys().all(|key| key == SIGNATURE || key == CALL_ID);
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    (known && !object.is_empty()).then(|| Mark { signature: text(SIGNATURE), call_id: text(CALL_ID) })
}

//! The conversation in Gemini's form: two roles, results of tools by name and order, signatures on their parts.

use super::wire::{Content, FunctionCall, FunctionResponse, InlineData, Part};
use crate::hosted::calls;
use greenroute_core::chat::{Block, ChatRequest, Message, Role};
use greenroute_core::{Error, ErrorKind, ModelKey, Result};
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
    let mut history = History {
        request,
        sign_calls,
        calls: HashMap::new(),
        results: Vec::new(),
        contents: Vec::new(),
        dropped: 0,
    };
    for message in &request.messages {
        match message.role {
            Role::System => {}
            Role::User => history.heard(message)?,
            Role::Assistant => history.said(message)?,
        }
    }
    history.hand_over(Vec::new());
    Ok((history.contents, history.dropped))
}

struct History<'a> {
    request: &'a ChatRequest,
    sign_calls: bool,
    calls: HashMap<&'a str, Call<'a>>,
    /// Results whose turn is not closed yet, each with its call's place.
    results: Vec<(usize, Part)>,
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
                Block::ToolResult { id, content, is_error } => {
                    results.push(self.result(id, content, *is_error)?);
                }
                other => return Err(self.fault(format!("a user cannot say a {}", other.kind()))),
            }
        }
        // Results of one turn's calls stand together, whatever number of messages they came in.
        if results.is_empty() {
            self.hand_over(Vec::new());
        }
        self.results.append(&mut results);
        if !parts.is_empty() {
            self.hand_over(parts);
        }
        Ok(())
    }

    /// Closes the user's turn: the results so far in the order of their calls, then `parts`.
    fn hand_over(&mut self, parts: Vec<Part>) {
        let mut results = std::mem::take(&mut self.results);
        results.sort_by_key(|(place, _)| *place);
        self.push("user", results.into_iter().map(|(_, part)| part).chain(parts).collect());
    }

    fn said(&mut self, message: &'a Message) -> Result<()> {
        self.hand_over(Vec::new());
        let (mut parts, mut mark) = (Vec::new(), Mark::default());
        for block in &message.blocks {
            match block {
                Block::Opaque { made_by, .. } if !self.is_asked(made_by) => self.dropped += 1,
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
                Block::Image { media_type, base64 } => {
                    parts.push(signed(image(media_type, base64), &mut mark));
                }
                Block::ToolCall { id, name, arguments } => {
                    let vendors_id = mark.call_id.take();
                    let call = Call { name, id: vendors_id.clone(), place: self.calls.len() };
                    self.calls.insert(id, call);
                    let args = Some(calls::as_object(arguments).into_owned());
                    let call = FunctionCall { id: vendors_id, name: name.clone(), args };
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

    /// In whatever region: signatures are the model's.
    fn is_asked(&self, made_by: &ModelKey) -> bool {
        let asked = &self.request.model;
        made_by.provider == asked.provider && made_by.model == asked.model
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ModelKey {
        ModelKey::new("gemini", "m")
    }

    fn history(messages: Vec<Message>, sign: bool) -> Result<(Value, usize)> {
        let (contents, dropped) = contents(&ChatRequest::new(key(), messages), sign)?;
        Ok((json!(contents), dropped))
    }

    fn said(blocks: Vec<Block>) -> Message {
        Message { role: Role::Assistant, blocks }
    }

    fn heard(blocks: Vec<Block>) -> Message {
        Message { role: Role::User, blocks }
    }

    fn call(id: &str, name: &str) -> Block {
        Block::ToolCall { id: id.into(), name: name.into(), arguments: json!({}) }
    }

    fn result(id: &str, content: &str) -> Block {
        Block::ToolResult { id: id.into(), content: content.into(), is_error: false }
    }

    fn opaque(content: Value) -> Block {
        Block::Opaque { made_by: key(), content }
    }

    #[test]
    fn results_stand_together_in_the_order_of_their_calls() {
        let messages = vec![
            heard(vec![Block::text("go")]),
            said(vec![call("a", "one"), call("b", "two"), call("c", "one")]),
            heard(vec![result("c", "3")]),
            heard(vec![result("b", "{\"n\": 2}"), Block::text("and?")]),
        ];
        let (contents, _) = history(messages, false).unwrap();
        let expected = json!([
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "one", "args": {}}},
                {"functionCall": {"name": "two", "args": {}}},
                {"functionCall": {"name": "one", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "two", "response": {"n": 2}}},
                {"functionResponse": {"name": "one", "response": {"result": "3"}}},
                {"text": "and?"},
            ]},
        ]);
        assert_eq!(contents, expected);
    }

    #[test]
    fn a_failed_tool_says_so_and_an_unknown_call_is_refused() {
        let failed = Block::ToolResult { id: "a".into(), content: "{}".into(), is_error: true };
        let (contents, _) = history(vec![said(vec![call("a", "one")]), heard(vec![failed])], false).unwrap();
        let response = json!({"name": "one", "response": {"error": "{}"}});
        assert_eq!(contents[1]["parts"][0]["functionResponse"], response);
        let error = history(vec![heard(vec![result("x", "1")])], false).unwrap_err();
        assert_eq!(error.to_string(), "gemini/m: the tool result `x` answers no call before it");
        assert_eq!(*error.kind(), ErrorKind::InvalidRequest);
        for bad in [said(vec![call("a", "one"), result("a", "1")]), heard(vec![call("a", "one")])] {
            assert_eq!(*history(vec![bad], false).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
    }

    #[test]
    fn a_signature_goes_back_on_the_part_after_it() {
        let messages = vec![said(vec![
            opaque(json!({"thought": true, "text": "hm", "thoughtSignature": "s0"})),
            opaque(json!({"thoughtSignature": "s1"})),
            Block::text("Hi"),
            Block::text(" there."),
            opaque(json!({"thoughtSignature": "s2", "callId": "v7"})),
            call("v7", "one"),
            call("b", "two"),
            opaque(json!({"executableCode": {"language": "PYTHON", "code": "1"}})),
            opaque(json!({"thoughtSignature": "s3"})),
        ])];
        let (contents, dropped) = history(messages, true).unwrap();
        let parts = json!([
            {"text": "hm", "thought": true, "thoughtSignature": "s0"},
            {"text": "Hi", "thoughtSignature": "s1"},
            {"text": " there."},
            {"functionCall": {"id": "v7", "name": "one", "args": {}}, "thoughtSignature": "s2"},
            {"functionCall": {"name": "two", "args": {}}},
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"text": "", "thoughtSignature": "s3"},
        ]);
        assert_eq!(contents, json!([{"role": "model", "parts": parts}]));
        assert_eq!(dropped, 0);
    }

    #[test]
    fn a_signature_holds_in_every_region() {
        let elsewhere = ModelKey { region: Some("eu".into()), ..key() };
        let sign = Block::Opaque { made_by: elsewhere, content: json!({"thoughtSignature": "s"}) };
        let (contents, dropped) = history(vec![said(vec![sign, Block::text("Hi")])], true).unwrap();
        assert_eq!((&contents[0]["parts"][0]["thoughtSignature"], dropped), (&json!("s"), 0));
    }

    #[test]
    fn a_vendors_id_goes_back_with_the_result() {
        let sign = opaque(json!({"thoughtSignature": "s", "callId": "v7"}));
        let messages = vec![said(vec![sign, call("v7", "one")]), heard(vec![result("v7", "1")])];
        let (contents, _) = history(messages, true).unwrap();
        let response = json!({"id": "v7", "name": "one", "response": {"result": "1"}});
        assert_eq!(contents[1]["parts"][0]["functionResponse"], response);
    }

    #[test]
    fn a_call_without_a_signature_gets_the_stand_in_where_the_model_checks() {
        let other = ModelKey::new("gemini", "other");
        let foreign = Block::Opaque { made_by: other, content: json!({"thoughtSignature": "theirs"}) };
        let messages = || vec![said(vec![foreign.clone(), call("a", "one"), call("b", "two")])];
        let (checked, dropped) = history(messages(), true).unwrap();
        assert_eq!(checked[0]["parts"][0]["thoughtSignature"], json!("skip_thought_signature_validator"));
        assert_eq!(checked[0]["parts"][1].get("thoughtSignature"), None, "the first of several alone");
        assert_eq!(dropped, 1);
        let (unchecked, _) = history(messages(), false).unwrap();
        assert_eq!(unchecked[0]["parts"][0].get("thoughtSignature"), None);
    }

    #[test]
    fn turns_without_anything_in_them_are_left_out() {
        let messages = vec![
            heard(vec![Block::text("hi")]),
            said(vec![]),
            said(vec![Block::text("")]),
            heard(vec![Block::Image { media_type: "image/png".into(), base64: "AAAA".into() }]),
        ];
        let image = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}});
        let expected = json!([
            {"role": "user", "parts": [{"text": "hi"}]}, {"role": "user", "parts": [image]}
        ]);
        assert_eq!(history(messages, true).unwrap().0, expected);
    }
}

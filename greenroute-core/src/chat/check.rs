//! What can be said of a request before anything is sent: one that cannot succeed costs no round trip, and every
//! provider refuses it in the same words.

use super::message::{Block, Role, ToolChoice};
use super::request::ChatRequest;
use crate::model::ModelCard;
use crate::{Error, ErrorKind, Result};

impl ChatRequest {
    /// Checks the request for itself, and against the card of its model where there is one: of a model without a card
    /// nothing is known, and its provider decides.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] for an empty or contradictory request, [`ErrorKind::Unsupported`] for what the
    /// card does not accept.
    pub fn check(&self, card: Option<&ModelCard>) -> Result<()> {
        let fault = |kind, message: String| Err(Error::new(kind, self.model.to_string(), message));
        let invalid = |message: &str| fault(ErrorKind::InvalidRequest, message.to_owned());
        self.sampling.validate()?;
        if !self.asks_something() {
            return invalid("the prompt must not be empty");
        }
        if self.stop.iter().any(String::is_empty) {
            return invalid("a stop text must not be empty");
        }
        if self.max_output_tokens == Some(0) {
            return invalid("`max_output_tokens` must be at least 1");
        }
        match &self.tool_choice {
            ToolChoice::Any if self.tools.is_empty() => return invalid("no tool is there to be called"),
            ToolChoice::One(name) if self.tools.iter().all(|tool| tool.name != *name) => {
                return invalid(&format!("the tool `{name}` that must be called is not among the tools"));
            }
            _ => {}
        }
        for block in self.messages.iter().flat_map(|message| &message.blocks) {
            if let Block::Image { media_type, base64 } = block {
                if !media_type.starts_with("image/") {
                    return invalid(&format!(
                        "an image's `media_type` must begin with `image/`, not be `{media_type}`"
                    ));
                }
                if !is_base64(base64) {
                    return invalid("an image's `base64` must be standard base64, and not empty");
                }
            }
        }
        if self.schema.as_ref().is_some_and(|schema| !schema.is_object()) {
            return invalid("`schema` must be a JSON object");
        }
        let Some(accepts) = card.map(|card| card.accepts) else {
            return Ok(());
        };
        let blocks = || self.messages.iter().flat_map(|message| &message.blocks);
        let is_tool = |block: &Block| matches!(block, Block::ToolCall { .. } | Block::ToolResult { .. });
        let unsupported =
            |what: &str| fault(ErrorKind::Unsupported, format!("this model does not take {what}"));
        if !accepts.images && blocks().any(|block| matches!(block, Block::Image { .. })) {
            return unsupported("images");
        }
        if !accepts.tools && (!self.tools.is_empty() || blocks().any(is_tool)) {
            return unsupported("tools");
        }
        if !accepts.schema && self.schema.is_some() {
            return unsupported("a schema");
        }
        Ok(())
    }

    /// Whether there is anything besides instructions and models' private notes.
    fn asks_something(&self) -> bool {
        let said = self.messages.iter().filter(|message| message.role != Role::System);
        said.flat_map(|message| &message.blocks).any(|block| match block {
            Block::Text { text } => !text.trim().is_empty(),
            Block::Opaque { .. } => false,
            _ => true,
        })
    }
}

/// Whether `text` is standard base64 (RFC 4648, section 4), padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let padded = padding == 0 || (padding <= 2 && text.len().is_multiple_of(4));
    !digits.is_empty() && padded && digits.len() % 4 != 1 && digits.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Message, Sampling, Tool};
    use crate::model::{Accepts, ModelKey, Privacy, Window};
    use serde_json::json;

    fn card(accepts: Accepts) -> ModelCard {
        let window = Window { context: 1000, max_output: Some(100) };
        let mut card = ModelCard::new(ModelKey::new("p", "m"), window, Privacy::Remote);
        card.accepts = accepts;
        card
    }

    fn asking(blocks: Vec<Block>) -> ChatRequest {
        ChatRequest::new(ModelKey::new("p", "m"), vec![Message { role: Role::User, blocks }])
    }

    fn kind(request: &ChatRequest, card: Option<&ModelCard>) -> Option<ErrorKind> {
        request.check(card).err().map(|error| error.kind().clone())
    }

    fn tool() -> Tool {
        Tool { name: "weather".into(), description: String::new(), parameters: json!({"type": "object"}) }
    }

    #[test]
    fn a_plain_request_passes_with_and_without_a_card() {
        let plain = asking(vec![Block::text("hi")]);
        assert_eq!(kind(&plain, None), None);
        assert_eq!(kind(&plain, Some(&card(Accepts::default()))), None);
    }

    #[test]
    fn what_says_nothing_is_empty_and_instructions_alone_are_too() {
        let note = Block::Opaque { made_by: ModelKey::new("p", "m"), content: json!({}) };
        let system = Message::text(Role::System, "Be brief.");
        let none = ChatRequest { messages: vec![], ..asking(vec![]) };
        let ruled = ChatRequest { messages: vec![system], ..asking(vec![]) };
        let blank = [asking(vec![]), asking(vec![Block::text(" \n")]), asking(vec![note]), none, ruled];
        for request in blank {
            assert_eq!(kind(&request, None), Some(ErrorKind::InvalidRequest), "{:?}", request.messages);
        }
    }

    #[test]
    fn contradictions_are_invalid_whatever_the_model() {
        let plain = || asking(vec![Block::text("hi")]);
        let hot = Sampling { temperature: Some(3.0), ..Sampling::default() };
        for request in [
            ChatRequest { stop: vec!["END".into(), String::new()], ..plain() },
            ChatRequest { max_output_tokens: Some(0), ..plain() },
            ChatRequest { sampling: hot, ..plain() },
            ChatRequest { tool_choice: ToolChoice::Any, ..plain() },
            ChatRequest { tool_choice: ToolChoice::One("time".into()), tools: vec![tool()], ..plain() },
        ] {
            assert_eq!(kind(&request, None), Some(ErrorKind::InvalidRequest), "{request:?}");
        }
        let named =
            ChatRequest { tool_choice: ToolChoice::One("weather".into()), tools: vec![tool()], ..plain() };
        assert_eq!(kind(&named, None), None);
    }

    #[test]
    fn what_the_card_does_not_accept_is_refused_and_without_a_card_sent() {
        let image = Block::Image { media_type: "image/png".into(), base64: "AAAA".into() };
        let result = Block::ToolResult { id: "1".into(), content: "sunny".into(), is_error: false };
        let tools = ChatRequest { tools: vec![tool()], ..asking(vec![Block::text("hi")]) };
        let schema = ChatRequest { schema: Some(json!({})), ..asking(vec![Block::text("hi")]) };
        for (request, accepts) in [
            (asking(vec![image]), Accepts { images: true, ..Accepts::default() }),
            (asking(vec![result]), Accepts { tools: true, ..Accepts::default() }),
            (tools, Accepts { tools: true, ..Accepts::default() }),
            (schema, Accepts { schema: true, ..Accepts::default() }),
        ] {
            assert_eq!(kind(&request, None), None, "{request:?}");
            assert_eq!(kind(&request, Some(&card(accepts))), None, "{request:?}");
            let refused = kind(&request, Some(&card(Accepts::default())));
            assert_eq!(refused, Some(ErrorKind::Unsupported), "{request:?}");
        }
    }

    #[test]
    fn base64_is_padded_whole_or_not_at_all() {
        for good in ["AAAA", "AAA", "AAA=", "AA", "AA==", "+/+/"] {
            assert!(is_base64(good), "{good}");
        }
        for bad in ["", "=", "A", "AA=", "AAA==", "AAAA=", "AAAA==", "AA===", "A=AA", "-_-_", "AA A", "%%%%"]
        {
            assert!(!is_base64(bad), "{bad}");
        }
    }
}

//! What is checked before anything is sent: a request that cannot succeed costs no round trip, and is refused in the
//! same words by every provider.

use greenroute_core::chat::{Block, ChatRequest, Role, ToolChoice};
use greenroute_core::model::{ModelCard, ModelKey, ProviderName};
use greenroute_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// The card of `model` among a provider's `cards`.
pub(crate) fn card_of<'a>(cards: &'a [Arc<ModelCard>], model: &ModelKey) -> Option<&'a ModelCard> {
    cards.iter().map(Arc::as_ref).find(|card| card.key == *model)
}

/// Whether `request` may be sent to `provider`, as far as it and the model's card tell. Of a model without a card
/// nothing is known, and the vendor decides.
///
/// # Errors
/// [`ErrorKind::ModelNotFound`] for another provider's model, [`ErrorKind::InvalidRequest`] for an empty or
/// contradictory request, [`ErrorKind::Unsupported`] for what the card does not accept.
pub(crate) fn check(request: &ChatRequest, provider: &ProviderName, card: Option<&ModelCard>) -> Result<()> {
    let fault = |kind, message: String| Err(Error::new(kind, request.model.to_string(), message));
    let invalid = |message: &str| fault(ErrorKind::InvalidRequest, message.to_owned());
    if request.model.provider != *provider {
        let message = format!("`{provider}` serves no model of `{}`", request.model.provider);
        return fault(ErrorKind::ModelNotFound, message);
    }
    request.sampling.validate()?;
    if !asks_something(request) {
        return invalid("the prompt must not be empty");
    }
    if request.stop.iter().any(String::is_empty) {
        return invalid("a stop text must not be empty");
    }
    if request.max_output_tokens == Some(0) {
        return invalid("`max_output_tokens` must be at least 1");
    }
    match &request.tool_choice {
        ToolChoice::Any if request.tools.is_empty() => return invalid("no tool is there to be called"),
        ToolChoice::One(name) if request.tools.iter().all(|tool| tool.name != *name) => {
            return invalid(&format!("the tool `{name}` that must be called is not among the tools"));
        }
        _ => {}
    }
    let Some(accepts) = card.map(|card| card.accepts) else {
        return Ok(());
    };
    let blocks = || request.messages.iter().flat_map(|message| &message.blocks);
    let is_tool = |block: &Block| matches!(block, Block::ToolCall { .. } | Block::ToolResult { .. });
    let unsupported = |what: &str| fault(ErrorKind::Unsupported, format!("this model does not take {what}"));
    if !accepts.images && blocks().any(|block| matches!(block, Block::Image { .. })) {
        return unsupported("images");
    }
    if !accepts.tools && (!request.tools.is_empty() || blocks().any(is_tool)) {
        return unsupported("tools");
    }
    if !accepts.schema && request.schema.is_some() {
        return unsupported("a schema");
    }
    Ok(())
}

/// The limit of output to send: that of the request, or the card's where it is lower, since vendors refuse a larger
/// number where a lower one keeps both promises.
pub(crate) fn output_limit(request: &ChatRequest, card: Option<&ModelCard>) -> Option<u64> {
    let most = card.and_then(|card| card.window.max_output);
    request.max_output_tokens.map(|asked| most.map_or(asked, |most| asked.min(most)))
}

/// Whether there is anything besides instructions and other models' private notes.
fn asks_something(request: &ChatRequest) -> bool {
    let said = request.messages.iter().filter(|message| message.role != Role::System);
    said.flat_map(|message| &message.blocks).any(|block| match block {
        Block::Text { text } => !text.trim().is_empty(),
        Block::Opaque { .. } => false,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::chat::{Message, Sampling, Tool};
    use greenroute_core::model::{Accepts, Privacy, Window};
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
        check(request, &ProviderName::new("p"), card).err().map(|error| error.kind().clone())
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
    fn another_providers_model_is_not_found() {
        let other = ChatRequest { model: ModelKey::new("q", "m"), ..asking(vec![Block::text("hi")]) };
        let error = check(&other, &ProviderName::new("p"), None).unwrap_err();
        assert_eq!(error.to_string(), "q/m: `p` serves no model of `q`");
        assert_eq!(*error.kind(), ErrorKind::ModelNotFound);
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
    fn the_lower_of_two_output_limits_is_sent() {
        let asked = |tokens| ChatRequest { max_output_tokens: tokens, ..asking(vec![]) };
        let card = card(Accepts::default());
        assert_eq!(output_limit(&asked(Some(500)), Some(&card)), Some(100));
        assert_eq!(output_limit(&asked(Some(50)), Some(&card)), Some(50));
        assert_eq!(output_limit(&asked(Some(500)), None), Some(500));
        assert_eq!(output_limit(&asked(None), Some(&card)), None);
    }

    #[test]
    fn a_card_is_found_by_its_whole_key() {
        let cards = [Arc::new(card(Accepts::default()))];
        assert!(card_of(&cards, &ModelKey::new("p", "m")).is_some());
        assert!(card_of(&cards, &ModelKey::new("q", "m")).is_none());
    }
}

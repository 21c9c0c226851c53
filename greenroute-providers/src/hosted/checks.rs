//! What is checked before anything is sent.

use greenroute_core::chat::ChatRequest;
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
/// [`ErrorKind::ModelNotFound`] for another provider's model, and those of [`ChatRequest::check`].
pub(crate) fn check(request: &ChatRequest, provider: &ProviderName, card: Option<&ModelCard>) -> Result<()> {
    if request.model.provider != *provider {
        let message = format!("`{provider}` serves no model of `{}`", request.model.provider);
        return Err(Error::new(ErrorKind::ModelNotFound, request.model.to_string(), message));
    }
    request.check(card)
}

/// The limit of output to send: that of the request, or the card's where it is lower, since vendors refuse a larger
/// number where a lower one keeps both promises.
pub(crate) fn output_limit(request: &ChatRequest, card: Option<&ModelCard>) -> Option<u64> {
    let most = card.and_then(|card| card.window.max_output);
    request.max_output_tokens.map(|asked| most.map_or(asked, |most| asked.min(most)))
}

/// A seed that every vendor takes: 31 bits, as the narrowest of them have it. Equal seeds stay equal.
pub(crate) const fn seed(seed: u64) -> u64 {
    seed & 0x7fff_ffff
}

/// A `top_k` that every vendor takes: no vocabulary has more tokens than a signed number of 32 bits.
pub(crate) const fn top_k(top_k: u32) -> u32 {
    if top_k > 0x7fff_ffff { 0x7fff_ffff } else { top_k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::chat::{Message, Role};
    use greenroute_core::model::{Privacy, Window};

    fn card() -> ModelCard {
        let window = Window { context: 1000, max_output: Some(100) };
        ModelCard::new(ModelKey::new("p", "m"), window, Privacy::Remote)
    }

    fn asking(model: ModelKey) -> ChatRequest {
        ChatRequest::new(model, vec![Message::text(Role::User, "hi")])
    }

    #[test]
    fn another_providers_model_is_not_found() {
        let provider = ProviderName::new("p");
        let error = check(&asking(ModelKey::new("q", "m")), &provider, None).unwrap_err();
        assert_eq!(error.to_string(), "q/m: `p` serves no model of `q`");
        assert_eq!(*error.kind(), ErrorKind::ModelNotFound);
        assert!(check(&asking(ModelKey::new("p", "m")), &provider, None).is_ok());
    }

    #[test]
    fn what_the_card_does_not_accept_is_refused_before_sending() {
        let schema = ChatRequest { schema: Some(serde_json::json!({})), ..asking(ModelKey::new("p", "m")) };
        let error = check(&schema, &ProviderName::new("p"), Some(&card())).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn the_lower_of_two_output_limits_is_sent() {
        let asked = |tokens| ChatRequest { max_output_tokens: tokens, ..asking(ModelKey::new("p", "m")) };
        assert_eq!(output_limit(&asked(Some(500)), Some(&card())), Some(100));
        assert_eq!(output_limit(&asked(Some(50)), Some(&card())), Some(50));
        assert_eq!(output_limit(&asked(Some(500)), None), Some(500));
        assert_eq!(output_limit(&asked(None), Some(&card())), None);
    }

    #[test]
    fn a_card_is_found_by_its_whole_key() {
        let cards = [Arc::new(card())];
        assert!(card_of(&cards, &ModelKey::new("p", "m")).is_some());
        assert!(card_of(&cards, &ModelKey::new("q", "m")).is_none());
    }
}

use greenroute_core::model::ModelCard;
use greenroute_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// The cards of `provider`: the shipped ones, and `given` ones in addition or instead.
///
/// # Errors
/// [`ErrorKind::Config`] for a given card of another provider, or with a number out of its range.
pub(crate) fn cards_of(provider: &str, given: Vec<ModelCard>) -> Result<Vec<Arc<ModelCard>>> {
    gather(provider, crate::cards_of(provider)?.into_iter().chain(given))
}

/// The `given` cards of `provider` alone: of a server that has only what its user put there.
///
/// # Errors
/// As [`cards_of`].
pub(crate) fn given_cards(provider: &str, given: Vec<ModelCard>) -> Result<Vec<Arc<ModelCard>>> {
    gather(provider, given)
}

fn gather(provider: &str, all: impl IntoIterator<Item = ModelCard>) -> Result<Vec<Arc<ModelCard>>> {
    let mut cards: Vec<Arc<ModelCard>> = Vec::new();
    for card in all {
        card.validate()?;
        if card.key.provider.as_str() != provider {
            let message = format!("the card of {} is not one of `{provider}`", card.key);
            return Err(Error::new(ErrorKind::Config, provider, message));
        }
        let card = Arc::new(card);
        match cards.iter_mut().find(|known| known.key == card.key) {
            Some(known) => *known = card,
            None => cards.push(card),
        }
    }
    Ok(cards)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::ModelKey;
    use greenroute_core::model::{Privacy, Window};

    fn card(provider: &str, context: u64) -> ModelCard {
        let window = Window { context, max_output: None };
        ModelCard::new(ModelKey::new(provider, "m"), window, Privacy::Remote)
    }

    #[test]
    fn a_later_card_takes_the_place_of_an_earlier_one() {
        let cards = cards_of("p", vec![card("p", 1), card("p", 2)]).unwrap();
        assert_eq!(cards.iter().map(|card| card.window.context).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_foreign_or_senseless_card_is_refused_by_name() {
        let foreign = cards_of("p", vec![card("q", 1)]).unwrap_err();
        assert_eq!(foreign.to_string(), "p: the card of q/m is not one of `p`");
        assert_eq!(*cards_of("p", vec![card("p", 0)]).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn shipped_cards_are_among_them() {
        assert!(!cards_of("groq", Vec::new()).unwrap().is_empty());
    }
}

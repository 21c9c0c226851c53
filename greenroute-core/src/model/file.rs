use super::{ModelCard, ModelId, PriceList, PricePeriod, Pricing, ProviderName};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Date;
use serde::{Deserialize, Serialize};

/// A data file of model cards. Every file says where its facts were read, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// Where the facts were read, unless a card says otherwise.
    pub source: String,
    /// When.
    pub as_of: Date,
    /// The cards.
    #[serde(rename = "model")]
    pub models: Vec<ModelCard>,
}

impl CardFile {
    /// Checks every card, and gives each the file's source and date where it has none of its own.
    ///
    /// # Errors
    /// What [`ModelCard::validate`] finds first.
    pub fn into_cards(self) -> Result<Vec<ModelCard>> {
        let Self { source, as_of, models } = self;
        models
            .into_iter()
            .map(|mut card| {
                card.validate()?;
                card.source.get_or_insert_with(|| source.clone());
                card.as_of.get_or_insert(as_of);
                Ok(card)
            })
            .collect()
    }
}

/// A data file of one vendor's prices. It is apart from the cards so that what a program writes and what a person writes
/// never share a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceFile {
    /// Whose prices.
    pub provider: ProviderName,
    /// Where they were read.
    pub source: String,
    /// When.
    pub as_of: Date,
    /// The prices.
    #[serde(rename = "price", default)]
    pub prices: Vec<ModelPrices>,
    /// The models that have a card and no price.
    #[serde(default)]
    pub unpriced: Vec<UnpricedModel>,
}

/// The prices of one model over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrices {
    /// The model.
    pub model: ModelId,
    /// Each price from its date on.
    pub periods: Vec<PricePeriod>,
}

/// A model without a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnpricedModel {
    /// The model.
    pub model: ModelId,
    /// Why it has none.
    pub why: String,
}

impl PriceFile {
    /// Puts the prices on the cards of their models, in every region, in place of those that they have.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a price of a model that has no card here, and for prices that are ambiguous.
    pub fn put_on(self, cards: &mut [ModelCard]) -> Result<()> {
        let Self { provider, source, as_of, prices, unpriced: _ } = self;
        for ModelPrices { model, periods } in prices {
            let list = PriceList { source: source.clone(), as_of, periods };
            let mut found = false;
            let named = |card: &&mut ModelCard| card.key.provider == provider && card.key.model == model;
            for card in cards.iter_mut().filter(named) {
                card.pricing = Pricing::Listed(list.clone());
                card.validate()?;
                found = true;
            }
            if !found {
                let message = format!("{provider}/{model} has a price and no card");
                return Err(Error::new(ErrorKind::Config, "prices", message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelKey, Privacy, Window};

    fn file(text: &str) -> PriceFile {
        serde_json::from_str(text).unwrap()
    }

    fn card(model: &str) -> ModelCard {
        let window = Window { context: 4096, max_output: None };
        ModelCard::new(ModelKey::new("groq", model), window, Privacy::Remote)
    }

    #[test]
    fn prices_are_put_on_their_cards_and_on_no_others() {
        let tier = r#"{"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0}"#;
        let of = |model: &str, periods: &str| {
            file(&format!(
                r#"{{"provider": "groq", "source": "a page", "as_of": "2026-11-21",
                     "price": [{{"model": "{model}", "periods": [{periods}]}}]}}"#
            ))
        };
        let period = format!(r#"{{"tiers": [{tier}]}}"#);
        let mut cards = [card("llama"), card("qwen")];
        of("llama", &period).put_on(&mut cards).unwrap();
        let Pricing::Listed(list) = &cards[0].pricing else { panic!("{:?}", cards[0].pricing) };
        assert_eq!((list.source.as_str(), list.as_of.to_string()), ("a page", "2026-11-21".to_owned()));
        assert_eq!(cards[1].pricing, Pricing::Unpriced);
        let error = of("gone", &period).put_on(&mut cards).unwrap_err();
        assert_eq!(error.to_string(), "prices: groq/gone has a price and no card");
        let twice = of("llama", &format!("{period}, {period}")).put_on(&mut cards).unwrap_err();
        assert!(twice.to_string().contains("`pricing.listed`"), "{twice}");
    }
}

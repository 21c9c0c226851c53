use super::ModelCard;
use crate::error::Result;
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

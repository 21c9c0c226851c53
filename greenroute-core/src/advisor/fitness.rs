use crate::model::{Accepts, Capability, ModelCard, Privacy};
use crate::time::Date;

/// What the rules ask of a card, side by side: a decision looks at every model, and a card is spread over many lines of
/// the processor's cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitness {
    pub(super) context: u64,
    pub(super) max_output: u64,
    pub(super) retirement: Option<Date>,
    pub(super) privacy: Privacy,
    pub(super) accepts: Accepts,
    pub(super) embeds: bool,
    /// In the order of [`Capability::ALL`], which is that of their declaration.
    claims: [bool; 8],
}

impl Fitness {
    pub(super) fn of(card: &ModelCard) -> Self {
        Self {
            context: card.window.context,
            max_output: card.window.max_output.unwrap_or(u64::MAX),
            retirement: card.retirement,
            privacy: card.privacy,
            accepts: card.accepts,
            embeds: card.embeds,
            claims: Capability::ALL.map(|capability| card.claims(capability)),
        }
    }

    /// Whether the card [claims](ModelCard::claims) it.
    pub(super) fn claims(&self, capability: Capability) -> bool {
        self.claims.get(capability as usize).is_some_and(|claimed| *claimed)
    }
}

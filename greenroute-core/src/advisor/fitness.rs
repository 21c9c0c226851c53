use crate::model::{Accepts, Capability, ModelCard, Privacy};
use crate::objective::{Objective, Sensitivity};
use crate::profile::PromptProfile;
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

/// What a prompt asks of every model alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) today: Date,
    pub(super) sensitivity: Sensitivity,
    /// Tokens, an answer's first included.
    pub(super) needed: u64,
    pub(super) needs: Accepts,
    pub(super) primary: Capability,
}

impl Asked {
    pub(super) fn new(profile: &PromptProfile, objective: &Objective, today: Date) -> Self {
        let needed = profile.input.low().get().saturating_add(1);
        let primary = profile.capabilities.primary();
        Self { today, sensitivity: objective.sensitivity, needed, needs: profile.needs, primary }
    }
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

    /// Whether the model can answer.
    #[inline]
    pub(super) fn suits(&self, asked: &Asked) -> bool {
        let Asked { today, sensitivity, needed, needs, primary } = *asked;
        let private = self.privacy == Privacy::Local || sensitivity != Sensitivity::Private;
        let takes = self.accepts.images >= needs.images
            && self.accepts.tools >= needs.tools
            && self.accepts.schema >= needs.schema;
        let answers = !self.embeds && self.retirement.is_none_or(|date| date > today);
        answers && private && takes && needed <= self.context && self.claims(primary)
    }

    /// Whether the card [claims](ModelCard::claims) it.
    pub(super) fn claims(&self, capability: Capability) -> bool {
        self.claims.get(capability as usize).is_some_and(|claimed| *claimed)
    }
}

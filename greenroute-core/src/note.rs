use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Something that degraded, was assumed or was left out: it stands on the receipt or the ranking, never silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What kind of thing, for programs.
    pub code: NoteCode,
    /// What happened, for people.
    pub text: Cow<'static, str>,
}

/// The kinds of notes. Stable: programs match on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoteCode {
    /// No grid zone was known; the world average stands in.
    ZoneUnknown,
    /// No place is known for a call; where its provider usually runs stands in.
    ZoneAssumed,
    /// A grid source failed; an older or coarser value stands in.
    GridDegraded,
    /// Nobody could meter an attempt.
    Unmetered,
    /// A better meter could not be used.
    MeterDegraded,
    /// Water or embodied emissions of an attempt could not be told.
    ImpactUnknown,
    /// No price is known.
    Unpriced,
    /// Tokens were not counted by the model's own tokenizer.
    UsageApproximate,
    /// No candidate met the quality floor.
    FloorMissed,
    /// Abilities were guessed from the model's size.
    AbilityGuessed,
    /// Two candidates' bands overlap too far to order them with confidence.
    TooCloseToOrder,
    /// Facts about models are old: prices and retirements may have changed.
    CatalogStale,
    /// The model retires soon.
    RetiresSoon,
    /// The state of the grid shifted the objective, or could have.
    CarbonAware,
    /// A policy of an administrator left only some of the models.
    Enforced,
    /// The model that answered is not the one that was asked.
    ModelRedirected,
    /// Blocks that only another model can read were left out.
    OpaqueDropped,
    /// A model failed, and another was asked.
    FellBack,
    /// A model that failed is left alone for a while.
    Paused,
    /// The caller gave up before the answer was complete.
    Cancelled,
    /// The turn could not be stored.
    NotStored,
    /// The receipt could not be recorded.
    NotRecorded,
    /// Something worth knowing about a setting.
    Setting,
}

impl Note {
    /// A note.
    #[must_use]
    pub fn new(code: NoteCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

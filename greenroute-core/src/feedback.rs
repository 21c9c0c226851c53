use crate::model::ModelKey;
use crate::profile::PromptProfile;
use crate::receipt::{Receipt, ReceiptId};
use crate::units::Probability;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whether an answer was good, by whoever can tell: this is what expectations learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The call, where the answer came through a Router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
    /// The model that answered.
    pub model: ModelKey,
    /// What was asked for.
    pub profile: PromptProfile,
    /// 1 is good, 0 is bad.
    pub score: Probability,
    /// Who judged, where somebody is named: what one judge can move is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Arc<str>>,
}

/// How good an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It did what was asked.
    Good,
    /// It did not.
    Bad,
    /// Between bad at 0 and good at 1.
    Score(Probability),
}

impl Judgement {
    /// As a score: 1 is good, 0 is bad.
    #[must_use]
    pub const fn score(self) -> Probability {
        match self {
            Self::Good => Probability::ONE,
            Self::Bad => Probability::ZERO,
            Self::Score(score) => score,
        }
    }
}

/// What somebody says of one answer: [`Router::feedback`](crate::Router::feedback) takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// How good it was.
    pub judgement: Judgement,
    /// Who says so; `None` for the user whom the prompt's tag `user` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Arc<str>>,
}

impl Feedback {
    /// By somebody else than the prompt's user, such as a test or a model that judges.
    #[must_use]
    pub fn by(self, judge: impl AsRef<str>) -> Self {
        Self { judge: Some(Arc::from(judge.as_ref())), ..self }
    }
}

impl From<Judgement> for Feedback {
    fn from(judgement: Judgement) -> Self {
        Self { judgement, judge: None }
    }
}

/// Which answer feedback is on: the receipt at hand, or the id of one in the ledger.
#[derive(Debug, Clone, Copy)]
pub enum Judged<'a> {
    /// By its id.
    Id(&'a ReceiptId),
    /// The receipt itself.
    Receipt(&'a Receipt),
}

impl<'a> From<&'a ReceiptId> for Judged<'a> {
    fn from(id: &'a ReceiptId) -> Self {
        Self::Id(id)
    }
}

impl<'a> From<&'a Receipt> for Judged<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        Self::Receipt(receipt)
    }
}

/// What a receipt keeps of the prompt's profile, which feedback needs.
///
/// A profile of greenroute's own profilers holds no word of the prompt, and is no longer for a longer one. But its
/// numbers are exact: whoever has them and the profiler recognises a prompt that he guesses whole, and the
/// [latent numbers](PromptProfile::latent), the prompt's meaning as a model reads it, tell what it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptProfile {
    /// All of it: feedback teaches the most.
    #[default]
    Whole,
    /// All but the latent numbers: feedback teaches what capabilities tell. The prompt's tasks, difficulty and length
    /// remain.
    Plain,
    /// Nothing: feedback is refused.
    Nothing,
}

impl KeptProfile {
    /// What is kept of `profile`.
    #[must_use]
    pub fn of(self, profile: &PromptProfile) -> Option<Arc<PromptProfile>> {
        match self {
            Self::Whole => Some(Arc::new(profile.clone())),
            Self::Plain => Some(Arc::new(PromptProfile { latent: Vec::new(), ..profile.clone() })),
            Self::Nothing => None,
        }
    }
}

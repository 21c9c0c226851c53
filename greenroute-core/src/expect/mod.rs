//! How well a model will do on a prompt, and how much it will write: the second step of deciding.

mod heuristic;

use crate::error::Result;
use crate::estimate::Estimate;
use crate::feedback::Verdict;
use crate::model::ModelCard;
use crate::profile::PromptProfile;
use crate::units::{Probability, Tokens};
use std::fmt::Debug;
use std::sync::Arc;

pub use heuristic::HeuristicExpecter;

/// What one model will do with one prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// The probability that the answer is good.
    pub success: Estimate<Probability>,
    /// How much this model writes, reasoning included.
    pub output: Estimate<Tokens>,
}

/// Predicts success and length. Pure when asked, and learns from verdicts when told.
pub trait Expecter: Debug + Send + Sync + 'static {
    /// What `card`'s model will do with a prompt of this profile.
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation;

    /// The same of every card, in their order, as [`expect`](Self::expect) says of each: what decisions ask, so that
    /// whatever depends on the profile alone is worked out once. Where nothing does, `expect` of each card in turn.
    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation>;

    /// Learns from verdicts on earlier answers.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where this expecter does not learn.
    fn learn(&self, verdicts: &[Verdict]) -> Result<()>;

    /// Everything learned since the shipped prior; empty where nothing was.
    fn snapshot(&self) -> Vec<u8>;

    /// Takes back what [`Expecter::snapshot`] gave, in place of what was learned since.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) for bytes of another expecter or version; nothing changes.
    fn restore(&self, snapshot: &[u8]) -> Result<()>;
}

const _: Option<&dyn Expecter> = None;

impl<T: Expecter + ?Sized> Expecter for Arc<T> {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        (**self).expect(profile, card)
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        (**self).expect_all(profile, cards)
    }

    fn learn(&self, verdicts: &[Verdict]) -> Result<()> {
        (**self).learn(verdicts)
    }

    fn snapshot(&self) -> Vec<u8> {
        (**self).snapshot()
    }

    fn restore(&self, snapshot: &[u8]) -> Result<()> {
        (**self).restore(snapshot)
    }
}

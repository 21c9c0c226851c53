use crate::error::{Error, ErrorKind, Result};
use crate::model::{Capability, CapabilityWeights};
use crate::objective::{Floor, Objective, Sensitivity};
use crate::profile::PromptProfile;
use crate::units::Usd;
use std::time::Duration;

/// A kind of work to find a model for, without a prompt: [`Advisor::rank`](crate::Advisor::rank) treats it as the
/// typical prompt of its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The typical prompt.
    pub profile: PromptProfile,
    /// What to weigh.
    pub objective: Objective,
    /// How many candidates to name.
    pub top: usize,
}

/// How good the answers must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quality {
    /// The eco floor.
    Low,
    /// The balanced floor.
    Medium,
    /// The performance floor.
    High,
    /// Between low at 0 and high at 1.
    Level(f64),
}

impl Task {
    /// Work that asks for one capability, of middling difficulty.
    #[must_use]
    pub fn of(capability: Capability) -> Self {
        Self::with_profile(PromptProfile::by_hand(CapabilityWeights::single(capability), 3.0))
    }

    /// Work with a profile given by hand.
    #[must_use]
    pub fn with_profile(profile: PromptProfile) -> Self {
        Self { profile, objective: Objective::balanced(), top: 3 }
    }

    /// Wanting this quality. It sets the floor, and for the weighted ranker scales the weight of quality by
    /// 0.6, 0.8 or 1.0, as the Green Model Advisor's map does.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a level outside 0 to 1.
    pub fn quality(mut self, quality: Quality) -> Result<Self> {
        let (floor, map) = match quality {
            Quality::Low => (Objective::eco().floor, 0.6),
            Quality::Medium => (Objective::balanced().floor, 0.8),
            Quality::High => (Objective::performance().floor, 1.0),
            Quality::Level(level) if (0.0..=1.0).contains(&level) => {
                (Floor::of_best(0.90 + 0.09 * level), 0.6 + 0.4 * level)
            }
            Quality::Level(level) => {
                let message = format!("`quality` must be low, medium, high or between 0 and 1, not {level}");
                return Err(Error::new(ErrorKind::Config, "task", message));
            }
        };
        self.objective.floor = floor;
        self.objective.weights.quality *= map;
        Ok(self)
    }

    /// Waiting at most this long for an answer.
    #[must_use]
    pub fn latency_tolerance(mut self, duration: Duration) -> Self {
        self.objective.caps.duration = Some(duration);
        self
    }

    /// Paying at most this for an answer.
    #[must_use]
    pub fn max_cost(mut self, cost: Usd) -> Self {
        self.objective.caps.cost = Some(cost);
        self
    }

    /// With prompts this sensitive.
    #[must_use]
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.objective.sensitivity = sensitivity;
        self
    }

    /// Naming this many candidates.
    #[must_use]
    pub fn top(mut self, top: usize) -> Self {
        self.top = top;
        self
    }
}

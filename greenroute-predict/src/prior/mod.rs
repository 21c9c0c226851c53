//! What is believed of a model before anybody judged its answers here: item response theory on published scores, fitted on
//! real outcomes. A card that nobody has seen is placed by its scores and its size alone.
//!
//! The logit of success at task `k` is `offset_k + slope_k · Σ_c mix_{k,c} · ability_c`, less the prompt's excess
//! difficulty. METHOD.md, "Success of a model, and what verdicts teach", has every formula.

mod belief;
mod by_hand;
mod exp;
#[cfg(test)]
pub(crate) mod sample;
mod tensors;
mod yardstick;

pub use belief::Belief;
pub(crate) use belief::{PerTask, Question};
pub(crate) use by_hand::{ByHand, Place};
pub use yardstick::{Standing, Yardstick, Yardsticks};
#[cfg(feature = "train")]
pub(crate) use yardstick::{logit, magnitude};

use crate::latent::TASKS;
use greenroute_core::ModelCard;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What outcomes taught about one task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFacts {
    /// Its name; [`Learned`](crate::learned::Learned) keeps what it learns under it.
    pub name: Arc<str>,
    /// How much it asks for each of [`Capability::ALL`](greenroute_core::model::Capability::ALL); they sum to 1, or are all 0 for a task without prompts.
    pub mix: [f64; 8],
    /// The logit of success of the mean reference model.
    pub offset: f64,
    /// What one standard deviation of ability adds; not negative.
    pub slope: f64,
    /// The outcomes behind these two, summed by how much their prompts belong here.
    pub outcomes: f64,
}

/// How far beliefs are off, in logits, as found on models left out of the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// The variance that all tasks of one model share, its ability being known exactly.
    pub shared: f64,
    /// The variance of each task beyond that.
    pub own: f64,
    /// The variance between tasks: what is not known of a new one.
    pub task: f64,
    /// The quantile of 95 % in standard deviations; 1.645 if errors were normal.
    pub reach: f64,
    /// The standard deviation of the logarithm of verbosity between models.
    pub verbosity: f64,
    /// The half-width of the band of a typical profile's output, as a logarithm.
    pub output: f64,
}

/// What outcomes say of one model beyond its scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What to add to the logit of each task.
    pub offsets: Vec<f64>,
    /// The variance of each task's logit that it does not share with the others.
    pub own: Vec<f64>,
    /// The variance that all of them share.
    pub shared: f64,
    /// The logarithm of how much it writes for what a typical model writes, where lengths are known.
    pub verbosity: Option<f64>,
}

/// Success and length of every model, from its card.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    pub(crate) yardsticks: Yardsticks,
    pub(crate) tasks: Vec<TaskFacts>,
    /// The same of a task that is not among them.
    pub(crate) general: (f64, f64),
    pub(crate) doubt: Doubt,
    /// What one unit of a profile's excess takes from the logit.
    pub(crate) excess: f64,
    /// By key, as it is shown.
    pub(crate) records: BTreeMap<String, Record>,
}

/// A model's logits before and after what outcomes say, with variances in parts: what verdicts are weighed against.
#[derive(Debug, Clone)]
pub(crate) struct Stance {
    pub(crate) logits: [f64; TASKS],
    pub(crate) own: [f64; TASKS],
    pub(crate) shared: f64,
    /// At a task that nobody knows.
    pub(crate) general: f64,
    verbosity: [f64; 3],
}

/// The variance of verbosity, as a logarithm, that remains for a model whose lengths are known: other prompts, other
/// settings.
const KNOWN_VERBOSITY: f64 = 0.15;

impl Prior {
    /// The names of the tasks.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<str>> {
        self.tasks.iter().map(|task| &task.name)
    }

    /// How far it is off.
    #[must_use]
    pub const fn doubt(&self) -> Doubt {
        self.doubt
    }

    /// What is believed of the model of `card`, nothing having been learned.
    #[must_use]
    pub fn believe(&self, card: &ModelCard) -> Belief {
        self.belief(&self.stance(card))
    }

    pub(crate) fn stance(&self, card: &ModelCard) -> Stance {
        let standing = self.yardsticks.place(card);
        let record = self.records.get(&card.key.to_string());
        let (general, slope) = self.general;
        let mut stance = Stance {
            logits: [general + slope * standing.general; TASKS],
            own: [self.doubt.own + self.doubt.task; TASKS],
            shared: self.doubt.shared + slope * slope * standing.variance,
            general: general + slope * standing.general,
            verbosity: self.verbosity(record),
        };
        for ((task, logit), own) in self.tasks.iter().zip(&mut stance.logits).zip(&mut stance.own) {
            let sum = |values: &[f64; 8]| {
                task.mix.iter().zip(values).map(|(weight, value)| weight * value).sum::<f64>()
            };
            if task.mix.iter().any(|weight| *weight > 0.0) {
                *logit = task.offset + task.slope * sum(&standing.abilities);
                *own = self.doubt.own + task.slope * task.slope * sum(&standing.variances);
            }
        }
        if let Some(record) = record {
            for (logit, offset) in stance.logits.iter_mut().zip(&record.offsets) {
                *logit += offset;
            }
            for (own, known) in stance.own.iter_mut().zip(&record.own) {
                *own = *known;
            }
            stance.shared = record.shared;
            let count = record.offsets.len().max(1);
            stance.general +=
                record.offsets.iter().sum::<f64>() / f64::from(u16::try_from(count).unwrap_or(u16::MAX));
        }
        stance
    }

    pub(crate) fn belief(&self, stance: &Stance) -> Belief {
        let single = |numbers: &[f64; TASKS]| numbers.map(narrow);
        Belief {
            logits: single(&stance.logits),
            variances: single(&stance.own.map(|own| own + stance.shared)),
            level: narrow(stance.general),
            level_variance: narrow(stance.shared + self.doubt.own + self.doubt.task),
            verbosity: stance.verbosity,
            reach: narrow(self.doubt.reach),
        }
    }

    /// The factors on a typical answer's length. The band is such that it, and that of a typical profile, add as
    /// independent errors do.
    fn verbosity(&self, record: Option<&Record>) -> [f64; 3] {
        let known = record.and_then(|record| record.verbosity);
        let spread = if known.is_some() { KNOWN_VERBOSITY } else { self.doubt.verbosity };
        let more = self.doubt.output.hypot(1.645 * spread) - self.doubt.output;
        let middle = known.unwrap_or(0.0);
        [middle - more, middle, middle + more].map(f64::exp)
    }
}

/// For tables: the nearest number of single precision.
#[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is what is wanted")]
pub(crate) fn narrow(number: f64) -> f32 {
    number as f32
}

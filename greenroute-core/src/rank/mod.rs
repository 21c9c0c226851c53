//! Putting candidates in order: the third step of deciding.

mod display;
mod green;
mod green_score;
mod weighted;

use crate::enforce::Enforcement;
use crate::forecast::Forecast;
use crate::model::{Capability, ModelCard, ModelKey};
use crate::note::Note;
use crate::objective::Objective;
use crate::profile::PromptProfile;
use crate::router::Paused;
use crate::scope::Scope;
use crate::time::{Date, rfc3339};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

pub use green::GreenRanker;
pub use green_score::{GreenScore, NoneQualifies};
pub use weighted::WeightedRanker;

/// A model that may answer, with what it is expected to do and to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The model.
    pub card: Arc<ModelCard>,
    /// What is expected.
    pub forecast: Forecast,
}

/// A candidate in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The candidate.
    pub candidate: Candidate,
    /// The ranker's own figure, larger is better; comparable within one ranking only.
    pub score: f64,
    /// Whether its success is known to reach the objective's floor.
    pub meets_floor: bool,
}

/// Candidates best first, and everything that is not among them with the reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranking {
    /// Best first: the order in which models are asked.
    pub ranked: Vec<Ranked>,
    /// What may not be asked, and by which rule.
    pub excluded: Vec<Excluded>,
    /// What the ranking had to assume.
    pub notes: Vec<Note>,
}

/// A model that is not a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Excluded {
    /// The model.
    pub model: ModelKey,
    /// The rule that excluded it.
    pub rule: Rule,
}

/// Why a model is not a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// It does not claim the capability that the prompt asks for most.
    Capability(Capability),
    /// It does not take images, tools or a schema, and the prompt has them.
    Accepts(Cow<'static, str>),
    /// Its window is too small for the prompt and an answer.
    Window {
        /// Tokens needed at the least.
        needed: u64,
        /// Tokens it has.
        window: u64,
    },
    /// It no longer answers.
    Retired(Date),
    /// The prompt is private and the model is remote.
    Privacy,
    /// The objective names it as not wanted.
    Excluded,
    /// A policy names the only models allowed, and it is none of them.
    NotAllowed,
    /// Its forecast exceeds a cap.
    Cap(Cow<'static, str>),
    /// No provider serves it here.
    Unserved,
    /// No meter can forecast its energy.
    Unmetered,
    /// Its benchmarks are below what the difficulty asks.
    Benchmark,
    /// It failed, and is left alone for a while.
    Paused {
        /// Until when.
        #[serde(with = "rfc3339")]
        until: SystemTime,
        /// The failure.
        why: String,
    },
    /// It turns text into vectors and answers nothing.
    Embeds,
    /// An administrator's policy leaves only other models.
    Enforced {
        /// Whom the policy is for.
        scope: Scope,
        /// What it leaves.
        enforcement: Enforcement,
    },
}

impl From<Paused> for Excluded {
    fn from(Paused { model, until, why }: Paused) -> Self {
        Self { model, rule: Rule::Paused { until, why } }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability(capability) => write!(f, "does not claim {capability}"),
            Self::Accepts(what) => write!(f, "takes no {what}"),
            Self::Window { needed, window } => {
                write!(f, "window of {window} tokens is too small for {needed}")
            }
            Self::Retired(date) => write!(f, "retired on {date}"),
            Self::Privacy => f.write_str("remote, and the prompt is private"),
            Self::Excluded => f.write_str("excluded by the objective"),
            Self::NotAllowed => f.write_str("not allowed by policy"),
            Self::Cap(what) => write!(f, "forecast exceeds the cap on {what}"),
            Self::Unserved => f.write_str("no provider serves it here"),
            Self::Unmetered => f.write_str("no meter can forecast its energy"),
            Self::Paused { until, why } => write!(f, "left alone until {}: {why}", rfc3339::format(*until)),
            Self::Benchmark => f.write_str("benchmarks below what the difficulty asks"),
            Self::Embeds => f.write_str("it embeds, it does not chat"),
            Self::Enforced { scope, enforcement } => write!(f, "pinned by policy for {scope}: {enforcement}"),
        }
    }
}

/// Puts candidates in order. Pure: the order in which they are given does not matter, nothing is added, and
/// whatever is left out stands among the excluded.
///
/// A candidate never precedes one that [dominates](Forecast::dominates) it.
pub trait Ranker: fmt::Debug + Send + Sync + 'static {
    /// The candidates, best first.
    fn rank(&self, profile: &PromptProfile, objective: &Objective, candidates: Vec<Candidate>) -> Ranking;
}

const _: Option<&dyn Ranker> = None;

impl<T: Ranker + ?Sized> Ranker for Arc<T> {
    fn rank(&self, profile: &PromptProfile, objective: &Objective, candidates: Vec<Candidate>) -> Ranking {
        (**self).rank(profile, objective, candidates)
    }
}

impl Ranking {
    /// The best candidate.
    #[must_use]
    pub fn best(&self) -> Option<&Ranked> {
        self.ranked.first()
    }

    /// Best score first, and by name where scores are equal, so that the order given does not matter.
    fn sort_by_score(&mut self) {
        self.sort(|a, b| b.score.total_cmp(&a.score));
    }

    /// By `order`, then by [`tie_break`]. A candidate is large: places are sorted, and each is moved once.
    fn sort(&mut self, order: impl Fn(&Ranked, &Ranked) -> Ordering) {
        let mut places: Vec<(usize, &Ranked)> = self.ranked.iter().enumerate().collect();
        places.sort_unstable_by(|(_, a), (_, b)| {
            order(a, b).then_with(|| tie_break(&a.candidate, &b.candidate))
        });
        let places: Vec<usize> = places.into_iter().map(|(place, _)| place).collect();
        let mut unsorted: Vec<Option<Ranked>> =
            std::mem::take(&mut self.ranked).into_iter().map(Some).collect();
        let take = |place: usize| unsorted.get_mut(place).and_then(Option::take);
        self.ranked = places.into_iter().filter_map(take).collect();
    }
}

/// The order of two candidates that a ranker finds equal: by what they are forecast, then by name. It respects
/// dominance, which a sum of normalised values loses where a weight is zero.
pub(crate) fn tie_break(a: &Candidate, b: &Candidate) -> Ordering {
    let (x, y) = (&a.forecast, &b.forecast);
    let usd = |forecast: &Forecast| forecast.cost.usd().map_or(f64::INFINITY, |usd| usd.value().as_usd());
    let success = |bound: fn(&Forecast) -> f64| bound(y).total_cmp(&bound(x));
    (x.energy.value().as_joules().total_cmp(&y.energy.value().as_joules()))
        .then_with(|| x.emissions.value().as_grams().total_cmp(&y.emissions.value().as_grams()))
        .then_with(|| usd(x).total_cmp(&usd(y)))
        .then_with(|| x.duration.value().cmp(&y.duration.value()))
        .then_with(|| success(|forecast| forecast.success.value().as_fraction()))
        .then_with(|| success(|forecast| forecast.success.low().as_fraction()))
        .then_with(|| a.card.key.cmp(&b.card.key))
}

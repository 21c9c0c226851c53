use greenroute_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why nothing can be learned from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PassedOver {
    /// It did not end in an answer, so its tokens do not tell what was computed.
    NotAnswered,
    /// Its tokens were not counted by the model's own tokenizer.
    NotCounted,
    /// It wrote or read no tokens.
    NoTokens,
    /// Nobody read its energy.
    Unmetered,
    /// Its energy was modelled, so it would teach a model what that model says.
    NotMeasured,
    /// Its energy is nothing, or more than any call takes.
    NoEnergy,
    /// Its time is no time.
    NoTime,
    /// Its energy and its time imply a power that no machine has.
    ImplausiblePower,
    /// Its load is below one request at a time.
    NoLoad,
    /// Another model answered than was asked, and its card is not known.
    UnknownModel,
    /// It was read by another meter, another version of it or at another boundary.
    OtherMeter,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnswered => "it did not end in an answer",
            Self::NotCounted => "its tokens were only estimated",
            Self::NoTokens => "it wrote or read no tokens",
            Self::Unmetered => "nobody read its energy",
            Self::NotMeasured => "its energy was modelled, not measured",
            Self::NoEnergy => "its energy cannot be true",
            Self::NoTime => "its time cannot be true",
            Self::ImplausiblePower => "its energy and time imply a power that no machine has",
            Self::NoLoad => "its load is below one request at a time",
            Self::UnknownModel => "a model answered that has no card",
            Self::OtherMeter => "another meter read it, or at another boundary",
        })
    }
}

/// Why a calibration has nothing to say.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Unfit {
    /// Too few calls could be used.
    TooFewPoints {
        /// How many there are.
        have: usize,
        /// How many it takes.
        needed: usize,
    },
    /// All calls wrote about as much, and without a forecast to lean on nobody knows what more tokens would take.
    OneSize,
    /// More than a quarter of the calls lie far from any line: it is not tokens that decide what this model takes.
    Scattered {
        /// How many lie far off.
        off: usize,
        /// Of how many.
        of: usize,
    },
    /// The load of the deployment is not known, and a correction that is not keyed by it makes no forecast better.
    NoLoadKey,
    /// The catalog has no card of the model.
    NoCard,
    /// No modelled meter can read the deployment, so that there is nothing to correct.
    NothingToCorrect,
}

impl Unfit {
    /// How many more calls it takes, where that is what is missing.
    #[must_use]
    pub const fn missing(&self) -> Option<usize> {
        match self {
            Self::TooFewPoints { have, needed } => Some(needed.saturating_sub(*have)),
            _ => None,
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewPoints { have, needed } => {
                let missing = needed.saturating_sub(*have);
                write!(f, "{have} of {needed} calls could be used: {missing} more are needed")
            }
            Self::Scattered { off, of } => {
                write!(f, "{off} of {of} calls lie far from any line: tokens alone do not decide the energy")
            }
            Self::OneSize => f.write_str("all calls wrote about as much: other sizes are needed to tell a slope"),
            Self::NoLoadKey => f.write_str(
                "the load of the deployment is not known (`deployment.batch`), and an offset without it helps no forecast",
            ),
            Self::NoCard => f.write_str("the catalog has no card of this model"),
            Self::NothingToCorrect => f.write_str("no modelled meter can read this deployment"),
        }
    }
}

impl std::error::Error for Unfit {}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        Self::new(ErrorKind::Meter, "calibration", unfit.to_string()).with_source(unfit)
    }
}

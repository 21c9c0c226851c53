use super::Aside;
use crate::chat::{FinishReason, Served};
use crate::error::ErrorKind;
use crate::estimate::Estimate;
use crate::forecast::Forecast;
use crate::grid::GridReading;
use crate::impact::Impacts;
use crate::meter::Skipped;
use crate::model::{Cost, ModelKey};
use crate::reading::Reading;
use crate::time::{option_seconds, rfc3339, seconds};
use crate::units::Emissions;
use crate::usage::{Counted, ServerTiming};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One try at one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The model that was asked.
    pub requested: ModelKey,
    /// The model that answered, by its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<ModelKey>,
    /// What for.
    pub purpose: Purpose,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    #[serde(with = "rfc3339")]
    pub started_at: SystemTime,
    /// How long it took by our own clock.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Duration,
    /// How long the first piece of a stream took by our own clock; `None` where the answer came whole.
    #[serde(
        rename = "time_to_first_chunk_seconds",
        with = "option_seconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub time_to_first_chunk: Option<Duration>,
    /// Where the time went by the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<ServerTiming>,
    /// Under which names and where the provider served it.
    #[serde(default, skip_serializing_if = "Served::is_empty")]
    pub served: Served,
    /// What it ran on, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Counted>,
    /// What was expected of it.
    pub forecast: Forecast,
    /// Its energy at the facility; `None` where it never ran or nobody could meter it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// Better meters, and why they could not be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// Its emissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emissions: Option<Estimate<Emissions>>,
    /// Its emissions on other bases, which stand in no sum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<Aside>,
    /// Water and embodied emissions; `None` where it never ran or no model of them is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impacts: Option<Impacts>,
    /// Its price.
    pub cost: Cost,
    /// The grid that its emissions were computed with.
    pub grid: Arc<GridReading>,
}

/// What an attempt was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// To answer the prompt.
    Answer,
    /// To answer it, after the same model failed.
    Retry,
    /// To answer it, after another model failed.
    FallBack,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// With an answer.
    Answered {
        /// Why the model stopped.
        finish_reason: FinishReason,
    },
    /// With an error.
    Failed {
        /// The name of its kind, as [`ErrorKind::name`] gives it.
        kind: String,
        /// What happened.
        message: String,
    },
    /// The caller gave up.
    Cancelled,
}

impl Outcome {
    pub(crate) fn failed(kind: &ErrorKind, message: &str) -> Self {
        Self::Failed { kind: kind.name().to_owned(), message: message.to_owned() }
    }
}

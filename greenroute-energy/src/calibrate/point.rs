use super::PassedOver;
use crate::simple::CACHED_SHARE;
use greenroute_core::units::{Energy, Quantity, Tokens};
use greenroute_core::{Counted, Date, Estimate, Reading};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::time::Duration;

/// One finished call whose energy somebody measured: what a model is calibrated by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Input that was read in full.
    pub input_tokens: Tokens,
    /// Input that came from a prompt cache.
    #[serde(default)]
    pub cached_input_tokens: Tokens,
    /// Output, reasoning included.
    pub output_tokens: Tokens,
    /// What the call took, with the meter's own band.
    pub energy: Estimate<Energy>,
    /// How long it computed, or where nobody told, how long it took by our own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// How many requests shared a step on average, where that is known: the load that an offset is keyed by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<f64>,
    /// The day of the call.
    pub on: Date,
}

/// From one of hundreds of requests on a board, or a call that mostly waited, to a node of sixteen accelerators.
const PLAUSIBLE_WATTS: RangeInclusive<f64> = 0.1..=20e3;
const MAX_JOULES: f64 = 10e6;

impl Point {
    /// A call that used `counted` tokens and was read as `reading` on the day `on`.
    ///
    /// # Errors
    /// Why nothing can be learned from it.
    pub fn new(
        counted: &Counted,
        reading: &Reading,
        duration: Option<Duration>,
        on: Date,
    ) -> Result<Self, PassedOver> {
        if counted.is_approximate() {
            return Err(PassedOver::NotCounted);
        }
        let usage = counted.usage();
        let point = Self {
            input_tokens: usage.input_tokens().saturating_sub(usage.cache_read),
            cached_input_tokens: usage.cache_read,
            output_tokens: usage.output_tokens(),
            energy: reading.energy,
            duration_seconds: duration.map(|duration| duration.as_secs_f64()),
            batch: None,
            on,
        };
        point.fault().map_or(Ok(point), Err)
    }

    /// The same call under a known load.
    #[must_use]
    pub fn with_batch(self, batch: Option<f64>) -> Self {
        Self { batch: batch.filter(|batch| batch.is_finite() && *batch >= 1.0), ..self }
    }

    /// What makes it useless; also for what comes out of a file.
    pub(super) fn fault(&self) -> Option<PassedOver> {
        let joules = self.joules();
        if self.output_tokens == Tokens::ZERO || self.read() == 0.0 {
            return Some(PassedOver::NoTokens);
        }
        if !(joules > 0.0 && joules < MAX_JOULES) {
            return Some(PassedOver::NoEnergy);
        }
        let sound = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
        if self.duration_seconds.is_some_and(|seconds| !sound(seconds)) {
            return Some(PassedOver::NoTime);
        }
        if self.batch.is_some_and(|batch| !(batch.is_finite() && batch >= 1.0)) {
            return Some(PassedOver::NoLoad);
        }
        let watts = self.watts();
        watts.filter(|watts| !PLAUSIBLE_WATTS.contains(watts)).map(|_| PassedOver::ImplausiblePower)
    }

    /// The mean power over the time that it took, where that is known and not nothing.
    #[must_use]
    pub fn watts(&self) -> Option<f64> {
        self.duration_seconds.filter(|&seconds| seconds > 0.0).map(|seconds| self.joules() / seconds)
    }

    pub(super) fn joules(&self) -> f64 {
        self.energy.value().as_joules()
    }

    /// Tokens of input as a profile prices them: a cached one counts a tenth.
    pub(super) fn read(&self) -> f64 {
        CACHED_SHARE.mul_add(self.cached_input_tokens.base(), self.input_tokens.base())
    }

    pub(super) fn written(&self) -> f64 {
        self.output_tokens.base()
    }
}

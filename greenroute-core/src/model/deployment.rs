use crate::reading::{Boundary, MeterId};
use crate::time::Date;
use crate::units::{Energy, Power};
use serde::{Deserialize, Serialize};

/// What a model is known to run on, and under which load. Every fact that is not known is `None`: a meter that needs it
/// says so, or widens its band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The accelerator's or processor's name. Where a fact below is missing, meters look it up by this name.
    pub device: String,
    /// How many serve one copy of the model.
    pub count: u32,
    /// The thermal design power of one.
    #[serde(default)]
    pub tdp_watts: Option<Power>,
    /// The bandwidth of the memory of one, in 10⁹ bytes per second.
    #[serde(default)]
    pub bandwidth_gb_per_second: Option<f64>,
    /// The memory of one, in 10⁹ bytes.
    #[serde(default)]
    pub memory_gb: Option<f64>,
    /// How many requests share a step, on average: the concurrency of one copy of the model.
    #[serde(default)]
    pub batch: Option<f64>,
    /// Output tokens per second of one copy, all its requests together.
    #[serde(default)]
    pub tokens_per_second: Option<f64>,
    /// The mean power of one device while serving, measured by whoever runs it.
    #[serde(default)]
    pub mean_power_watts: Option<Power>,
    /// Whether the device is a processor of this machine rather than a board of its own.
    #[serde(default)]
    pub processor: bool,
    /// What calibration found of the modelled meters, by load.
    #[serde(default)]
    pub offsets: Vec<LoadOffset>,
    /// Where these facts were read.
    #[serde(default)]
    pub source: Option<String>,
}

/// How far a modelled meter is off at one load of one deployment: calibration measured it, the meter multiplies by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadOffset {
    /// The meter, with the version whose readings were compared.
    pub meter: MeterId,
    /// Requests that shared a step.
    pub batch: f64,
    /// Measured energy per modelled energy, shrunk towards 1 where points are few.
    pub factor: f64,
    /// The 5 % quantile of what remains, as a factor of at most 1.
    pub low: f64,
    /// The 95 % quantile of what remains, as a factor of at least 1.
    pub high: f64,
    /// How many measurements it rests on.
    pub points: u32,
    /// When it was found.
    #[serde(default)]
    pub as_of: Option<Date>,
}

/// Energy of this model on this deployment, as calibration found it: `overhead + input · i + output · o`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyProfile {
    /// Per call.
    pub overhead_joules: Energy,
    /// Per input token.
    pub joules_per_input_token: Energy,
    /// Per output token.
    pub joules_per_output_token: Energy,
    /// The 5 % quantile, as a factor of at most 1.
    #[serde(default = "half")]
    pub low: f64,
    /// The 95 % quantile, as a factor of at least 1.
    #[serde(default = "double")]
    pub high: f64,
    /// What the energy includes.
    #[serde(default = "device")]
    pub boundary: Boundary,
    /// The meter whose readings it was fitted on; `None` where it was set by hand.
    #[serde(default)]
    pub meter: Option<MeterId>,
    /// How many readings it was fitted on.
    #[serde(default)]
    pub points: u32,
    /// When.
    #[serde(default)]
    pub as_of: Option<Date>,
}

const fn half() -> f64 {
    0.5
}

const fn double() -> f64 {
    2.0
}

const fn device() -> Boundary {
    Boundary::Device
}

/// A field, what is allowed, and what was found.
type Fault = (&'static str, &'static str, String);

impl Deployment {
    /// One or several of a device, of which nothing else is known.
    #[must_use]
    pub fn new(device: impl Into<String>, count: u32) -> Self {
        Self {
            device: device.into(),
            count,
            tdp_watts: None,
            bandwidth_gb_per_second: None,
            memory_gb: None,
            batch: None,
            tokens_per_second: None,
            mean_power_watts: None,
            processor: false,
            offsets: Vec::new(),
            source: None,
        }
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        if self.count == 0 {
            return Some(("deployment.count", "at least 1", "0".to_owned()));
        }
        let numbers = [
            ("deployment.tdp_watts", self.tdp_watts.map(Power::as_watts)),
            ("deployment.bandwidth_gb_per_second", self.bandwidth_gb_per_second),
            ("deployment.memory_gb", self.memory_gb),
            ("deployment.tokens_per_second", self.tokens_per_second),
            ("deployment.mean_power_watts", self.mean_power_watts.map(Power::as_watts)),
        ];
        let bad =
            numbers.iter().find_map(|(field, value)| Some((*field, value.filter(|&it| !positive(it))?)));
        if let Some((field, value)) = bad {
            return Some((field, "a positive number", value.to_string()));
        }
        if let Some(batch) = self.batch.filter(|&batch| !(batch.is_finite() && batch >= 1.0)) {
            return Some(("deployment.batch", "at least 1", batch.to_string()));
        }
        self.offsets.iter().find_map(LoadOffset::fault)
    }
}

impl LoadOffset {
    fn fault(&self) -> Option<Fault> {
        if !(self.batch.is_finite() && self.batch >= 1.0) {
            return Some(("deployment.offsets.batch", "at least 1", self.batch.to_string()));
        }
        if !positive(self.factor) {
            return Some(("deployment.offsets.factor", "a positive number", self.factor.to_string()));
        }
        band(self.low, self.high).map(|found| ("deployment.offsets", BAND, found))
    }
}

impl EnergyProfile {
    /// A profile set by hand: a factor of two either way, at the device.
    #[must_use]
    pub const fn new(overhead: Energy, per_input_token: Energy, per_output_token: Energy) -> Self {
        Self {
            overhead_joules: overhead,
            joules_per_input_token: per_input_token,
            joules_per_output_token: per_output_token,
            low: half(),
            high: double(),
            boundary: device(),
            meter: None,
            points: 0,
            as_of: None,
        }
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        band(self.low, self.high).map(|found| ("energy_profile", BAND, found))
    }
}

const BAND: &str = "banded by a `low` above 0 and at most 1 and a `high` of at least 1";

fn positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

fn band(low: f64, high: f64) -> Option<String> {
    let sound = positive(low) && low <= 1.0 && high.is_finite() && high >= 1.0;
    (!sound).then(|| format!("{low} to {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_fact_names_its_field_and_what_is_allowed() {
        let sound = Deployment::new("H100", 2);
        assert_eq!(sound.fault(), None);
        let fault = |deployment: Deployment| deployment.fault().unwrap();
        let (field, allowed, found) = fault(Deployment { batch: Some(0.5), ..sound.clone() });
        assert_eq!((field, allowed, found.as_str()), ("deployment.batch", "at least 1", "0.5"));
        let bad = Deployment { bandwidth_gb_per_second: Some(f64::NAN), ..sound.clone() };
        assert_eq!(fault(bad).0, "deployment.bandwidth_gb_per_second");
        assert_eq!(fault(Deployment { count: 0, ..sound }).0, "deployment.count");
        let joule = Energy::from_joules(1.0);
        let profile = EnergyProfile { low: 1.5, ..EnergyProfile::new(joule, joule, joule) };
        assert_eq!(profile.fault().unwrap().2, "1.5 to 2");
    }
}

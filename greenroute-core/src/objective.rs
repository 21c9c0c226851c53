use crate::carbon_aware::CarbonAware;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelKey;
use crate::time::option_seconds;
use crate::units::{Emissions, Energy, Probability, Usd};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// What to weigh against what when models are ranked.
///
/// ```
/// use greenroute_core::{Floor, Objective};
/// let objective = Objective::preset("balanced")?;
/// assert_eq!(objective.floor, Floor::of_best(0.97));
/// assert!(Objective::preset("greenest").unwrap_err().to_string().contains("eco, balanced, performance"));
/// # Ok::<(), greenroute_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The name of the preset that it began as.
    pub name: Cow<'static, str>,
    /// How likely success must be.
    pub floor: Floor,
    /// What counts, and how much, for the weighted ranker.
    pub weights: Weights,
    /// What a call may take at most; a candidate whose forecast exceeds a cap is excluded.
    #[serde(default)]
    pub caps: Caps,
    /// How far the prompt may travel.
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// Models, by key or alias, that rank first if they meet the floor.
    #[serde(default)]
    pub prefer: Vec<String>,
    /// Models, by key or alias, that are not used.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The only models that may be used, where an administrator says so.
    #[serde(default)]
    pub only: Option<Vec<ModelKey>>,
    /// How far the state of the grid shifts floor and weights; `None` for not at all, as in every preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carbon_aware: Option<CarbonAware>,
}

/// How likely success must be for a candidate to count as good enough. Always judged on the lower bound of the
/// prediction: a model must be known to be good enough, not merely hoped to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// At least this probability.
    Absolute(Probability),
    /// At least this share of the best candidate's.
    OfBest(Probability),
}

/// How much each thing counts. Only the ratios matter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Predicted success.
    pub quality: f64,
    /// Energy.
    pub energy: f64,
    /// Money.
    pub cost: f64,
    /// Time.
    pub latency: f64,
    /// The penalty for a remote model when the prompt is not public.
    pub privacy: f64,
}

/// What a call may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Caps {
    /// Energy at the facility.
    #[serde(rename = "energy_joules", default)]
    pub energy: Option<Energy>,
    /// Emissions.
    #[serde(rename = "emissions_grams_co2e", default)]
    pub emissions: Option<Emissions>,
    /// Money. A model without a known price exceeds every such cap.
    #[serde(rename = "cost_usd", default)]
    pub cost: Option<Usd>,
    /// Time until the answer is complete.
    #[serde(rename = "duration_seconds", with = "option_seconds", default)]
    pub duration: Option<Duration>,
}

/// How far the prompt may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Anywhere.
    #[default]
    Public,
    /// To remote models only where they are worth the penalty.
    Internal,
    /// Nowhere: local models only.
    Private,
}

/// The published default weights of the Green Model Advisor.
impl Default for Weights {
    fn default() -> Self {
        Self { quality: 0.4, energy: 0.25, cost: 0.15, latency: 0.1, privacy: 0.1 }
    }
}

impl Floor {
    /// At least this share of the best candidate's lower bound, clamped to 0 to 1.
    #[must_use]
    pub const fn of_best(share: f64) -> Self {
        Self::OfBest(Probability::from_fraction(share))
    }

    /// At least this probability, clamped to 0 to 1.
    #[must_use]
    pub const fn absolute(probability: f64) -> Self {
        Self::Absolute(Probability::from_fraction(probability))
    }
}

impl Objective {
    pub(crate) const ECO_SHARE: f64 = 0.90;
    pub(crate) const PERFORMANCE_SHARE: f64 = 0.99;
    const PRESETS: [(&'static str, f64); 3] =
        [("eco", Self::ECO_SHARE), ("balanced", 0.97), ("performance", Self::PERFORMANCE_SHARE)];

    /// The least energy at 90 % of the best candidate's success.
    #[must_use]
    pub fn eco() -> Self {
        Self::with_floor("eco", Self::ECO_SHARE)
    }

    /// The least energy at 97 % of the best candidate's success.
    #[must_use]
    pub fn balanced() -> Self {
        Self::with_floor("balanced", 0.97)
    }

    /// The least energy at 99 % of the best candidate's success.
    #[must_use]
    pub fn performance() -> Self {
        Self::with_floor("performance", Self::PERFORMANCE_SHARE)
    }

    /// The preset of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unknown name, listing the known ones.
    pub fn preset(name: &str) -> Result<Self> {
        let found = Self::PRESETS.into_iter().find(|(known, _)| *known == name);
        found.map(|(known, share)| Self::with_floor(known, share)).ok_or_else(|| {
            let names = Self::PRESETS.map(|(known, _)| known).join(", ");
            Error::new(ErrorKind::Config, "objective", format!("`{name}` is no preset: use one of {names}"))
        })
    }

    /// Between eco at 0 and performance at 1, in a straight line.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] outside 0 to 1.
    pub fn dial(position: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&position) {
            let message = format!("`dial` must be between 0 and 1, not {position}");
            return Err(Error::new(ErrorKind::Config, "objective", message));
        }
        Ok(Self::with_floor("dial", 0.90 + 0.09 * position))
    }

    /// With another floor.
    #[must_use]
    pub fn floor(mut self, floor: Floor) -> Self {
        self.floor = floor;
        self
    }

    /// With other weights.
    #[must_use]
    pub fn weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// With caps.
    #[must_use]
    pub fn caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Leaning towards eco while the grid is dirty, and towards performance while it is clean.
    #[must_use]
    pub fn carbon_aware(mut self, carbon_aware: CarbonAware) -> Self {
        self.carbon_aware = Some(carbon_aware);
        self
    }

    /// With a bound on how far the prompt may travel.
    #[must_use]
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = sensitivity;
        self
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the field and what is allowed.
    pub fn validate(&self) -> Result<()> {
        let Weights { quality, energy, cost, latency, privacy } = self.weights;
        let named = [
            ("quality", quality),
            ("energy", energy),
            ("cost", cost),
            ("latency", latency),
            ("privacy", privacy),
        ];
        match named.into_iter().find(|(_, weight)| !(weight.is_finite() && *weight >= 0.0)) {
            Some((name, weight)) => {
                let message = format!("`weights.{name}` must be finite and at least 0, not {weight}");
                Err(Error::new(ErrorKind::Config, "objective", message))
            }
            None => self.carbon_aware.as_ref().map_or(Ok(()), CarbonAware::validate),
        }
    }

    fn with_floor(name: &'static str, share: f64) -> Self {
        Self {
            name: Cow::Borrowed(name),
            floor: Floor::of_best(share),
            weights: Weights::default(),
            caps: Caps::default(),
            sensitivity: Sensitivity::default(),
            prefer: Vec::new(),
            exclude: Vec::new(),
            only: None,
            carbon_aware: None,
        }
    }
}

impl Default for Objective {
    fn default() -> Self {
        Self::balanced()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dial_runs_from_eco_to_performance() {
        assert_eq!(Objective::dial(0.0).unwrap().floor, Objective::eco().floor);
        assert_eq!(Objective::dial(1.0).unwrap().floor, Objective::performance().floor);
        for bad in [-0.1, 1.1, f64::NAN] {
            assert!(Objective::dial(bad).unwrap_err().to_string().contains("`dial`"));
        }
    }

    #[test]
    fn a_negative_weight_is_named() {
        let weights = Weights { latency: -1.0, ..Weights::default() };
        let error = Objective::eco().weights(weights).validate().unwrap_err();
        assert_eq!(error.message(), "`weights.latency` must be finite and at least 0, not -1");
    }
}

use crate::change::Change;
use crate::model::ModelKey;
use crate::reading::MeterId;
use crate::units::{Emissions, Energy, Usd};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the same tokens would have taken at a named other model, by the weakest meter that can read both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The other model.
    pub model: ModelKey,
    /// Why this one.
    pub rule: BaselineRule,
    /// The meter that read both.
    pub meter: MeterId,
    /// The difference in energy.
    #[serde(rename = "energy_joules")]
    pub energy: Change<Energy>,
    /// The difference in emissions.
    #[serde(rename = "emissions_grams_co2e")]
    pub emissions: Change<Emissions>,
    /// The difference in money, where both prices are known.
    #[serde(rename = "cost_usd", default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Change<Usd>>,
    /// Whether the two energy bands overlap, so that the difference may have the other sign.
    pub uncertain: bool,
}

/// How the baseline was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineRule {
    /// The user named it.
    Configured,
    /// It is the candidate with the highest predicted success.
    MostLikelyToSucceed,
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} against {}", self.energy, self.emissions, self.model)?;
        if self.uncertain { f.write_str(" (bands overlap)") } else { Ok(()) }
    }
}

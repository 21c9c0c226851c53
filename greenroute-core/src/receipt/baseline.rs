use crate::change::Change;
use crate::model::ModelKey;
use crate::reading::MeterId;
use crate::units::{Emissions, Energy, Quantity, Usd};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the tokens of the attempt that answered would have taken at a named other model, by the weakest meter that
/// can read both. What failed attempts spent comes on top of both, and is in the receipt's totals.
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

/// `4.19 kJ, 560 mgCO2e and $0.000029 saved against cloud/large, by roofline@1`
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut saved = Vec::new();
        let mut added = Vec::new();
        sort(self.energy, &mut saved, &mut added);
        sort(self.emissions, &mut saved, &mut added);
        if let Some(cost) = self.cost {
            sort(cost, &mut saved, &mut added);
        }
        let phrase = |amounts: &[String], verb: &str| listed(amounts).map(|list| format!("{list} {verb}"));
        let parts: Vec<_> =
            [phrase(&saved, "saved"), phrase(&added, "added")].into_iter().flatten().collect();
        let change = if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") };
        write!(f, "{change} against {}, by {}", self.model, self.meter)?;
        if self.uncertain { f.write_str(" (bands overlap)") } else { Ok(()) }
    }
}

/// Files an amount under its sign; nothing is neither saved nor added.
fn sort<T: Quantity + fmt::Display>(change: Change<T>, saved: &mut Vec<String>, added: &mut Vec<String>) {
    match change {
        Change::Saved(amount) if amount.base() > 0.0 => saved.push(amount.to_string()),
        Change::Added(amount) if amount.base() > 0.0 => added.push(amount.to_string()),
        _ => {}
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(amounts: &[String]) -> Option<String> {
    match amounts {
        [] => None,
        [only] => Some(only.clone()),
        [first @ .., last] => Some(format!("{} and {last}", first.join(", "))),
    }
}

use crate::estimate::Estimate;
use crate::model::Cost;
use crate::reading::MeterId;
use crate::units::{Emissions, Energy, Probability, Tokens};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a candidate is expected to do and to take, in the words of the receipt and at its boundary, the facility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The probability that the answer is good.
    pub success: Estimate<Probability>,
    /// How much the model writes.
    pub output: Estimate<Tokens>,
    /// Energy at the facility.
    pub energy: Estimate<Energy>,
    /// Emissions of that energy in the model's zone, now.
    pub emissions: Estimate<Emissions>,
    /// Money.
    pub cost: Cost,
    /// Time until the answer is complete.
    pub duration: Estimate<Duration>,
    /// The meter whose forecast this is.
    pub meter: MeterId,
}

impl Forecast {
    /// Whether this forecast is at least as good as `other` in everything and better in something: by the
    /// predicted value of each, and by the lower bound of success as well. An unknown cost is worse than any.
    #[must_use]
    pub fn dominates(&self, other: &Self) -> bool {
        let usd = |cost: &Cost| cost.usd().map_or(f64::INFINITY, |usd| usd.value().as_usd());
        let (a, b) = (self, other);
        let pairs = [
            (-a.success.value().as_fraction(), -b.success.value().as_fraction()),
            (-a.success.low().as_fraction(), -b.success.low().as_fraction()),
            (a.energy.value().as_joules(), b.energy.value().as_joules()),
            (a.emissions.value().as_grams(), b.emissions.value().as_grams()),
            (usd(&a.cost), usd(&b.cost)),
            (a.duration.value().as_secs_f64(), b.duration.value().as_secs_f64()),
        ];
        pairs.iter().all(|(a, b)| a <= b) && pairs.iter().any(|(a, b)| a < b)
    }
}

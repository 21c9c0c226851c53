use super::green::threshold;
use super::{Candidate, Ranked, Ranker, Ranking};
use crate::forecast::Forecast;
use crate::model::Privacy;
use crate::objective::{Objective, Sensitivity};
use crate::profile::PromptProfile;

/// The Green Model Advisor's ranker: a weighted sum of success, and of how little energy, money and time a
/// candidate takes, each normalised over the candidates, less a penalty for privacy.
///
/// `score = quality · w_q + (1 − cost) · w_c + (1 − energy) · w_e + (1 − latency) · w_l − penalty · w_p`, with every
/// term scaled min–max to 0 to 1. Where all candidates are equal in something, that term is 1 for all of them.
/// A model without a known price gets nothing for its cost. The penalty is 1 for a remote model when the prompt is
/// private, one half when it is internal.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeightedRanker;

impl Ranker for WeightedRanker {
    fn rank(&self, _profile: &PromptProfile, objective: &Objective, candidates: Vec<Candidate>) -> Ranking {
        let threshold = threshold(objective.floor, &candidates);
        let over = |field: fn(&Forecast) -> Option<f64>| Scale::over(&candidates, field);
        let (success, energy, cost, latency) = (over(success), over(energy), over(cost), over(latency));
        let weights = objective.weights;
        let mut ranking = Ranking::default();
        ranking.ranked.extend(candidates.into_iter().map(|candidate| {
            let forecast = &candidate.forecast;
            let penalty = match (candidate.card.privacy, objective.sensitivity) {
                (Privacy::Remote, Sensitivity::Private) => 1.0,
                (Privacy::Remote, Sensitivity::Internal) => 0.5,
                _ => 0.0,
            };
            let score = weights.quality * success.high_is_good(forecast)
                + weights.energy * energy.low_is_good(forecast)
                + weights.cost * cost.low_is_good(forecast)
                + weights.latency * latency.low_is_good(forecast)
                - weights.privacy * penalty;
            Ranked { score, meets_floor: forecast.success.low() >= threshold, candidate }
        }));
        ranking.sort_by_score();
        ranking
    }
}

fn success(forecast: &Forecast) -> Option<f64> {
    Some(forecast.success.value().as_fraction())
}

fn energy(forecast: &Forecast) -> Option<f64> {
    Some(forecast.energy.value().as_joules())
}

fn cost(forecast: &Forecast) -> Option<f64> {
    forecast.cost.usd().map(|usd| usd.value().as_usd())
}

fn latency(forecast: &Forecast) -> Option<f64> {
    Some(forecast.duration.value().as_secs_f64())
}

/// The range of one field over the candidates.
struct Scale {
    field: fn(&Forecast) -> Option<f64>,
    low: f64,
    high: f64,
}

impl Scale {
    fn over(candidates: &[Candidate], field: fn(&Forecast) -> Option<f64>) -> Self {
        let known = || candidates.iter().filter_map(|candidate| field(&candidate.forecast));
        Self {
            field,
            low: known().fold(f64::INFINITY, f64::min),
            high: known().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn high_is_good(&self, forecast: &Forecast) -> f64 {
        self.position(forecast).map_or(0.0, |position| position.unwrap_or(1.0))
    }

    fn low_is_good(&self, forecast: &Forecast) -> f64 {
        self.position(forecast).map_or(0.0, |position| position.map_or(1.0, |position| 1.0 - position))
    }

    /// `None` for an unknown value, `Some(None)` where all known values are equal.
    fn position(&self, forecast: &Forecast) -> Option<Option<f64>> {
        let value = (self.field)(forecast)?;
        let width = self.high - self.low;
        Some((width > 0.0).then(|| (value - self.low) / width))
    }
}

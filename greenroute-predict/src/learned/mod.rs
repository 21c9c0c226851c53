//! What a deployment's own verdicts teach, beside the prior and never in it: cleared, nothing but the prior is left.
//!
//! * A verdict counts for the four likeliest tasks of its profile, by their weights.
//! * A cell, one model at one task, forgets by half with every [`HALF_LIFE`] verdicts that it hears, so that it follows a
//!   model that changes, and is worth at most 145 verdicts.
//! * One judge is worth at most [`MOST`] verdicts in a cell; his newer ones take the place of his older ones. A verdict
//!   without a judge is judged by an unknown person for each receipt, and without both by one person for all.
//! * A judge is heard once on each answer; a second and a third judge of the same answer count by a half and a quarter.
//!   The last 1,024 answers are remembered.
//! * At most [`MODELS`] models are kept: the one judged longest ago goes first.

mod judges;
mod posterior;
mod receipts;
mod snapshot;
mod tally;

pub(crate) use posterior::update;
pub(crate) use tally::Tally;

use crate::prior::{Place, TaskFacts};
use greenroute_core::{ModelKey, Verdict};
use judges::{Judges, Share, number};
use receipts::Receipts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The verdicts after which what a cell knew counts by half.
pub const HALF_LIFE: f64 = 100.0;
/// The verdicts that one judge is worth in a cell, at most.
pub const MOST: f64 = 20.0;
/// The models that are kept, at most.
pub const MODELS: usize = 256;
/// The tasks that one verdict counts for.
const TASKS_HEARD: usize = 4;

/// A deployment's own table: what verdicts said of each model at each task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Learned {
    models: BTreeMap<ModelKey, Judged>,
    judges: Judges,
    receipts: Receipts,
    tick: u64,
}

/// One model's cells, by the task's name: names outlive the weights that first had them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Judged {
    cells: BTreeMap<Arc<str>, Cell>,
    tick: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Cell {
    tally: Tally,
    /// The weight of all verdicts it ever heard.
    clock: f64,
    /// The tick at which it was made: shares that judges brought earlier are not in it.
    #[serde(default)]
    born: u64,
}

impl Learned {
    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// How many verdicts the cell of `model` at `task` is worth now; 0 where nothing was heard.
    #[must_use]
    pub fn weight(&self, model: &ModelKey, task: &str) -> f64 {
        let cell = self.models.get(model).and_then(|judged| judged.cells.get(task));
        cell.map_or(0.0, |cell| cell.tally.weight)
    }

    /// Takes a verdict on an answer to a prompt at `place`.
    pub(crate) fn hear(&mut self, verdict: &Verdict, place: &Place, tasks: &[TaskFacts]) {
        let heard = likeliest(place, tasks);
        if heard.is_empty() {
            return;
        }
        let model = [
            verdict.model.provider.as_str(),
            verdict.model.model.as_str(),
            verdict.model.region.as_ref().map_or("", |region| region.as_str()),
        ]
        .map(str::as_bytes);
        // Whether shares are kept for this judge: somebody who is only known by one receipt cannot come again.
        let (judge, returns) = match (&verdict.judge, &verdict.receipt) {
            (Some(judge), _) => (number([&b"judge"[..], judge.as_bytes()]), true),
            (None, Some(receipt)) => (number([&b"receipt"[..], receipt.as_str().as_bytes()]), false),
            (None, None) => (number([&b"nobody"[..]]), true),
        };
        let weight = match &verdict.receipt {
            Some(receipt) => {
                let call = number([receipt.as_str().as_bytes()].into_iter().chain(model));
                self.receipts.hear(call, judge)
            }
            None => 1.0,
        };
        if weight <= 0.0 {
            return;
        }
        self.tick += 1;
        self.make_room(&verdict.model);
        let judged = self.models.entry(verdict.model.clone()).or_default();
        judged.tick = self.tick;
        for (name, part) in heard {
            let weight = weight * part;
            let (score, lowering) =
                (verdict.score.as_fraction() * weight, f64::from(place.lowering) * weight);
            let brought = Tally { weight, score, lowering };
            let new = || Cell { born: self.tick, ..Cell::default() };
            let cell = judged.cells.entry(Arc::clone(name)).or_insert_with(new);
            cell.tally = cell.tally.times(faded(weight));
            cell.clock += weight;
            if returns {
                let number = number(model.into_iter().chain([name.as_bytes(), &judge.to_le_bytes()]));
                let own = self.judges.get(number).filter(|share| share.tick >= cell.born);
                let own =
                    own.map_or_else(Tally::default, |own| own.tally.times(faded(cell.clock - own.clock)));
                // What he brought before shrinks until the new verdict has room.
                let kept =
                    if own.weight + weight > MOST { own.times((MOST - weight) / own.weight) } else { own };
                cell.tally = cell.tally.less(own).plus(kept);
                self.judges
                    .put(number, Share { tally: kept.plus(brought), clock: cell.clock, tick: self.tick });
            }
            cell.tally = cell.tally.plus(brought);
        }
    }

    /// The cells of `model` that these tasks have, by their places.
    pub(crate) fn tallies(&self, model: &ModelKey, tasks: &[TaskFacts]) -> Vec<(usize, Tally)> {
        let Some(judged) = self.models.get(model) else { return Vec::new() };
        let at = tasks.iter().enumerate();
        at.filter_map(|(at, task)| Some((at, judged.cells.get(&task.name)?.tally))).collect()
    }

    /// Drops the model judged longest ago if `model` would be one too many.
    fn make_room(&mut self, model: &ModelKey) {
        if self.models.len() < MODELS || self.models.contains_key(model) {
            return;
        }
        // Of several alike, the first by name.
        let oldest = self.models.iter().min_by_key(|(_, judged)| judged.tick).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.models.remove(&oldest);
        }
    }
}

/// What is left of a cell after further verdicts of this weight.
fn faded(weight: f64) -> f64 {
    (-weight.max(0.0) / HALF_LIFE).exp2()
}

/// The likeliest tasks of a prompt, with weights that sum to 1.
fn likeliest<'a>(place: &Place, tasks: &'a [TaskFacts]) -> Vec<(&'a Arc<str>, f64)> {
    let weights = place.tasks.iter().map(|weight| f64::from(*weight));
    let mut all: Vec<_> = tasks.iter().map(|task| &task.name).zip(weights).collect();
    all.retain(|(_, weight)| weight.is_finite() && *weight > 0.0);
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(TASKS_HEARD);
    let sum: f64 = all.iter().map(|(_, weight)| weight).sum();
    all.into_iter().map(|(name, weight)| (name, weight / sum)).collect()
}

#[cfg(test)]
mod tests;

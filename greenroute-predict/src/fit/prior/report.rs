use crate::fit::cells::{Cell, Cells};
use crate::fit::metrics::correlation;
use crate::fit::number;
use crate::prior::{Doubt, Stance};
use serde::Serialize;
use std::collections::BTreeMap;

/// How well success is told of models whose outcomes were left out of the fit, from their cards alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Report {
    /// Models, each left out in its turn.
    pub models: usize,
    /// The figures over them.
    pub left_out: Score,
}

/// Figures over cells, each one model at one task with 30 outcomes or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// How many cells.
    pub cells: usize,
    /// The mean distance of the believed success from the share of right answers.
    pub error: f64,
    /// The correlation of the two.
    pub correlation: f64,
    /// The same of what remains when every task's mean is taken from both: whether models are told apart.
    pub inside_tasks: f64,
    /// The area under the curve of single outcomes, told by their cell's belief.
    pub auc: f64,
    /// Calibration error over ten bins of belief, weighted by outcomes.
    pub ece: f64,
    /// How often the share of right answers lies in the band of 90 %, widened by what chance adds; the reach of the band
    /// comes from the other half of the models.
    pub coverage: f64,
}

/// A cell, as it was believed and as it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Miss {
    reference: usize,
    task: usize,
    believed: f64,
    own: f64,
    shared: f64,
    cell: Cell,
}

impl Miss {
    fn residual(&self) -> f64 {
        self.cell.logit() - self.believed
    }

    fn variance(&self, doubt: Doubt) -> f64 {
        (self.own + self.shared + doubt.own + doubt.shared).max(1e-6)
    }

    fn success(&self, doubt: Doubt) -> f64 {
        let shrink = (1.0 + std::f64::consts::FRAC_PI_8 * self.variance(doubt)).sqrt();
        1.0 / (1.0 + (-self.believed / shrink).exp())
    }
}

pub(super) fn misses(cells: &Cells, of: &[Option<usize>], stances: &[(usize, Stance)]) -> Vec<Miss> {
    let found = |(model, task, cell): (usize, usize, &Cell)| {
        let reference = of.get(model).copied().flatten()?;
        let (_, stance) = stances.iter().find(|(at, _)| *at == reference)?;
        let (believed, own) = (*stance.logits.get(task)?, *stance.own.get(task)?);
        Some(Miss { reference, task, believed, own, shared: stance.shared, cell: *cell })
    };
    cells.heavier(30.0).filter_map(found).collect()
}

/// The doubts that misses of left-out models show, by moments: what a model's misses share, and what they do not.
pub(super) fn doubt(misses: &[Miss], blank: Doubt) -> Doubt {
    let mut models: BTreeMap<usize, Vec<&Miss>> = BTreeMap::new();
    for miss in misses {
        models.entry(miss.reference).or_default().push(miss);
    }
    // A task that a model fails for its form alone is an outlier: the reach covers it, the variances must not.
    let residual = |miss: &Miss| miss.residual().clamp(-2.5, 2.5);
    let (mut inside, mut inside_count, mut between, mut between_count) = (0.0, 0.0, 0.0, 0.0);
    for misses in models.values() {
        let count = number(misses.len());
        let mean = misses.iter().map(|miss| residual(miss)).sum::<f64>() / count;
        let chance = misses.iter().map(|miss| miss.cell.variance() + miss.own).sum::<f64>();
        let squares = misses.iter().map(|miss| (residual(miss) - mean).powi(2)).sum::<f64>();
        if count > 1.5 {
            inside += squares - chance * (count - 1.0) / count;
            inside_count += count - 1.0;
        }
        let scores = misses.iter().map(|miss| miss.shared).sum::<f64>() / count;
        between += mean * mean - scores - chance / (count * count);
        between_count += 1.0;
    }
    let own = (inside / f64::max(inside_count, 1.0)).max(super::LEAST_DOUBT);
    let cells = number(misses.len()).max(1.0);
    let shared = between / f64::max(between_count, 1.0) - own * between_count / cells;
    let doubt = Doubt { own, shared: shared.max(super::LEAST_DOUBT), ..blank };
    Doubt { reach: reach(misses.iter(), doubt, level(misses, doubt)), ..doubt }
}

/// The smallest share of misses to reach over, so that of models that it was not taken from nine in ten are reached too.
fn level(misses: &[Miss], doubt: Doubt) -> usize {
    (90..98).find(|level| coverage(misses, doubt, *level) >= 0.9).unwrap_or(98)
}

/// Standard deviations that this share of misses, in hundredths, stays within.
fn reach<'a>(misses: impl Iterator<Item = &'a Miss>, doubt: Doubt, level: usize) -> f64 {
    let mut far: Vec<f64> = misses.map(|miss| distance(miss, doubt)).collect();
    far.sort_by(f64::total_cmp);
    far.get(far.len() * level / 100).copied().unwrap_or(1.645).clamp(1.2, 4.0)
}

/// How often misses stay within the reach that the other half of the models shows.
fn coverage(misses: &[Miss], doubt: Doubt, level: usize) -> f64 {
    let half = |odd: usize| misses.iter().filter(move |miss| miss.reference % 2 == odd);
    let inside = |odd: usize| {
        let reach = reach(half(1 - odd), doubt, level);
        half(odd).filter(|miss| distance(miss, doubt) <= reach).count()
    };
    number(inside(0) + inside(1)) / number(misses.len()).max(1.0)
}

fn distance(miss: &Miss, doubt: Doubt) -> f64 {
    miss.residual().abs() / (miss.variance(doubt) + miss.cell.variance()).sqrt()
}

pub(super) fn report(misses: &[Miss], doubt: Doubt) -> Report {
    let mut models: Vec<usize> = misses.iter().map(|miss| miss.reference).collect();
    models.dedup();
    models.sort_unstable();
    models.dedup();
    let coverage = coverage(misses, doubt, level(misses, doubt));
    Report { models: models.len(), left_out: Score { coverage, ..score(misses, doubt) } }
}

pub(super) fn score(misses: &[Miss], doubt: Doubt) -> Score {
    let pairs: Vec<(f64, f64)> =
        misses.iter().map(|miss| (miss.success(doubt), miss.cell.score / miss.cell.weight)).collect();
    let error = pairs.iter().map(|(believed, was)| (believed - was).abs()).sum::<f64>();
    let cells = number(pairs.len()).max(1.0);
    let mut tasks: BTreeMap<usize, (f64, f64, f64)> = BTreeMap::new();
    for (miss, (believed, was)) in misses.iter().zip(&pairs) {
        let sums = tasks.entry(miss.task).or_default();
        *sums = (sums.0 + believed, sums.1 + was, sums.2 + 1.0);
    }
    let centred: Vec<(f64, f64)> = misses
        .iter()
        .zip(&pairs)
        .filter_map(|(miss, (believed, was))| {
            let (a, b, count) = tasks.get(&miss.task)?;
            Some((believed - a / count, was - b / count))
        })
        .collect();
    let inside = misses.iter().filter(|miss| distance(miss, doubt) <= doubt.reach).count();
    Score {
        cells: pairs.len(),
        error: error / cells,
        correlation: together(&pairs),
        inside_tasks: together(&centred),
        auc: auc(misses, &pairs),
        ece: ece(misses, &pairs),
        coverage: number(inside) / cells,
    }
}

/// The correlation of pairs; 0 where one side does not vary.
fn together(pairs: &[(f64, f64)]) -> f64 {
    let (believed, was): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    correlation(&believed, &was).unwrap_or(0.0)
}

fn auc(misses: &[Miss], pairs: &[(f64, f64)]) -> f64 {
    let mut all: Vec<(f64, f64, f64)> = misses
        .iter()
        .zip(pairs)
        .map(|(miss, (believed, _))| (*believed, miss.cell.score, miss.cell.weight - miss.cell.score))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut wrong, mut won, mut right) = (0.0, 0.0, 0.0);
    for (_, good, bad) in all {
        won += good * (wrong + 0.5 * bad);
        wrong += bad;
        right += good;
    }
    if wrong * right > 0.0 { won / (wrong * right) } else { 0.5 }
}

fn ece(misses: &[Miss], pairs: &[(f64, f64)]) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    for (miss, (believed, was)) in misses.iter().zip(pairs) {
        let edge = |at: usize| number(at + 1) / 10.0;
        let at = (0..9).find(|at| *believed < edge(*at)).unwrap_or(9);
        if let Some((sum, weight)) = bins.get_mut(at) {
            *sum += miss.cell.weight * (believed - was);
            *weight += miss.cell.weight;
        }
    }
    let off: f64 = bins.iter().map(|(sum, _): &(f64, f64)| sum.abs()).sum();
    off / bins.iter().map(|(_, weight)| weight).sum::<f64>().max(1e-9)
}

//! Pools on tasks that were seen.

use crate::report::Pooled;
use crate::scores::{self, Choices, Drawn, TARGETS, floor};
use crate::world::World;
use greenroute_core::Result;
use greenroute_predict::fit::calibrate::Calibration;
use greenroute_predict::fit::clusters::Clusters;
use greenroute_predict::fit::cohort::Cohort;
use greenroute_predict::fit::design::{Blend, Design};
use greenroute_predict::fit::dial::{Confidence, Dial, Horizon};
use greenroute_predict::fit::energy::Spending;
use greenroute_predict::fit::fold::Folds;
use greenroute_predict::fit::known::{Known, Settings};
use greenroute_predict::fit::pool::Pool;
use ndarray::{Array2, ArrayView2, Axis};

/// Folds of cross-validation, and of the dial.
const FOLDS: usize = 5;
const SEED: u64 = 6;

/// What is foretold of prompts: success and joules of each model.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    pub(crate) success: Array2<f64>,
    pub(crate) joules: Array2<f64>,
}

/// A pool scored on `test`, or by cross-validation. Whatever is scored, dial and calibration stand on the other prompts
/// alone, each of them foretold by a fit that saw neither it nor what is scored. `None` without a prompt that all models
/// answered.
pub(crate) fn evaluate(
    fit: &World,
    test: Option<&World>,
    pool: &Pool,
    horizon: Option<usize>,
) -> Result<Option<Pooled>> {
    let cohort = Cohort::new(&fit.outcomes, pool);
    let scored = test.map_or_else(|| cohort.clone(), |test| Cohort::new(&test.outcomes, pool));
    if cohort.is_empty() || scored.is_empty() {
        return Ok(None);
    }
    let design = Design::new(fit.of(&cohort));
    let x = fit.rows(&cohort, &design, &Blend::WHOLE);
    let all: Vec<usize> = (0..cohort.len()).collect();
    match test {
        Some(test) => {
            let of = test.rows(&scored, &design, &Blend::WHOLE);
            let rows = (0..scored.len()).collect();
            let part = Part::new(&cohort, x.view(), &all, of.view(), rows)?;
            Ok(Some(judged(&scored, &[part], horizon)))
        }
        None => {
            let folds = folds(&cohort);
            let part = |fold: usize| {
                let inside = folds.inside(fold);
                let of = x.select(Axis(0), &inside);
                Part::new(&cohort, x.view(), &folds.outside(fold), of.view(), inside)
            };
            let parts: Vec<Part> = (0..folds.count()).map(part).collect::<Result<_>>()?;
            Ok(Some(judged(&scored, &parts, horizon)))
        }
    }
}

fn folds(cohort: &Cohort) -> Folds {
    Folds::grouped(cohort.names.iter().map(AsRef::as_ref), FOLDS, SEED)
}

/// Some of the prompts that are scored, with a dial that was set without them.
struct Part {
    /// Which rows of what is scored.
    rows: Vec<usize>,
    outlook: Outlook,
    dial: Dial,
}

impl Part {
    /// Learns from `seen` rows of the cohort, and foretells `of`, which are `rows` of what is scored.
    fn new(
        cohort: &Cohort,
        x: ArrayView2<'_, f64>,
        seen: &[usize],
        of: ArrayView2<'_, f64>,
        rows: Vec<usize>,
    ) -> Result<Self> {
        let (cohort, x) = (cohort.select(seen), x.select(Axis(0), seen));
        let mut outlook = foretold(&cohort, x.view(), of)?;
        let (unseen, curves) = calibrated(&cohort, &unseen(&cohort, x.view(), &folds(&cohort))?);
        apply(&curves, &mut outlook.success);
        Ok(Self { rows, outlook, dial: set_on(&cohort, &unseen, &cohort.by_question()) })
    }
}

/// All parts of what is scored, under every floor: one on average, unless a number of prompts is asked for, and one for as
/// many questions as there are.
fn judged(scored: &Cohort, parts: &[Part], horizon: Option<usize>) -> Pooled {
    let mut outlook = Outlook { success: scored.right.clone(), joules: scored.joules.clone() };
    for part in parts {
        put_rows(&mut outlook.success, &part.rows, part.outlook.success.view());
        put_rows(&mut outlook.joules, &part.rows, part.outlook.joules.view());
    }
    let pairs = pairs(scored, &outlook.success);
    let report = |confidence: &Confidence| {
        let mut choices = Choices::none(scored);
        for Part { rows, outlook, dial } in parts {
            for (target, choices) in &mut choices {
                choices.add(&dial.set(floor(target), confidence), rows, outlook, scored.large);
            }
        }
        scores::report(scored, &choices, &pairs, Drawn::Questions)
    };
    let questions = scored.by_question();
    let [asked, as_many] =
        [horizon.unwrap_or(0), scored.len()].map(|prompts| promise(prompts, scored, &questions));
    with_tuned(report(&asked).beside(report(&as_many)), scored, &outlook)
}

/// What a floor promises: to hold by itself on so many prompts, of as many clusters as hold so many of what is scored; 0 is
/// on average over all to come.
pub(crate) fn promise(prompts: usize, scored: &Cohort, drawn: &Clusters) -> Confidence {
    let clusters = prompts.saturating_mul(drawn.count()).div_ceil(scored.len().max(1));
    if prompts == 0 { Confidence::USUAL } else { Confidence::on(Horizon { prompts, clusters }) }
}

/// The report with what the dial would have saved, had it been set on the very prompts that are scored: more than can be
/// had, and what studies often quote.
pub(crate) fn with_tuned(mut report: Pooled, cohort: &Cohort, outlook: &Outlook) -> Pooled {
    let dial = set_on(cohort, outlook, &Clusters::each(cohort.len()));
    let saved = |target: &str| {
        let tallies = dial.places().iter().map(|(_, tally)| tally);
        let kept = tallies.filter(|tally| tally.attained >= floor(target));
        kept.fold(0.0_f64, |most, tally| most.max(tally.saved))
    };
    report.tuned_on_scored = TARGETS.map(|target| (target.to_owned(), saved(target))).into();
    report
}

/// What is foretold of each row by fits that did not see it.
fn unseen(cohort: &Cohort, x: ArrayView2<'_, f64>, folds: &Folds) -> Result<Outlook> {
    let mut all = Outlook { success: cohort.right.clone(), joules: cohort.joules.clone() };
    for fold in 0..folds.count() {
        let (inside, outside) = (folds.inside(fold), folds.outside(fold));
        let [of, x] = [&inside, &outside].map(|rows| x.select(Axis(0), rows));
        let part = foretold(&cohort.select(&outside), x.view(), of.view())?;
        put_rows(&mut all.success, &inside, part.success.view());
        put_rows(&mut all.joules, &inside, part.joules.view());
    }
    Ok(all)
}

/// Learns from a cohort with the rows `x`, and foretells `of`.
fn foretold(seen: &Cohort, x: ArrayView2<'_, f64>, of: ArrayView2<'_, f64>) -> Result<Outlook> {
    let task = (seen.task.as_slice(), seen.tasks.len());
    let known = Known::fit(x, seen.right.view(), task, &seen.names, &Settings::default())?;
    let joules = Spending::fit(x, seen.joules.view())?.predict(of);
    Ok(Outlook { success: known.predict(of).0, joules })
}

/// The outlook with success calibrated, and the curve of each model.
pub(crate) fn calibrated(cohort: &Cohort, outlook: &Outlook) -> (Outlook, Vec<Calibration>) {
    let both = outlook.success.columns().into_iter().zip(cohort.right.columns());
    let curves: Vec<Calibration> = both
        .map(|(success, right)| Calibration::fit(success.iter().copied().zip(right.iter().copied())))
        .collect();
    let mut all = outlook.clone();
    apply(&curves, &mut all.success);
    (all, curves)
}

/// Every model's column through its curve.
pub(crate) fn apply(curves: &[Calibration], success: &mut Array2<f64>) {
    for (mut column, curve) in success.columns_mut().into_iter().zip(curves) {
        column.mapv_inplace(|success| curve.apply(success));
    }
}

/// The dial, tried on a cohort that chance drew in these clusters.
pub(crate) fn set_on(cohort: &Cohort, outlook: &Outlook, drawn: &Clusters) -> Dial {
    let (success, spending) = (outlook.success.view(), outlook.joules.view());
    Dial::new(success, spending, cohort.right.view(), cohort.joules.view(), (cohort.large, drawn))
}

/// Probabilities with what came true, of all prompts and models.
pub(crate) fn pairs(cohort: &Cohort, success: &Array2<f64>) -> Vec<(f64, f64)> {
    success.iter().copied().zip(cohort.right.iter().copied()).collect()
}

pub(crate) fn put_rows(all: &mut Array2<f64>, rows: &[usize], part: ArrayView2<'_, f64>) {
    for (row, values) in rows.iter().zip(part.rows()) {
        all.row_mut(*row).assign(&values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_predict::fit::chance::Chance;

    /// 300 prompts of two tasks with ten random inputs.
    fn cohort() -> (Cohort, Array2<f64>) {
        let mut chance = Chance::new(8);
        let mut even =
            |bar: f64| Array2::from_shape_simple_fn((300, 2), || f64::from(u8::from(chance.share() < bar)));
        let (right, long) = (even(0.6), even(0.5));
        let cohort = Cohort {
            prompts: (0..300).collect(),
            right,
            joules: long + ndarray::array![[10.0, 50.0]],
            task: (0..300).map(|row| row % 2).collect(),
            tasks: vec!["quiz/a".into(), "quiz/b".into()],
            names: (0..300).map(|row| format!("question {row}").into()).collect(),
            large: 1,
        };
        let x = Array2::from_shape_simple_fn((300, 10), || chance.share() - 0.5);
        (cohort, x)
    }

    #[test]
    fn a_dial_is_set_without_a_look_at_what_is_scored() {
        let (mut cohort, x) = cohort();
        let folds = folds(&cohort);
        let inside = folds.inside(0);
        let mut part = || {
            let of = x.select(Axis(0), &inside);
            let part = Part::new(&cohort, x.view(), &folds.outside(0), of.view(), inside.clone()).unwrap();
            for row in &inside {
                cohort.right.row_mut(*row).mapv_inplace(|right| 1.0 - right);
                cohort.joules.row_mut(*row).mapv_inplace(|joules| 3.0 * joules);
            }
            (part.dial, part.outlook.success, part.outlook.joules)
        };
        assert_eq!(part(), part());
    }

    #[test]
    fn a_promise_on_other_prompts_is_on_as_many_of_their_clusters() {
        let (cohort, _) = cohort();
        let horizon = |prompts| promise(prompts, &cohort, &cohort.by_task()).horizon;
        assert_eq!(horizon(300), Some(Horizon { prompts: 300, clusters: 2 }));
        assert_eq!(horizon(1200), Some(Horizon { prompts: 1200, clusters: 8 }));
        assert_eq!(horizon(1), Some(Horizon { prompts: 1, clusters: 1 }));
        assert_eq!(horizon(0), None);
        assert!(horizon(usize::MAX).is_some());
    }
}

//! Pools on tasks that were seen.

use crate::report::Pooled;
use crate::scores::{self, Choices, Drawn, TARGETS, floor};
use crate::world::World;
use greenroute_core::Result;
use greenroute_predict::fit::calibrate::Calibration;
use greenroute_predict::fit::clusters::Clusters;
use greenroute_predict::fit::cohort::Cohort;
use greenroute_predict::fit::design::{Blend, Design};
use greenroute_predict::fit::dial::{Confidence, Dial};
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

/// A pool scored on `test`, or by cross-validation.
pub(crate) fn evaluate(
    fit: &World,
    test: Option<&World>,
    pool: &Pool,
    horizon: Option<usize>,
) -> Result<Pooled> {
    let cohort = Cohort::new(&fit.outcomes, pool);
    let design = Design::new(fit.of(&cohort));
    let x = fit.rows(&cohort, &design, &Blend::WHOLE);
    let folds = Folds::grouped(cohort.names.iter().map(AsRef::as_ref), FOLDS, SEED);
    let unseen = unseen(&cohort, x.view(), &folds)?;
    match test {
        None => crossed(&cohort, &unseen, &folds, &promise(horizon, &cohort)),
        Some(test) => {
            let tested = Cohort::new(&test.outcomes, pool);
            let all: Vec<usize> = (0..cohort.len()).collect();
            let mut outlook =
                foretold(&cohort, x.view(), &all, test.rows(&tested, &design, &Blend::WHOLE).view())?;
            let (calibrated, curves) = calibrated(&cohort, &unseen, &all);
            apply(&curves, &mut outlook.success);
            let dial = set_on(&cohort, &calibrated, &all, &cohort.by_question());
            let confidence = promise(horizon, &tested);
            let choices = TARGETS.map(|target| {
                let setting = dial.set(floor(target), &confidence);
                let chosen = setting.choices(outlook.success.view(), outlook.joules.view(), tested.large);
                (target, Choices { chosen, bounds: vec![setting.bound] })
            });
            let report =
                scores::report(&tested, &choices, &pairs(&tested, &outlook.success), Drawn::Questions);
            Ok(with_tuned(report, &tested, &outlook))
        }
    }
}

/// What a floor promises: to hold on as many questions as are scored, by themselves, unless another number is asked for.
fn promise(horizon: Option<usize>, scored: &Cohort) -> Confidence {
    Confidence::on(horizon.unwrap_or_else(|| scored.by_question().count()))
}

/// Every fold, with calibration and dial from the others.
fn crossed(cohort: &Cohort, unseen: &Outlook, folds: &Folds, confidence: &Confidence) -> Result<Pooled> {
    let mut choices = TARGETS
        .map(|target| (target, Choices { chosen: vec![cohort.large; cohort.len()], bounds: Vec::new() }));
    let mut all_scored = unseen.clone();
    let questions = cohort.by_question();
    for fold in 0..folds.count() {
        let (inside, outside) = (folds.inside(fold), folds.outside(fold));
        let (all, curves) = calibrated(cohort, unseen, &outside);
        let dial = set_on(cohort, &all, &outside, &questions);
        let mut scored = unseen.success.select(Axis(0), &inside);
        apply(&curves, &mut scored);
        let joules = unseen.joules.select(Axis(0), &inside);
        for (target, choices) in &mut choices {
            let setting = dial.set(floor(target), confidence);
            choices.bounds.push(setting.bound);
            let chosen = setting.choices(scored.view(), joules.view(), cohort.large);
            put(&mut choices.chosen, &inside, &chosen);
        }
        put_rows(&mut all_scored.success, &inside, scored.view());
    }
    let report = scores::report(cohort, &choices, &pairs(cohort, &all_scored.success), Drawn::Questions);
    Ok(with_tuned(report, cohort, &all_scored))
}

/// The report with what the dial would have saved, had it been set on the very prompts that are scored: more than can be
/// had, and what studies often quote.
pub(crate) fn with_tuned(mut report: Pooled, cohort: &Cohort, outlook: &Outlook) -> Pooled {
    let all: Vec<usize> = (0..cohort.len()).collect();
    let dial = set_on(cohort, outlook, &all, &Clusters::each(cohort.len()));
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
        let inside = folds.inside(fold);
        let part = foretold(cohort, x, &folds.outside(fold), x.select(Axis(0), &inside).view())?;
        put_rows(&mut all.success, &inside, part.success.view());
        put_rows(&mut all.joules, &inside, part.joules.view());
    }
    Ok(all)
}

/// Learns from `rows` of the cohort, and foretells `of`.
fn foretold(
    cohort: &Cohort,
    x: ArrayView2<'_, f64>,
    rows: &[usize],
    of: ArrayView2<'_, f64>,
) -> Result<Outlook> {
    let (x, seen) = (x.select(Axis(0), rows), cohort.select(rows));
    let task = (seen.task.as_slice(), seen.tasks.len());
    let known = Known::fit(x.view(), seen.right.view(), task, &seen.names, &Settings::default())?;
    let joules = Spending::fit(x.view(), seen.joules.view())?.predict(of);
    Ok(Outlook { success: known.predict(of).0, joules })
}

/// The outlook with success calibrated on `rows`, and the curve of each model.
pub(crate) fn calibrated(cohort: &Cohort, outlook: &Outlook, rows: &[usize]) -> (Outlook, Vec<Calibration>) {
    let success = outlook.success.select(Axis(0), rows);
    let right = cohort.right.select(Axis(0), rows);
    let curves: Vec<Calibration> = success
        .columns()
        .into_iter()
        .zip(right.columns())
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

/// The dial, tried on `rows`, which chance drew in these clusters of all rows.
pub(crate) fn set_on(cohort: &Cohort, outlook: &Outlook, rows: &[usize], drawn: &Clusters) -> Dial {
    let of = |all: &Array2<f64>| all.select(Axis(0), rows);
    let (success, spending) = (of(&outlook.success), of(&outlook.joules));
    let (right, joules) = (of(&cohort.right), of(&cohort.joules));
    Dial::new(
        success.view(),
        spending.view(),
        right.view(),
        joules.view(),
        (cohort.large, &drawn.select(rows)),
    )
}

/// Probabilities with what came true, of all prompts and models.
pub(crate) fn pairs(cohort: &Cohort, success: &Array2<f64>) -> Vec<(f64, f64)> {
    success.iter().copied().zip(cohort.right.iter().copied()).collect()
}

pub(crate) fn put(all: &mut [usize], rows: &[usize], part: &[usize]) {
    for (row, value) in rows.iter().zip(part) {
        all.get_mut(*row).into_iter().for_each(|place| *place = *value);
    }
}

pub(crate) fn put_rows(all: &mut Array2<f64>, rows: &[usize], part: ArrayView2<'_, f64>) {
    for (row, values) in rows.iter().zip(part.rows()) {
        all.row_mut(*row).assign(&values);
    }
}

//! The maps themselves, each with its predictions for prompts that it was not fitted on.

use super::grade::grades;
use super::kind::Kind;
use super::known::{self, Scored};
use super::lessons::Lesson;
use super::logistic::{Logistic, on_two_threads};
use super::mean;
use super::parted::Parted;
use super::tasks::{Tasks, indicators};
use crate::fit::fold::Folds;
use crate::fit::ridge::Ridge;
use crate::heads::{CAPABILITIES, KNOTS};
use crate::latent::TASKS;
use greenroute_core::Result;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Penalties. That of tasks is by judgement, that of capabilities the better of 10 and 30 on prompts left out.
const TASK_PENALTY: f64 = 10.0;
const CAPABILITY_PENALTY: f64 = 30.0;
const PENALTIES: [f64; 4] = [10.0, 30.0, 100.0, 300.0];
/// What carries over to tasks that were left out is held harder; by judgement.
const NEW_PENALTY: f64 = 300.0;
/// Steps of the logistic regression: of the one that is written, and of those that only score.
const STEPS: usize = 60;
const SCORING_STEPS: usize = 30;
/// Tasks are left out in so many parts.
const PARTS: usize = 8;
/// How sharply scores of tasks become weights: tried in turn.
const SHARPNESSES: [f64; 8] = [3.0, 5.0, 7.0, 9.0, 12.0, 15.0, 20.0, 30.0];

/// Tasks told apart.
#[derive(Debug)]
pub(super) struct Sorted {
    pub(super) map: Ridge,
    pub(super) sharpness: f64,
    pub(super) novelty: [[f64; KNOTS]; 2],
    /// Weights of the tasks for each row, by maps of other folds.
    pub(super) left_out: Array2<f64>,
    /// The probability that a prompt of a task left out resembles less than a known one.
    pub(super) told_apart: f64,
}

/// One-vs-rest ridge, a softmax over its scores, and novelty by leaving tasks out.
pub(super) fn sort(
    x: ArrayView2<'_, f64>,
    weights: &Array1<f64>,
    tasks: &Tasks,
    folds: &Folds,
) -> Result<Sorted> {
    let y = indicators(&tasks.of);
    let rows: Vec<usize> = (0..x.nrows()).collect();
    let by_fold = Parted::new(x, y.view(), weights, &rows, folds.count(), |row| at(folds.of(), row));
    let mut scores = Array2::zeros(y.dim());
    by_fold.left_out(x, TASK_PENALTY, &mut scores)?;
    let by_task = Parted::new(x, y.view(), weights, &rows, PARTS, |row| at(&tasks.of, row) % PARTS);
    let mut strange = Array2::zeros(y.dim());
    by_task.left_out(x, TASK_PENALTY, &mut strange)?;
    let scored = |scores: &Array2<f64>| -> Vec<Scored> {
        scores.rows().into_iter().zip(weights).map(|(row, weight)| (top(row), *weight)).collect()
    };
    let (known, new) = (scored(&scores), scored(&strange));
    let mut best = (f64::INFINITY, 1.0);
    for sharpness in SHARPNESSES {
        let right = softmax(&scores, sharpness);
        let surprise = right.rows().into_iter().zip(&tasks.of).zip(weights);
        let surprise =
            mean(surprise.map(|((row, task), weight)| {
                (-row.get(*task).copied().unwrap_or(0.0).max(1e-9).ln(), *weight)
            }));
        if surprise < best.0 {
            best = (surprise, sharpness);
        }
    }
    Ok(Sorted {
        map: by_fold.whole(TASK_PENALTY)?,
        sharpness: best.1,
        novelty: known::novelty(&known, &new),
        left_out: softmax(&scores, best.1),
        told_apart: known::told_apart(&known, &new),
    })
}

/// The capabilities' map, and the shares of each row by maps of other folds.
pub(super) fn capabilities(
    x: ArrayView2<'_, f64>,
    shares: &Array2<f64>,
    weights: &Array1<f64>,
    folds: &Folds,
) -> Result<(Logistic, Array2<f64>)> {
    let labelled = |rows: Vec<usize>| -> Vec<usize> {
        rows.into_iter().filter(|row| shares.row(*row).sum() > 0.0).collect()
    };
    let fit = |rows: &[usize], steps| {
        let [x, y] = [x, shares.view()].map(|all| all.select(Axis(0), rows));
        Logistic::fit(x.view(), y.view(), &weights.select(Axis(0), rows), CAPABILITY_PENALTY, steps)
    };
    // The one that is written is a job like the folds'.
    let jobs: Vec<Option<usize>> = (0..folds.count()).map(Some).chain([None]).collect();
    let mut fitted = on_two_threads(&jobs, |fold| match fold {
        Some(fold) => fit(&labelled(folds.outside(*fold)), SCORING_STEPS),
        None => fit(&labelled((0..x.nrows()).collect()), STEPS),
    });
    let whole = fitted.pop().unwrap_or_else(|| fit(&[], 1))?;
    let mut asked = Array2::zeros((x.nrows(), CAPABILITIES));
    for (fold, map) in fitted.into_iter().enumerate() {
        let rows = folds.inside(fold);
        let predicted = map?.predict(x.select(Axis(0), &rows).view());
        for (row, predicted) in rows.into_iter().zip(predicted.rows()) {
            asked.row_mut(row).assign(&predicted);
        }
    }
    Ok((whole, asked))
}

/// Difficulty: in grades for people, in logits for the expecter.
#[derive(Debug)]
pub(super) struct Traits {
    /// Which of the two grades counts.
    pub(super) kind: Kind,
    /// Over everything that has a grade, from people or from outcomes.
    pub(super) grade: Ridge,
    /// Over what people graded alone.
    pub(super) judged: Ridge,
    pub(super) level: Ridge,
    /// The mean predicted level by task.
    pub(super) usual: [f64; TASKS],
    /// Grades by maps of other folds, for every row: the two mixed as a reader will mix them.
    pub(super) graded: Array1<f64>,
    /// Levels by maps of other folds, for rows with a level.
    pub(super) levelled: Array1<f64>,
}

pub(super) fn traits(
    x: ArrayView2<'_, f64>,
    lessons: &[Lesson],
    weights: &Array1<f64>,
    tasks: &Tasks,
    kind: Kind,
    folds: &Folds,
) -> Result<Traits> {
    let grades = grades(x, lessons, weights)?;
    let levels: Vec<Option<f64>> = lessons.iter().map(|lesson| lesson.level).collect();
    let judgements: Vec<Option<f64>> = lessons.iter().map(|lesson| lesson.judged).collect();
    let (grade, by_all) = one(x, &grades, weights, folds)?;
    let (judged, by_people) = one(x, &judgements, weights, folds)?;
    let graded = &by_all + &(&kind.left_out * &(by_people - &by_all));
    let (level, levelled) = one(x, &levels, weights, folds)?;
    let predicted = level.predict(x);
    let mut usual = [0.0; TASKS];
    for (task, usual) in usual.iter_mut().enumerate() {
        let members = predicted.iter().zip(&tasks.of).zip(weights).filter(|((_, of), _)| **of == task);
        *usual = mean(members.map(|((level, _), weight)| (*level, *weight)));
    }
    Ok(Traits { kind, grade, judged, level, usual, graded, levelled })
}

/// The answers' lengths.
#[derive(Debug)]
pub(super) struct Lengths {
    pub(super) map: Ridge,
    /// Quantiles (5 %, 95 %) of the logarithm's error: known tasks, then tasks left out.
    pub(super) errors: [[f64; 2]; 2],
    /// By maps of other folds, for every row.
    pub(super) left_out: Array1<f64>,
}

pub(super) fn lengths(
    x: ArrayView2<'_, f64>,
    lessons: &[Lesson],
    weights: &Array1<f64>,
    tasks: &Tasks,
    folds: &Folds,
) -> Result<Lengths> {
    let targets: Vec<Option<f64>> = lessons
        .iter()
        .map(|lesson| {
            (!lesson.lengths.is_empty()).then(|| mean(lesson.lengths.iter().map(|length| (*length, 1.0))))
        })
        .collect();
    let (map, left_out) = one(x, &targets, weights, folds)?;
    let (rows, y) = known_rows(&targets);
    let by_task = Parted::new(x, y.view(), weights, &rows, PARTS, |row| at(&tasks.of, row) % PARTS);
    let mut strange = Array2::zeros((x.nrows(), 1));
    by_task.left_out(x, NEW_PENALTY, &mut strange)?;
    let errors = [&left_out, &strange.column(0).to_owned()].map(|predicted| {
        let mut errors: Vec<Scored> = Vec::new();
        for ((lesson, predicted), weight) in lessons.iter().zip(predicted).zip(weights) {
            let each = weight / crate::fit::number(lesson.lengths.len().max(1));
            errors.extend(lesson.lengths.iter().map(|length| (length - predicted, each)));
        }
        [0.05, 0.95].map(|share| known::quantile(&mut errors, share))
    });
    Ok(Lengths { map, errors, left_out })
}

/// A ridge of one output with the penalty that predicts other folds best, and those predictions for every row: a row
/// without a target is predicted by the whole.
fn one(
    x: ArrayView2<'_, f64>,
    targets: &[Option<f64>],
    weights: &Array1<f64>,
    folds: &Folds,
) -> Result<(Ridge, Array1<f64>)> {
    let (rows, y) = known_rows(targets);
    let parted = Parted::new(x, y.view(), weights, &rows, folds.count(), |row| at(folds.of(), row));
    let mut best: Option<(f64, f64, Array2<f64>)> = None;
    for penalty in PENALTIES {
        let mut predicted = Array2::zeros((x.nrows(), 1));
        parted.left_out(x, penalty, &mut predicted)?;
        let error = mean(rows.iter().filter_map(|row| {
            let gap = predicted.get((*row, 0))? - y.get((*row, 0))?;
            Some((gap * gap, *weights.get(*row)?))
        }));
        if best.as_ref().is_none_or(|(least, ..)| error < *least) {
            best = Some((error, penalty, predicted));
        }
    }
    let (_, penalty, left_out) = best.unwrap_or_else(|| (0.0, 1.0, Array2::zeros((x.nrows(), 1))));
    let whole = parted.whole(penalty)?;
    let mut all = whole.predict(x).column(0).to_owned();
    for row in rows {
        if let (Some(to), Some(from)) = (all.get_mut(row), left_out.get((row, 0))) {
            *to = *from;
        }
    }
    Ok((whole, all))
}

/// The rows that have a target, and all targets as a column, 0 where there is none.
fn known_rows(targets: &[Option<f64>]) -> (Vec<usize>, Array2<f64>) {
    let rows =
        targets.iter().enumerate().filter(|(_, target)| target.is_some()).map(|(row, _)| row).collect();
    let y: Array1<f64> = targets.iter().map(|target| target.unwrap_or(0.0)).collect();
    (rows, y.insert_axis(Axis(1)))
}

fn at(parts: &[usize], row: usize) -> usize {
    parts.get(row).copied().unwrap_or(0)
}

/// The largest.
fn top(row: ArrayView1<'_, f64>) -> f64 {
    row.iter().copied().fold(f64::MIN, f64::max)
}

fn softmax(scores: &Array2<f64>, sharpness: f64) -> Array2<f64> {
    let mut weights = scores.clone();
    for mut row in weights.rows_mut() {
        let highest = top(row.view());
        row.map_inplace(|score| *score = ((*score - highest) * sharpness).exp());
        let sum = row.sum();
        row.map_inplace(|score| *score /= sum);
    }
    weights
}

//! Of which kind a prompt is: of those that people graded, or of those that models were tried on.

use super::lessons::Lesson;
use super::logistic::{Logistic, on_two_threads};
use crate::fit::fold::Folds;
use greenroute_core::Result;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// By judgement: the better of 10 and 30 for capabilities, with which it shares its inputs.
const PENALTY: f64 = 30.0;
const STEPS: usize = 60;
const SCORING_STEPS: usize = 30;

/// What outcomes say of a prompt holds for prompts like those that were tried; what a grade says, for prompts like those
/// that were graded. This tells which.
#[derive(Debug)]
pub(super) struct Kind {
    /// The offset of the logit.
    pub(super) offset: f64,
    /// The weight of each input in it.
    pub(super) weights: Array1<f64>,
    /// The probability of having been graded for every row, by a map of other folds where it has a kind.
    pub(super) left_out: Array1<f64>,
}

/// Logistic regression. A prompt that nobody graded, and that no model was tried on, teaches nothing.
pub(super) fn kind(
    x: ArrayView2<'_, f64>,
    lessons: &[Lesson],
    weights: &Array1<f64>,
    folds: &Folds,
) -> Result<Kind> {
    let graded = |row: &usize| {
        let lesson = lessons.get(*row)?;
        (lesson.judged.is_some() || lesson.level.is_some()).then_some(lesson.judged.is_some())
    };
    let known =
        |rows: Vec<usize>| -> Vec<usize> { rows.into_iter().filter(|row| graded(row).is_some()).collect() };
    let fit = |rows: &[usize], steps| {
        let y = Array2::from_shape_fn((rows.len(), 2), |(at, column)| {
            let is = rows.get(at).and_then(graded).unwrap_or_default();
            f64::from(u8::from(is == (column == 1)))
        });
        let (x, weights) = (x.select(Axis(0), rows), weights.select(Axis(0), rows));
        Logistic::fit(x.view(), y.view(), &weights, PENALTY, steps)
    };
    let jobs: Vec<Option<usize>> = (0..folds.count()).map(Some).chain([None]).collect();
    let mut fitted = on_two_threads(&jobs, |fold| match fold {
        Some(fold) => fit(&known(folds.outside(*fold)), SCORING_STEPS),
        None => fit(&known((0..x.nrows()).collect()), STEPS),
    });
    let whole = fitted.pop().unwrap_or_else(|| fit(&[], 1))?;
    let mut left_out = whole.predict(x).column(1).to_owned();
    for (fold, map) in fitted.into_iter().enumerate() {
        let rows = known(folds.inside(fold));
        let predicted = map?.predict(x.select(Axis(0), &rows).view());
        for (row, share) in rows.into_iter().zip(predicted.column(1)) {
            left_out.get_mut(row).into_iter().for_each(|held| *held = *share);
        }
    }
    // Of two scores under one softmax only the difference counts.
    let gap =
        |of: ndarray::ArrayView1<'_, f64>| of.iter().rev().copied().reduce(|is, not| is - not).unwrap_or(0.0);
    let offset = gap(whole.offset().view());
    Ok(Kind { offset, weights: whole.weights().rows().into_iter().map(gap).collect(), left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(judged: Option<f64>, level: Option<f64>) -> Lesson {
        Lesson {
            text: String::new(),
            source: "quiz".into(),
            group: "".into(),
            kin: String::new(),
            weight: 1.0,
            capabilities: [0.0; 8],
            judged,
            level,
            lengths: Vec::new(),
        }
    }

    #[test]
    fn graded_prompts_are_told_from_tried_ones_and_those_of_neither_kind_teach_nothing() {
        // Rows 0, 3, … were graded, 1, 4, … tried, and the others, which look like tried ones, neither.
        let lessons: Vec<Lesson> = (0..900)
            .map(|row| match row % 3 {
                0 => lesson(Some(2.0), None),
                1 => lesson(None, Some(0.5)),
                _ => lesson(None, None),
            })
            .collect();
        let place = |row: usize| if row.is_multiple_of(3) { 1.0 } else { -1.0 };
        let x = Array2::from_shape_fn((900, 2), |(row, column)| if column == 0 { place(row) } else { 0.3 });
        let names: Vec<String> = (0..900).map(|row| row.to_string()).collect();
        let folds = Folds::grouped(names.iter().map(String::as_str), 5, 1);
        let of = |lessons: &[Lesson]| kind(x.view(), lessons, &Array1::ones(900), &folds).unwrap();
        let found = of(&lessons);
        for (row, share) in found.left_out.iter().enumerate() {
            assert!(if row.is_multiple_of(3) { *share > 0.8 } else { *share < 0.2 }, "{row}: {share}");
        }
        // What is written says the same as what was scored.
        let logit = found.offset + found.weights.dot(&x.row(2));
        assert!((1.0 / (1.0 + (-logit).exp()) - found.left_out[2]).abs() < 1e-9);
        // Nobody graded anything: nothing is of that kind.
        let tried: Vec<Lesson> = (0..900).map(|_| lesson(None, Some(0.5))).collect();
        assert!(of(&tried).left_out.iter().all(|share| *share < 0.1));
    }
}

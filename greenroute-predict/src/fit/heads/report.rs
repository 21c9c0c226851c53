//! How well fitted heads do on prompts that they were not fitted on.

use super::lessons::{Lesson, OWN};
use super::mean;
use super::outputs::{Lengths, Sorted, Traits};
use super::tasks::Tasks;
use crate::fit::metrics::spearman;
use ndarray::{Array2, ArrayView1};
use std::fmt;

/// What was learned from what, and figures of cross-validation: every prompt is scored by maps fitted on other folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The user's prompts.
    pub prompts: usize,
    /// Prompts of this package's own.
    pub own: usize,
    /// Each task found, with its prompts.
    pub tasks: Vec<(String, usize)>,
    /// The share of prompts whose likeliest task is theirs.
    pub task_accuracy: f64,
    /// The probability that a prompt of a task left out looks newer than one of a known task.
    pub novelty_auc: f64,
    /// The share of prompts whose heaviest capability is a heaviest one of the labels: the user's, our own.
    pub capability_accuracy: [f64; 2],
    /// Spearman's correlation of difficulty: with outcomes, with our own judgement. `None` without any.
    pub difficulty_spearman: [Option<f64>; 2],
    /// Spearman's correlation of difficulty in logits with that of outcomes.
    pub level_spearman: Option<f64>,
    /// The mean absolute error of the difficulty of our own prompts, 1 to 5.
    pub difficulty_error: f64,
    /// How much graded prompts, and prompts that models were tried on, were taken for graded ones, 0 to 1. `None` without
    /// any.
    pub taken_for_graded: [Option<f64>; 2],
    /// The median factor by which a prompt's mean length is off: the user's prompts, our own.
    pub length_factor: [f64; 2],
    /// The factors of the band that holds 90 % of answers: of known tasks, of tasks left out.
    pub length_bands: [[f64; 2]; 2],
}

impl Report {
    pub(super) fn of(
        lessons: &[Lesson],
        shares: &Array2<f64>,
        asked: &Array2<f64>,
        tasks: &Tasks,
        sorted: &Sorted,
        traits: &Traits,
        lengths: &Lengths,
    ) -> Self {
        let own = |row: &usize| lessons.get(*row).is_some_and(|lesson| &*lesson.source == OWN);
        let (mine, theirs): (Vec<usize>, Vec<usize>) = (0..lessons.len()).partition(own);
        let right = |rows: &[usize]| {
            let pairs = rows.iter().map(|row| (shares.row(*row), asked.row(*row)));
            let labelled = pairs.filter(|(truth, _)| truth.sum() > 0.0);
            mean(labelled.map(|(truth, said)| (f64::from(u8::from(heaviest(truth, said))), 1.0)))
        };
        let found = (0..lessons.len()).map(|row| {
            let weights = sorted.left_out.row(row);
            let likeliest =
                weights.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(task, _)| task);
            (f64::from(u8::from(likeliest == tasks.of.get(row).copied())), 1.0)
        });
        let pairs = |rows: &[usize],
                     truth: fn(&Lesson) -> Option<f64>,
                     said: &ndarray::Array1<f64>|
         -> Vec<(f64, f64)> {
            rows.iter().filter_map(|row| Some((truth(lessons.get(*row)?)?, *said.get(*row)?))).collect()
        };
        let judged = pairs(&mine, |lesson| lesson.judged, &traits.graded);
        let answered = pairs(&theirs, |lesson| lesson.level, &traits.graded);
        let levelled = pairs(&theirs, |lesson| lesson.level, &traits.levelled);
        let typical = |lesson: &Lesson| {
            (!lesson.lengths.is_empty()).then(|| mean(lesson.lengths.iter().map(|length| (*length, 1.0))))
        };
        let factor = |rows: &[usize]| {
            let mut gaps: Vec<(f64, f64)> = pairs(rows, typical, &lengths.left_out)
                .into_iter()
                .map(|(truth, said)| ((truth - said).abs(), 1.0))
                .collect();
            super::known::quantile(&mut gaps, 0.5).exp()
        };
        let taken = |of: &dyn Fn(&Lesson) -> bool| {
            let pairs = lessons.iter().zip(&traits.kind.left_out).filter(|(lesson, _)| of(lesson));
            let shares: Vec<(f64, f64)> = pairs.map(|(_, share)| (*share, 1.0)).collect();
            (!shares.is_empty()).then(|| mean(shares))
        };
        Self {
            prompts: theirs.len(),
            own: mine.len(),
            tasks: tasks
                .names
                .iter()
                .take(tasks.count)
                .enumerate()
                .map(|(task, name)| (name.clone(), tasks.of.iter().filter(|of| **of == task).count()))
                .collect(),
            task_accuracy: mean(found),
            novelty_auc: sorted.told_apart,
            capability_accuracy: [right(&theirs), right(&mine)],
            difficulty_spearman: [correlation(&answered), correlation(&judged)],
            level_spearman: correlation(&levelled),
            difficulty_error: mean(
                judged.iter().map(|(truth, said)| ((truth - said.clamp(1.0, 5.0)).abs(), 1.0)),
            ),
            taken_for_graded: [
                taken(&|lesson| lesson.judged.is_some()),
                taken(&|lesson| lesson.judged.is_none() && lesson.level.is_some()),
            ],
            length_factor: [factor(&theirs), factor(&mine)],
            length_bands: lengths.errors.map(|band| band.map(f64::exp)),
        }
    }
}

/// Whether what weighs most in `said` weighs most, or as much as anything, in `truth`.
fn heaviest(truth: ArrayView1<'_, f64>, said: ArrayView1<'_, f64>) -> bool {
    let most = truth.iter().copied().fold(0.0, f64::max);
    let picked = said.iter().zip(truth).max_by(|a, b| a.0.total_cmp(b.0));
    picked.is_some_and(|(_, share)| *share >= most - 1e-9)
}

/// Spearman's rank correlation of pairs.
fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let (truth, said): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    spearman(&truth, &said)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} prompts, and {} of our own; {} tasks:", self.prompts, self.own, self.tasks.len())?;
        for (name, prompts) in &self.tasks {
            writeln!(f, "{prompts:>7}  {name}")?;
        }
        let percent = |share: f64| 100.0 * share;
        writeln!(f, "By cross-validation, on prompts that were not fitted on:")?;
        writeln!(f, "  task right                     {:>6.1} %", percent(self.task_accuracy))?;
        writeln!(f, "  new task told from known, AUC  {:>6.3}", self.novelty_auc)?;
        let [theirs, own] = self.capability_accuracy.map(percent);
        writeln!(f, "  capability right               {theirs:>6.1} %, of our own {own:.1} %")?;
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let [theirs, own] = self.difficulty_spearman.map(shown);
        writeln!(f, "  difficulty, Spearman           {theirs:>6} with outcomes, {own} with judgement")?;
        writeln!(f, "  difficulty in logits, Spearman {:>6} with outcomes", shown(self.level_spearman))?;
        writeln!(f, "  difficulty, mean error         {:>6.2} of 1 to 5", self.difficulty_error)?;
        let [graded, tried] = self
            .taken_for_graded
            .map(|share| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", percent(share))));
        writeln!(
            f,
            "  taken for graded               {graded:>6} % of graded prompts, {tried} % of tried ones"
        )?;
        let [theirs, own] = self.length_factor;
        writeln!(f, "  length, median factor off      {theirs:>6.2}, of our own {own:.2}")?;
        let [[low, high], [new_low, new_high]] = self.length_bands;
        write!(
            f,
            "  90 % of answers within         {low:>6.2} to {high:.2}, of new tasks {new_low:.2} to {new_high:.2}"
        )
    }
}

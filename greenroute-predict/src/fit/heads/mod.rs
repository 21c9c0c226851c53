//! Fits the heads: what a text's features say of its task, its capabilities, its difficulty and its answer's length.
//! METHOD.md, "The profile of a prompt", has every formula.

mod grade;
mod kind;
mod known;
mod lessons;
mod level;
mod logistic;
mod outputs;
mod parted;
mod report;
mod sheet;
mod tasks;

pub use report::Report;

use super::data::Outcomes;
use super::design::read_all;
use super::fold::Folds;
use super::number;
use crate::heads::{self, CAPABILITIES, INPUTS, TRAITS};
use crate::text::{CUES, DIMENSIONS, Features, Reader};
use crate::weights::Draft;
use greenroute_core::Result;
use lessons::lessons;
use ndarray::{Array1, Array2};
use outputs::{Lengths, Traits};
use tasks::Tasks;

/// Folds of the cross-validation.
const FOLDS: usize = 5;
/// A cue that varies less than this among the fit's prompts is taken to vary so much: a script that they hardly have
/// must not weigh without bound.
const STILLEST: f64 = 0.05;
/// How much a column of the embedding and one of the cues weigh against a penalty.
const EMBEDDING_WEIGHT: f32 = 4.0;
const CUE_WEIGHT: f32 = 0.3;

/// What is being done, with how much of it there is: for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Texts are being read: so many.
    Reading(usize),
    /// One more was read.
    Read,
    /// Something else begins; the whole has [`Step::COUNT`] of them.
    Next(&'static str),
}

impl Step {
    /// The steps beside reading.
    pub const COUNT: usize = 8;
}

/// Heads that were fitted.
#[derive(Debug)]
pub struct Fitted {
    /// What was found, and how well it does on what it was not fitted on.
    pub report: Report,
    mean: [f32; CUES],
    scale: [f32; CUES],
    tasks: Tasks,
    sorted: outputs::Sorted,
    traits: Traits,
    lengths: Lengths,
    capabilities: logistic::Logistic,
    typical: sheet::Typical,
    mixes: Vec<[f64; CAPABILITIES]>,
    /// What was read of the prompts: the user's in their order, then our own.
    pub(crate) features: Vec<Features>,
}

/// Fits heads to `outcomes` and to the prompts of our own, with the text features of `reader`.
///
/// # Errors
/// [`ErrorKind::Decode`](greenroute_core::ErrorKind::Decode) for a capability that is none of the eight, with the prompt.
pub fn fit(outcomes: &Outcomes, reader: &Reader, seed: u64, step: &(dyn Fn(Step) + Sync)) -> Result<Fitted> {
    let lessons = lessons(outcomes)?;
    step(Step::Reading(lessons.len()));
    let texts: Vec<&str> = lessons.iter().map(|lesson| lesson.text.as_str()).collect();
    let features = read_all(reader, &texts, || step(Step::Read));
    let (mean, scale) = standard(&features);
    let x = rows(&features, &mean, &scale);
    let weights: Array1<f64> = lessons.iter().map(|lesson| lesson.weight).collect();
    let folds = Folds::grouped(lessons.iter().map(|lesson| lesson.kin.as_str()), FOLDS, seed);

    step(Step::Next("finding tasks"));
    let tasks = tasks::tasks(&lessons, x.view(), seed)?;
    step(Step::Next("telling tasks apart"));
    let sorted = outputs::sort(x.view(), &weights, &tasks, &folds)?;
    step(Step::Next("fitting capabilities"));
    let shares = Array2::from_shape_fn((lessons.len(), CAPABILITIES), |(row, column)| {
        lessons.get(row).and_then(|lesson| lesson.capabilities.get(column)).copied().unwrap_or(0.0)
    });
    let (capabilities, asked) = outputs::capabilities(x.view(), &shares, &weights, &folds)?;
    step(Step::Next("telling graded from tried"));
    let kind = kind::kind(x.view(), &lessons, &weights, &folds)?;
    step(Step::Next("fitting difficulty"));
    let traits = outputs::traits(x.view(), &lessons, &weights, &tasks, kind, &folds)?;
    step(Step::Next("fitting lengths"));
    let lengths = outputs::lengths(x.view(), &lessons, &weights, &tasks, &folds)?;
    step(Step::Next("looking at what was left out"));
    let typical = sheet::Typical::of(&lessons, &shares, &sorted, &traits, &lengths);
    let report = Report::of(&lessons, &shares, &asked, &tasks, &sorted, &traits, &lengths);
    let mixes = sheet::mixes(&lessons, &shares, &tasks);
    Ok(Fitted { mixes, features, report, mean, scale, tasks, sorted, traits, lengths, capabilities, typical })
}

impl Fitted {
    /// How much each task asks for each capability; all zero for a task without labelled prompts.
    pub(crate) fn mixes(&self) -> impl Iterator<Item = [f64; CAPABILITIES]> + '_ {
        self.mixes.iter().copied()
    }

    /// Puts the heads into a file of weights, in place of those that it had.
    #[must_use]
    pub fn write(&self, draft: Draft) -> Draft {
        let mut traits = (Array1::zeros(TRAITS), Array2::zeros((INPUTS, TRAITS)));
        let shown = self.capabilities.offset();
        traits.0.iter_mut().zip(&shown).for_each(|(to, from)| *to = *from);
        for (mut to, from) in traits.1.rows_mut().into_iter().zip(self.capabilities.weights().rows()) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        let columns = [
            (heads::GRADE, &self.traits.grade),
            (heads::JUDGED, &self.traits.judged),
            (heads::LENGTH, &self.lengths.map),
            (heads::LEVEL, &self.traits.level),
        ];
        for (column, ridge) in columns {
            traits.0.get_mut(column).into_iter().for_each(|to| *to = ridge.offset.sum());
            traits.1.column_mut(column).assign(&ridge.weights.sum_axis(ndarray::Axis(1)));
        }
        traits.0.get_mut(heads::GRADED).into_iter().for_each(|to| *to = self.traits.kind.offset);
        traits.1.column_mut(heads::GRADED).assign(&self.traits.kind.weights);
        let draft = draft.without("heads.").without("tasks.").without("typical.");
        let cues: Vec<f32> = self.mean.iter().chain(&self.scale).copied().collect();
        let draft = draft.f32("heads.cues", &[2, CUES], &cues);
        let draft = sheet::layer(draft, "heads.tasks", &self.sorted.map.offset, &self.sorted.map.weights);
        let draft = sheet::layer(draft, "heads.traits", &traits.0, &traits.1);
        let draft = sheet::numbers(draft, "heads.sharpness", &[1], [self.sorted.sharpness]);
        let knots = self.sorted.novelty.iter().flatten().copied();
        let draft = sheet::numbers(draft, "heads.novelty", &[2, heads::KNOTS], knots);
        let errors = self.lengths.errors.iter().flatten().copied();
        let draft = sheet::numbers(draft, "heads.errors", &[2, 2], errors);
        let levels = self.traits.usual.iter().copied();
        let draft = sheet::numbers(draft, "heads.levels", &[crate::latent::TASKS], levels);
        let draft = draft.text("tasks.names", &self.tasks.names.join("\n"));
        self.typical.write(draft)
    }
}

/// The cues' mean, and one over their standard deviation.
fn standard(features: &[Features]) -> ([f32; CUES], [f32; CUES]) {
    let design = super::design::Design::new(features);
    let (mut mean, mut scale) = ([0.0; CUES], [0.0; CUES]);
    mean.iter_mut().zip(design.mean()).for_each(|(to, from)| *to = sheet::single(*from));
    for (to, from) in scale.iter_mut().zip(design.scale()) {
        let bounded = if *from > 0.0 { from.min(1.0 / STILLEST) } else { 1.0 / STILLEST };
        *to = sheet::single(bounded);
    }
    (mean, scale)
}

/// The heads' own inputs, weighed against the penalties.
fn rows(features: &[Features], mean: &[f32; CUES], scale: &[f32; CUES]) -> Array2<f64> {
    let row = |features: &Features| heads::inputs(&features.embedding, &features.cues, mean, scale);
    let values: Vec<f64> = features
        .iter()
        .flat_map(|features| row(features).into_iter().zip(column_weights()))
        .map(|(value, weight)| f64::from(value * weight))
        .collect();
    Array2::from_shape_vec((features.len(), INPUTS), values).unwrap_or_else(|_| Array2::zeros((0, INPUTS)))
}

/// What each input is multiplied by before a fit; written weights take it in.
fn column_weights() -> impl Iterator<Item = f32> {
    std::iter::repeat_n(EMBEDDING_WEIGHT, DIMENSIONS).chain(std::iter::repeat_n(CUE_WEIGHT, CUES))
}

/// The weighted mean; 0 of nothing.
fn mean(values: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let (sum, weight) = values
        .into_iter()
        .fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + value * weight, all + weight));
    if weight > 0.0 { sum / weight } else { 0.0 }
}

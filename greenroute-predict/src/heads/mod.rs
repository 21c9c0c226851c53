//! What the features of a text say: which tasks it resembles, what it asks for, how hard it is, how long its answer is.

mod curve;
mod layer;

use crate::latent::TASKS;
use crate::text::{CUES, DIMENSIONS};
use crate::weights::Weights;
use curve::Curve;
use greenroute_core::Result;
use greenroute_core::model::{Capability, CapabilityWeights};
use layer::{Layer, softmax};
use std::sync::Arc;

/// The inputs of the heads: the embedding, then the cues, each with mean 0 and variance 1 over the fit's prompts.
pub const INPUTS: usize = DIMENSIONS + CUES;
/// The outputs of the head beside the tasks: eight capabilities' scores, then those below; the rest is not used yet.
pub const TRAITS: usize = 16;
/// The output that is the difficulty, 1 to 5, of a prompt like those that models were tried on.
pub const GRADE: usize = 8;
/// The output that is the natural logarithm of a typical answer's tokens.
pub const LENGTH: usize = 9;
/// The output that is the difficulty in logits of a typical model's failure.
pub const LEVEL: usize = 10;
/// The output that is the logit of being of the kind that people graded, rather than of those that models were tried on.
pub const GRADED: usize = 11;
/// The output that is the difficulty, 1 to 5, of a prompt like those that people graded.
pub const JUDGED: usize = 12;
/// Standard deviations beyond which a cue says no more.
pub const FAR: f32 = 6.0;
/// The knots of the curve that tells novelty.
pub const KNOTS: usize = 16;
/// The capabilities.
pub const CAPABILITIES: usize = Capability::ALL.len();

/// A capability whose weight is below this is not asked for.
const NOTHING: f32 = 0.03;
/// No prompt is expected to be harder or easier than its tasks by more than this, in logits.
const MOST_EXCESS: f32 = 2.0;
/// No answer is expected to be longer than `e` to this: half a million tokens.
const LONGEST: f32 = 13.0;

/// The trained maps from features.
#[derive(Debug, Clone)]
pub struct Heads {
    mean: [f32; CUES],
    scale: [f32; CUES],
    tasks: Layer<TASKS>,
    sharpness: f32,
    traits: Layer<TRAITS>,
    novelty: Curve,
    /// Quantiles (5 %, 95 %) of the error of the logarithm of an answer's tokens: of known tasks, of new ones.
    errors: [[f32; 2]; 2],
    /// The mean of [`LEVEL`] by task.
    levels: [f32; TASKS],
    names: Vec<Arc<str>>,
    typical: [Impression; CAPABILITIES],
}

/// What the heads say of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impression {
    /// How much it belongs to each task; they sum to 1.
    pub tasks: [f32; TASKS],
    /// How unlike everything known: 0 to 1.
    pub novelty: f32,
    /// How much of each capability it asks for, in the order of [`Capability::ALL`]; they sum to 1.
    pub capabilities: [f32; CAPABILITIES],
    /// 1 to 5.
    pub difficulty: f32,
    /// The natural logarithm of a typical answer's tokens.
    pub length: f32,
    /// How much harder than its tasks usually are, in logits.
    pub excess: f32,
    /// How much it is of the kinds of prompts that people graded, rather than of those that models were tried on: 0 to 1.
    pub graded: f32,
}

impl Heads {
    /// From the tensors `heads.*`, `tasks.names` and `typical.*`.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](greenroute_core::ErrorKind::Decode) if one is missing or not as expected.
    pub fn read(weights: &Weights) -> Result<Self> {
        let cues = weights.tensor_f32("heads.cues", &[2, CUES])?;
        let [mean, scale] = pair(cues.as_chunks().0, [0.0; CUES]);
        let errors = weights.tensor_f32("heads.errors", &[2, 2])?;
        let mut levels = [0.0; TASKS];
        levels
            .iter_mut()
            .zip(weights.tensor_f32("heads.levels", &[TASKS])?)
            .for_each(|(to, from)| *to = from);
        let names: Vec<Arc<str>> = weights.tensor_text("tasks.names")?.lines().map(Arc::from).collect();
        if names.len() != TASKS {
            return Err(weights.wrong(format!("names {} tasks, expected {TASKS}", names.len())));
        }
        let sharpness = weights.tensor_f32("heads.sharpness", &[1])?.into_iter().sum();
        if sharpness <= 0.0 {
            return Err(
                weights.wrong("heads.sharpness is not positive: the least like task would come first")
            );
        }
        Ok(Self {
            mean,
            scale,
            tasks: Layer::read(weights, "heads.tasks", INPUTS)?,
            sharpness,
            traits: Layer::read(weights, "heads.traits", INPUTS)?,
            novelty: Curve::read(weights, "heads.novelty")?,
            errors: pair(errors.as_chunks().0, [0.0; 2]),
            levels,
            names,
            typical: typical(weights)?,
        })
    }

    /// The tasks' names, in the order of [`Impression::tasks`].
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The typical prompt of one capability.
    #[must_use]
    pub fn typical(&self, capability: Capability) -> Impression {
        let known = Capability::ALL.iter().zip(&self.typical).find(|(known, _)| **known == capability);
        known.map_or(Impression::NONE, |(_, typical)| *typical)
    }

    /// What an embedding and its cues say.
    #[must_use]
    pub fn impression(&self, embedding: &[f32; DIMENSIONS], cues: &[f32; CUES]) -> Impression {
        let inputs = inputs(embedding, cues, &self.mean, &self.scale);
        let (scores, traits) = self.tasks.with(&self.traits, &inputs);
        let familiar = scores.iter().copied().fold(f32::MIN, f32::max);
        let tasks = softmax(scores, self.sharpness);
        let usual: f32 = tasks.iter().zip(&self.levels).map(|(weight, level)| weight * level).sum();
        let [_, _, _, _, _, _, _, _, grade, length, level, graded, judged, ..] = traits;
        let graded = 1.0 / (1.0 + (-graded).exp());
        Impression {
            tasks,
            novelty: self.novelty.value(familiar).clamp(0.0, 1.0),
            capabilities: asked(traits.first_chunk().copied().unwrap_or_default()),
            difficulty: (grade + graded * (judged - grade)).clamp(1.0, 5.0),
            length: length.clamp(0.0, LONGEST),
            excess: (level - usual).clamp(-MOST_EXCESS, MOST_EXCESS),
            graded,
        }
    }

    /// The factors by which an answer's length may be off: its 5 % and 95 % quantiles.
    #[must_use]
    pub fn band(&self, novelty: f32) -> [f32; 2] {
        let [known, new] = self.errors;
        let mut factors = [1.0; 2];
        for ((factor, known), new) in factors.iter_mut().zip(known).zip(new) {
            *factor = (known + novelty * (new - known)).exp();
        }
        factors
    }
}

impl Impression {
    /// That of nothing at all: as simple as can be, like nothing known, of no task.
    pub const NONE: Self = Self {
        tasks: [0.0; TASKS],
        novelty: 1.0,
        capabilities: [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        difficulty: 1.0,
        length: 3.0,
        excess: 0.0,
        graded: 1.0,
    };

    /// The capabilities as core has them.
    #[must_use]
    pub fn weights(&self) -> CapabilityWeights {
        CapabilityWeights::new(Capability::ALL.into_iter().zip(self.capabilities.map(f64::from)))
    }
}

/// The inputs of the heads; the trainer makes its rows by the same.
#[inline]
pub(crate) fn inputs(
    embedding: &[f32; DIMENSIONS],
    cues: &[f32; CUES],
    mean: &[f32; CUES],
    scale: &[f32; CUES],
) -> [f32; INPUTS] {
    let mut inputs = [0.0; INPUTS];
    let (first, rest) = inputs.split_at_mut(DIMENSIONS);
    first.copy_from_slice(embedding);
    for (((input, cue), mean), scale) in rest.iter_mut().zip(cues).zip(mean).zip(scale) {
        *input = ((cue - mean) * scale).clamp(-FAR, FAR);
    }
    inputs
}

/// Scores of capabilities as weights, without those that come to nothing.
fn asked(scores: [f32; CAPABILITIES]) -> [f32; CAPABILITIES] {
    let weights = softmax(scores, 1.0).map(|weight| if weight < NOTHING { 0.0 } else { weight });
    let sum: f32 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// From `typical.tasks` (8, tasks) and `typical.traits` (8, 8 capabilities then difficulty, length and `graded`).
fn typical(weights: &Weights) -> Result<[Impression; CAPABILITIES]> {
    const COLUMNS: usize = CAPABILITIES + 3;
    let tasks = weights.tensor_f32("typical.tasks", &[CAPABILITIES, TASKS])?;
    let traits = weights.tensor_f32("typical.traits", &[CAPABILITIES, COLUMNS])?;
    let mut typical = [Impression::NONE; CAPABILITIES];
    let rows = tasks.as_chunks::<TASKS>().0.iter().zip(traits.as_chunks::<COLUMNS>().0);
    for (impression, (tasks, traits)) in typical.iter_mut().zip(rows) {
        let [capabilities @ .., difficulty, length, graded] = *traits;
        let (difficulty, length) = (difficulty.clamp(1.0, 5.0), length.clamp(0.0, LONGEST));
        let graded = graded.clamp(0.0, 1.0);
        *impression =
            Impression { tasks: *tasks, novelty: 0.0, capabilities, difficulty, length, excess: 0.0, graded };
    }
    Ok(typical)
}

fn pair<T: Copy>(chunks: &[T], none: T) -> [T; 2] {
    if let [first, second] = chunks { [*first, *second] } else { [none; 2] }
}

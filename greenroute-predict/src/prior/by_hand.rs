use super::{PerTask, Prior, narrow};
use crate::latent::TASKS;
use greenroute_core::PromptProfile;

/// A profile's place among the tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) tasks: PerTask,
    /// How much harder the prompt is than its tasks, in logits.
    pub(crate) lowering: f32,
}

/// Finds the place of a profile that has no latent numbers: by what it asks for and how hard it is.
#[derive(Debug)]
pub(crate) struct ByHand {
    /// How much each task asks for each capability.
    mixes: [PerTask; 8],
    /// How easy each is for the mean model, in logits.
    offsets: PerTask,
    /// Every task that has prompts, alike: for a profile that asks for nothing that any task asks for.
    any: PerTask,
    /// How easy a task is for the mean model where there is none.
    general: f32,
    /// How much difficulty has a say at each task, and that times how easy the task is for the mean model.
    graded: PerTask,
    graded_offsets: PerTask,
}

/// The logit of the mean reference model's success at difficulty 3, and what each step takes: the grades by their
/// definition (1: any model of 1–3 billion parameters gets it right, .99; 2: easy for 8 billion, .96; 3: wants 8–30, .85; 4:
/// wants 70, .6; 5: for the frontier, .3), in a straight line.
pub(super) const LOGITS_AT_THREE: f64 = 1.75;
pub(super) const LOGITS_PER_STEP: f64 = 1.37;
/// How much of how easy a read prompt is taken to be its difficulty says where many outcomes of its tasks say the rest;
/// where there are none, all of it. Prompts of every day resemble tasks of benchmarks that are harder than they are, and people
/// graded those: two witnesses with an equal say.
const GRADED: f64 = 0.5;
/// With so many outcomes they have half of the say that they can have.
const MANY: f64 = 1_000.0;

impl ByHand {
    pub(crate) fn new(prior: &Prior) -> Self {
        let (mut mixes, mut offsets, mut any) = ([[0.0; TASKS]; 8], [0.0; TASKS], [0.0; TASKS]);
        let general = narrow(prior.general.0);
        let (mut graded, mut graded_offsets) = ([1.0f32; TASKS], [general; TASKS]);
        for (at, task) in prior.tasks.iter().enumerate() {
            for (row, weight) in mixes.iter_mut().zip(task.mix) {
                row.iter_mut().skip(at).take(1).for_each(|slot| *slot = narrow(weight));
            }
            let used = task.mix.iter().any(|weight| *weight > 0.0);
            offsets.iter_mut().skip(at).take(1).for_each(|slot| *slot = narrow(task.offset));
            any.iter_mut().skip(at).take(1).for_each(|slot| *slot = f32::from(u8::from(used)));
            let say = GRADED + (1.0 - GRADED) / (1.0 + task.outcomes / MANY);
            let told = say * if used { task.offset } else { prior.general.0 };
            graded.iter_mut().skip(at).take(1).for_each(|slot| *slot = narrow(say));
            graded_offsets.iter_mut().skip(at).take(1).for_each(|slot| *slot = narrow(told));
        }
        Self { mixes, offsets, any, general, graded, graded_offsets }
    }

    /// A harder profile is lowered more, and its tasks stay the same.
    pub(crate) fn place(&self, profile: &PromptProfile) -> Place {
        let mut tasks = [0.0; TASKS];
        for ((_, asked), row) in profile.capabilities.iter().zip(&self.mixes) {
            let asked = narrow(asked);
            if asked > 0.0 {
                tasks.iter_mut().zip(row).for_each(|(slot, held)| *slot += asked * held);
            }
        }
        tasks.iter_mut().for_each(|slot| *slot *= *slot);
        let mut sum: f32 = tasks.iter().sum();
        if sum < 1e-6 {
            tasks = self.any;
            sum = tasks.iter().sum();
        }
        let mut typical = self.general;
        if sum > 0.0 {
            tasks.iter_mut().for_each(|slot| *slot /= sum);
            typical = tasks.iter().zip(&self.offsets).map(|(weight, offset)| weight * offset).sum();
        }
        // The offset is how easy the tasks are for the mean model: a profile says itself how hard it is.
        Place { tasks, lowering: bounded(typical - wanted(profile.difficulty)) }
    }

    /// Of a prompt that was read: `excess` is how much harder it is than its tasks by what outcomes say, in logits.
    #[inline]
    pub(crate) fn lowering(&self, tasks: &PerTask, difficulty: f64, excess: f32) -> f32 {
        let (mut graded, mut typical) = (0.0, 0.0);
        for ((weight, say), offset) in tasks.iter().zip(&self.graded).zip(&self.graded_offsets) {
            graded += weight * say;
            typical += weight * offset;
        }
        bounded(typical - graded * wanted(difficulty) + (1.0 - graded) * excess)
    }
}

/// How easy a prompt of this difficulty is for the mean model, in logits.
fn wanted(difficulty: f64) -> f32 {
    narrow(LOGITS_AT_THREE - LOGITS_PER_STEP * (difficulty - 3.0))
}

/// Beyond, nothing changes; what is no number says nothing.
const fn bounded(lowering: f32) -> f32 {
    if lowering.is_nan() { 0.0 } else { lowering.clamp(-12.0, 12.0) }
}

use super::{PerTask, Prior, narrow};
use crate::latent::{Latent, TASKS};
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
    /// How little outcomes say of each task: 1 where there are none.
    untried: PerTask,
}

/// The logit of the mean reference model's success at difficulty 3, and what each step takes: the grades by their
/// definition (1: any model of 1–3 billion parameters gets it right, .99; 2: easy for 8 billion, .96; 3: wants 8–30, .85; 4:
/// wants 70, .6; 5: for the frontier, .3), in a straight line.
pub(super) const LOGITS_AT_THREE: f64 = 1.75;
pub(super) const LOGITS_PER_STEP: f64 = 1.37;
/// With so many outcomes of its tasks, they and the grade have an equal say of a prompt that is like those that were tried.
const MANY: f64 = 1_000.0;

impl ByHand {
    pub(crate) fn new(prior: &Prior) -> Self {
        let (mut mixes, mut offsets, mut any) = ([[0.0; TASKS]; 8], [0.0; TASKS], [0.0; TASKS]);
        let general = narrow(prior.general.0);
        let mut untried = [1.0f32; TASKS];
        offsets.fill(general);
        for (at, task) in prior.tasks.iter().enumerate() {
            for (row, weight) in mixes.iter_mut().zip(task.mix) {
                row.iter_mut().skip(at).take(1).for_each(|slot| *slot = narrow(weight));
            }
            let used = task.mix.iter().any(|weight| *weight > 0.0);
            if used {
                offsets.iter_mut().skip(at).take(1).for_each(|slot| *slot = narrow(task.offset));
            }
            any.iter_mut().skip(at).take(1).for_each(|slot| *slot = f32::from(u8::from(used)));
            let say = narrow(1.0 / (1.0 + task.outcomes / MANY));
            untried.iter_mut().skip(at).take(1).for_each(|slot| *slot = say);
        }
        Self { mixes, offsets, any, general, untried }
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
        typical += narrow(profile.novelty.as_fraction()) * (self.general - typical);
        Place { tasks, lowering: bounded(typical - wanted(profile.difficulty)) }
    }

    /// How much harder than its tasks a prompt is that was read, in logits.
    ///
    /// Two witnesses speak: outcomes, by `latent.excess` (`excess` is what one unit of it takes), and the grade, by which
    /// the mean model gets it right as often as the grade means. The grade is believed as far as the prompt is of the kind
    /// that was graded, and as far as its tasks were not tried.
    #[inline]
    pub(crate) fn lowering(&self, latent: &Latent<'_>, difficulty: f64, novelty: f32, excess: f32) -> f32 {
        let (mut untried, mut typical) = (0.0, 0.0);
        for ((weight, say), offset) in latent.tasks.iter().zip(&self.untried).zip(&self.offsets) {
            untried += weight * say;
            typical += weight * offset;
        }
        typical += novelty * (self.general - typical);
        // A profile may come from anywhere: beyond both ends, one witness would speak against the other.
        let [graded, untried] = [latent.graded, untried].map(|share| share.clamp(0.0, 1.0));
        let grade = graded + (1.0 - graded) * untried;
        bounded(grade * (typical - wanted(difficulty)) + (1.0 - grade) * excess * latent.excess)
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

#[cfg(test)]
mod tests {
    use super::super::sample::prior;
    use super::*;
    use greenroute_core::model::{Capability, CapabilityWeights};
    use greenroute_core::units::Probability;
    use proptest::prelude::*;

    /// How much harder a prompt of the first task is than the task; `outcomes` is how many the task has.
    fn lowering(outcomes: f64, graded: f32, difficulty: f64, excess: f32) -> f32 {
        let mut prior = prior();
        prior.tasks[0].outcomes = outcomes;
        let mut tasks = [0.0; TASKS];
        tasks[0] = 1.0;
        ByHand::new(&prior).lowering(&Latent { tasks: &tasks, excess, graded }, difficulty, 0.0, 0.5)
    }

    /// What difficulty alone says.
    fn by_grade(difficulty: f64) -> f32 {
        narrow(prior().tasks[0].offset) - wanted(difficulty)
    }

    #[test]
    fn a_graded_prompt_follows_its_grade_and_a_tried_one_its_outcomes() {
        assert!((lowering(1e9, 1.0, 2.0, 1.0) - by_grade(2.0)).abs() < 1e-5);
        assert!((lowering(1e9, 0.0, 2.0, 1.0) - 0.5).abs() < 1e-5);
        let half = lowering(1e9, 0.5, 2.0, 1.0);
        assert!((half - f32::midpoint(by_grade(2.0), 0.5)).abs() < 1e-5);
    }

    #[test]
    fn a_task_without_outcomes_follows_the_grade_whatever_the_prompt_is_like() {
        assert_eq!(lowering(0.0, 0.0, 4.0, 1.0), by_grade(4.0));
        // As many outcomes as there are grades' worth of: each says half.
        let half = lowering(MANY, 0.0, 4.0, 1.0);
        assert!((half - f32::midpoint(by_grade(4.0), 0.5)).abs() < 1e-5);
    }

    #[test]
    fn a_new_prompt_by_grade_is_as_hard_as_the_grade_says() {
        // Where the tasks are unknown the belief is in the model's level, so that is what the grade is held against.
        let by_hand = ByHand::new(&prior());
        let latent = Latent { tasks: &[0.0; TASKS], excess: 0.0, graded: 1.0 };
        assert!((by_hand.lowering(&latent, 2.0, 1.0, 1.0) - (by_hand.general - wanted(2.0))).abs() < 1e-6);
        let mut profile = PromptProfile::by_hand(CapabilityWeights::single(Capability::Code), 2.0);
        profile.novelty = Probability::ONE;
        assert!((by_hand.place(&profile).lowering - (by_hand.general - wanted(2.0))).abs() < 1e-6);
    }

    #[test]
    fn no_prompt_is_more_than_graded_nor_less_than_tried() {
        assert_eq!(lowering(1e9, 7.0, 2.0, 1.0), lowering(1e9, 1.0, 2.0, 1.0));
        assert_eq!(lowering(1e9, -7.0, 2.0, 1.0), lowering(1e9, 0.0, 2.0, 1.0));
    }

    proptest! {
        #[test]
        fn harder_is_never_easier(
            graded in 0.0f32..=1.0, outcomes in 0.0f64..1e5, easy in 1.0f64..5.0, more in 0.0f64..4.0,
        ) {
            let (easier, harder) = (lowering(outcomes, graded, easy, 0.3), lowering(outcomes, graded, easy + more, 0.3));
            prop_assert!(easier <= harder + 1e-5);
        }

        #[test]
        fn no_number_spoils_it(graded: f32, difficulty: f64, excess: f32) {
            prop_assert!(lowering(50.0, graded, difficulty, excess).abs() <= 12.0);
        }
    }
}

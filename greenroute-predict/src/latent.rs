//! What the profiler hands to the expecter in [`PromptProfile::latent`]: the layout, known to both and to nobody else.

use greenroute_core::PromptProfile;

/// The tasks that a file of weights knows; one fitted on less has tasks without any prompt, whose weight is always 0.
pub const TASKS: usize = 40;
/// The numbers of a latent vector: the weight of each task, the difficulty beyond that of the tasks, and how far to go by
/// the grade.
pub const LATENT: usize = TASKS + 2;

/// A latent vector, read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latent<'a> {
    /// How much the prompt belongs to each task; they sum to 1.
    pub tasks: &'a [f32; TASKS],
    /// How much harder it is than its tasks usually are, in logits of a typical model's success; 0 for a typical
    /// prompt, positive for a harder one.
    pub excess: f32,
    /// From 0 to 1, how much it is of the kinds of prompts that people graded, rather than of those that models were tried
    /// on: where 1, success follows [`PromptProfile::difficulty`] alone.
    pub graded: f32,
}

impl<'a> Latent<'a> {
    /// That of a profile; `None` for one given by hand, or made by another profiler.
    #[must_use]
    pub fn of(profile: &'a PromptProfile) -> Option<Self> {
        Self::read(&profile.latent)
    }

    /// From its numbers; `None` unless there are [`LATENT`].
    #[must_use]
    pub fn read(numbers: &'a [f32]) -> Option<Self> {
        let (tasks, rest) = numbers.split_first_chunk()?;
        if let [excess, graded] = *rest { Some(Self { tasks, excess, graded }) } else { None }
    }

    /// Its numbers, as a profile holds them.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(LATENT);
        numbers.extend_from_slice(self.tasks);
        numbers.extend([self.excess, self.graded]);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_other_lengths_are_not() {
        let mut tasks = [0.0; TASKS];
        tasks[3] = 1.0;
        let written = Latent { tasks: &tasks, excess: 0.5, graded: 0.25 }.to_vec();
        assert_eq!(written.len(), LATENT);
        assert_eq!(Latent::read(&written), Some(Latent { tasks: &tasks, excess: 0.5, graded: 0.25 }));
        assert_eq!(Latent::read(&written[1..]), None);
        assert_eq!(Latent::read(&[]), None);
    }
}

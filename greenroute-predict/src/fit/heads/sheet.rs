//! Tensors of the fitted heads.

use super::column_weights;
use super::lessons::Lesson;
use super::mean;
use super::outputs::{Lengths, Sorted, Traits};
use super::tasks::Tasks;
use crate::heads::{CAPABILITIES, INPUTS};
use crate::latent::TASKS;
use crate::weights::Draft;
use ndarray::{Array1, Array2};

/// In half the bits.
#[expect(clippy::cast_possible_truncation, reason = "weights are written with seven digits")]
pub(super) const fn single(number: f64) -> f32 {
    number as f32
}

/// A tensor of numbers.
pub(super) fn numbers(
    draft: Draft,
    name: &str,
    shape: &[usize],
    numbers: impl IntoIterator<Item = f64>,
) -> Draft {
    let numbers: Vec<f32> = numbers.into_iter().map(single).collect();
    draft.f32(name, shape, &numbers)
}

/// A linear map over the heads' inputs as they are read, not as they are weighed in a fit.
pub(super) fn layer(draft: Draft, name: &str, offset: &Array1<f64>, weights: &Array2<f64>) -> Draft {
    let columns = weights.ncols();
    let draft = numbers(draft, &format!("{name}.offset"), &[columns], offset.iter().copied());
    let rows = weights.rows().into_iter().zip(column_weights());
    let values =
        rows.flat_map(|(row, weight)| row.to_owned().into_iter().map(move |value| value * f64::from(weight)));
    numbers(draft, &format!("{name}.weights"), &[INPUTS, columns], values)
}

/// The weighted mean of what the prompts of each task ask for.
pub(super) fn mixes(lessons: &[Lesson], shares: &Array2<f64>, tasks: &Tasks) -> Vec<[f64; CAPABILITIES]> {
    let mix = |task: usize| {
        let mut mix = [0.0; CAPABILITIES];
        for ((lesson, shares), of) in lessons.iter().zip(shares.rows()).zip(&tasks.of) {
            if *of == task {
                mix.iter_mut().zip(shares).for_each(|(sum, share)| *sum += lesson.weight * share);
            }
        }
        let sum: f64 = mix.iter().sum();
        if sum > 0.0 { mix.map(|share| share / sum) } else { mix }
    };
    (0..TASKS).map(mix).collect()
}

/// The typical prompt of each capability: the weighted means over the prompts that ask for it the most.
#[derive(Debug)]
pub(super) struct Typical {
    tasks: Vec<f64>,
    traits: Vec<f64>,
}

impl Typical {
    pub(super) fn of(
        lessons: &[Lesson],
        shares: &Array2<f64>,
        sorted: &Sorted,
        traits: &Traits,
        lengths: &Lengths,
    ) -> Self {
        let mut typical = Self { tasks: Vec::new(), traits: Vec::new() };
        for capability in 0..CAPABILITIES {
            let asks = |row: usize| {
                let row = shares.row(row);
                let share = row.get(capability).copied().unwrap_or(0.0);
                share > 0.0 && row.iter().all(|other| *other <= share)
            };
            let members: Vec<usize> = (0..lessons.len()).filter(|row| asks(*row)).collect();
            let weight = |row: usize| lessons.get(row).map_or(0.0, |lesson| lesson.weight);
            let of =
                |value: &dyn Fn(usize) -> f64| mean(members.iter().map(|row| (value(*row), weight(*row))));
            let tasks: Vec<f64> = (0..TASKS)
                .map(|task| of(&|row| sorted.left_out.get((row, task)).copied().unwrap_or(0.0)))
                .collect();
            typical.tasks.extend(tasks);
            typical.traits.extend(
                (0..CAPABILITIES).map(|other| of(&|row| shares.get((row, other)).copied().unwrap_or(0.0))),
            );
            typical.traits.push(of(&|row| traits.graded.get(row).copied().unwrap_or(0.0)));
            typical.traits.push(of(&|row| lengths.left_out.get(row).copied().unwrap_or(0.0)));
            typical.traits.push(of(&|row| traits.kind.left_out.get(row).copied().unwrap_or(0.0)));
        }
        typical
    }

    pub(super) fn write(&self, draft: Draft) -> Draft {
        let draft = numbers(draft, "typical.tasks", &[CAPABILITIES, TASKS], self.tasks.iter().copied());
        numbers(draft, "typical.traits", &[CAPABILITIES, CAPABILITIES + 3], self.traits.iter().copied())
    }
}

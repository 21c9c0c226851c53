//! How far a figure would move, had other prompts of the same kind been asked.

use crate::fit::chance::Chance;
use crate::fit::clusters::Clusters;
use crate::fit::number;

/// A figure worked out again on resampled items, sorted.
///
/// Items are drawn with replacement, as many as there are; whoever works the figure out is told how often each item
/// was drawn, so that sorting is done once and pairs stay pairs (Efron and Tibshirani 1993, section 13.3).
#[derive(Debug, Clone)]
pub struct Bootstrap {
    sorted: Vec<f64>,
}

/// Between which values a figure lies.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Bootstrap {
    /// `rounds` resamplings of `items` items; `figure` gets the times that each was drawn, which sum to `items`, and may
    /// say `None` where a round tells nothing.
    pub fn of(items: usize, rounds: usize, seed: u64, mut figure: impl FnMut(&[u32]) -> Option<f64>) -> Self {
        let mut chance = Chance::new(seed);
        let mut drawn = vec![0_u32; items];
        let mut sorted = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            drawn.fill(0);
            for _ in 0..items {
                if let Some(times) = drawn.get_mut(chance.below(items)) {
                    *times += 1;
                }
            }
            sorted.extend(figure(&drawn).filter(|value| value.is_finite()));
        }
        sorted.sort_unstable_by(f64::total_cmp);
        Self { sorted }
    }

    /// The same where chance draws in two steps: as many clusters as there are, and from each as many of its items as it
    /// has, each time that it was drawn (Davison and Hinkley 1997, section 3.8). Rounds differ in how many items they have.
    pub fn nested(
        clusters: &Clusters,
        rounds: usize,
        seed: u64,
        mut figure: impl FnMut(&[u32]) -> Option<f64>,
    ) -> Self {
        let mut members = vec![Vec::new(); clusters.count()];
        for (item, of) in clusters.of().iter().enumerate() {
            members.get_mut(*of).into_iter().for_each(|items| items.push(item));
        }
        let mut chance = Chance::new(seed);
        let mut drawn = vec![0_u32; clusters.of().len()];
        let mut sorted = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            drawn.fill(0);
            for _ in 0..members.len() {
                let Some(items) = members.get(chance.below(members.len())) else { continue };
                for _ in 0..items.len() {
                    let item = items.get(chance.below(items.len()));
                    item.and_then(|item| drawn.get_mut(*item)).into_iter().for_each(|times| *times += 1);
                }
            }
            sorted.extend(figure(&drawn).filter(|value| value.is_finite()));
        }
        sorted.sort_unstable_by(f64::total_cmp);
        Self { sorted }
    }

    /// The value below which a share of the rounds lies, from 0 to 1, straight between neighbours; `None` without rounds.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        let place = share.clamp(0.0, 1.0) * number(last);
        // Counted up rather than cast: `place` is at most `last`.
        let below = self.sorted.iter().enumerate().rposition(|(at, _)| number(at) <= place)?;
        let (low, high) = (self.sorted.get(below)?, self.sorted.get((below + 1).min(last))?);
        Some(low + (high - low) * (place - number(below)))
    }

    /// The 95 % percentile interval; `None` without rounds.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval { low: self.quantile(0.025)?, high: self.quantile(0.975)? })
    }

    /// The share of rounds with at least this value, from 0 to 1; `None` without rounds.
    #[must_use]
    pub fn at_least(&self, value: f64) -> Option<f64> {
        let below = self.sorted.partition_point(|round| *round < value);
        (!self.sorted.is_empty()).then(|| number(self.sorted.len() - below) / number(self.sorted.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(values: &[f64]) -> Bootstrap {
        Bootstrap { sorted: values.to_vec() }
    }

    #[test]
    fn quantiles_lie_straight_between_neighbours() {
        let rounds = sorted(&[1.0, 2.0, 4.0]);
        assert_eq!(
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| rounds.quantile(share)),
            [1.0, 1.5, 2.0, 3.0, 4.0].map(Some)
        );
        assert_eq!(sorted(&[]).quantile(0.5), None);
        assert_eq!(sorted(&[]).interval(), None);
    }

    #[test]
    fn the_share_of_rounds_counts_equal_values_in() {
        let rounds = sorted(&[0.97, 0.99, 0.99, 1.0]);
        assert_eq!(rounds.at_least(0.99), Some(0.75));
        assert_eq!(rounds.at_least(2.0), Some(0.0));
        assert_eq!(sorted(&[]).at_least(0.5), None);
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_law() {
        // 400 coin throws, half of them heads: the mean's standard error is 0.025.
        let mean = |drawn: &[u32]| Some(f64::from(drawn.iter().step_by(2).sum::<u32>()) / 400.0);
        let interval = Bootstrap::of(400, 2_000, 1, mean).interval().unwrap();
        assert!((interval.low - (0.5 - 1.96 * 0.025)).abs() < 0.006, "{interval:?}");
        assert!((interval.high - (0.5 + 1.96 * 0.025)).abs() < 0.006, "{interval:?}");
    }

    #[test]
    fn clusters_are_drawn_as_a_whole() {
        // Ten clusters of forty items that are all alike: the mean's standard error is that of ten throws.
        let clusters = Clusters::by((0..400).map(|item| Some(item / 40)));
        let mean = |drawn: &[u32]| {
            let heads: u32 =
                drawn.iter().enumerate().filter(|(item, _)| item / 40 % 2 == 0).map(|(_, n)| n).sum();
            Some(f64::from(heads) / f64::from(drawn.iter().sum::<u32>()))
        };
        let interval = Bootstrap::nested(&clusters, 2_000, 1, mean).interval().unwrap();
        assert!((interval.high - interval.low - 2.0 * 1.96 * 0.158).abs() < 0.06, "{interval:?}");
        let one = Clusters::by((0..7).map(|_| Some(())));
        let whole = Bootstrap::nested(&one, 20, 1, |drawn| Some(f64::from(drawn.iter().sum::<u32>())));
        assert_eq!(whole.sorted, [7.0; 20]);
        assert_eq!(Bootstrap::nested(&Clusters::each(0), 3, 1, |_| Some(1.0)).sorted, [1.0; 3]);
    }

    #[test]
    fn a_round_that_tells_nothing_is_left_out() {
        let mut round = 0;
        let rounds = Bootstrap::of(3, 10, 0, |_| {
            round += 1;
            (round % 2 == 0).then_some(f64::from(round))
        });
        assert_eq!(rounds.sorted, [2.0, 4.0, 6.0, 8.0, 10.0]);
    }

    proptest! {
        #[test]
        fn every_round_draws_as_many_as_there_are(items in 0..60usize, seed: u64) {
            let rounds = Bootstrap::of(items, 5, seed, |drawn| Some(f64::from(drawn.iter().sum::<u32>())));
            prop_assert_eq!(rounds.sorted, vec![number(items); 5]);
        }
    }
}

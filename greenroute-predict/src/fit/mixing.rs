//! What choosing without looking at prompts brings: mixing models by chance, and what knowing every outcome would.

use super::clusters::Clusters;
use super::dial::Tally;
use ndarray::ArrayView2;

/// Joules and success of each model, and of all mixtures of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixing {
    /// (joules, right answers) a prompt, from the fewest joules to the most right answers; each step wins less a joule.
    hull: Vec<(f64, f64)>,
    large: (f64, f64),
}

impl Mixing {
    /// Of models with these outcomes (prompts, models).
    #[must_use]
    pub fn new(right: ArrayView2<'_, f64>, joules: ArrayView2<'_, f64>, large: usize) -> Self {
        let mean = |of: ndarray::ArrayView1<'_, f64>| of.mean().unwrap_or_default();
        let mut models: Vec<(f64, f64)> =
            right.columns().into_iter().zip(joules.columns()).map(|(r, j)| (mean(j), mean(r))).collect();
        let large = models.get(large).copied().unwrap_or_default();
        models.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let mut hull: Vec<(f64, f64)> = Vec::new();
        for model in models {
            if hull.last().is_some_and(|last| model.1 <= last.1) {
                continue;
            }
            while let [.., before, last] = hull.as_slice() {
                let slope = |a: &(f64, f64), b: &(f64, f64)| (b.1 - a.1) / (b.0 - a.0);
                if slope(before, last) > slope(last, &model) {
                    break;
                }
                hull.pop();
            }
            hull.push(model);
        }
        Self { hull, large }
    }

    /// The share of the large model's joules that a mixture saves which attains `share` of its success; below 0 where it
    /// takes more; none where no mixture attains it.
    #[must_use]
    pub fn saved(&self, share: f64) -> Option<f64> {
        let wanted = share * self.large.1;
        let joules = match self.hull.first() {
            Some(first) if first.1 >= wanted => first.0,
            _ => self.between(|point| point.1, |point| point.0, wanted)?,
        };
        Some(1.0 - joules / self.large.0)
    }

    /// The share of the large model's success that the best mixture attains which saves `share` of its joules; none where
    /// no mixture saves as much.
    #[must_use]
    pub fn attained(&self, share: f64) -> Option<f64> {
        let joules = (1.0 - share) * self.large.0;
        let right = match self.hull.last() {
            Some(last) if last.0 <= joules => last.1,
            _ => self.between(|point| point.0, |point| point.1, joules)?,
        };
        Some(right / self.large.1)
    }

    fn between(
        &self,
        along: impl Fn(&(f64, f64)) -> f64,
        of: impl Fn(&(f64, f64)) -> f64,
        at: f64,
    ) -> Option<f64> {
        self.hull.windows(2).find_map(|pair| {
            let [a, b] = pair else { return None };
            let share = (at - along(a)) / (along(b) - along(a));
            (-1e-12..=1.0 + 1e-12).contains(&share).then(|| of(a) + share * (of(b) - of(a)))
        })
    }
}

/// Of every prompt, the model that takes the fewest joules among those that were right; where none was, among all.
#[must_use]
pub fn oracle(right: ArrayView2<'_, f64>, joules: ArrayView2<'_, f64>) -> Vec<usize> {
    let cheapest = |(right, joules): (ndarray::ArrayView1<'_, f64>, ndarray::ArrayView1<'_, f64>)| {
        let models = right.iter().zip(joules).enumerate();
        let best = models.min_by(|(_, (ra, ja)), (_, (rb, jb))| rb.total_cmp(ra).then(ja.total_cmp(jb)));
        best.map_or(0, |(model, _)| model)
    };
    right.rows().into_iter().zip(joules.rows()).map(cheapest).collect()
}

/// What always asking `model` brings.
#[must_use]
pub fn always(model: usize, right: ArrayView2<'_, f64>, joules: ArrayView2<'_, f64>, large: usize) -> Tally {
    let clusters = Clusters::each(right.nrows());
    Tally::new(&vec![model; right.nrows()], right, joules, large, &clusters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn mixing_takes_the_best_straight_way() {
        // Right on 1, 2 (dear), 3 and 4 of four prompts.
        let right =
            array![[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]];
        let joules = array![[1.0, 3.0, 3.0, 9.0]].broadcast((4, 4)).unwrap().to_owned();
        let mixing = Mixing::new(right.view(), joules.view(), 3);
        assert_eq!(mixing.hull, [(1.0, 0.25), (3.0, 0.75), (9.0, 1.0)]);
        assert!((mixing.saved(0.875).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert!((mixing.attained(1.0 / 3.0).unwrap() - 0.875).abs() < 1e-12);
        assert_eq!(mixing.saved(1.0), Some(0.0));
        assert_eq!(mixing.saved(0.1), Some(1.0 - 1.0 / 9.0));
        assert_eq!(mixing.saved(1.1), None);
        assert_eq!(mixing.attained(0.95), None);
    }

    #[test]
    fn an_oracle_asks_the_cheapest_that_is_right() {
        let right = array![[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]];
        let joules = array![[1.0, 4.0], [1.0, 4.0], [2.0, 1.0]];
        assert_eq!(oracle(right.view(), joules.view()), [0, 1, 1]);
    }
}

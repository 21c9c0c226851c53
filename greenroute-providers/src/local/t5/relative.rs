//! What attention adds for the distance between a query and a key.

use crate::local::ops::softmax;
use candle_core::{CpuStorage, Error, InplaceOp1, Layout, Result, Tensor, bail};
use std::sync::Arc;

/// The biases of all distances that are told apart, for each head.
#[derive(Debug, Clone)]
pub(super) struct Relative {
    /// By head, by bucket: all distances of all heads would take far more than the file.
    weights: Vec<f32>,
    heads: usize,
    /// The buckets of keys `farthest` before the query, nearer ones, and those after it.
    buckets: Arc<[usize]>,
    farthest: usize,
}

impl Relative {
    /// From the weights of `buckets` buckets of each of `heads` heads, `[buckets, heads]`.
    pub(super) fn new(weights: &Tensor, max_distance: usize, both_ways: bool) -> Result<Self> {
        let (buckets, _) = weights.dims2()?;
        let bucket = |after: bool, distance: usize| match (both_ways, after) {
            (true, true) => buckets / 2 + bucket(distance, buckets / 2, max_distance),
            (true, false) => bucket(distance, buckets / 2, max_distance),
            // The decoder sees nothing later.
            (false, true) => 0,
            (false, false) => bucket(distance, buckets, max_distance),
        };
        let before = (0..=max_distance).rev().map(|distance| bucket(false, distance));
        let after = (1..=max_distance).map(|distance| bucket(true, distance));
        Self { weights: Vec::new(), heads: 0, buckets: before.chain(after).collect(), farthest: max_distance }
            .with(weights)
    }

    /// The same buckets with other weights.
    pub(super) fn with(&self, weights: &Tensor) -> Result<Self> {
        let (_, heads) = weights.dims2()?;
        let weights = weights.t()?.flatten_all()?.to_vec1()?;
        Ok(Self { weights, heads, buckets: Arc::clone(&self.buckets), farthest: self.farthest })
    }

    /// For each head the biases by distance.
    fn by_head(&self) -> impl Iterator<Item = impl Fn(usize) -> f32> {
        let heads = self.weights.chunks_exact((self.weights.len() / self.heads.max(1)).max(1));
        heads.map(|head| {
            |index: usize| {
                let bias = self.buckets.get(index).and_then(|bucket| head.get(*bucket));
                bias.copied().unwrap_or(0.0)
            }
        })
    }

    /// Softmax in place over scores `[heads, T, S]` of queries from the position `query` on and of keys from 0 on,
    /// with the biases added.
    pub(super) fn softmax(&self, scores: &Tensor, query: usize) -> Result<()> {
        let (heads, queries, keys) = scores.dims3()?;
        if self.heads != heads {
            bail!("{heads} heads of scores do not fit the biases of {}", self.heads);
        }
        // Unrolled, so that each query adds a run of it: for each head from the last query's first key on.
        let spread = queries + keys - 1;
        let mut unrolled = Vec::with_capacity(heads * spread);
        for bias in self.by_head() {
            let last = 2 * self.farthest;
            let index = |at: usize| (at + self.farthest).saturating_sub(query + queries - 1).min(last);
            unrolled.extend((0..spread).map(|at| bias(index(at))));
        }
        scores.inplace_op1(&Biased { unrolled, queries, keys })
    }

    /// For each head, the biases of all keys up to the query at `position`.
    pub(super) fn seen_from(&self, position: usize) -> Vec<f32> {
        let mut all = Vec::with_capacity((position + 1) * self.heads);
        for bias in self.by_head() {
            let before = (0..=position).rev().map(|distance| self.farthest - distance.min(self.farthest));
            all.extend(before.map(bias));
        }
        all
    }
}

/// The bucket of a distance among `buckets`: exact for the first half, by the logarithm up to `max_distance`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small whole numbers, and rounding down is the definition; f32 because training rounded so"
)]
fn bucket(distance: usize, buckets: usize, max_distance: usize) -> usize {
    let exact = buckets / 2;
    if distance < exact {
        return distance;
    }
    let share = (distance as f32 / exact as f32).ln() / ((max_distance as f64 / exact as f64).ln() as f32);
    (exact + (share * (buckets - exact) as f32) as usize).min(buckets - 1)
}

struct Biased {
    unrolled: Vec<f32>,
    queries: usize,
    keys: usize,
}

impl InplaceOp1 for Biased {
    fn name(&self) -> &'static str {
        "biased-softmax"
    }

    fn cpu_fwd(&self, scores: &mut CpuStorage, at: &Layout) -> Result<()> {
        let Some((start, end)) = at.contiguous_offsets() else { bail!("scores must be contiguous") };
        let CpuStorage::F32(scores) = scores else { bail!("scores must be f32") };
        let outside = || Error::Msg("a tensor reaches beyond its storage".into());
        let scores = scores.get_mut(start..end).ok_or_else(outside)?;
        let spread = self.queries + self.keys - 1;
        for (row, scores) in scores.chunks_exact_mut(self.keys).enumerate() {
            let (head, query) = (row / self.queries, row % self.queries);
            let from = head * spread + self.queries - 1 - query;
            if let Some(biases) = self.unrolled.get(from..from + self.keys) {
                for (score, bias) in scores.iter_mut().zip(biases) {
                    *score += bias;
                }
            }
            softmax(scores);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn buckets_are_those_of_transformers() {
        #[derive(serde::Deserialize)]
        struct Expected {
            bidirectional: Vec<usize>,
            unidirectional: Vec<usize>,
        }
        let expected = include_str!("../../../tests/fixtures/tiny-t5/expected.json");
        let expected: Expected = serde_json::from_str(expected).unwrap();
        // A bucket's weight is its number: what is added to a score is the bucket.
        let weights: Vec<f32> = (0..32_u8).map(f32::from).collect();
        let weights = Tensor::new(weights, &Device::Cpu).unwrap().reshape((32, 1)).unwrap();
        for (both_ways, expected) in [(true, expected.bidirectional), (false, expected.unidirectional)] {
            let relative = Relative::new(&weights, 128, both_ways).unwrap();
            for (index, bucket) in expected.into_iter().enumerate() {
                let far = index.saturating_sub(300).max(300_usize.saturating_sub(index)).min(128);
                let place = if index > 300 { 128 + far } else { 128 - far };
                let found = relative.weights[relative.buckets[place]];
                assert!(
                    (found - f32::from(u8::try_from(bucket).unwrap())).abs() < 0.5,
                    "{index} {both_ways}"
                );
            }
        }
    }

    #[test]
    fn wherever_queries_start_distances_are_the_same() {
        let weights = Tensor::rand(-3.0_f32, 3.0, (8, 2), &Device::Cpu).unwrap();
        let relative = Relative::new(&weights, 6, true).unwrap();
        let zeros = |queries| Tensor::zeros((2, queries, 20), candle_core::DType::F32, &Device::Cpu).unwrap();
        let whole = zeros(20);
        relative.softmax(&whole, 0).unwrap();
        for (from, count) in [(0, 1), (7, 5), (19, 1)] {
            let part = zeros(count);
            relative.softmax(&part, from).unwrap();
            let expected = whole.narrow(1, from, count).unwrap().to_vec3::<f32>().unwrap();
            assert_eq!(part.to_vec3::<f32>().unwrap(), expected);
        }
    }
}

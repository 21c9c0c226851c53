use crate::weights::Weights;
use greenroute_core::Result;

/// A linear map from the inputs to `N` outputs: one row of weights for each input, so that the outputs are summed side
/// by side in registers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer<const N: usize> {
    offset: [f32; N],
    rows: Vec<[f32; N]>,
}

/// Beyond, a number of a layer is no weight: inputs are of the order of 1.
const LARGEST: f32 = 1e6;

impl<const N: usize> Layer<N> {
    /// From the tensors `NAME.offset` (N) and `NAME.weights` (inputs, N), none of whose numbers is so large that a sum
    /// over inputs could be none.
    pub(super) fn read(weights: &Weights, name: &str, inputs: usize) -> Result<Self> {
        let offset = weights.tensor_f32(&format!("{name}.offset"), &[N])?;
        let rows = weights.tensor_f32(&format!("{name}.weights"), &[inputs, N])?;
        if offset.iter().chain(&rows).any(|number| number.abs() > LARGEST) {
            return Err(weights.wrong(format!("{name} has a number that no fit gives")));
        }
        let offset = offset.first_chunk().copied().unwrap_or([0.0; N]);
        Ok(Self { offset, rows: rows.as_chunks().0.to_vec() })
    }

    /// The outputs of this layer and of another for the same inputs, in one pass: the sums of one layer alone wait for each
    /// other. Not inlined, for a compiler that sees which outputs are never read sums the others in odd pieces.
    #[inline(never)]
    pub(super) fn with<const M: usize>(&self, other: &Layer<M>, inputs: &[f32]) -> ([f32; N], [f32; M]) {
        let (mut sums, mut others) = (self.offset, other.offset);
        for ((input, row), beside) in inputs.iter().zip(&self.rows).zip(&other.rows) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += input * weight;
            }
            for (sum, weight) in others.iter_mut().zip(beside) {
                *sum += input * weight;
            }
        }
        (sums, others)
    }
}

/// Scores as weights that sum to 1, in proportion to `exp(sharpness · score)`.
#[inline]
pub(super) fn softmax<const N: usize>(mut scores: [f32; N], sharpness: f32) -> [f32; N] {
    let top = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in &mut scores {
        *score = ((*score - top) * sharpness).exp();
        sum += *score;
    }
    scores.map(|score| score / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_sums_over_inputs() {
        let layer = Layer { offset: [1.0, -1.0], rows: vec![[2.0, 0.5], [0.0, 4.0]] };
        let other = Layer { offset: [0.5], rows: vec![[1.0], [2.0]] };
        assert_eq!(layer.with(&other, &[1.0, 0.25]), ([3.0, 0.5], [2.0]));
    }

    #[test]
    fn weights_sum_to_one_whatever_the_scores() {
        for scores in [[0.0; 3], [1e30, -1e30, 0.0], [5.0, 5.0, 1.0]] {
            let weights = softmax(scores, 12.0);
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{weights:?}");
        }
        assert_eq!(softmax([5.0, 5.0], 3.0), [0.5, 0.5]);
    }
}

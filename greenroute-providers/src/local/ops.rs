//! The kernels between the matrix products, each one pass over contiguous floats.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Error, InplaceOp1, Layout, Result, Shape, Tensor, bail,
};

/// `x / rms(x) · weight` over the last dimension. The weights of Gemma files have their 1 added already.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
    x.apply_op2_no_bwd(weight, &RmsNorm { epsilon })
}

/// `x + rms_norm(y)`.
pub(super) fn add_normed(x: &Tensor, y: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
    x.apply_op3_no_bwd(y, weight, &AddNormed { epsilon })
}

/// `gelu(gate) · up` of rows in which the gates come first, with the approximation of gelu by tanh that Gemma was
/// trained with.
pub(super) fn gelu_gate(gates_and_ups: &Tensor) -> Result<Tensor> {
    gates_and_ups.apply_op1_no_bwd(&GeluGate)
}

/// Softmax in place over scores `[groups, heads · T, S]`, where the query `t` stands at `query + t`, the key `s`
/// at `key + s`, and only keys that are not later and less than `window` earlier are seen.
pub(super) fn causal_softmax(scores: &Tensor, causal: Causal) -> Result<()> {
    scores.inplace_op1(&causal)
}

/// Which keys a query sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Causal {
    pub(super) queries: usize,
    pub(super) query: usize,
    pub(super) key: usize,
    pub(super) window: usize,
}

/// To the nearest `f32`.
#[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest f32 is the purpose")]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

struct RmsNorm {
    epsilon: f32,
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "gemma-rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        at: &Layout,
        w: &CpuStorage,
        w_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight) = (floats(x, at)?, floats(w, w_at)?);
        let mut out = vec![0.0; x.len()];
        let rows = x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len()));
        for (row, out) in rows {
            let inverse = inverse_rms(row, self.epsilon);
            for ((out, x), w) in out.iter_mut().zip(row).zip(weight) {
                *out = x * inverse * w;
            }
        }
        Ok((CpuStorage::F32(out), at.shape().clone()))
    }
}

struct AddNormed {
    epsilon: f32,
}

impl CustomOp3 for AddNormed {
    fn name(&self) -> &'static str {
        "gemma-add-normed"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        at: &Layout,
        y: &CpuStorage,
        y_at: &Layout,
        w: &CpuStorage,
        w_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, y, weight) = (floats(x, at)?, floats(y, y_at)?, floats(w, w_at)?);
        if x.len() != y.len() {
            bail!("{} values cannot be added to {}", y.len(), x.len());
        }
        let mut out = Vec::with_capacity(x.len());
        for (x, y) in x.chunks_exact(weight.len()).zip(y.chunks_exact(weight.len())) {
            let inverse = inverse_rms(y, self.epsilon);
            out.extend(x.iter().zip(y.iter().zip(weight)).map(|(x, (y, w))| x + y * inverse * w));
        }
        Ok((CpuStorage::F32(out), at.shape().clone()))
    }
}

struct GeluGate;

impl CustomOp1 for GeluGate {
    fn name(&self) -> &'static str {
        "gemma-gelu-gate"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, at)?;
        let (rows, width) = at.shape().dims2()?;
        let half = width / 2;
        if half == 0 || !width.is_multiple_of(2) {
            bail!("{width} values are not as many gates as values");
        }
        let mut out = Vec::with_capacity(rows * half);
        for row in x.chunks_exact(width) {
            let (gates, ups) = row.split_at(half);
            out.extend(gates.iter().zip(ups).map(|(gate, up)| gelu(*gate) * up));
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, half))))
    }
}

impl InplaceOp1 for Causal {
    fn name(&self) -> &'static str {
        "causal-softmax"
    }

    fn cpu_fwd(&self, scores: &mut CpuStorage, at: &Layout) -> Result<()> {
        let Some((start, end)) = at.contiguous_offsets() else { bail!("scores must be contiguous") };
        let keys = at.shape().dims().last().copied().unwrap_or(0).max(1);
        let CpuStorage::F32(scores) = scores else { bail!("scores must be f32") };
        let scores = scores.get_mut(start..end).ok_or_else(out_of_storage)?;
        for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
            let position = self.query + row % self.queries;
            let after = (position + 1).saturating_sub(self.key).min(keys);
            let before = (position + 1).saturating_sub(self.window).saturating_sub(self.key).min(after);
            let (seen, later) = scores.split_at_mut(after);
            let (earlier, seen) = seen.split_at_mut(before);
            earlier.fill(0.0);
            later.fill(0.0);
            softmax(seen);
        }
        Ok(())
    }
}

pub(super) fn softmax(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - max).exp();
        sum += *score;
    }
    let inverse = 1.0 / sum;
    for score in scores.iter_mut() {
        *score *= inverse;
    }
}

/// `x · sigmoid(2u)` is `x / 2 · (1 + tanh(u))` with one exponential.
fn gelu(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    let u = SQRT_2_OVER_PI * x * (1.0 + 0.044_715 * x * x);
    x / (1.0 + (-2.0 * u).exp())
}

pub(super) fn inverse_rms(row: &[f32], epsilon: f32) -> f32 {
    // Sixteen sums at a time let the compiler use vectors; the order of adding is fixed, so results are too.
    let (chunks, rest) = row.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    let sum = sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>();
    let count = u16::try_from(row.len()).map_or(f32::from(u16::MAX), f32::from);
    1.0 / (sum / count + epsilon).sqrt()
}

fn floats<'a>(storage: &'a CpuStorage, at: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = at.contiguous_offsets() else { bail!("only contiguous tensors come here") };
    storage.as_slice::<f32>()?.get(start..end).ok_or_else(out_of_storage)
}

fn out_of_storage() -> Error {
    Error::Msg("a tensor reaches beyond its storage".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn gelu_is_the_tanh_form() {
        for x in [-9.0_f32, -1.5, -0.1, 0.0, 0.3, 2.0, 40.0] {
            let u = f64::from(x) * (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 0.044_715 * f64::from(x * x));
            let expected = narrow(0.5 * f64::from(x) * (1.0 + u.tanh()));
            assert!((gelu(x) - expected).abs() < 1e-6 * (1.0 + x.abs()), "{x}");
        }
        assert!((gelu(-200.0)).abs() < 1e-6);
    }

    #[test]
    fn a_query_sees_itself_and_the_window_before_it() {
        // Two heads of two queries at positions 5 and 6; keys from 3 on; a window of 3.
        let scores = Tensor::zeros((1, 4, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        causal_softmax(&scores, Causal { queries: 2, query: 5, key: 3, window: 3 }).unwrap();
        let third = 1.0 / 3.0;
        let rows = scores.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(rows[0], [third, third, third, 0.0]);
        assert_eq!(rows[1], [0.0, third, third, third]);
        assert_eq!(rows[2..], rows[..2]);
    }
}

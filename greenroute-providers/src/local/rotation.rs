//! Positions, as turns of the heads of queries and keys.

use super::ops::{inverse_rms, narrow};

/// How fast each pair of dimensions turns.
#[derive(Debug)]
pub(super) struct Speeds(Vec<f64>);

impl Speeds {
    /// For heads of `dim` dimensions, with rotations slowed by `scale`.
    pub(super) fn new(dim: u16, base: f64, scale: f64) -> Self {
        let speed = |i: u16| base.powf(-2.0 * f64::from(i) / f64::from(dim)) * scale;
        Self((0..dim / 2).map(speed).collect())
    }

    /// The rotations of tokens at `positions`.
    pub(super) fn at(&self, positions: impl Iterator<Item = usize>) -> Rotation {
        let mut turns = Vec::new();
        for position in positions {
            let position = f64::from(u32::try_from(position).unwrap_or(u32::MAX));
            let angles = self.0.iter().map(|speed| position * speed);
            turns.extend(angles.map(|angle| {
                let (sine, cosine) = angle.sin_cos();
                (narrow(cosine), narrow(sine))
            }));
        }
        Rotation { turns, half: self.0.len() }
    }
}

/// Cosines and sines, by token.
#[derive(Debug)]
pub(super) struct Rotation {
    turns: Vec<(f32, f32)>,
    half: usize,
}

/// How heads are normed before they are turned.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadNorm<'a> {
    pub(super) weight: &'a [f32],
    pub(super) epsilon: f32,
    /// By what they are multiplied after.
    pub(super) factor: f32,
}

impl Rotation {
    /// Those of each single token.
    pub(super) fn tokens(&self) -> impl ExactSizeIterator<Item = &[(f32, f32)]> {
        self.turns.chunks_exact(self.half.max(1))
    }
}

/// `head`, normed and turned, into `out`.
pub(super) fn turn(turns: &[(f32, f32)], head: &[f32], norm: HeadNorm<'_>, out: &mut [f32]) {
    let inverse = inverse_rms(head, norm.epsilon) * norm.factor;
    let half = turns.len();
    let (left, right) = head.split_at(half);
    let (w_left, w_right) = norm.weight.split_at(half);
    let (out_left, out_right) = out.split_at_mut(half);
    let outs = out_left.iter_mut().zip(out_right);
    let ins = left.iter().zip(w_left).zip(right.iter().zip(w_right)).zip(turns);
    for ((out_left, out_right), (((l, wl), (r, wr)), (cos, sin))) in outs.zip(ins) {
        let (l, r) = (l * inverse * wl, r * inverse * wr);
        *out_left = l * cos - r * sin;
        *out_right = r * cos + l * sin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_keep_length_and_depend_on_distance_only() {
        let x = [0.3_f32, -1.0, 2.0, 0.5, 1.5, 0.1, -0.7, 0.9];
        let norm = HeadNorm { weight: &[1.0; 8], epsilon: 1e-6, factor: 1.0 };
        let at = |position| {
            let rotation = Speeds::new(8, 10_000.0, 1.0).at([position].into_iter());
            let mut out = [0.0; 8];
            turn(rotation.tokens().next().unwrap(), &x, norm, &mut out);
            out
        };
        let dot = |a: [f32; 8], b: [f32; 8]| a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>();
        assert!((dot(at(0), at(0)) - 8.0).abs() < 1e-4);
        assert!((dot(at(3), at(7)) - dot(at(1003), at(1007))).abs() < 1e-3);
    }
}

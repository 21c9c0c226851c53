//! Attention of single queries over the keys and values that they see.

use super::super::ops::softmax;
use super::{CPU, Cpu};

/// Heads that share the keys and values of one head: `queries` and `out` by head, `keys` and `values` by position,
/// all of `dim` numbers. To the products with a key its own of `biases` is added, of which there may be none.
pub(in crate::local) fn attend(
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
    biases: &[f32],
    dim: usize,
    out: &mut [f32],
) {
    match *CPU {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the CPU has what it was detected to have.
        #[expect(unsafe_code, reason = "compiled for more than every CPU has")]
        Cpu::Vnni | Cpu::Avx512 | Cpu::Avx2 => unsafe { avx2(queries, keys, values, biases, dim, out) },
        Cpu::Portable => all::<false>(queries, keys, values, biases, dim, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(queries: &[f32], keys: &[f32], values: &[f32], biases: &[f32], dim: usize, out: &mut [f32]) {
    all::<true>(queries, keys, values, biases, dim, out);
}

// Inlined, so that it is compiled for the CPU of whoever calls it. Keys and values are read once for all queries.
#[inline(always)]
fn all<const FUSED: bool>(
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
    biases: &[f32],
    dim: usize,
    out: &mut [f32],
) {
    let seen = keys.len() / dim;
    let mut scores = vec![0.0; queries.len() / dim * seen];
    for (position, key) in keys.chunks_exact(dim).enumerate() {
        let places = scores.iter_mut().skip(position).step_by(seen);
        for (query, score) in queries.chunks_exact(dim).zip(places) {
            *score = dot::<FUSED>(query, key);
        }
    }
    for scores in scores.chunks_exact_mut(seen.max(1)) {
        scores.iter_mut().zip(biases).for_each(|(score, bias)| *score += bias);
        softmax(scores);
    }
    out.fill(0.0);
    for (position, value) in values.chunks_exact(dim).enumerate() {
        let shares = scores.iter().skip(position).step_by(seen);
        for (out, share) in out.chunks_exact_mut(dim).zip(shares) {
            out.iter_mut().zip(value).for_each(|(out, value)| *out = add::<FUSED>(*share, *value, *out));
        }
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "a kernel: arrays of fixed size")]
fn dot<const FUSED: bool>(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 32;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        sums = std::array::from_fn(|i| add::<FUSED>(a[i], b[i], sums[i]));
    }
    // As vectors first: the compiler would add up single numbers.
    let [quarter, half]: [usize; 2] = [LANES / 4, LANES / 2];
    let sums: [f32; LANES / 4] =
        std::array::from_fn(|i| (sums[i] + sums[i + half]) + (sums[i + quarter] + sums[i + half + quarter]));
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// `a · b + c`: in one step where the CPU can, which without that would be a call of a library.
#[inline(always)]
fn add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_softmax_of_the_products_times_the_values() {
        let dim = 36;
        let x = |seed: usize, count: usize| -> Vec<f32> {
            let hash = |i: usize| u16::try_from((i * 7919 + seed * 104_729) % 1009).unwrap();
            (0..count * dim).map(|i| f32::from(hash(i)) / 1009.0 - 0.5).collect()
        };
        let (queries, keys, values) = (x(1, 3), x(2, 50), x(3, 50));
        let biases: Vec<f32> = x(4, 2).into_iter().take(50).collect();
        let mut out = vec![9.0; 3 * dim];
        attend(&queries, &keys, &values, &biases, dim, &mut out);
        for (query, out) in queries.chunks(dim).zip(out.chunks(dim)) {
            let product = |(key, bias): (&[f32], &f32)| {
                let product = key.iter().zip(query).map(|(k, q)| f64::from(k * q)).sum::<f64>();
                (product + f64::from(*bias)).exp()
            };
            let weights: Vec<f64> = keys.chunks(dim).zip(&biases).map(product).collect();
            for (i, out) in out.iter().enumerate() {
                let mixed =
                    weights.iter().zip(values.chunks(dim)).map(|(w, v)| w * f64::from(v[i])).sum::<f64>();
                assert!((f64::from(*out) - mixed / weights.iter().sum::<f64>()).abs() < 1e-5);
            }
        }
    }
}

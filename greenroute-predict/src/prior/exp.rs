//! `e` to a power, in arithmetic that a compiler does for four or eight numbers at once: a call into the C library is a
//! third of what it costs to say what to expect of a model.

use std::f32::consts::LOG2_E;

/// Added to a small number, it leaves the nearest whole number in the lowest bits: 1.5 · 2²³.
const SHIFT: f32 = 12_582_912.0;
/// The natural logarithm of 2 in two parts: a whole number below 512 times the first is exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// `(eʳ − 1 − r) / r²` for `r` of at most half of that logarithm, highest power first: the minimax polynomial of `expf` in
/// S. Moshier's Cephes library.
const TERMS: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// `eˣ` for `x` between -87 and 87, to a relative error below 2 · 10⁻⁷. Beyond, and for what is no number, it is no
/// power of anything.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    let shifted = x * LOG2_E + SHIFT;
    let twos = shifted - SHIFT;
    let [high, low] = LN_2;
    let rest = x - twos * high - twos * low;
    let terms = TERMS.into_iter().reduce(|sum, term| sum * rest + term).unwrap_or_default();
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (terms * (rest * rest) + rest + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function_to_the_sixth_digit() {
        let (mut worst, mut before) = (0.0, 0.0);
        // Every 4099th single-precision number from 2⁻⁴⁰ to 87, and its opposite; then the odd ones out.
        let numbers = (1e-12f32.to_bits()..87f32.to_bits()).step_by(4_099).map(f32::from_bits);
        for x in numbers.clone().map(|x| -x).rev().chain([-0.0, 0.0]).chain(numbers) {
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            worst = f64::max(worst, (found / expected - 1.0).abs());
            assert!(found >= before, "it falls at {x}");
            before = found;
        }
        assert!(worst < 2e-7, "{worst}");
        assert_eq!(exp(0.0), 1.0);
    }
}

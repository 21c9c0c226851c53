//! Three significant digits and a prefix that fits, and the two conversions that clippy rightly asks about.

use std::fmt::{Formatter, Result};
use std::time::Duration;

const PREFIXES: [(f64, &str); 7] =
    [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ")];

/// `432 mJ`, `4.32 J`, `43.2 kJ`.
pub(super) fn si(f: &mut Formatter<'_>, value: f64, unit: &str) -> Result {
    scaled(f, value, unit, &PREFIXES)
}

/// Grams with the names that people use: a million grams is a tonne.
pub(super) fn grams(f: &mut Formatter<'_>, value: f64) -> Result {
    let names = [(1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "µg"), (1e-9, "ng")];
    scaled(f, value, "CO2e", &names)
}

/// `0.26 mL`, `3.00 L`.
pub(super) fn litres(f: &mut Formatter<'_>, value: f64) -> Result {
    scaled(f, value, "L", &[(1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")])
}

pub(super) fn duration(f: &mut Formatter<'_>, value: Duration) -> Result {
    let seconds = value.as_secs_f64();
    if seconds < 120.0 {
        return scaled(f, seconds, "s", &[(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")]);
    }
    let minutes = seconds / 60.0;
    if minutes < 120.0 { write!(f, "{minutes:.1} min") } else { write!(f, "{:.1} h", minutes / 60.0) }
}

/// `$12.50`, and three significant digits below ten cents: `$0.0000123`.
pub(super) fn dollars(f: &mut Formatter<'_>, value: f64) -> Result {
    if value == 0.0 || value >= 0.1 {
        return write!(f, "${value:.2}");
    }
    // Below a billionth of a dollar more digits would say nothing.
    let digits = (1..=12).find(|&digits| value * 10f64.powi(digits) >= 1.0).map_or(12, |first| first + 2);
    write!(f, "${value:.0$}", usize::try_from(digits).unwrap_or(2))
}

/// A number with three significant digits, without a prefix.
pub(super) fn significant(f: &mut Formatter<'_>, value: f64) -> Result {
    if value == 0.0 || value >= 99.95 {
        write!(f, "{value:.0}")
    } else if value >= 9.995 {
        write!(f, "{value:.1}")
    } else {
        write!(f, "{value:.2}")
    }
}

fn scaled(f: &mut Formatter<'_>, value: f64, unit: &str, prefixes: &[(f64, &str)]) -> Result {
    if value == 0.0 {
        let plain = prefixes.iter().find(|(scale, _)| *scale == 1.0).map_or("", |(_, name)| name);
        return write!(f, "0 {plain}{unit}");
    }
    // 999.5 is 1.00 of the next prefix, not 1000 of this one.
    let fits = prefixes.iter().find(|(scale, _)| value >= scale * 0.9995);
    let (scale, prefix) = fits.or(prefixes.last()).copied().unwrap_or((1.0, ""));
    significant(f, value / scale)?;
    write!(f, " {prefix}{unit}")
}

/// Counts above 2^53 lose their last digits, which no estimate can feel.
#[expect(clippy::cast_precision_loss, reason = "a count this large is an estimate in any case")]
pub(super) const fn to_f64(value: u64) -> f64 {
    value as f64
}

/// Rounds; what does not fit moves to the end of the range, NaN to zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a float-to-integer cast saturates, which is what is documented; back, the number is below 2⁵²"
)]
#[inline]
pub(super) fn to_u64(value: f64) -> u64 {
    /// 2⁵²: from here on numbers are whole.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    // `round` is a call into the C library where the processor's own instruction is not sure to exist; and of signed
    // numbers a conversion is one step.
    if value < WHOLE {
        let whole = value as i64;
        let up = i64::from(value - whole as f64 >= 0.5);
        return if value > 0.0 { (whole + up).cast_unsigned() } else { 0 };
    }
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as documented")]
    fn rounded(value: f64) -> u64 {
        value.round() as u64
    }

    proptest! {
        #[test]
        fn counts_are_rounded_as_numbers_are(any: f64, small in -2.0..1e6f64, whole in 0u64..1 << 54) {
            let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 0.5, 0.5f64.next_down(), 1.5, 2.5];
            for value in odd.into_iter().chain([any, small, to_f64(whole), to_f64(whole) / 2.0]) {
                prop_assert_eq!(to_u64(value), rounded(value), "{}", value);
            }
        }
    }
}

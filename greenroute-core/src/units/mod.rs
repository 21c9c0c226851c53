//! One type per dimension, with the unit in the method's name, as [`std::time::Duration`] does.
//!
//! Every quantity is finite and inside its range: that is an invariant of the type, not a hope. What comes
//! from a wire, a file or Python enters by `try_from_*` and gets an [`OutOfRange`]; arithmetic between valid
//! values saturates at the end of the range instead of overflowing.

mod carbon;
mod energy;
mod format;
mod money;
mod ratio;
mod tokens;
mod water;

use std::fmt;

pub use carbon::{CarbonIntensity, Emissions};
pub use energy::{Energy, Power};
pub use money::{ElectricityPrice, Usd};
pub use ratio::{Factor, Probability, Pue};
pub use tokens::Tokens;
pub use water::{Water, WaterIntensity};

/// A value that its quantity cannot hold: not a number, infinite, or outside the range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{quantity} must be {allowed}, not {value}")]
pub struct OutOfRange {
    /// The quantity and its unit, such as `energy in joules`.
    pub quantity: &'static str,
    /// What is allowed, in words.
    pub allowed: &'static str,
    /// The value that was given.
    pub value: f64,
}

/// What every dimension offers, so that [`Estimate`](crate::Estimate) can carry any of them.
///
/// Implemented by the types of this module and by [`std::time::Duration`]; outside crates read it but do not
/// implement it, because [`Quantity::from_base`] must keep the invariants named above.
pub trait Quantity: Copy + PartialOrd + fmt::Debug + sealed::Sealed + Send + Sync + 'static {
    /// The JSON field that holds the value, with its unit: `joules`.
    const FIELD: &'static str;
    /// The JSON field of the 5 % quantile: `joules_low`.
    const FIELD_LOW: &'static str;
    /// The JSON field of the 95 % quantile: `joules_high`.
    const FIELD_HIGH: &'static str;

    /// Whether only whole numbers exist, so that an estimate of 12.4 is read as 12.
    const WHOLE: bool = false;

    /// The value in the base unit named by [`Quantity::FIELD`].
    fn base(self) -> f64;

    /// The quantity nearest to `value`: what lies outside the range moves to its end, NaN to its start.
    fn from_base(value: f64) -> Self;

    /// Writes the value for people, with three significant digits and a fitting prefix.
    ///
    /// # Errors
    /// Only those of the formatter.
    fn write(self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for std::time::Duration {}
}

impl Quantity for std::time::Duration {
    const FIELD: &'static str = "seconds";
    const FIELD_LOW: &'static str = "seconds_low";
    const FIELD_HIGH: &'static str = "seconds_high";

    fn base(self) -> f64 {
        self.as_secs_f64()
    }

    fn from_base(value: f64) -> Self {
        // A NaN fails the conversion as a negative number does; only too large a number is worth the maximum.
        Self::try_from_secs_f64(value).unwrap_or(if value > 0.0 { Self::MAX } else { Self::ZERO })
    }

    fn write(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format::duration(f, self)
    }
}

/// Defines a quantity: a finite `f64` in one unit, inside a closed range.
macro_rules! quantity {
    (
        $(#[$doc:meta])*
        $name:ident: $quantity:literal in $range:expr, $allowed:literal,
        $field:literal, $low:literal, $high:literal,
        $from:ident, $try_from:ident, $as:ident,
        |$value:ident, $f:ident| $write:expr
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            const RANGE: std::ops::RangeInclusive<f64> = $range;

            #[doc = concat!("From a trusted number of ", $field, ".")]
            ///
            /// A number outside the range moves to its end and NaN to its start; data from outside enters by
            #[doc = concat!("[`", stringify!($name), "::", stringify!($try_from), "`].")]
            #[must_use]
            pub const fn $from(value: f64) -> Self {
                let (min, max) = (*Self::RANGE.start(), *Self::RANGE.end());
                Self(if value > max {
                    max
                } else if value >= min {
                    value
                } else {
                    min
                })
            }

            #[doc = concat!("From a number of ", $field, " that may be anything.")]
            ///
            /// # Errors
            #[doc = concat!("[`OutOfRange`](crate::units::OutOfRange) unless the value is ", $allowed, ".")]
            pub fn $try_from(value: f64) -> Result<Self, $crate::units::OutOfRange> {
                if Self::RANGE.contains(&value) {
                    Ok(Self(value))
                } else {
                    Err($crate::units::OutOfRange { quantity: $quantity, allowed: $allowed, value })
                }
            }

            #[doc = concat!("The value in ", $field, ".")]
            #[must_use]
            pub const fn $as(self) -> f64 {
                self.0
            }
        }

        impl $crate::units::Quantity for $name {
            const FIELD: &'static str = $field;
            const FIELD_LOW: &'static str = $low;
            const FIELD_HIGH: &'static str = $high;

            fn base(self) -> f64 {
                self.0
            }

            fn from_base(value: f64) -> Self {
                Self::$from(value)
            }

            fn write(self, $f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $value = self.0;
                $write
            }
        }

        impl $crate::units::sealed::Sealed for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::units::Quantity::write(*self, f)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = $crate::units::OutOfRange;

            fn try_from(value: f64) -> Result<Self, Self::Error> {
                Self::$try_from(value)
            }
        }
    };
    // Quantities that add up, such as joules; a ratio does not.
    (additive $name:ident, $from:ident) => {
        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0.0);

            /// The difference, or zero where `other` is larger.
            #[must_use]
            pub fn saturating_sub(self, other: Self) -> Self {
                Self::$from(self.0 - other.0)
            }
        }

        impl std::ops::Add for $name {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self::$from(self.0 + other.0)
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, std::ops::Add::add)
            }
        }

        impl std::ops::Mul<f64> for $name {
            type Output = Self;

            fn mul(self, factor: f64) -> Self {
                Self::$from(self.0 * factor)
            }
        }
    };
}
pub(crate) use quantity;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn units_multiply_into_the_dimension_they_make() {
        let energy = Power::from_watts(120.0) * Duration::from_secs(30);
        assert_eq!(energy, Energy::from_joules(3600.0));
        assert_eq!(energy.as_wh(), 1.0);
        let emissions = Energy::from_kwh(2.0) * CarbonIntensity::from_grams_per_kwh(475.0);
        assert_eq!(emissions, Emissions::from_grams(950.0));
        let water = Energy::from_kwh(2.0) * WaterIntensity::from_litres_per_kwh(1.5);
        assert_eq!((water, water.to_string()), (Water::from_litres(3.0), "3.00 L".to_owned()));
        assert_eq!(Energy::from_joules(10.0) * Pue::from_ratio(1.2), Energy::from_joules(12.0));
        assert_eq!(Energy::from_kwh(3.0) * ElectricityPrice::from_usd_per_kwh(0.25), Usd::from_usd(0.75));
    }

    #[test]
    fn bad_numbers_name_the_quantity_and_what_is_allowed() {
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            let error = Energy::try_from_joules(bad).unwrap_err();
            assert!(error.to_string().starts_with("energy in joules must be finite and at least 0, not"));
        }
        assert!(Pue::try_from_ratio(0.9).is_err());
        assert!(Probability::try_from_fraction(1.1).is_err());
        assert!(serde_json::from_str::<Energy>("-3.0").is_err());
    }

    #[test]
    fn people_read_three_digits_and_a_prefix() {
        for (value, text) in [(0.0, "0 J"), (0.000_432, "432 µJ"), (0.432, "432 mJ"), (4.32, "4.32 J")] {
            assert_eq!(Energy::from_joules(value).to_string(), text);
        }
        assert_eq!(Energy::from_joules(43_210.0).to_string(), "43.2 kJ");
        assert_eq!(Energy::from_joules(999.9).to_string(), "1.00 kJ");
        assert_eq!(Emissions::from_grams(0.0125).to_string(), "12.5 mgCO2e");
        assert_eq!(Emissions::from_grams(2_500_000.0).to_string(), "2.50 tCO2e");
        assert_eq!(CarbonIntensity::from_grams_per_kwh(475.0).to_string(), "475 gCO2e/kWh");
        assert_eq!(Usd::from_usd(0.000_012_3).to_string(), "$0.0000123");
        assert_eq!(Usd::from_usd(12.5).to_string(), "$12.50");
        assert_eq!(Probability::from_fraction(0.987).to_string(), "98.7 %");
        assert_eq!(Tokens::new(1200).to_string(), "1200 tokens");
    }

    proptest! {
        #[test]
        fn any_number_becomes_a_valid_quantity(value in any::<f64>()) {
            for held in [Energy::from_joules(value).as_joules(), Pue::from_ratio(value).as_ratio(),
                         Probability::from_fraction(value).as_fraction(), Usd::from_base(value).as_usd()] {
                prop_assert!(held.is_finite() && held >= 0.0);
            }
            prop_assert!(Duration::from_base(value) >= Duration::ZERO);
        }

        #[test]
        fn arithmetic_stays_in_range(a in any::<f64>(), b in any::<f64>(), k in any::<f64>()) {
            let (a, b) = (Energy::from_joules(a), Energy::from_joules(b));
            for energy in [a + b, a * k, a.saturating_sub(b), a * Pue::from_ratio(k)] {
                prop_assert!(energy.as_joules().is_finite() && energy.as_joules() >= 0.0);
            }
            let emissions = a * CarbonIntensity::from_grams_per_kwh(k);
            prop_assert!(emissions.as_grams().is_finite());
        }

        #[test]
        fn json_keeps_the_value(value in 0.0..1e300f64) {
            let energy = Energy::from_joules(value);
            let json = serde_json::to_string(&energy).unwrap();
            let read: Energy = serde_json::from_str(&json).unwrap();
            prop_assert!((read.as_joules() - value).abs() <= value * 1e-15);
        }

        #[test]
        fn ledger_integers_round_to_the_nearest(micro in 0u64..1 << 50) {
            prop_assert_eq!(Energy::from_microjoules(micro).as_microjoules(), micro);
            prop_assert_eq!(Emissions::from_micrograms(micro).as_micrograms(), micro);
            prop_assert_eq!(Usd::from_nano_usd(micro).as_nano_usd(), micro);
        }
    }
}

//! How far a live number may be off and how long it holds, from `data/grid/live.csv`.

use crate::table::{number, rows};
use greenroute_core::units::CarbonIntensity;
use greenroute_core::{Counting, Estimate, Method};
use std::time::Duration;

const TABLE: &str = include_str!("../../../data/grid/live.csv");

/// A grid whose plants emit nothing still has 26 g/kWh of hydro and wind by their whole life: the upper end of a
/// number that counts stacks only lies at least so much above it.
const BUILDING: f64 = 26.0;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    low: f64,
    high: f64,
    pub(super) oldest: Duration,
    pub(super) holds: Duration,
}

impl Band {
    /// The row of this name; a name that the table lacks is caught by this crate's tests.
    pub(super) fn of(name: &str) -> Self {
        let row = rows(TABLE).find(|row| row.first() == Some(&name)).unwrap_or_default();
        let seconds = |column| Duration::from_secs_f64(number(&row, column).unwrap_or(0.0).max(0.0));
        Self {
            low: number(&row, 1).unwrap_or(0.5),
            high: number(&row, 2).unwrap_or(2.0),
            oldest: seconds(3),
            holds: seconds(4),
        }
    }

    pub(super) fn around(
        self,
        value: CarbonIntensity,
        counting: Counting,
        method: Method,
    ) -> Estimate<CarbonIntensity> {
        let estimate = Estimate::scaled(value, self.low, self.high, method);
        let high = match counting {
            Counting::Direct => value.as_grams_per_kwh() + BUILDING,
            _ => 0.0,
        };
        let high = CarbonIntensity::from_grams_per_kwh(high.max(estimate.high().as_grams_per_kwh()));
        Estimate::banded(estimate.low(), value, high, method)
    }

    /// An estimate that has its own band already, made wider by this one.
    pub(super) fn widen(self, estimate: Estimate<CarbonIntensity>) -> Estimate<CarbonIntensity> {
        let grams = |value: CarbonIntensity, factor: f64| {
            CarbonIntensity::try_from_grams_per_kwh(value.as_grams_per_kwh() * factor).unwrap_or(value)
        };
        Estimate::banded(
            grams(estimate.low(), self.low),
            estimate.value(),
            grams(estimate.high(), self.high),
            estimate.method(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_band_around_one() {
        let names: Vec<&str> = rows(TABLE).filter_map(|row| row.first().copied()).collect();
        assert_eq!(names.len(), 11);
        for name in names {
            let band = Band::of(name);
            assert!((0.3..1.0).contains(&band.low) && (1.0..3.0).contains(&band.high), "{name}: {band:?}");
            assert!(band.oldest >= Duration::from_secs(3600), "{name}");
        }
    }

    #[test]
    fn stacks_that_emit_nothing_are_not_certain_to_be_clean() {
        let zero = Band::of("uk").around(
            CarbonIntensity::from_grams_per_kwh(0.0),
            Counting::Direct,
            Method::Reported,
        );
        assert_eq!(zero.high().as_grams_per_kwh(), 26.0);
        let some = CarbonIntensity::from_grams_per_kwh(300.0);
        let lifecycle = Band::of("uk").around(some, Counting::Lifecycle, Method::Reported);
        assert_eq!((lifecycle.low().as_grams_per_kwh(), lifecycle.high().as_grams_per_kwh()), (270.0, 330.0));
    }
}

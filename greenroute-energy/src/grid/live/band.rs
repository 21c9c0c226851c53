//! How far a live number may be off and how long it holds, from `data/grid/live.csv` and `ageing.csv`.

use crate::table::{number, rows};
use greenroute_core::units::CarbonIntensity;
use greenroute_core::{Counting, Estimate, Method, Spread};
use std::time::Duration;

const TABLE: &str = include_str!("../../../data/grid/live.csv");
const AGEING: &str = include_str!("../../../data/grid/ageing.csv");

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

/// What is known of an hour, taken for the one so many hours later: grids move on.
pub(super) fn aged(estimate: Estimate<CarbonIntensity>, hours: u64) -> Estimate<CarbonIntensity> {
    if hours == 0 {
        return estimate;
    }
    let (low, high) = ageing(hours);
    if estimate.low().as_grams_per_kwh() <= 0.0 {
        return Band { low, high, ..Band::of("kept") }.widen(estimate);
    }
    Estimate::with_spread(estimate.value(), estimate.spread().and(Spread::of(low, high)), estimate.method())
}

/// The row of so many hours, or the widest.
fn ageing(hours: u64) -> (f64, f64) {
    let ends = |row: &[&str]| Some((number(row, 1)?, number(row, 2)?));
    let exact = rows(AGEING).find(|row| row.first().and_then(|cell| cell.parse().ok()) == Some(hours));
    let widest = || {
        rows(AGEING)
            .filter_map(|row| ends(&row))
            .fold((0.5, 2.0), |(low, high), row| (f64::min(low, row.0), f64::max(high, row.1)))
    };
    exact.and_then(|row| ends(&row)).unwrap_or_else(widest)
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
    fn what_is_older_is_less_sure() {
        let grams = CarbonIntensity::from_grams_per_kwh;
        let fresh = Estimate::scaled(grams(300.0), 0.9, 1.15, Method::Reported);
        assert_eq!(aged(fresh, 0), fresh);
        let mut last = fresh;
        for hours in [1, 2, 3, 4, 5, 6, 7] {
            let older = aged(fresh, hours);
            assert!(older.low() < last.low() && last.high() < older.high(), "{hours}: {older:?}");
            last = older;
        }
        assert!(aged(fresh, 24).high() < last.high(), "the next day is more like this one than its night");
        assert_eq!(aged(fresh, 1000), last);
        let zero = Estimate::banded(grams(0.0), grams(0.0), grams(26.0), Method::Reported);
        assert!(aged(zero, 3).high() > zero.high() && aged(zero, 3).low() == grams(0.0));
        for row in rows(AGEING) {
            let (low, high) = ageing(row[0].parse().unwrap());
            assert!((0.3..1.0).contains(&low) && (1.0..3.0).contains(&high) && row.len() == 3, "{row:?}");
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

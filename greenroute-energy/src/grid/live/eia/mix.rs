//! From megawatt-hours by fuel to grams per kilowatt-hour.

use super::SAID;
use crate::table::{number, rows};
use greenroute_core::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

const FUELS: &str = include_str!("../../../../data/grid/eia_fuels.csv");

/// Codes without a factor may make up this share of generation; they count as `OTH`.
const UNKNOWN: f64 = 0.05;
/// No authority makes more in an hour: all of the United States have 1.3 million megawatts.
const MOST: f64 = 2e6;

/// What was reported of one hour. A fuel whose number is null is known to be missing.
#[derive(Debug, Default)]
pub(super) struct Hour(BTreeMap<String, Option<f64>>);

/// The intensity of an hour by the median, the least and the greatest factors.
#[derive(Debug, PartialEq)]
pub(super) struct Mix {
    pub(super) grams: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// A fuel without a factor counted as `OTH`.
    pub(super) guessed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Factor {
    stores: bool,
    grams: [f64; 3],
}

impl Factor {
    fn of(code: &str) -> Option<Self> {
        let row = rows(FUELS).find(|row| row.first() == Some(&code))?;
        let stores = row.get(1) == Some(&"storage");
        Some(Self { stores, grams: [number(&row, 2)?, number(&row, 3)?, number(&row, 4)?] })
    }
}

impl Hour {
    /// # Errors
    /// A number that no authority generates.
    pub(super) fn add(&mut self, fuel: &str, megawatt_hours: Option<f64>) -> Result<()> {
        if let Some(number) = megawatt_hours.filter(|number| number.abs().is_nan() || number.abs() > MOST) {
            return Err(
                SAID.wrong("value", format!("is {number} MWh of {fuel}, which nobody makes in an hour"))
            );
        }
        self.0.insert(fuel.chars().take(16).collect(), megawatt_hours);
        Ok(())
    }

    fn fuels(&self) -> BTreeSet<&str> {
        self.0.iter().filter(|(_, value)| value.is_some()).map(|(fuel, _)| fuel.as_str()).collect()
    }

    /// `Σ max(0, MWh) · factor / Σ max(0, MWh)` without what stores: plants at rest take a little, and a battery gives
    /// back what another fuel made.
    ///
    /// # Errors
    /// Where nothing was generated, or more than a twentieth by fuels that have no factor.
    pub(super) fn mix(&self) -> Result<Mix> {
        let (mut generated, mut unknown, mut sums) = (0.0, 0.0, [0.0; 3]);
        let other = Factor::of("OTH").unwrap_or(Factor { stores: false, grams: [230.0, 20.0, 600.0] });
        let mut strange = Vec::new();
        for (fuel, value) in &self.0 {
            let amount = value.unwrap_or(0.0).max(0.0);
            let factor = Factor::of(fuel).unwrap_or_else(|| {
                unknown += amount;
                strange.push(fuel.as_str());
                other
            });
            if factor.stores {
                continue;
            }
            generated += amount;
            for (sum, grams) in sums.iter_mut().zip(factor.grams) {
                *sum += amount * grams;
            }
        }
        if generated <= 0.0 {
            return Err(SAID.nothing("value", "is of no generation at all"));
        }
        if unknown > UNKNOWN * generated {
            let share = 100.0 * unknown / generated;
            return Err(
                SAID.wrong("fueltype", format!("has no factor for {share:.0} %: {}", strange.join(", ")))
            );
        }
        let [grams, low, high] = sums.map(|sum| sum / generated);
        Ok(Mix { grams, low, high, guessed: unknown > 0.0 })
    }
}

/// An hour that stands for the one asked for.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    /// Its end.
    pub(super) ended: SystemTime,
    pub(super) hour: &'a Hour,
    /// Every fuel that any hour had is in it.
    pub(super) complete: bool,
}

/// The newest hour from `since` on that has every fuel that any hour had; where there is none such, the newest of those
/// that have the most fuels.
pub(super) fn newest(hours: &BTreeMap<SystemTime, Hour>, since: SystemTime) -> Option<Chosen<'_>> {
    let recent = hours.range(since..);
    let (ended, hour) = recent.max_by_key(|(ended, hour)| (hour.fuels().len(), **ended))?;
    chosen(hours, *ended, hour)
}

/// The hour that ended at `ended`.
pub(super) fn exactly(hours: &BTreeMap<SystemTime, Hour>, ended: SystemTime) -> Option<Chosen<'_>> {
    chosen(hours, ended, hours.get(&ended)?)
}

fn chosen<'a>(hours: &BTreeMap<SystemTime, Hour>, ended: SystemTime, hour: &'a Hour) -> Option<Chosen<'a>> {
    let every: BTreeSet<&str> = hours.values().flat_map(Hour::fuels).collect();
    let known = hour.fuels().len();
    (known > 0).then_some(Chosen { ended, hour, complete: known == every.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn hour(fuels: &[(&str, Option<f64>)]) -> Hour {
        let mut hour = Hour::default();
        fuels.iter().for_each(|(fuel, value)| hour.add(fuel, *value).unwrap());
        hour
    }

    #[test]
    fn an_hour_of_2022_has_the_intensity_that_was_published() {
        // ERCOT, 2022-01-01T00Z, of HewlettPackard/dc-rl (MIT): 334.21 g/kWh with the same factors.
        let fuels =
            [("WND", 16317.0), ("SUN", 50.0), ("WAT", 7.0), ("OIL", 0.0), ("NG", 14483.0), ("COL", 9642.0)];
        let mut fuels: Vec<_> = fuels.iter().map(|(fuel, value)| (*fuel, Some(*value))).collect();
        fuels.extend([("NUC", Some(5101.0)), ("OTH", Some(60.0))]);
        let mix = hour(&fuels).mix().unwrap();
        assert!((mix.grams - 334.21).abs() < 0.005, "{mix:?}");
        assert!(mix.low < mix.grams && mix.grams < mix.high && !mix.guessed);
    }

    #[test]
    fn what_stores_and_what_is_negative_does_not_count() {
        let bare = hour(&[("COL", Some(100.0)), ("WND", Some(100.0))]).mix().unwrap();
        assert_eq!(bare.grams, 415.5);
        let more = [
            ("COL", Some(100.0)),
            ("WND", Some(100.0)),
            ("BAT", Some(900.0)),
            ("PS", Some(-50.0)),
            ("SUN", Some(-9.0)),
        ];
        assert_eq!(hour(&more).mix().unwrap(), bare);
        for nothing in [vec![], vec![("SUN", Some(-1.0)), ("BAT", Some(5.0))], vec![("NG", None)]] {
            assert!(hour(&nothing).mix().unwrap_err().message().contains("no generation"));
        }
    }

    #[test]
    fn a_little_of_an_unknown_fuel_is_a_guess_and_much_is_an_error() {
        let little = hour(&[("NG", Some(96.0)), ("FUS", Some(4.0))]).mix().unwrap();
        assert!(little.guessed && (little.grams - (96.0 * 490.0 + 4.0 * 230.0) / 100.0).abs() < 1e-9);
        let much = hour(&[("NG", Some(90.0)), ("FUS", Some(10.0))]).mix().unwrap_err();
        assert_eq!(much.message(), "`fueltype` has no factor for 10 %: FUS");
    }

    #[test]
    fn absurd_generation_is_refused() {
        for absurd in [f64::NAN, f64::INFINITY, 2.1e6, -2.1e6] {
            let error = Hour::default().add("NG", Some(absurd)).unwrap_err();
            assert!(error.message().starts_with("`value` is "), "{error}");
        }
    }

    #[test]
    fn an_hour_that_lacks_a_fuel_gives_way_to_the_one_before() {
        let time = |hours: u64| UNIX_EPOCH + Duration::from_secs(hours * 3600);
        let whole = || hour(&[("NG", Some(1.0)), ("WND", Some(1.0))]);
        let mut hours = BTreeMap::from([(time(1), whole()), (time(2), whole())]);
        hours.insert(time(3), hour(&[("NG", Some(1.0)), ("WND", None)]));
        hours.insert(time(4), hour(&[("NG", Some(1.0))]));
        let newest = |hours: &BTreeMap<SystemTime, Hour>, since| {
            newest(hours, time(since)).map(|chosen| (chosen.ended, chosen.complete))
        };
        assert_eq!(newest(&hours, 0), Some((time(2), true)));
        assert_eq!(newest(&hours, 3), Some((time(4), false)), "what came before is too old");
        assert_eq!(newest(&hours, 5), None);
        assert!(exactly(&hours, time(2)).unwrap().complete && exactly(&hours, time(9)).is_none());
        hours.insert(time(0), hour(&[("SUN", Some(1.0))]));
        assert_eq!(newest(&hours, 0), Some((time(2), false)), "no hour has all three");
        assert_eq!(newest(&BTreeMap::from([(time(1), hour(&[("NG", None)]))]), 0), None);
    }

    #[test]
    fn every_factor_lies_between_its_ends() {
        let mut codes = 0;
        for row in rows(FUELS) {
            let [grams, low, high] = Factor::of(row[0]).unwrap().grams;
            assert!(low <= grams && grams <= high && high <= 1500.0, "{row:?}");
            assert!(["generation", "storage"].contains(&row[1]) && row.len() == 7, "{row:?}");
            codes += 1;
        }
        assert_eq!(codes, 17);
    }
}

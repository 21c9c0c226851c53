use super::yearly;
use crate::table::{number, rows};
use async_trait::async_trait;
use greenroute_core::units::{CarbonIntensity, Probability};
use greenroute_core::{
    Basis, Counting, Error, ErrorKind, Estimate, GridIntensity, GridReading, Method, Result, Spread,
    Standing, Zone,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

const SHAPES: &str = include_str!("../../data/grid/hourly.csv");
const ZONES: &str = include_str!("../../data/grid/zones.csv");

const ORIGIN: &str = "hourly shapes";
/// The longest forecast: nobody needs more than a year of a shape that repeats every year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Deviations of a normal distribution: from its mean to its 90 % quantile, and to its 95 % quantile.
const TENTH: f64 = 1.281_551_565_544_6;
const TWENTIETH: f64 = 1.644_853_626_951_5;

/// What eight US balancing authorities usually emit per kilowatt-hour at an hour of a month, as they did in 2022.
///
/// A zone is Electricity Maps' id (`US-TEX-ERCO`) or EIA's code (`ERCO`). Months and hours are those of the zone's own
/// clock with its daylight saving, wherever this program runs. A year later the sun still rises at the same hour, but
/// plants have come and gone: the band holds both the days of 2022 (from the 10 % and 90 % quantile of the hour) and
/// the yearly average's own error. The mean is not moved to a newer year's, whose sources count other emissions.
///
/// It also tells where a number lies among the hours of 2022, and forecasts: the same shape, for hours to come.
#[derive(Debug, Clone, Copy, Default)]
pub struct HourlyShapes;

struct Area {
    zone: Zone,
    code: &'static str,
    clock: TimeZone,
    clock_name: &'static str,
    vintage: &'static str,
    /// How far the mean of a year may be off.
    year: Spread,
    /// By month, then by the hour at which the metered hour ends.
    cells: Cells,
}

/// In order, so that sums over them are the same in every run.
type Cells = BTreeMap<(i8, i8), Cell>;

struct Cell {
    mean: f64,
    p10: f64,
    p90: f64,
    hours: u32,
}

impl HourlyShapes {
    /// Where an intensity lies among the hours of the zone's year; `None` for a zone without a shape.
    ///
    /// The distribution is put together from the hours of each month, each taken for normal on either side of its mean.
    /// Against all hours of 2022 in Texas and California the share is right within 0.04.
    #[must_use]
    pub fn standing(zone: &Zone, intensity: CarbonIntensity) -> Option<Standing> {
        Some(find(zone.as_str())?.standing(intensity.as_grams_per_kwh()))
    }
}

impl Cell {
    /// The share of this cell's hours that lie below; the logistic curve is within 0.01 of the normal one.
    fn below(&self, grams: f64) -> f64 {
        let width = if grams < self.mean { self.mean - self.p10 } else { self.p90 - self.mean };
        let deviations = TENTH * (grams - self.mean) / width.max(f64::MIN_POSITIVE);
        1.0 / (1.0 + (-1.702 * deviations).exp())
    }

    fn spread(&self) -> Spread {
        let to_twentieth = |ratio: f64| ratio.powf(TWENTIETH / TENTH);
        Spread::of(to_twentieth(self.p10 / self.mean), to_twentieth(self.p90 / self.mean))
    }
}

impl Area {
    fn standing(&self, grams: f64) -> Standing {
        let samples: u32 = self.cells.values().map(|cell| cell.hours).sum();
        let below: f64 = self.cells.values().map(|cell| f64::from(cell.hours) * cell.below(grams)).sum();
        Standing {
            cleaner: Probability::from_fraction(below / f64::from(samples.max(1))),
            samples,
            of: format!("the hours of {}", self.vintage).into(),
        }
    }

    /// The typical hour in which `at` lies; `None` outside the calendar.
    fn reading(&self, at: SystemTime, method: Method) -> Option<GridReading> {
        const NANOSECONDS: i128 = 3_600_000_000_000;
        let since = Timestamp::try_from(at).ok()?.as_nanosecond();
        let into_hour = u64::try_from(since.rem_euclid(NANOSECONDS)).ok()?;
        let start = at.checked_sub(Duration::from_nanos(into_hour))?;
        let end = start.checked_add(Duration::from_secs(3600))?;
        let local = self.clock.to_datetime(Timestamp::try_from(end).ok()?);
        let cell = self.cells.get(&(local.month(), local.hour()))?;
        let mean = CarbonIntensity::from_grams_per_kwh(cell.mean);
        let intensity = Estimate::with_spread(mean, cell.spread().and(self.year), method);
        let vintage = format!(
            "{}, month {} from {:02}:00 to {:02}:00 in {}",
            self.vintage,
            local.month(),
            (local.hour() + 23) % 24,
            local.hour(),
            self.clock_name
        );
        let source = "typical hour by EIA-930 with IPCC factors";
        Some(GridReading {
            valid_from: Some(start),
            valid_until: Some(end),
            counting: Counting::Lifecycle,
            standing: Some(self.standing(cell.mean)),
            ..GridReading::new(self.zone.clone(), intensity, Basis::Average, source, vintage)
        })
    }
}

fn areas() -> &'static [Area] {
    static AREAS: OnceLock<Vec<Area>> = OnceLock::new();
    AREAS.get_or_init(|| {
        let mut shapes = shapes();
        let area = |row: Vec<&'static str>| {
            let cell = |column: usize| row.get(column).copied().unwrap_or_default();
            let (zone, code, clock_name) = (cell(0).parse().ok()?, cell(8), cell(9));
            Some(Area {
                clock: TimeZone::get(clock_name).ok()?,
                year: yearly::reading(&zone)?.intensity.spread(),
                cells: shapes.remove(code)?,
                vintage: cell(4),
                clock_name,
                code,
                zone,
            })
        };
        rows(ZONES).filter_map(area).collect()
    })
}

/// The cells of each area, by EIA's code.
fn shapes() -> HashMap<&'static str, Cells> {
    let mut shapes: HashMap<&str, Cells> = HashMap::new();
    for row in rows(SHAPES) {
        let cell = |column: usize| row.get(column).copied().unwrap_or_default();
        let read = || {
            let key = (cell(1).parse().ok()?, cell(2).parse().ok()?);
            let (mean, p10, p90) = (number(&row, 3)?, number(&row, 4)?, number(&row, 5)?);
            Some((key, Cell { mean, p10, p90, hours: cell(6).parse().ok()? }))
        };
        shapes.entry(cell(0)).or_default().extend(read());
    }
    shapes
}

/// The area of this id, be it Electricity Maps' or EIA's.
fn find(id: &str) -> Option<&'static Area> {
    areas().iter().find(|area| area.zone.as_str() == id || area.code == id)
}

fn area(zone: &Zone) -> Result<&'static Area> {
    find(zone.as_str()).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, ORIGIN, format!("no hourly shape is known for zone {zone}"))
    })
}

fn outside(zone: &Zone, field: &str) -> Error {
    let message = format!("`{field}` lies outside the calendar: there is no hour of zone {zone}");
    Error::new(ErrorKind::Unsupported, ORIGIN, message)
}

#[async_trait]
impl GridIntensity for HourlyShapes {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        area(zone)?.reading(at, Method::Reported).ok_or_else(|| outside(zone, "at"))
    }

    /// Every hour that touches the time from `from` up to `to`, which may be 366 days.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for another zone or a time outside the calendar; [`ErrorKind::Config`] where `to`
    /// does not come after `from`, or more than 366 days after it.
    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>> {
        let area = area(zone)?;
        let wrong = |message: &str| Error::new(ErrorKind::Config, ORIGIN, message);
        let length = to.duration_since(from).unwrap_or_default();
        if length.is_zero() {
            return Err(wrong("`to` must be later than `from`"));
        }
        if length > LONGEST {
            return Err(wrong("`to` must be at most 366 days after `from`"));
        }
        let mut readings: Vec<GridReading> = Vec::new();
        let mut next = from;
        while next < to {
            let reading = area.reading(next, Method::Modelled).ok_or_else(|| outside(zone, "to"))?;
            // An hour always ends after it began; the check keeps a wrong table from running for ever.
            next = reading.valid_until.filter(|end| *end > next).ok_or_else(|| outside(zone, "to"))?;
            readings.push(reading);
        }
        Ok(readings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::YearlyAverages;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn zone(id: &str) -> Zone {
        id.parse().unwrap()
    }

    /// The time that a clock in `place` shows at this hour of a day of 2026.
    fn clock(place: &str, month: i8, day: i8, hour: i8) -> SystemTime {
        let local = date(2026, month, day).at(hour, 30, 0, 0);
        local.in_tz(place).unwrap().timestamp().into()
    }

    async fn grams(id: &str, at: SystemTime) -> f64 {
        HourlyShapes.intensity(&zone(id), at).await.unwrap().intensity.value().as_grams_per_kwh()
    }

    fn cell(code: &str, month: i8, hour: i8) -> &'static Cell {
        &find(code).unwrap().cells[&(month, hour)]
    }

    #[test]
    fn every_area_has_every_hour_of_every_month() {
        assert_eq!(areas().len(), 8);
        for area in areas() {
            let id = area.code;
            for key in (1..=12).flat_map(|month| (0..24).map(move |hour| (month, hour))) {
                let cell = &area.cells[&key];
                assert!(5.0 < cell.p10 && cell.p10 <= cell.mean && cell.mean <= cell.p90, "{id} {key:?}");
                assert!(cell.p90 < 900.0 && (27..=31).contains(&cell.hours), "{id} {key:?}");
            }
            // Three hours of California were not reported.
            assert!((8757..=8760).contains(&area.standing(0.0).samples), "{id}");
        }
        let read: usize = areas().iter().map(|area| area.cells.len()).sum();
        assert_eq!(read, rows(SHAPES).count(), "a row cannot be read");
    }

    #[tokio::test]
    async fn the_hours_of_a_year_average_to_the_yearly_row() {
        let mean = |area: &Area| {
            let hours: f64 = area.cells.values().map(|cell| f64::from(cell.hours)).sum();
            area.cells.values().map(|cell| f64::from(cell.hours) * cell.mean).sum::<f64>() / hours
        };
        for area in areas() {
            let year = YearlyAverages.intensity(&area.zone, SystemTime::UNIX_EPOCH).await.unwrap();
            let year = year.intensity.value().as_grams_per_kwh();
            assert!((mean(area) - year).abs() < 0.1, "{}: {} {year}", area.code, mean(area));
        }
        let means =
            ["ERCO", "CISO", "PJM", "MISO", "NYIS", "BPAT"].map(|code| mean(find(code).unwrap()).round());
        assert_eq!(means, [347.0, 256.0, 363.0, 441.0, 273.0, 55.0], "the means of EIA-930 2022");
    }

    #[tokio::test]
    async fn hours_are_those_of_the_zones_own_clock_with_daylight_saving() {
        // From 13:00 to 14:00 in Texas, whether that is 19:30 or 18:30 in Greenwich.
        for (month, utc) in [(1, 19), (7, 18)] {
            let greenwich = clock("UTC", month, 15, utc);
            assert_eq!(grams("US-TEX-ERCO", greenwich).await, cell("ERCO", month, 14).mean);
            assert_eq!(greenwich, clock("America/Chicago", month, 15, 13));
        }
        // Arizona has no daylight saving, California has.
        assert_eq!(grams("AZPS", clock("UTC", 7, 15, 19)).await, cell("AZPS", 7, 13).mean);
        assert_eq!(grams("CISO", clock("UTC", 7, 15, 19)).await, cell("CISO", 7, 13).mean);
        assert_eq!(grams("AZPS", clock("UTC", 1, 15, 19)).await, cell("AZPS", 1, 13).mean);
        assert_eq!(grams("CISO", clock("UTC", 1, 15, 19)).await, cell("CISO", 1, 12).mean);
        // The last hour of a month ends in the next.
        assert_eq!(grams("ERCO", clock("America/Chicago", 1, 31, 23)).await, cell("ERCO", 2, 0).mean);
    }

    /// Run by the test below in processes whose machine has another clock.
    #[tokio::test]
    #[ignore = "run by the_clock_of_the_machine_does_not_matter"]
    async fn texas_prints() {
        for hour in 0..6 {
            println!("texas {}", grams("US-TEX-ERCO", clock("UTC", 4, 1, 4 * hour)).await);
        }
    }

    #[test]
    fn the_clock_of_the_machine_does_not_matter() {
        let run = |machine: &str| {
            let mut test = std::process::Command::new(std::env::current_exe().unwrap());
            test.env("TZ", machine).args([
                "--ignored",
                "--exact",
                "grid::hourly::tests::texas_prints",
                "--nocapture",
            ]);
            let out = String::from_utf8(test.output().unwrap().stdout).unwrap();
            let lines: Vec<String> =
                out.lines().filter(|l| l.starts_with("texas")).map(str::to_owned).collect();
            lines
        };
        let here = run("UTC");
        assert_eq!(here.len(), 6);
        for machine in ["Asia/Tokyo", "America/Los_Angeles", "Nowhere/Nothing"] {
            assert_eq!(run(machine), here, "{machine}");
        }
    }

    #[tokio::test]
    async fn the_band_holds_the_days_and_the_year() {
        let at = clock("America/Chicago", 7, 15, 13);
        let reading = HourlyShapes.intensity(&zone("US-TEX-ERCO"), at).await.unwrap();
        let (cell, intensity) = (cell("ERCO", 7, 14), reading.intensity);
        assert!(
            intensity.low().as_grams_per_kwh() < cell.p10 && cell.p90 < intensity.high().as_grams_per_kwh()
        );
        let year = YearlyAverages.intensity(&zone("US-TEX-ERCO"), at).await.unwrap().intensity;
        let width = |estimate: Estimate<CarbonIntensity>| {
            estimate.value().as_grams_per_kwh() / estimate.low().as_grams_per_kwh()
        };
        assert!(width(intensity) > width(year));
        assert_eq!(reading.vintage, "2022, month 7 from 13:00 to 14:00 in America/Chicago");
        assert_eq!(reading.valid_from, Some(clock("America/Chicago", 7, 15, 13) - Duration::from_secs(1800)));
        assert_eq!(reading.counting, Counting::Lifecycle);
    }

    #[test]
    fn a_standing_is_the_share_of_the_zones_own_hours() {
        // Quantiles of all 8760 hours of EIA-930 2022 with the same factors.
        for (id, quantiles) in [
            ("US-TEX-ERCO", [(0.05, 213.66), (0.25, 290.21), (0.5, 356.32), (0.75, 407.59), (0.95, 457.12)]),
            ("US-CAL-CISO", [(0.05, 116.43), (0.25, 193.56), (0.5, 264.09), (0.75, 321.53), (0.95, 377.05)]),
        ] {
            for (share, grams) in quantiles {
                let grams = CarbonIntensity::from_grams_per_kwh(grams);
                let standing = HourlyShapes::standing(&zone(id), grams).unwrap();
                assert!((standing.cleaner.as_fraction() - share).abs() < 0.04, "{id} {share}: {standing:?}");
            }
        }
        let grams = CarbonIntensity::from_grams_per_kwh;
        let [texas, oregon] =
            ["US-TEX-ERCO", "US-NW-BPAT"].map(|id| HourlyShapes::standing(&zone(id), grams(100.0)).unwrap());
        assert!(texas.cleaner.as_fraction() < 0.01 && oregon.cleaner.as_fraction() > 0.9);
        assert_eq!(HourlyShapes::standing(&zone("FR"), grams(100.0)), None);
    }

    proptest! {
        #[test]
        fn what_emits_more_never_stands_cleaner(area in 0..8_usize, a in 0.0..1000.0_f64, b in 0.0..1000.0_f64) {
            let stands = |grams| areas()[area].standing(grams).cleaner;
            prop_assert!(stands(a.min(b)) <= stands(a.max(b)));
        }

        #[test]
        fn every_time_of_the_calendar_lies_in_its_hour(area in 0..8_usize, milliseconds in -40_000_000_000_000..200_000_000_000_000_i64) {
            let offset = Duration::from_millis(milliseconds.unsigned_abs());
            let epoch = SystemTime::UNIX_EPOCH;
            let at = if milliseconds < 0 { epoch - offset } else { epoch + offset };
            let reading = areas()[area].reading(at, Method::Reported).unwrap();
            let (from, until) = (reading.valid_from.unwrap(), reading.valid_until.unwrap());
            prop_assert!(from <= at && at < until);
            prop_assert_eq!(until.duration_since(from).unwrap(), Duration::from_secs(3600));
        }
    }

    #[tokio::test]
    async fn a_forecast_has_every_hour_that_it_touches() {
        let from = clock("America/Chicago", 3, 7, 20);
        let day =
            HourlyShapes.forecast(&zone("ERCO"), from, from + Duration::from_secs(86_400)).await.unwrap();
        assert_eq!(day.len(), 25, "from half past to half past");
        assert!(day.windows(2).all(|pair| pair[0].valid_until == pair[1].valid_from));
        assert!(day.iter().all(|reading| reading.intensity.method() == Method::Modelled));
        // In the night of the change of clocks there is no hour that ends at 2.
        let ends = day.iter().filter(|reading| reading.vintage.contains("to 02:00")).count();
        assert_eq!(ends, 0, "{:?}", day.iter().map(|reading| &reading.vintage).collect::<Vec<_>>());
        // In the night when they go back there are two that end at 1.
        let from = clock("America/Chicago", 10, 31, 20);
        let day =
            HourlyShapes.forecast(&zone("ERCO"), from, from + Duration::from_secs(86_400)).await.unwrap();
        let ends = day.iter().filter(|reading| reading.vintage.contains("to 01:00")).count();
        assert_eq!((day.len(), ends), (25, 2));
        let year = HourlyShapes.forecast(&zone("ERCO"), from, from + LONGEST).await.unwrap();
        assert_eq!(year.len(), 366 * 24 + 1);
    }

    #[tokio::test]
    async fn what_cannot_be_forecast_is_an_error_that_names_the_field() {
        let from = clock("UTC", 1, 1, 0);
        let texas = zone("US-TEX-ERCO");
        for to in [from, from - Duration::from_secs(1), from + LONGEST + Duration::from_secs(1)] {
            let error = HourlyShapes.forecast(&texas, from, to).await.unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Config);
            assert!(error.message().contains("`to`"), "{error}");
        }
        let error = HourlyShapes.forecast(&zone("US-TX"), from, from + LONGEST).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported, "Texas is more than its grid operator");
    }

    #[tokio::test]
    async fn a_time_outside_the_calendar_is_an_error_and_no_panic() {
        let texas = zone("US-TEX-ERCO");
        let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        let reading = HourlyShapes.intensity(&texas, before).await.unwrap();
        assert_eq!(reading.valid_until, Some(SystemTime::UNIX_EPOCH));
        let mut far = SystemTime::UNIX_EPOCH;
        while let Some(further) = far
            .checked_add(Duration::from_secs(1 << 40))
            .filter(|_| far < SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 44))
        {
            far = further;
        }
        for at in [far, SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 44)] {
            let error = HourlyShapes.intensity(&texas, at).await.unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Unsupported);
            assert!(error.message().contains("`at`"));
            assert!(HourlyShapes.forecast(&texas, at, at + Duration::from_secs(3600)).await.is_err());
        }
    }
}

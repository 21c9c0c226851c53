use super::HourlyShapes;
use async_trait::async_trait;
use greenroute_core::units::Probability;
use greenroute_core::{Basis, Counting, GridIntensity, GridReading, Result, Standing, Zone};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Fewer hours than these say nothing of how a zone usually is: three whole days, so that no hour of the day is missing.
const FEWEST: usize = 72;
/// Two weeks, so that weather and both kinds of days are in it and the season hardly changes.
const DAYS: u16 = 14;

/// A source whose readings also say where they lie among those that their own zone had of late.
///
/// The last fourteen days' readings of each zone are kept in memory, one per hour. Until three days of them are there,
/// a zone with an hourly shape is judged by its hours of 2022 where the reading counts whole lives as they do, and any
/// other zone not at all: what is clean for one
/// grid is dirty for the next, so that there is no threshold for all. A standing that the source gives itself stays.
#[derive(Debug)]
pub struct WithStanding<S> {
    source: S,
    days: u16,
    recent: Mutex<HashMap<Kind, BTreeMap<i64, f64>>>,
}

/// What is compared with each other: where a source counts other emissions than the one before, it is no cleaner.
type Kind = (Zone, Basis, Counting);

fn kind(reading: &GridReading) -> Kind {
    (reading.zone.clone(), reading.basis, reading.counting)
}

impl<S> WithStanding<S> {
    /// Remembers the readings of `source`.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self { source, days: DAYS, recent: Mutex::default() }
    }

    /// Remembers this many days instead of fourteen, at least three.
    #[must_use]
    pub fn with_days(self, days: u16) -> Self {
        Self { days: days.max(3), ..self }
    }

    /// Remembers a reading that came from elsewhere, such as the history that a live source gives at the start.
    pub fn remember(&self, reading: &GridReading, at: SystemTime) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = recent.entry(kind(reading)).or_default();
        hours.insert(hour(at), reading.intensity.value().as_grams_per_kwh());
        // The oldest goes, and not what lies far from now: a clock that jumped must not empty the memory.
        if hours.len() > usize::from(self.days) * 24 {
            hours.pop_first();
        }
    }

    fn standing(&self, reading: &GridReading, at: SystemTime) -> Option<Standing> {
        let grams = reading.intensity.value().as_grams_per_kwh();
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = hour(at);
        let since = now.saturating_sub(i64::from(self.days) * 24);
        let values: Vec<f64> = recent
            .get(&kind(reading))
            .into_iter()
            .flat_map(|hours| hours.range(since..=now).map(|(_, grams)| *grams))
            .collect();
        if values.len() < FEWEST {
            let alike = reading.basis == Basis::Average && reading.counting == Counting::Lifecycle;
            return alike.then(|| HourlyShapes::standing(&reading.zone, reading.intensity.value()))?;
        }
        let count = |is: fn(&f64, &f64) -> bool| values.iter().filter(|value| is(value, &grams)).count();
        let samples = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let share = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(samples);
        // Equals count half: a grid that never changes is neither clean nor dirty for itself.
        let cleaner =
            share(count(|value, grams| value < grams)) + 0.5 * share(count(|value, grams| value == grams));
        let of = format!("{samples} hours of the last {} days", self.days).into();
        Some(Standing { cleaner: Probability::from_fraction(cleaner), samples, of })
    }

    fn judged(&self, mut reading: GridReading, at: SystemTime) -> GridReading {
        if reading.standing.is_none() {
            reading.standing = self.standing(&reading, at);
        }
        reading
    }
}

/// Hours since 1970, negative before.
fn hour(at: SystemTime) -> i64 {
    let hours = |duration: Duration| i64::try_from(duration.as_secs() / 3600).unwrap_or(i64::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => hours(since),
        Err(before) => -1 - hours(before.duration()),
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: GridIntensity> GridIntensity for WithStanding<S> {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        let reading = self.source.intensity(zone, at).await?;
        // An average of a year, or what already stands somewhere, is not how the grid is now.
        if reading.standing.is_some() || reading.valid_until.is_none() {
            return Ok(reading);
        }
        let reading = self.judged(reading, at);
        // Of the hour that it describes: what a source repeats while it fails is one value, and not one for each hour.
        let of = reading.valid_from.filter(|from| *from <= at).unwrap_or(at);
        self.remember(&reading, of);
        Ok(reading)
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>> {
        let readings = self.source.forecast(zone, from, to).await?;
        Ok(readings.into_iter().map(|reading| self.judged(reading, from)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::units::CarbonIntensity;
    use greenroute_core::{Estimate, Method};

    const HOUR: Duration = Duration::from_secs(3600);

    /// Says what it was told, for every zone.
    #[derive(Debug, Default)]
    struct Told(Mutex<f64>);

    #[async_trait]
    impl GridIntensity for Told {
        async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
            let grams = CarbonIntensity::from_grams_per_kwh(*self.0.lock().unwrap());
            let exact = Estimate::exact(grams, Method::Reported);
            let reading = GridReading::new(zone.clone(), exact, Basis::Average, "told", "now");
            let counting = Counting::Lifecycle;
            Ok(GridReading { valid_until: at.checked_add(HOUR), counting, ..reading })
        }

        async fn forecast(&self, zone: &Zone, from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
            Ok(vec![self.intensity(zone, from).await?])
        }
    }

    async fn ask(grid: &WithStanding<Told>, zone: &str, at: SystemTime, grams: f64) -> Option<Standing> {
        *grid.source.0.lock().unwrap() = grams;
        grid.intensity(&zone.parse().unwrap(), at).await.unwrap().standing
    }

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + 500_000 * HOUR
    }

    #[tokio::test]
    async fn a_zone_is_judged_by_its_own_days_once_there_are_three() {
        let grid = WithStanding::new(Told::default());
        for n in 0..72_u32 {
            let early = ask(&grid, "FR", start() + n * HOUR, 20.0 + f64::from(n)).await;
            assert_eq!(early, None, "after {n} hours");
        }
        let now = start() + 72 * HOUR;
        let clean = ask(&grid, "FR", now, 10.0).await.unwrap();
        assert_eq!((clean.cleaner.as_fraction(), clean.samples), (0.0, 72));
        assert_eq!(ask(&grid, "FR", now + HOUR, 200.0).await.unwrap().cleaner.as_fraction(), 1.0);
        assert_eq!(ask(&grid, "PL", now, 10.0).await, None, "France says nothing of Poland");
        let ahead = grid.forecast(&"FR".parse().unwrap(), now + HOUR, now + 2 * HOUR).await.unwrap();
        assert!(ahead[0].standing.is_some());
    }

    #[tokio::test]
    async fn a_zone_with_a_shape_is_judged_by_it_until_then() {
        let grid = WithStanding::new(Told::default());
        let clean = ask(&grid, "US-TEX-ERCO", start(), 150.0).await.unwrap();
        let dirty = ask(&grid, "US-TEX-ERCO", start(), 480.0).await.unwrap();
        assert!(clean.cleaner.as_fraction() < 0.05 && dirty.cleaner.as_fraction() > 0.95);
        assert!(clean.of.contains("2022"));
    }

    #[test]
    fn what_counts_other_emissions_is_not_compared() {
        let grid = WithStanding::new(Told::default());
        let grams = |grams| Estimate::exact(CarbonIntensity::from_grams_per_kwh(grams), Method::Reported);
        let told = |counting, number, place: &str| GridReading {
            counting,
            ..GridReading::new(place.parse().unwrap(), grams(number), Basis::Average, "told", "now")
        };
        for n in 0..80_u32 {
            grid.remember(&told(Counting::Lifecycle, 150.0, "GB"), start() + n * HOUR);
        }
        let now = start() + 80 * HOUR;
        assert!(grid.standing(&told(Counting::Lifecycle, 120.0, "GB"), now).is_some());
        assert_eq!(
            grid.standing(&told(Counting::Direct, 120.0, "GB"), now),
            None,
            "it was never asked before"
        );
        let texas = |counting| grid.standing(&told(counting, 300.0, "US-TEX-ERCO"), now);
        assert!(texas(Counting::Lifecycle).is_some() && texas(Counting::Direct).is_none());
    }

    #[tokio::test]
    async fn an_hour_that_is_told_again_counts_once() {
        #[derive(Debug)]
        struct Late(SystemTime);

        #[async_trait]
        impl GridIntensity for Late {
            async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
                let told = Told::default().intensity(zone, at).await?;
                Ok(GridReading { valid_from: Some(self.0), ..told })
            }

            async fn forecast(&self, _: &Zone, _: SystemTime, _: SystemTime) -> Result<Vec<GridReading>> {
                Ok(Vec::new())
            }
        }

        let grid = WithStanding::new(Late(start()));
        for n in 0..80_u32 {
            let told = grid.intensity(&"FR".parse().unwrap(), start() + n * HOUR).await.unwrap();
            assert_eq!(told.standing, None, "after {n} hours");
        }
    }

    #[tokio::test]
    async fn a_grid_that_never_changes_is_neither_clean_nor_dirty() {
        let grid = WithStanding::new(Told::default());
        let mut last = None;
        for n in 0..80_u32 {
            last = ask(&grid, "IS", start() + n * HOUR, 28.0).await;
        }
        assert_eq!(last.unwrap().cleaner.as_fraction(), 0.5);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_survives_a_clock_that_jumps() {
        let grid = WithStanding::new(Told::default()).with_days(4);
        for n in 0..300_u32 {
            ask(&grid, "FR", start() + n * HOUR, 50.0).await;
        }
        assert_eq!(grid.recent.lock().unwrap().values().map(BTreeMap::len).sum::<usize>(), 96);
        ask(&grid, "FR", start() + 900_000 * HOUR, 50.0).await;
        ask(&grid, "FR", SystemTime::UNIX_EPOCH - 5 * HOUR, 50.0).await;
        let now = start() + 300 * HOUR;
        assert!(ask(&grid, "FR", now, 60.0).await.unwrap().samples >= 72);
    }

    #[tokio::test]
    async fn fallbacks_are_not_taken_for_how_the_grid_is_now() {
        let grid = WithStanding::new(super::super::Chain::bundled());
        for zone in ["FR", "US-TEX-ERCO"] {
            grid.intensity(&zone.parse().unwrap(), start()).await.unwrap();
        }
        assert!(grid.recent.lock().unwrap().is_empty());
    }
}

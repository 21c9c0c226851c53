//! When work is best done, by what sources forecast.

use crate::support::*;
use async_trait::async_trait;
use greenroute_core::units::{CarbonIntensity, Energy};
use greenroute_core::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: Duration = Duration::from_secs(3600);

fn france() -> Zone {
    "FR".parse().unwrap()
}

/// So many hours after the tests' epoch.
fn at(hours: f64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(EPOCH) + Duration::from_secs_f64(3600.0 * hours)
}

/// Hours of these grams; the forecast begins with the second.
#[derive(Debug)]
struct Day {
    grams: Vec<f64>,
    basis: Basis,
    asked: AtomicUsize,
}

impl Day {
    fn new(grams: &[f64], basis: Basis) -> Arc<Self> {
        Arc::new(Self { grams: grams.to_vec(), basis, asked: AtomicUsize::new(0) })
    }

    fn hour(&self, zone: &Zone, hour: usize) -> GridReading {
        let from = f64::from(u32::try_from(hour).unwrap());
        GridReading {
            basis: self.basis,
            valid_from: Some(at(from)),
            valid_until: Some(at(from + 1.0)),
            ..reading(zone.clone(), self.grams[hour])
        }
    }

    fn later(&self, zone: &Zone) -> Vec<GridReading> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        (1..self.grams.len()).map(|hour| self.hour(zone, hour)).collect()
    }
}

#[async_trait]
impl GridIntensity for Day {
    async fn intensity(&self, zone: &Zone, _at: SystemTime) -> Result<GridReading> {
        Ok(self.hour(zone, 0))
    }

    async fn forecast(&self, zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Ok(self.later(zone))
    }
}

#[async_trait]
impl MarginalIntensity for Day {
    async fn marginal(&self, zone: &Zone, _at: SystemTime) -> Result<MarginalReading> {
        Ok(MarginalReading(self.hour(zone, 0)))
    }

    async fn marginal_forecast(
        &self,
        zone: &Zone,
        _from: SystemTime,
        _to: SystemTime,
    ) -> Result<Vec<MarginalReading>> {
        Ok(self.later(zone).into_iter().map(MarginalReading).collect())
    }
}

fn build(set: impl FnOnce(RouterBuilder) -> RouterBuilder) -> Router {
    let (house, cloud) = players();
    set(router(&house, &cloud)).build().unwrap()
}

/// When an hour's work of a kilowatt-hour is best begun, from the half of the first hour on.
async fn ask(router: &Router) -> Result<Cleanest> {
    router.cleanest(&france(), at(0.5)..at(5.0), HOUR, Energy::from_kwh(1.0)).await
}

#[tokio::test(start_paused = true)]
async fn average_and_margin_may_name_different_hours_and_stay_apart() {
    let average = Day::new(&[300.0, 200.0, 100.0, 150.0, 250.0], Basis::Average);
    let marginal = Day::new(&[500.0, 800.0, 900.0, 400.0, 450.0], Basis::Marginal);
    let router = build(|builder| builder.grid(average).marginal(marginal));
    let found = ask(&router).await.unwrap();
    assert_eq!((found.zone, found.basis, found.start), (france(), Basis::Average, at(2.0)));
    // What is left of the first hour, which the forecast leaves open, is the reading of now.
    assert_eq!(found.at_once.unwrap().value(), CarbonIntensity::from_grams_per_kwh(250.0));
    assert!(matches!(found.avoided, Some(Change::Saved(grams)) if (grams.as_grams() - 150.0).abs() < 1e-9));
    assert_eq!((found.unknown, found.uncertain), (Duration::ZERO, false));

    let window = at(0.5)..at(5.0);
    let found = router.cleanest_marginal(&france(), window, HOUR, Energy::from_kwh(1.0)).await.unwrap();
    assert_eq!((found.basis, found.start), (Basis::Marginal, at(3.0)));
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["start"], "2026-11-21T13:00:00.000Z");
    assert_eq!(json["avoided_grams_co2e"]["saved"], 250.0);
}

#[tokio::test(start_paused = true)]
async fn an_intensity_that_was_set_is_the_same_at_every_hour() {
    let day = Day::new(&[300.0, 100.0], Basis::Average);
    let grams = CarbonIntensity::from_grams_per_kwh(7.0);
    let router = build(|builder| builder.grid(Arc::clone(&day)).intensity(france(), grams));
    let found = ask(&router).await.unwrap();
    assert_eq!((found.start, found.intensity.value()), (at(0.5), grams));
    assert_eq!((found.source.as_ref(), day.asked.load(Ordering::SeqCst)), ("set by the user", 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_say_says_why() {
    let error = ask(&build(|builder| builder)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Config);
    assert_eq!(error.message(), "no source forecasts: set `grid` on the builder");
    let atlas = Atlas::new(|zone, _| Said::After(0.0, Ok(reading(zone.clone(), 50.0))));
    let error = ask(&build(|builder| builder.grid(atlas))).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (&ErrorKind::Unsupported, "no forecasts"));

    for (basis, says) in [(Basis::Marginal, "gave a marginal"), (Basis::Market, "gave a market-based")] {
        let other = Day::new(&[300.0, 100.0], basis);
        let error = ask(&build(|builder| builder.grid(other))).await.unwrap_err();
        assert!(error.kind() == &ErrorKind::Decode && error.message().contains(says), "{error}");
    }

    let day = Day::new(&[300.0, 100.0], Basis::Average);
    let router = build(|builder| builder.grid(Arc::clone(&day)));
    for (window, duration) in [(at(2.0)..at(1.0), HOUR), (at(0.0)..at(1.0), 2 * HOUR)] {
        let error = router.cleanest(&france(), window, duration, Energy::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::InvalidRequest, "{error}");
    }
    assert_eq!(day.asked.load(Ordering::SeqCst), 0, "nobody is asked what has no answer");
}

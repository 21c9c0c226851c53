//! Runtimes and grids.

use super::catches_async;
use crate::support::{EPOCH, TestRuntime, reading};
use async_trait::async_trait;
use futures_core::future::BoxFuture;
use greenroute_core::conformance::{grid, marginal, run_async, runtime};
use greenroute_core::units::{CarbonIntensity, Probability};
use greenroute_core::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[tokio::test(start_paused = true)]
async fn the_tests_own_runtime_conforms() {
    run_async(runtime::ALL, &*TestRuntime::new(), &[]).await.conforms().unwrap();
    let shared: Arc<dyn Runtime> = TestRuntime::new();
    run_async(runtime::ALL, &shared, &[]).await.conforms().unwrap();
}

/// The tests' runtime with the flaw that a scenario is named for.
#[derive(Debug)]
struct Unsteady {
    inner: Arc<TestRuntime>,
    flaw: &'static str,
    calls: AtomicU32,
    /// How many sleeps hold everybody up.
    held: Arc<AtomicU32>,
}

impl Runtime for Unsteady {
    fn now(&self) -> SystemTime {
        if self.flaw == "knows_the_year" { UNIX_EPOCH } else { self.inner.now() }
    }

    fn elapsed(&self) -> Duration {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst);
        let back = if self.flaw == "never_goes_back" {
            Duration::from_millis(u64::from(calls) % 7)
        } else {
            Duration::ZERO
        };
        self.inner.elapsed() + Duration::from_millis(7) - back
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        match self.flaw {
            "sleeps_at_least_so_long" => self.inner.sleep(duration / 2),
            "sleeps_together" => {
                let before = self.held.fetch_add(1, Ordering::SeqCst);
                let held = Arc::clone(&self.held);
                let sleep = self.inner.sleep(duration * (before + 1));
                Box::pin(async move {
                    sleep.await;
                    held.fetch_sub(1, Ordering::SeqCst);
                })
            }
            "stands_a_dropped_sleep" => {
                // Sleeps wait for the longest that was ever asked for.
                let seconds = u32::try_from(duration.as_secs()).unwrap();
                let longest = self.held.fetch_max(seconds, Ordering::SeqCst).max(seconds);
                self.inner.sleep(duration.max(Duration::from_secs(longest.into())))
            }
            _ => self.inner.sleep(duration),
        }
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        match self.flaw {
            "runs_a_task_that_nobody_waits_for" => drop(task),
            "runs_a_task_that_sleeps" => {
                // Polled once and thrown away.
                let _ = futures_util::FutureExt::now_or_never(task);
            }
            _ => self.inner.spawn(task),
        }
    }

    fn unique_id(&self) -> u128 {
        let id = self.inner.unique_id();
        if self.flaw == "gives_every_id_once" { id % 1000 } else { id }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unsteady_runtime_is_caught() {
    let flaws: Vec<(&str, &'static str)> = runtime::ALL.iter().map(|s| (s.name, s.name)).collect();
    catches_async(runtime::ALL, &flaws, |flaw| {
        let (inner, calls) = (TestRuntime::new(), AtomicU32::new(0));
        Box::new(Unsteady { inner, flaw, calls, held: Arc::default() }) as Box<dyn Runtime>
    })
    .await;
}

/// Knows France, with the flaw that a scenario is named for.
#[derive(Debug)]
struct OnlyFrance {
    flaw: &'static str,
    forecasts: bool,
    basis: Basis,
}

impl OnlyFrance {
    fn unknown<T>(&self, zone: &Zone) -> Result<T> {
        Err(Error::new(ErrorKind::Unsupported, "only France", format!("{zone} is not France")))
    }

    fn now(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        let standing = Standing { cleaner: Probability::ZERO, samples: 24, of: "a day".into() };
        let mut france = GridReading {
            basis: self.basis,
            standing: Some(standing),
            ..reading("FR".parse().unwrap(), 50.0)
        };
        if *zone != france.zone && self.flaw != "refuses_an_unknown_zone" {
            return self.unknown(zone);
        }
        match self.flaw {
            "knows_its_zone" => {
                let high = CarbonIntensity::from_grams_per_kwh(50_000.0);
                france.intensity = Estimate::exact(high, Method::Reported);
            }
            "counts_the_average" => france.basis = Basis::Marginal,
            "counts_the_margin" => france.basis = Basis::Average,
            "names_source_and_vintage" => france.source = " ".into(),
            "says_until_when_it_holds" => france.valid_until = Some(at - Duration::from_secs(1)),
            "says_what_its_standing_rests_on" => france.standing.as_mut().unwrap().samples = 0,
            _ => {}
        }
        Ok(france)
    }

    fn later(&self, zone: &Zone, from: SystemTime) -> Result<Vec<GridReading>> {
        if !self.forecasts || zone.as_str() != "FR" {
            return self.unknown(zone);
        }
        let hour = |hours: u64| {
            let from = from + Duration::from_secs(hours * 3600);
            GridReading {
                basis: self.basis,
                valid_from: Some(from),
                valid_until: Some(from + Duration::from_secs(3600)),
                ..reading(zone.clone(), 50.0)
            }
        };
        Ok(match self.flaw {
            "forecasts_in_order_or_says_that_it_does_not" => vec![hour(1), hour(0)],
            "forecasts_for_the_time_that_was_asked_for" => vec![hour(0), hour(6)],
            _ => vec![hour(0), hour(1)],
        })
    }
}

#[async_trait]
impl GridIntensity for OnlyFrance {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        self.now(zone, at)
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        self.later(zone, from)
    }
}

#[async_trait]
impl MarginalIntensity for OnlyFrance {
    async fn marginal(&self, zone: &Zone, at: SystemTime) -> Result<MarginalReading> {
        self.now(zone, at).map(MarginalReading)
    }

    async fn marginal_forecast(
        &self,
        zone: &Zone,
        from: SystemTime,
        _to: SystemTime,
    ) -> Result<Vec<MarginalReading>> {
        Ok(self.later(zone, from)?.into_iter().map(MarginalReading).collect())
    }
}

fn average(flaw: &'static str, forecasts: bool) -> grid::Subject {
    let at = UNIX_EPOCH + Duration::from_secs(EPOCH);
    let grid = Arc::new(OnlyFrance { flaw, forecasts, basis: Basis::Average });
    grid::Subject { grid, known: "FR".parse().unwrap(), at }
}

fn margin(flaw: &'static str, forecasts: bool) -> marginal::Subject {
    let at = UNIX_EPOCH + Duration::from_secs(EPOCH);
    let grid = Arc::new(OnlyFrance { flaw, forecasts, basis: Basis::Marginal });
    marginal::Subject { grid, known: "FR".parse().unwrap(), at }
}

#[tokio::test]
async fn the_tests_own_grid_conforms() {
    for forecasts in [false, true] {
        run_async(grid::ALL, &average("", forecasts), &[]).await.conforms().unwrap();
        run_async(marginal::ALL, &margin("", forecasts), &[]).await.conforms().unwrap();
    }
}

#[tokio::test]
async fn a_flawed_grid_is_caught() {
    let flaws: Vec<(&str, &'static str)> = grid::ALL.iter().map(|s| (s.name, s.name)).collect();
    catches_async(grid::ALL, &flaws, |flaw| Box::new(average(flaw, true))).await;
}

#[tokio::test]
async fn a_flawed_margin_is_caught() {
    let flaws: Vec<(&str, &'static str)> = marginal::ALL.iter().map(|s| (s.name, s.name)).collect();
    catches_async(marginal::ALL, &flaws, |flaw| Box::new(margin(flaw, true))).await;
}

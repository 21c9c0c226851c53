//! What a [`Runtime`] promises: a clock that never goes back, sleep that lasts, tasks that run, ids that differ.

use super::{AsyncCheck, Outcome, Scenario, demand, scenarios};
use crate::runtime::Runtime;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Every scenario.
pub const ALL: &[Scenario<AsyncCheck<dyn Runtime>>] = scenarios![
    async
    never_goes_back,
    knows_the_year,
    sleeps_at_least_so_long,
    sleeps_together,
    stands_a_dropped_sleep,
    runs_a_task_that_nobody_waits_for,
    runs_a_task_that_sleeps,
    gives_every_id_once,
];

const SHORT: Duration = Duration::from_millis(20);

/// `elapsed` rises or stays, over sleeps as well.
pub async fn never_goes_back(runtime: &dyn Runtime) -> Outcome {
    let mut before = runtime.elapsed();
    for round in 0..2_000_u32 {
        if round % 500 == 0 {
            runtime.sleep(Duration::from_millis(1)).await;
        }
        let now = runtime.elapsed();
        demand(now >= before, || format!("{now:?} came after {before:?}"))?;
        before = now;
    }
    Ok(())
}

/// The time of day lies between 2020 and 2200.
pub async fn knows_the_year(runtime: &dyn Runtime) -> Outcome {
    const YEAR: u64 = 31_556_952;
    let years = UNIX_EPOCH + Duration::from_secs(50 * YEAR)..UNIX_EPOCH + Duration::from_secs(230 * YEAR);
    let now = runtime.now();
    demand(years.contains(&now), || format!("it is {now:?}"))
}

/// No sleep is shorter than asked by more than a clock's tick, and one of zero ends.
pub async fn sleeps_at_least_so_long(runtime: &dyn Runtime) -> Outcome {
    for wanted in [Duration::ZERO, Duration::from_millis(1), SHORT] {
        let begun = runtime.elapsed();
        runtime.sleep(wanted).await;
        let slept = runtime.elapsed().saturating_sub(begun);
        demand(slept + Duration::from_millis(1) >= wanted, || format!("slept {slept:?} of {wanted:?}"))?;
    }
    Ok(())
}

/// Twenty sleeps at once last as long as one, not twenty times as long.
pub async fn sleeps_together(runtime: &dyn Runtime) -> Outcome {
    let long = Duration::from_millis(100);
    let begun = runtime.elapsed();
    futures_util::future::join_all((0..20).map(|_| runtime.sleep(long))).await;
    let slept = runtime.elapsed().saturating_sub(begun);
    demand(slept < long * 15, || format!("twenty sleeps of {long:?} at once lasted {slept:?}"))
}

/// A sleep that is made and dropped, as every deadline that is met, leaves no trace.
pub async fn stands_a_dropped_sleep(runtime: &dyn Runtime) -> Outcome {
    let begun = runtime.elapsed();
    for _ in 0..100 {
        drop(runtime.sleep(Duration::from_secs(3_600)));
    }
    runtime.sleep(SHORT).await;
    let slept = runtime.elapsed().saturating_sub(begun);
    demand(slept < Duration::from_secs(60), || format!("it slept {slept:?}"))
}

/// A spawned task runs although nobody holds or awaits it.
pub async fn runs_a_task_that_nobody_waits_for(runtime: &dyn Runtime) -> Outcome {
    let runs = Arc::new(AtomicU32::new(0));
    for _ in 0..10 {
        let runs = Arc::clone(&runs);
        runtime.spawn(Box::pin(async move {
            runs.fetch_add(1, Ordering::SeqCst);
        }));
    }
    ten(runtime, &runs).await
}

/// A spawned task goes on after it has slept.
pub async fn runs_a_task_that_sleeps(runtime: &dyn Runtime) -> Outcome {
    let runs = Arc::new(AtomicU32::new(0));
    for _ in 0..10 {
        let (runs, sleep) = (Arc::clone(&runs), runtime.sleep(SHORT));
        runtime.spawn(Box::pin(async move {
            sleep.await;
            runs.fetch_add(1, Ordering::SeqCst);
        }));
    }
    ten(runtime, &runs).await
}

/// Waits for ten runs, for two seconds at the most.
async fn ten(runtime: &dyn Runtime, runs: &AtomicU32) -> Outcome {
    for _ in 0..100 {
        if runs.load(Ordering::SeqCst) == 10 {
            return Ok(());
        }
        runtime.sleep(SHORT).await;
    }
    demand(false, || format!("of ten tasks {} ran", runs.load(Ordering::SeqCst)))
}

/// No id comes twice.
pub async fn gives_every_id_once(runtime: &dyn Runtime) -> Outcome {
    let ids: HashSet<u128> = (0..10_000).map(|_| runtime.unique_id()).collect();
    demand(ids.len() == 10_000, || format!("of 10000 ids {} differ", ids.len()))
}

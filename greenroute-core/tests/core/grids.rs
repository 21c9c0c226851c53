//! How the Router keeps its picture of the grid.

use crate::support::*;
use greenroute_core::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

fn france() -> Zone {
    "FR".parse().unwrap()
}

/// A reading that runs out so many seconds after the tests' epoch.
fn until(grams: f64, seconds: u64) -> GridReading {
    let valid_until = Some(UNIX_EPOCH + Duration::from_secs(EPOCH + seconds));
    GridReading { valid_until, ..reading(france(), grams) }
}

fn router_with(grid: &Arc<SetGrid>) -> Router {
    let (house, cloud) = players();
    router(&house, &cloud).zone(france()).grid(Arc::clone(grid)).build().unwrap()
}

async fn grams(router: &Router) -> (f64, Receipt) {
    let receipt = router.chat("Why?").await.unwrap().receipt;
    (receipt.attempts[0].grid.intensity.value().as_grams_per_kwh(), receipt)
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_grid_is_asked_once_until_its_reading_runs_out() {
    let grid = SetGrid::new(vec![Ok(until(50.0, 3600)), Ok(until(60.0, 7200))]);
    let router = router_with(&grid);
    for _ in 0..3 {
        assert_eq!(grams(&router).await.0, 50.0);
    }
    assert_eq!(grid.asked.load(Ordering::SeqCst), 1);
    wait(3600).await;
    assert_eq!(grams(&router).await.0, 60.0);
    assert_eq!(grid.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_could_not_be_read_is_asked_for_again_later() {
    let grid = SetGrid::new(vec![Err(ErrorKind::Connection), Ok(until(50.0, 86_400))]);
    let router = router_with(&grid);
    let (world, receipt) = grams(&router).await;
    assert_eq!(world, 480.0);
    let note = receipt.notes.iter().find(|note| note.code == NoteCode::ZoneUnknown).unwrap();
    assert_eq!(note.text, "zone FR has no reading (no number today): the world average is used");
    // Not at every call: the source may be down.
    assert_eq!((grams(&router).await.0, grid.asked.load(Ordering::SeqCst)), (480.0, 1));
    wait(600).await;
    assert_eq!(grams(&router).await.0, 50.0);
}

#[tokio::test(start_paused = true)]
async fn an_old_reading_stands_in_for_none_and_says_so() {
    let grid = SetGrid::new(vec![Ok(until(50.0, 3600)), Err(ErrorKind::Server), Ok(until(60.0, 86_400))]);
    let router = router_with(&grid);
    assert!(!grams(&router).await.1.has_note(NoteCode::GridDegraded));
    wait(4000).await;
    let (old, receipt) = grams(&router).await;
    assert_eq!(old, 50.0, "better than the world's");
    assert!(receipt.has_note(NoteCode::GridDegraded), "{receipt:#}");
    wait(600).await;
    let (new, receipt) = grams(&router).await;
    assert_eq!((new, receipt.has_note(NoteCode::GridDegraded)), (60.0, false));
}

#[tokio::test(start_paused = true)]
async fn a_grid_that_hangs_does_not_hang_the_call() {
    let (house, cloud) = players();
    let hangs = Arc::new(SetGrid { takes: Duration::from_secs(86_400), ..SetGrid::default() });
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).zone(france()).grid(hangs).build().unwrap();
    let prompt = || Prompt::from("Why?").deadline(Duration::from_secs(4));
    let receipt = router.chat(prompt()).await.unwrap().receipt;
    assert!(receipt.has_note(NoteCode::ZoneUnknown));
    assert!(runtime.elapsed() <= Duration::from_secs(2), "{:?}", runtime.elapsed());
    let begun = runtime.elapsed();
    router.chat(prompt()).await.unwrap();
    assert_eq!(runtime.elapsed(), begun, "it is not waited for at every call");
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_joins_the_catalog_is_asked_for() {
    let grid = SetGrid::new(vec![
        Ok(reading(france(), 50.0)),
        Ok(reading(france(), 50.0)),
        Ok(reading("SE".parse().unwrap(), 20.0)),
    ]);
    let router = router_with(&grid);
    grams(&router).await;
    let mut nordic = card("cloud/nordic", 0.1, 0.5);
    nordic.zone = Some("SE".parse().unwrap());
    router.catalog().create(nordic).unwrap();
    assert_eq!(grams(&router).await.0, 20.0);
}

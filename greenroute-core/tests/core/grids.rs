//! How the Router keeps its picture of the grid.

use crate::support::*;
use futures_util::future::join_all;
use greenroute_core::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn france() -> Zone {
    "FR".parse().unwrap()
}

/// A reading that runs out so many seconds after the tests' epoch.
fn until(zone: &Zone, grams: f64, seconds: u64) -> GridReading {
    let valid_until = Some(UNIX_EPOCH + Duration::from_secs(EPOCH + seconds));
    GridReading { valid_until, ..reading(zone.clone(), grams) }
}

/// At once, and valid for ever.
fn says(zone: &Zone, grams: f64) -> Said {
    Said::After(0.0, Ok(reading(zone.clone(), grams)))
}

fn fails(kind: ErrorKind) -> Said {
    Said::After(0.0, Err(kind))
}

fn in_france(atlas: &Arc<Atlas>) -> Router {
    let (house, cloud) = players();
    router(&house, &cloud).zone(france()).grid(Arc::clone(atlas)).build().unwrap()
}

/// A card that runs in `zone`.
fn card_in(zone: &str, joules: f64) -> ModelCard {
    let mut card = card(&format!("cloud/{}", zone.to_lowercase()), joules, 0.5);
    card.zone = Some(zone.parse().unwrap());
    card
}

async fn chat(router: &Router) -> (f64, Receipt) {
    let receipt = router.chat("Why?").await.unwrap().receipt;
    (receipt.attempts[0].grid.intensity.value().as_grams_per_kwh(), receipt)
}

async fn grams(router: &Router) -> f64 {
    chat(router).await.0
}

/// Lets tasks run, and so many seconds pass.
async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_millis(seconds * 1000 + 1)).await;
}

fn note(receipt: &Receipt, code: NoteCode) -> Option<String> {
    receipt.notes.iter().find(|note| note.code == code).map(ToString::to_string)
}

#[tokio::test(start_paused = true)]
async fn a_reading_is_renewed_before_it_runs_out_while_calls_use_the_old_one() {
    // Each takes a second, and holds for an hour.
    let atlas = Atlas::new(|zone, nth| {
        let nth = u64::try_from(nth).unwrap();
        Said::After(1.0, Ok(until(zone, 40.0 + 10.0 * f64::from(u32::try_from(nth).unwrap()), nth * 3600)))
    });
    let router = in_france(&atlas);
    for _ in 0..3 {
        assert_eq!(grams(&router).await, 50.0);
    }
    wait(3300).await;
    assert_eq!((grams(&router).await, atlas.asked("FR")), (50.0, 1), "it is fresh");
    wait(60).await;
    // Four minutes before its end.
    let begun = tokio::time::Instant::now();
    let (old, receipt) = chat(&router).await;
    assert_eq!((old, begun.elapsed()), (50.0, Duration::ZERO), "nobody waits");
    assert!(!receipt.has_note(NoteCode::GridDegraded), "the old one is still valid");
    wait(1).await;
    assert_eq!((grams(&router).await, atlas.asked("FR")), (60.0, 2));
}

/// What every hour says of itself: five grams more than the one before, from its first second to its last.
#[derive(Debug)]
struct Hourly;

#[async_trait::async_trait]
impl GridIntensity for Hourly {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        let hour = (at.duration_since(UNIX_EPOCH).unwrap().as_secs() - EPOCH) / 3600;
        let grams = 50.0 + 5.0 * f64::from(u32::try_from(hour).unwrap());
        let valid_from = Some(UNIX_EPOCH + Duration::from_secs(EPOCH + 3600 * hour));
        Ok(GridReading { valid_from, ..until(zone, grams, 3600 * (hour + 1)) })
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Ok(vec![self.intensity(zone, from).await?, self.intensity(zone, from + HOUR).await?])
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn an_hour_begins_on_time_for_decisions_and_for_receipts() {
    let (house, cloud) = players();
    let router = router(&house, &cloud).zone(france()).grid(Hourly).build().unwrap();
    assert_eq!(grams(&router).await, 50.0);
    wait(3590).await;
    assert_eq!(grams(&router).await, 50.0, "the next hour is being asked for");
    wait(0).await;
    // Decided in one hour, answered in the next.
    house.on("small", [says_later(20.0)]);
    let (next, receipt) = chat(&router).await;
    assert_eq!((next, receipt.has_note(NoteCode::GridDegraded)), (55.0, false), "{receipt:#}");
    let forecast = &receipt.attempts[0].forecast;
    assert!((forecast.emissions.value().as_grams() / forecast.energy.value().as_kwh() - 50.0).abs() < 1e-9);
    assert_eq!(grams(&router).await, 55.0);
}

fn says_later(seconds: f64) -> Play {
    crate::support::says("because").after(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_at_once_ask_once_for_each_zone() {
    let atlas = Atlas::new(|zone, _| {
        let grams = if zone.as_str() == "FR" { 50.0 } else { 20.0 };
        Said::After(1.0, Ok(until(zone, grams, 3600)))
    });
    let (house, cloud) = players();
    let router = router(&house, &cloud).zone(france()).card(card_in("SE", 0.1)).grid(Arc::clone(&atlas));
    let router = router.build().unwrap();
    let all = async || join_all((0..1000).map(|_| grams(&router))).await;
    let begun = tokio::time::Instant::now();
    assert!(all().await.iter().all(|grams| *grams == 20.0));
    assert_eq!(begun.elapsed(), Duration::from_secs(1), "all of them wait for the same answer");
    assert_eq!((atlas.asked("FR"), atlas.asked("SE")), (1, 1));
    wait(3400).await;
    let begun = tokio::time::Instant::now();
    all().await;
    assert_eq!((begun.elapsed(), atlas.asked("FR"), atlas.asked("SE")), (Duration::ZERO, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn zones_are_asked_for_at_once_and_a_failing_one_is_left_alone_alone() {
    let atlas = Atlas::new(|zone, _| match zone.as_str() {
        "FR" => Said::After(2.0, Ok(until(zone, 50.0, 86_400))),
        "DE" => fails(ErrorKind::Server),
        "PL" => Said::Panic,
        _ => Said::After(2.0, Ok(until(zone, 20.0, 100))),
    });
    let (house, cloud) = players();
    let mut builder = router(&house, &cloud).zone(france()).grid(Arc::clone(&atlas));
    for zone in ["SE", "DE", "PL"] {
        builder = builder.card(card_in(zone, 0.1));
    }
    let router = builder.build().unwrap();
    let begun = tokio::time::Instant::now();
    grams(&router).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(2), "one after the other would take four");
    let counts = || ["FR", "SE", "DE", "PL"].map(|zone| atlas.asked(zone));
    assert_eq!(counts(), [1, 1, 1, 1]);
    let snapshot = router.advisor().grid();
    let text = |zone: &str| snapshot.degraded(Some(&zone.parse().unwrap()));
    assert_eq!(text("FR"), None);
    let why = "zone DE has no reading (DE is not in it today): the world average is used";
    assert_eq!(text("DE").as_deref(), Some(why));
    assert!(text("PL").unwrap().contains("the source panicked"));
    wait(29).await;
    grams(&router).await;
    wait(0).await;
    assert_eq!(counts(), [1, 1, 2, 2], "those that failed are tried again after half a minute");
    wait(62).await;
    grams(&router).await;
    wait(0).await;
    assert_eq!(counts(), [1, 2, 3, 3], "then after a minute; the one that ran out is asked for as ever");
    wait(100).await;
    grams(&router).await;
    wait(0).await;
    assert_eq!(counts(), [1, 3, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_could_not_be_read_is_asked_for_again_later() {
    let atlas =
        Atlas::new(|zone, nth| if nth == 1 { fails(ErrorKind::Connection) } else { says(zone, 50.0) });
    let router = in_france(&atlas);
    let (world, receipt) = chat(&router).await;
    assert_eq!(world, 480.0);
    let text = "zone FR has no reading (FR is not in it today): the world average is used";
    assert_eq!(note(&receipt, NoteCode::ZoneUnknown).as_deref(), Some(text));
    // Not at every call: the source may be down.
    assert_eq!((grams(&router).await, atlas.asked("FR")), (480.0, 1));
    wait(60).await;
    grams(&router).await;
    wait(0).await;
    assert_eq!(grams(&router).await, 50.0);
}

#[tokio::test(start_paused = true)]
async fn an_old_reading_stands_in_for_none_says_so_and_not_for_ever() {
    let atlas = Atlas::new(|zone, nth| match nth {
        1 => Said::After(0.0, Ok(until(zone, 50.0, 3600))),
        _ => fails(ErrorKind::Server),
    });
    let router = in_france(&atlas);
    assert!(!chat(&router).await.1.has_note(NoteCode::GridDegraded));
    wait(7200).await;
    grams(&router).await;
    wait(0).await;
    let (old, receipt) = chat(&router).await;
    assert_eq!(old, 50.0, "better than the world's");
    let text = "the carbon intensity of FR ran out at 2026-11-21T11:00:00.000Z: FR is not in it today";
    assert_eq!(note(&receipt, NoteCode::GridDegraded).as_deref(), Some(text));
    wait(7 * 86_400).await;
    grams(&router).await;
    wait(0).await;
    let (world, receipt) = chat(&router).await;
    assert_eq!(world, 480.0);
    assert!(note(&receipt, NoteCode::ZoneUnknown).unwrap().contains("FR is not in it today"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_recovers_is_believed_again() {
    let atlas = Atlas::new(|zone, nth| match nth {
        1 => Said::After(0.0, Ok(until(zone, 50.0, 3600))),
        2 => Said::Never,
        3 => fails(ErrorKind::Server),
        _ => Said::After(0.0, Ok(until(zone, 60.0, 86_400))),
    });
    let router = in_france(&atlas);
    grams(&router).await;
    wait(3600).await;
    let begun = tokio::time::Instant::now();
    for _ in 0..3 {
        let (old, receipt) = chat(&router).await;
        assert_eq!((old, receipt.has_note(NoteCode::GridDegraded)), (50.0, false), "one is on its way");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "a source that hangs hangs alone");
    wait(31).await;
    assert_eq!(atlas.asked("FR"), 2);
    let (_, receipt) = chat(&router).await;
    assert!(note(&receipt, NoteCode::GridDegraded).unwrap().ends_with("no answer within 30s"));
    for _ in 0..3 {
        wait(120).await;
        grams(&router).await;
    }
    wait(0).await;
    let (new, receipt) = chat(&router).await;
    assert_eq!((new, receipt.has_note(NoteCode::GridDegraded)), (60.0, false));
}

#[tokio::test(start_paused = true)]
async fn a_grid_that_hangs_does_not_hang_the_call() {
    let (house, cloud) = players();
    let atlas = Atlas::new(|_, _| Said::Never);
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).zone(france()).grid(Arc::clone(&atlas)).build().unwrap();
    let prompt = || Prompt::from("Why?").deadline(Duration::from_secs(4));
    let receipt = router.chat(prompt()).await.unwrap().receipt;
    assert!(receipt.has_note(NoteCode::ZoneUnknown));
    assert!(runtime.elapsed() <= Duration::from_secs(2), "{:?}", runtime.elapsed());
    let begun = runtime.elapsed();
    router.chat(prompt()).await.unwrap();
    assert_eq!(runtime.elapsed(), begun, "it is not waited for at every call");
    router.close().await;
    assert_eq!(runtime.elapsed(), Duration::from_secs(30), "closing waits until nobody is asked");
    assert_eq!(atlas.asked("FR"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_worlds_number_is_no_answer_and_another_name_of_the_zone_is_one() {
    let router = in_france(&Atlas::new(|_, _| says(&Zone::world(), 475.0)));
    let (world, receipt) = chat(&router).await;
    assert_eq!(world, 480.0);
    let text = "zone FR has no reading (the source gave the world average): the world average is used";
    assert_eq!(note(&receipt, NoteCode::ZoneUnknown).as_deref(), Some(text));
    let router = in_france(&Atlas::new(|_, _| says(&"FRA".parse().unwrap(), 50.0)));
    let (grams, receipt) = chat(&router).await;
    assert_eq!((grams, receipt.has_note(NoteCode::ZoneUnknown)), (50.0, false));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_the_grid_asked_for() {
    let atlas = Atlas::new(|zone, _| Said::After(3.0, Ok(reading(zone.clone(), 50.0))));
    let router = in_france(&atlas);
    let call = router.chat("Why?");
    assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
    wait(3).await;
    assert_eq!((grams(&router).await, atlas.asked("FR")), (50.0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_joins_the_catalog_is_asked_for() {
    let atlas = Atlas::new(|zone, _| says(zone, if zone.as_str() == "SE" { 20.0 } else { 50.0 }));
    let router = in_france(&atlas);
    grams(&router).await;
    router.catalog().create(card_in("SE", 0.1)).unwrap();
    assert_eq!(grams(&router).await, 20.0);
    assert_eq!(atlas.asked("FR"), 1, "it was known");
}

#[tokio::test(start_paused = true)]
async fn refreshing_asks_for_everything_again_and_waits() {
    let atlas = Atlas::new(|zone, nth| {
        Said::After(2.0, Ok(until(zone, 40.0 + 10.0 * f64::from(u32::try_from(nth).unwrap()), 86_400)))
    });
    let router = in_france(&atlas);
    let read = || router.advisor().grid().get(Some(&france())).intensity.value().as_grams_per_kwh();
    router.refresh_grid().await;
    assert_eq!(read(), 50.0);
    tokio::join!(router.refresh_grid(), router.refresh_grid());
    assert_eq!((read(), atlas.asked("FR")), (60.0, 2), "two at once are one flight");
}

#[tokio::test(start_paused = true)]
async fn what_a_source_passed_over_or_guessed_is_noted_once() {
    let atlas = Atlas::new(|zone, _| {
        let passed_over = vec!["live source: HTTP 503".into()];
        Said::After(0.0, Ok(GridReading { passed_over, estimated: true, ..reading(zone.clone(), 50.0) }))
    });
    let (house, cloud) = players();
    house.on("small", [crate::support::fails(ErrorKind::Overloaded), crate::support::says("because")]);
    let router = router(&house, &cloud).zone(france()).grid(atlas).build().unwrap();
    let receipt = chat(&router).await.1;
    let degraded = receipt.notes.iter().filter(|note| note.code == NoteCode::GridDegraded);
    let texts: Vec<String> = degraded.map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "the carbon intensity of FR is by test: live source: HTTP 503",
            "the carbon intensity of FR is a guess of test"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_ask_once_as_well() {
    let atlas = Atlas::new(|zone, _| Said::After(0.02, Ok(reading(zone.clone(), 50.0))));
    let router = in_france(&atlas);
    let calls = (0..200).map(|_| {
        let router = router.clone();
        tokio::spawn(async move { grams(&router).await })
    });
    assert!(join_all(calls).await.into_iter().all(|grams| grams.unwrap() == 50.0));
    assert_eq!(atlas.asked("FR"), 1);
}

/// How a source answers one question: after so long, and with a reading that holds for so long, or not at all.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Holds(f64, u64),
    Fails(f64),
    Hangs,
}

/// A source with a mood for each time that it is asked, and never asked twice at once.
#[derive(Debug)]
struct Moody {
    moods: Vec<Mood>,
    asked: AtomicUsize,
    at_once: AtomicUsize,
}

struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl GridIntensity for Moody {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        assert_eq!(self.at_once.fetch_add(1, Ordering::SeqCst), 0, "two flights for one zone");
        let _leaving = Leaving(&self.at_once);
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.moods[nth % self.moods.len()] {
            Mood::Holds(seconds, life) => {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                let valid_until = Some(at + Duration::from_secs(life));
                Ok(GridReading { valid_until, ..reading(zone.clone(), 50.0) })
            }
            Mood::Fails(seconds) => {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                Err(Error::new(ErrorKind::Server, "moody", "not today"))
            }
            Mood::Hangs => std::future::pending().await,
        }
    }

    async fn forecast(&self, _zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Err(Error::new(ErrorKind::Unsupported, "moody", "no forecasts"))
    }
}

fn moods() -> impl Strategy<Value = Mood> {
    prop_oneof![
        3 => (0.0..40.0f64, 0u64..4000).prop_map(|(seconds, life)| Mood::Holds(seconds, life)),
        2 => (0.0..40.0f64).prop_map(Mood::Fails),
        1 => Just(Mood::Hangs),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_source_does_calls_are_quick_and_receipts_are_honest(
        moods in prop::collection::vec(moods(), 1..6),
        pauses in prop::collection::vec(prop_oneof![0u64..5, 0u64..300, 0u64..20_000], 1..12),
        deadline in 2u64..60,
    ) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap().block_on(async {
            let (house, cloud) = players();
            let (asked, at_once) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let source = Moody { moods, asked, at_once };
            let runtime = TestRuntime::new();
            let router = router_at(&runtime, &house, &cloud).zone(france()).grid(source).build().unwrap();
            for pause in pauses {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                let begun = runtime.elapsed();
                let prompt = Prompt::from("Why?").deadline(Duration::from_secs(deadline));
                let receipt = router.chat(prompt).await.unwrap().receipt;
                let took = runtime.elapsed() - begun;
                let most = (Duration::from_secs(deadline) / 2).min(Duration::from_secs(10));
                prop_assert!(took <= most + Duration::from_millis(2), "{took:?} of {most:?}");
                let grid = &receipt.attempts[0].grid;
                if grid.zone.is_world() {
                    prop_assert!(receipt.has_note(NoteCode::ZoneUnknown), "{receipt:#}");
                    continue;
                }
                let ran_out = grid.valid_until.and_then(|until| runtime.now().duration_since(until).ok());
                let noted = receipt.has_note(NoteCode::GridDegraded);
                prop_assert!(noted || ran_out.is_none_or(|age| age <= Duration::from_secs(60)), "{receipt:#}");
                prop_assert!(!noted || ran_out.is_some(), "{receipt:#}");
            }
            let begun = runtime.elapsed();
            router.close().await;
            prop_assert!(runtime.elapsed() - begun <= Duration::from_secs(31));
            Ok(())
        })?;
    }
}

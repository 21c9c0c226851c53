//! What is kept, who is asked, and how a failing source is spared.

use crate::world::{Fakes, HOUR, Hand, KEY, MINUTE, Wishes, noon, quick, zone};
use async_trait::async_trait;
use futures_util::future::join_all;
use greenroute_core::units::CarbonIntensity;
use greenroute_core::{
    Basis, Error, ErrorKind, Estimate, GridIntensity, GridReading, Method, Result, Runtime, Zone,
};
use greenroute_energy::grid::live::{Cached, ElectricityMaps};
use greenroute_http::Timeouts;
use greenroute_testkit::{FakeServer, Fault, Reply, RetryAfter, grids};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

const SECOND: Duration = Duration::from_secs(1);
const MAPS: &str = "electricity_maps";

struct Bench {
    fakes: Fakes,
    hand: Hand,
    cached: Arc<Cached<ElectricityMaps>>,
}

impl Bench {
    async fn wishing(wishes: Wishes) -> Self {
        let fakes = Fakes::wishing(wishes).await;
        let hand = Hand::new();
        let cached = Arc::new(Cached::new(fakes.maps()).runtime(Arc::new(hand.clone())));
        Self { fakes, hand, cached }
    }

    async fn start() -> Self {
        Self::wishing(Wishes::default()).await
    }

    fn pass(&self, time: Duration) {
        self.hand.pass(time);
        self.fakes.world.advance(time);
    }

    async fn ask(&self, place: &str) -> Result<GridReading> {
        self.cached.intensity(&zone(place), self.hand.now()).await
    }

    fn asked(&self) -> usize {
        self.fakes.asked(MAPS).len()
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_as_long_as_it_holds() {
    let bench = Bench::start().await;
    let first = bench.ask("DE").await.unwrap();
    bench.pass(39 * MINUTE);
    let kept = bench.ask("DE").await.unwrap();
    assert_eq!((kept.intensity, kept.valid_until), (first.intensity, first.valid_until));
    assert_eq!(bench.asked(), 1);
    bench.pass(MINUTE);
    bench.ask("DE").await.unwrap();
    assert_eq!(bench.asked(), 2, "the hour is over");
    bench.ask("FR").await.unwrap();
    assert_eq!(bench.asked(), 3, "another zone is another question");
}

#[tokio::test]
async fn an_answer_asked_for_ahead_of_time_holds_no_longer_for_that() {
    let bench = Bench::start().await;
    let end = bench.ask("DE").await.unwrap().valid_until;
    for minutes in [36, 1, 2] {
        bench.pass(minutes * MINUTE);
        let ahead = bench.cached.intensity(&zone("DE"), noon() + 40 * MINUTE).await.unwrap();
        assert_eq!((ahead.valid_until, bench.asked()), (end, 1));
    }
    bench.pass(MINUTE);
    let next = bench.cached.intensity(&zone("DE"), bench.hand.now() + 3 * MINUTE).await.unwrap();
    assert_eq!((next.valid_until, bench.asked()), (end.map(|end| end + HOUR), 2));
    bench.pass(59 * MINUTE);
    bench.ask("DE").await.unwrap();
    assert_eq!(bench.asked(), 2, "that it was asked for ahead of time does not shorten its life");
}

#[tokio::test]
async fn who_asks_for_the_next_day_every_minute_is_answered_from_what_is_kept() {
    let bench = Bench::start().await;
    for _ in 0..29 {
        let day = bench.cached.forecast(&zone("DE"), bench.hand.now(), bench.hand.now() + 24 * HOUR).await;
        assert_eq!(day.unwrap().len(), 25);
        bench.pass(MINUTE);
    }
    assert_eq!(bench.asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_ask_at_once_share_one_request() {
    let fakes = Fakes::start().await;
    let slow = FakeServer::builder().key(KEY).latency(Duration::from_millis(150));
    let slow = slow.vendor(grids::ElectricityMaps::new(&fakes.world)).start().await.unwrap();
    let maps = ElectricityMaps::builder(KEY).base_url(&slow.url(MAPS)).timeouts(quick()).build().unwrap();
    let cached = Arc::new(Cached::new(maps).runtime(Arc::new(Hand::new())));
    let tasks = (0..200).map(|number| {
        let cached = Arc::clone(&cached);
        let place = if number % 2 == 0 { "DE" } else { "FR" };
        tokio::spawn(async move { cached.intensity(&zone(place), noon()).await.unwrap().zone })
    });
    let zones: Vec<Zone> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(zones.iter().filter(|answered| **answered == zone("DE")).count(), 100);
    assert_eq!(slow.seen(), 2, "one request for each zone");
}

/// A source that answers after this time, kept by this runtime or by none.
async fn slow(
    world: &grids::GridWorld,
    latency: Duration,
    runtime: Option<Arc<dyn Runtime>>,
) -> (FakeServer, Arc<Cached<ElectricityMaps>>) {
    let server = FakeServer::builder().key(KEY).latency(latency);
    let server = server.vendor(grids::ElectricityMaps::new(world)).start().await.unwrap();
    let patient = Timeouts { total: 20 * SECOND, idle: 20 * SECOND, ..quick() };
    let maps = ElectricityMaps::builder(KEY).base_url(&server.url(MAPS)).timeouts(patient).build().unwrap();
    let cached = Cached::new(maps);
    (
        server,
        Arc::new(match runtime {
            Some(runtime) => cached.runtime(runtime),
            None => cached,
        }),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_asker_who_gives_up_leaves_the_others_their_answer() {
    let world = grids::GridWorld::at(SystemTime::now());
    world.set("DE", SystemTime::UNIX_EPOCH, Some(100.0));
    let (server, cached) = slow(&world, Duration::from_millis(200), None).await;
    let ask = || {
        let cached = Arc::clone(&cached);
        async move { cached.intensity(&zone("DE"), SystemTime::now()).await }
    };
    let impatient = tokio::spawn(tokio::time::timeout(Duration::from_millis(50), ask()));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let patient = tokio::spawn(ask());
    assert!(impatient.await.unwrap().is_err());
    assert!(patient.await.unwrap().is_ok_and(|reading| reading.zone == zone("DE")));
    assert_eq!(server.seen(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_runtime_a_request_goes_on_when_everybody_gave_up() {
    let fakes = Fakes::start().await;
    let (server, cached) = slow(&fakes.world, Duration::from_millis(200), Some(Arc::new(Hand::new()))).await;
    let de = zone("DE");
    let given_up = tokio::time::timeout(Duration::from_millis(50), cached.intensity(&de, noon())).await;
    assert!(given_up.is_err());
    tokio::time::sleep(Duration::from_millis(600)).await;
    cached.intensity(&de, noon()).await.unwrap();
    assert_eq!(server.seen(), 1, "the answer was there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_longer_than_three_seconds_and_a_slow_answer_is_kept() {
    let fakes = Fakes::start().await;
    let runtime = Arc::new(crate::world::Clock::new());
    let (server, cached) = slow(&fakes.world, 4 * SECOND, Some(runtime)).await;
    let de = zone("DE");
    let begun = std::time::Instant::now();
    let error = cached.intensity(&de, noon()).await.unwrap_err();
    assert!(begun.elapsed() < 4 * SECOND, "{:?}", begun.elapsed());
    assert_eq!((error.kind(), error.origin()), (&ErrorKind::Timeout, "cached grid"));
    cached.intensity(&de, noon()).await.unwrap();
    assert_eq!(server.seen(), 1, "the second asker waited for the same answer");
}

#[tokio::test]
async fn a_failing_zone_is_left_alone_for_longer_each_time() {
    let bench = Bench::start().await;
    bench.fakes.server.fault_times(MAPS, Fault::Server500, 100);
    let mut at = Vec::new();
    let mut seen = 0;
    for second in 0..4 * 3600_u32 {
        if second % 10 == 0 {
            let error = bench.ask("DE").await.unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Server);
            if bench.asked() > seen {
                seen = bench.asked();
                at.push(second);
            } else {
                assert!(error.message().contains("not asked again for") && error.retry_after().is_some());
            }
        }
        bench.pass(SECOND);
    }
    assert_eq!(at, [0, 30, 90, 210, 450, 930, 1890, 3810, 7410, 11010]);
    bench.fakes.server.clear();
    assert!(bench.ask("FR").await.is_ok(), "another zone is none of its failure");
}

#[tokio::test]
async fn a_server_that_asks_for_a_wait_gets_it_for_every_zone() {
    let bench = Bench::start().await;
    bench.fakes.server.fault_next(MAPS, Fault::RateLimited(RetryAfter::Seconds(600)));
    let limited = bench.ask("DE").await.unwrap_err();
    assert_eq!(limited.retry_after(), Some(600 * SECOND));
    bench.pass(599 * SECOND);
    for place in ["DE", "FR"] {
        let error = bench.ask(place).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RateLimited { .. }), "{error}");
    }
    assert_eq!(bench.asked(), 1);
    bench.pass(SECOND);
    assert!(bench.ask("FR").await.is_ok() && bench.ask("DE").await.is_ok());
}

/// Answers for Germany when it is told to, and refuses every other zone for ten minutes.
#[derive(Debug, Default)]
struct Gated(tokio::sync::Notify, AtomicUsize);

#[async_trait]
impl GridIntensity for Gated {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        self.1.fetch_add(1, Ordering::SeqCst);
        if zone.as_str() == "DE" {
            self.0.notified().await;
            return Fixed(None, AtomicUsize::new(0)).intensity(zone, at).await;
        }
        Err(Error::new(ErrorKind::Overloaded, "gated", "later").with_retry_after(600 * SECOND))
    }

    async fn forecast(&self, _zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Err(Error::new(ErrorKind::Unsupported, "gated", "no"))
    }
}

#[tokio::test]
async fn an_answer_that_was_under_way_does_not_end_the_wait_that_was_asked_for_since() {
    let gated = Arc::new(Gated::default());
    let cached = Cached::new(Arc::clone(&gated)).runtime(Arc::new(Hand::new()));
    let (de, fr, se) = (zone("DE"), zone("FR"), zone("SE"));
    let slow = cached.intensity(&de, noon());
    let refused = async {
        cached.intensity(&fr, noon()).await.unwrap_err();
        gated.0.notify_one();
    };
    let (slow, ()) = futures_util::future::join(slow, refused).await;
    slow.unwrap();
    assert_eq!(cached.intensity(&se, noon()).await.unwrap_err().kind(), &ErrorKind::Overloaded);
    assert_eq!(gated.1.load(Ordering::SeqCst), 2, "it asked to be left alone");
}

#[tokio::test]
async fn a_refused_key_is_not_tried_zone_by_zone() {
    let fakes = Fakes::start().await;
    let hand = Hand::new();
    let cached = Cached::new(fakes.maps_with_key("wrong")).runtime(Arc::new(hand.clone()));
    for place in ["DE", "FR", "US-TEX-ERCO", "DE"] {
        let error = cached.intensity(&zone(place), noon()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Authentication);
    }
    assert_eq!(fakes.asked(MAPS).len(), 1);
}

#[tokio::test]
async fn a_key_that_is_good_for_one_zone_keeps_that_zone() {
    let bench = Bench::wishing(Wishes { free: true, ..Wishes::default() }).await;
    bench.ask("DE").await.unwrap();
    assert_eq!(bench.ask("FR").await.unwrap_err().kind(), &ErrorKind::Authentication);
    bench.pass(45 * MINUTE);
    let fresh = bench.ask("DE").await.unwrap();
    assert!(fresh.passed_over.is_empty(), "the refusal of another zone is none of its concern");
    bench.ask("FR").await.unwrap_err();
    bench.ask("FR").await.unwrap_err();
    assert_eq!(bench.asked(), 4);
}

#[tokio::test]
async fn an_old_answer_is_given_with_the_reason_until_it_is_too_old() {
    let bench = Bench::start().await;
    let first = bench.ask("DE").await.unwrap();
    bench.pass(45 * MINUTE);
    bench.fakes.server.fault_times(MAPS, Fault::WrongContentType, 100);
    let old = bench.ask("DE").await.unwrap();
    assert_eq!(old.intensity.value(), first.intensity.value());
    assert!(old.intensity.high() > first.intensity.high() && old.intensity.low() < first.intensity.low());
    assert_eq!(old.intensity.method(), Method::Modelled);
    let [reason] = &*old.passed_over else { panic!("{:?}", old.passed_over) };
    assert!(reason.starts_with("electricity maps: expected JSON, got text/html"), "{reason}");
    assert!(reason.ends_with("; what it said 45 min ago is used"), "{reason}");
    assert_eq!(old.valid_until, Some(bench.hand.now() + 30 * SECOND), "asked again when the source is");
    bench.pass(134 * MINUTE);
    assert!(bench.ask("DE").await.is_ok(), "just under three hours");
    bench.pass(2 * MINUTE);
    assert_eq!(bench.ask("DE").await.unwrap_err().kind(), &ErrorKind::Decode);
    bench.fakes.server.clear();
    bench.pass(HOUR);
    assert!(bench.ask("DE").await.unwrap().passed_over.is_empty(), "and then it is well again");
}

#[tokio::test]
async fn an_unknown_zone_is_asked_for_once_an_hour() {
    let bench = Bench::start().await;
    for _ in 0..5 {
        let error = bench.ask("XX").await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        assert!(error.message().contains("XX") && !error.message().contains("not asked again"), "{error}");
    }
    assert_eq!(bench.asked(), 1);
    bench.pass(HOUR);
    bench.ask("XX").await.unwrap_err();
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn another_time_than_now_is_never_answered_from_what_is_kept() {
    let bench = Bench::start().await;
    let now = bench.ask("DE").await.unwrap();
    let past = bench.cached.intensity(&zone("DE"), noon() - 5 * HOUR).await.unwrap();
    assert_ne!(past.intensity.value(), now.intensity.value());
    bench.cached.intensity(&zone("DE"), noon() + 24 * HOUR).await.unwrap_err();
    assert_eq!(bench.ask("DE").await.unwrap(), now, "nor does that spoil what is kept");
    bench.fakes.server.fault_next(MAPS, Fault::RateLimited(RetryAfter::Seconds(60)));
    bench.cached.intensity(&zone("FR"), noon() - 5 * HOUR).await.unwrap_err();
    let asked = bench.asked();
    bench.cached.intensity(&zone("FR"), noon() - 6 * HOUR).await.unwrap_err();
    assert_eq!(bench.asked(), asked, "who asks to be left alone is left alone for the past as well");
}

#[tokio::test]
async fn forecasts_are_kept_for_half_an_hour_and_cut_to_the_span() {
    let bench = Bench::start().await;
    let ahead = async |from: Duration, to: Duration| {
        bench.cached.forecast(&zone("DE"), noon() + from, noon() + to).await.map(|points| points.len())
    };
    assert_eq!(ahead(Duration::ZERO, 6 * HOUR).await.unwrap(), 7);
    assert_eq!(ahead(MINUTE, 2 * HOUR).await.unwrap(), 3);
    assert_eq!(bench.asked(), 1);
    assert_eq!(ahead(Duration::ZERO, 9 * HOUR).await.unwrap(), 10);
    assert_eq!(bench.asked(), 2, "more than is kept");
    let backwards = bench.cached.forecast(&zone("DE"), noon() + HOUR, noon() - HOUR).await.unwrap_err();
    assert_eq!((backwards.kind(), bench.asked()), (&ErrorKind::Config, 2));
    bench.pass(31 * MINUTE);
    bench.fakes.server.fault_next(MAPS, Fault::Server500);
    let old = bench.cached.forecast(&zone("DE"), noon() + 31 * MINUTE, noon() + 3 * HOUR).await.unwrap();
    assert!(old.iter().all(|point| point.passed_over.len() == 1));
    assert_eq!(bench.asked(), 3);
    assert!(
        bench.ask("DE").await.unwrap().passed_over.is_empty(),
        "a forecast that fails is no number that fails"
    );
}

/// Says the same every time, for as long as it is told to hold.
#[derive(Debug)]
struct Fixed(Option<Duration>, AtomicUsize);

#[async_trait]
impl GridIntensity for Fixed {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let grams = Estimate::exact(CarbonIntensity::from_grams_per_kwh(1.0), Method::Reported);
        let mut reading = GridReading::new(zone.clone(), grams, Basis::Average, "fixed", "always");
        reading.valid_until = self.0.map(|holds| at + holds);
        Ok(reading)
    }

    async fn forecast(&self, _zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Err(Error::new(ErrorKind::Unsupported, "fixed", "no"))
    }
}

#[tokio::test]
async fn nothing_is_asked_more_often_than_twice_a_minute_nor_kept_beyond_an_hour() {
    for (holds, often) in
        [(Some(Duration::ZERO), 30), (Some(7 * MINUTE), 420), (Some(90 * HOUR), 3600), (None, 3600)]
    {
        let fixed = Arc::new(Fixed(holds, AtomicUsize::new(0)));
        let hand = Hand::new();
        let cached = Cached::new(Arc::clone(&fixed)).runtime(Arc::new(hand.clone()));
        for _ in 0..7200 {
            let reading = cached.intensity(&zone("DE"), hand.now()).await.unwrap();
            assert!(reading.valid_until.is_none_or(|until| until >= hand.now()));
            hand.pass(SECOND);
        }
        assert_eq!(fixed.1.load(Ordering::SeqCst), 7200_usize.div_ceil(often), "{holds:?}");
    }
}

#[tokio::test]
async fn a_reply_of_another_zone_is_not_kept() {
    let bench = Bench::start().await;
    bench.fakes.server.reply_with(MAPS, grids::recorded("electricitymaps_v3_latest"));
    assert_eq!(bench.ask("FR").await.unwrap_err().kind(), &ErrorKind::Decode);
    bench.fakes.server.reply_with(MAPS, Reply::json(200, serde_json::json!({})));
    bench.pass(31 * SECOND);
    bench.ask("FR").await.unwrap_err();
    bench.pass(61 * SECOND);
    assert_eq!(bench.ask("FR").await.unwrap().intensity.value().as_grams_per_kwh(), 41.0);
}

#[tokio::test]
async fn any_number_of_zones_is_asked_for_and_few_are_remembered() {
    let fixed = Arc::new(Fixed(None, AtomicUsize::new(0)));
    let hand = Hand::new();
    let cached = Cached::new(Arc::clone(&fixed)).runtime(Arc::new(hand.clone()));
    for number in 0..10_000 {
        cached.intensity(&zone(&format!("XX-{number}")), hand.now()).await.unwrap();
    }
    let asked = fixed.1.load(Ordering::SeqCst);
    cached.intensity(&zone("XX-9999"), hand.now()).await.unwrap();
    cached.intensity(&zone("XX-0"), hand.now()).await.unwrap();
    assert_eq!(fixed.1.load(Ordering::SeqCst), asked + 1, "the newest is kept and the oldest forgotten");
}

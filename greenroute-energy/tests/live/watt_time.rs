use crate::world::{Fakes, HOUR, Hand, MINUTE, PASSWORD, Wishes, mute, noon, quick, zone};
use futures_util::future::join_all;
use greenroute_core::{Basis, ErrorKind, MarginalIntensity, Method};
use greenroute_energy::grid::live::{Cached, WattTime};
use greenroute_testkit::{Reply, grids};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

const CALIFORNIA: &str = "US-CAL-CISO";

#[tokio::test]
async fn what_one_more_kilowatt_hour_causes_is_read_in_grams() {
    let fakes = Fakes::start().await;
    let source = fakes.watt_time(&Hand::new());
    let reading = source.marginal(&zone(CALIFORNIA), noon()).await.unwrap().0;
    assert!((reading.intensity.value().as_grams_per_kwh() - 453.592_37).abs() < 1e-9, "1000 lb/MWh");
    assert_eq!((reading.basis, reading.intensity.method()), (Basis::Marginal, Method::Modelled));
    assert_eq!(
        reading.source,
        "WattTime CAISO_NORTH, model of 2023-03-01, warning EXAMPLE_WARNING: This is just an example"
    );
    assert_eq!(reading.vintage, "5 min from 2026-11-21T12:20:00Z");
    assert_eq!(reading.valid_until, Some(noon() + 5 * MINUTE));
    let paths: Vec<String> = fakes.asked("watttime").into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/login", "/v3/forecast"]);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_once_after_it_was_refused() {
    let fakes = Fakes::start().await;
    let hand = Hand::new();
    let source = fakes.watt_time(&hand);
    let ask = async || {
        source.marginal(&zone(CALIFORNIA), noon() + 25 * MINUTE).await.map(|_| fakes.watt_time.logins())
    };
    fakes.world.advance(25 * MINUTE);
    assert_eq!(ask().await.unwrap(), 1);
    assert_eq!(ask().await.unwrap(), 1, "the token is kept");
    hand.pass(28 * MINUTE);
    assert_eq!(ask().await.unwrap(), 2, "it would have been good for two minutes more");
    fakes.watt_time.revoke();
    assert_eq!(ask().await.unwrap(), 3, "one more login after a refusal");
    let reply = Reply::json(401, json!({"error": "unauthorized"}));
    fakes.server.reply_with("watttime", reply.clone());
    // The login that follows is the fake's own; the question after it is refused again.
    fakes.server.reply_with("watttime", Reply::json(200, json!({"token": "good-for-nothing"})));
    fakes.server.reply_with("watttime", reply);
    assert_eq!(ask().await.unwrap_err().kind(), &ErrorKind::Authentication, "and not another");
    let asked = fakes.asked("watttime").len();
    let again = ask().await.unwrap_err();
    assert_eq!((again.kind(), again.retry_after()), (&ErrorKind::Authentication, Some(MINUTE)));
    assert_eq!(fakes.asked("watttime").len(), asked, "whom new tokens do not help does not ask for more");
    hand.pass(MINUTE);
    ask().await.unwrap();
}

#[tokio::test]
async fn many_askers_log_in_once() {
    let fakes = Fakes::start().await;
    let source = fakes.watt_time(&Hand::new());
    let zone = zone(CALIFORNIA);
    let all = join_all((0..20).map(|_| source.marginal(&zone, noon()))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fakes.watt_time.logins(), 1);
    fakes.watt_time.revoke();
    let all = join_all((0..20).map(|_| source.marginal(&zone, noon()))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fakes.watt_time.logins(), 2, "all learn of the end of the same token");
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_over_and_over() {
    let fakes = Fakes::start().await;
    let hand = Hand::new();
    let builder = WattTime::builder("acme", "canary-of-another").base_url(&fakes.server.url("watttime"));
    let builder = builder.region(zone(CALIFORNIA), "CAISO_NORTH").runtime(Arc::new(hand.clone()));
    let source = builder.timeouts(quick()).build().unwrap();
    for _ in 0..10 {
        let error = source.marginal(&zone(CALIFORNIA), noon()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Authentication);
        mute(&error);
    }
    assert_eq!(fakes.watt_time.logins(), 1);
    hand.pass(2 * MINUTE);
    source.marginal(&zone(CALIFORNIA), noon()).await.unwrap_err();
    assert_eq!(fakes.watt_time.logins(), 2);
    mute(&source);
}

#[tokio::test]
async fn the_limit_of_logins_is_told_as_one() {
    let fakes = Fakes::start().await;
    fakes.watt_time.limit_logins(0);
    let error = fakes.watt_time(&Hand::new()).marginal(&zone(CALIFORNIA), noon()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RateLimited { .. }), "{error}");
}

#[tokio::test]
async fn who_is_to_wait_with_the_next_login_waits() {
    let fakes = Fakes::start().await;
    let hand = Hand::new();
    let source = fakes.watt_time(&hand);
    let limited = Reply::json(429, json!({"error": "too many"})).header("retry-after", "300");
    fakes.server.reply_with("watttime", limited);
    for _ in 0..5 {
        let error = source.marginal(&zone(CALIFORNIA), noon()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RateLimited { .. }), "{error}");
        hand.pass(59 * Duration::from_secs(1));
    }
    assert_eq!(fakes.asked("watttime").len(), 1);
    hand.pass(5 * Duration::from_secs(1));
    source.marginal(&zone(CALIFORNIA), noon()).await.unwrap();
}

#[tokio::test]
async fn a_place_is_looked_up_once() {
    let fakes = Fakes::start().await;
    let source = fakes.watt_time(&Hand::new());
    for _ in 0..3 {
        source.marginal(&zone("US-CA"), noon()).await.unwrap();
    }
    let lookups =
        fakes.asked("watttime").iter().filter(|request| request.path == "/v3/region-from-loc").count();
    assert_eq!(lookups, 1);
    let error = source.marginal(&zone("FR"), noon()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (&ErrorKind::Unsupported, "zone FR: HTTP 404: Coordinates not found")
    );
    let error = source.marginal(&zone("DE"), noon()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (&ErrorKind::Unsupported, "zone DE: it was given no region of WattTime's")
    );
    for (latitude, longitude) in [(91.0, 0.0), (0.0, -181.0), (f64::NAN, 0.0)] {
        let builder = WattTime::builder("acme", PASSWORD).place(zone("FR"), latitude, longitude);
        assert_eq!(builder.build().unwrap_err().kind(), &ErrorKind::Config);
    }
}

#[tokio::test]
async fn an_account_without_a_subscription_sees_one_region() {
    let fakes = Fakes::wishing(Wishes { free: true, ..Wishes::default() }).await;
    let source = fakes.watt_time(&Hand::new());
    assert_eq!(source.access().await.unwrap(), ["CAISO_NORTH"]);
    assert!(source.marginal(&zone(CALIFORNIA), noon()).await.is_ok());
    let error = source.marginal(&zone("US-TEX"), noon()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::PermissionDenied, "{error}");
    assert_eq!(fakes.watt_time.logins(), 1, "403 is no matter of the token");
}

#[tokio::test]
async fn the_past_and_what_is_to_come_are_read_too() {
    let fakes = Fakes::start().await;
    fakes.world.set("CAISO_NORTH", noon() - HOUR, Some(500.0));
    let source = fakes.watt_time(&Hand::new());
    let zone = zone(CALIFORNIA);
    let past = source.marginal(&zone, noon() - 3 * HOUR + MINUTE).await.unwrap().0;
    assert_eq!(past.vintage, "5 min from 2026-11-21T09:20:00Z");
    assert!((past.intensity.value().as_grams_per_kwh() - 453.592_37).abs() < 1e-9);
    let ahead = source.marginal_forecast(&zone, noon(), noon() + HOUR).await.unwrap();
    assert_eq!(ahead.len(), 12);
    assert!(ahead.iter().all(|point| point.0.estimated && point.0.basis == Basis::Marginal));
}

#[tokio::test]
async fn clocks_that_differ_a_little_are_no_question_of_the_past() {
    let fakes = Fakes::start().await;
    let source = fakes.watt_time(&Hand::new());
    let reading = source.marginal(&zone(CALIFORNIA), noon() - Duration::from_secs(5)).await.unwrap().0;
    assert_eq!(reading.vintage, "5 min from 2026-11-21T12:20:00Z");
    assert!(fakes.asked("watttime").iter().all(|request| request.path != "/v3/historical"));
}

#[tokio::test]
async fn another_region_unit_or_signal_is_refused() {
    let fakes = Fakes::start().await;
    let source = fakes.watt_time(&Hand::new());
    source.marginal(&zone(CALIFORNIA), noon()).await.unwrap();
    let wrongs = [
        ("region", json!("PJM_DC"), "`meta.region` is `PJM_DC`, and CAISO_NORTH was asked for"),
        ("units", json!("kg"), "`meta.units` is `kg` and not `lbs_co2_per_mwh`"),
        ("signal_type", json!("health_damage"), "`meta.signal_type` is `health_damage` and not `co2_moer`"),
        ("data_point_period_seconds", json!(0), "`meta.data_point_period_seconds` is not 5 to 60 minutes"),
    ];
    for (field, value, told) in wrongs {
        let mut meta = json!({"region": "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh",
            "data_point_period_seconds": 300});
        meta[field] = value;
        let data = json!([{"point_time": "2026-11-21T12:20:00+00:00", "value": 900.5}]);
        fakes.server.reply_with("watttime", Reply::json(200, json!({"data": data, "meta": meta})));
        let error = source.marginal(&zone(CALIFORNIA), noon()).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (&ErrorKind::Decode, told));
    }
}

#[tokio::test]
async fn recorded_answers_are_read() {
    let fakes = Fakes::start().await;
    let source = fakes.watt_time(&Hand::new());
    let replay = |name| fakes.server.reply_with("watttime", grids::recorded(name));
    replay("watttime_v3_login");
    replay("watttime_v3_forecast");
    let july = UNIX_EPOCH + Duration::from_secs(1_657_843_260);
    let error = source.marginal(&zone("US-TEX"), july).await.unwrap_err();
    assert!(error.message().contains("and ERCOT_NORTH was asked for"), "{error}");
    replay("watttime_v3_forecast");
    let reading = source.marginal(&zone(CALIFORNIA), july).await.unwrap().0;
    assert!(
        (reading.intensity.value().as_grams_per_kwh() - 1_048.413_191_970_197_2 * 0.453_592_37).abs() < 1e-9
    );
    let requests = fakes.asked("watttime");
    assert_eq!(requests[1].header("authorization"), Some("Bearer abcdef0123456789fedcabc"));
    replay("watttime_v3_region_from_loc");
    replay("watttime_v3_forecast");
    let error = source.marginal(&zone("US-CA"), july).await.unwrap_err();
    assert!(error.message().contains("and ISONE_WCMA was asked for"), "{error}");
}

#[tokio::test]
async fn the_same_cache_keeps_marginal_intensities() {
    let fakes = Fakes::start().await;
    let hand = Hand::new();
    let cached = Cached::new(fakes.watt_time(&hand)).runtime(Arc::new(hand.clone()));
    for _ in 0..3 {
        cached.marginal(&zone(CALIFORNIA), noon()).await.unwrap();
        cached.marginal_forecast(&zone(CALIFORNIA), noon(), noon() + HOUR).await.unwrap();
    }
    assert_eq!(fakes.asked("watttime").len(), 3, "a login, a number, a forecast");
}

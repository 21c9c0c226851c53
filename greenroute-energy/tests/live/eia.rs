use crate::world::{Fakes, HOUR, KEY, Wishes, mute, noon, quick, zone};
use greenroute_core::{Counting, ErrorKind, GridIntensity, Method};
use greenroute_energy::grid::live::Eia;
use greenroute_testkit::{Reply, grids};
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};

/// Of 15 GWh gas, 20 GWh wind, 5 GWh coal.
const GRAMS: f64 = (15.0 * 490.0 + 20.0 * 11.0 + 5.0 * 820.0) / 40.0;

#[tokio::test]
async fn generation_becomes_an_intensity_with_its_lag_told() {
    let fakes = Fakes::start().await;
    let reading = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap();
    assert!((reading.intensity.value().as_grams_per_kwh() - GRAMS).abs() < 1e-9);
    assert_eq!((reading.counting, reading.intensity.method()), (Counting::Lifecycle, Method::Modelled));
    assert_eq!(reading.vintage, "hour to 2026-11-21T10:00:00Z, 140 min before it was read");
    assert!(reading.source.contains("Electric Reliability Council of Texas"), "{}", reading.source);
    let (low, high) =
        (reading.intensity.low().as_grams_per_kwh(), reading.intensity.high().as_grams_per_kwh());
    let least = (15.0 * 410.0 + 20.0 * 7.0 + 5.0 * 740.0) / 40.0 * 0.90;
    let most = (15.0 * 650.0 + 20.0 * 56.0 + 5.0 * 910.0) / 40.0 * 1.15;
    // The hour that runs ends three hours after the one that is known.
    let both = |a: f64, b: f64| GRAMS * a.ln().hypot(b.ln()).copysign(a.ln()).exp();
    let (least, most) = (both(least / GRAMS, 0.719), both(most / GRAMS, 1.391));
    assert!((low - least).abs() < 1e-9 && (high - most).abs() < 1e-9, "{low} {high}");
    let [request] = fakes.asked("eia").try_into().unwrap();
    assert_eq!(request.path, "/v2/electricity/rto/fuel-type-data/data/");
    let forty_minutes = Duration::from_secs(2400);
    assert_eq!(reading.valid_until, Some(noon() + forty_minutes), "then it is an hour older");
    assert_eq!(request.query["start"], "2026-11-18T12");
    assert_eq!((request.query["end"].as_str(), request.query["offset"].as_str()), ("2026-11-21T12", "0"));
    assert_eq!(request.query["facets[respondent][]"], "ERCO");
}

#[tokio::test]
async fn pages_are_read_to_the_end_and_numbers_in_both_forms() {
    for numeric in [false, true] {
        let fakes = Fakes::wishing(Wishes { numeric, page: Some(40), ..Wishes::default() }).await;
        let reading = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap();
        assert!((reading.intensity.value().as_grams_per_kwh() - GRAMS).abs() < 1e-9);
        let offsets: Vec<String> =
            fakes.asked("eia").iter().map(|request| request.query["offset"].clone()).collect();
        assert_eq!(offsets, ["0", "40", "80", "120", "160", "200"], "71 hours of three fuels");
    }
}

#[tokio::test]
async fn an_hour_that_lacks_a_fuel_gives_way_to_the_one_before() {
    let fakes = Fakes::start().await;
    let ten = noon() - 140 * Duration::from_secs(60);
    fakes.world.set("ERCO/WND", ten, None);
    let reading = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap();
    assert_eq!(
        (reading.estimated, &*reading.vintage),
        (false, "hour to 2026-11-21T09:00:00Z, 200 min before it was read")
    );
}

#[tokio::test]
async fn what_is_reported_a_day_late_is_the_same_hour_of_a_day_before() {
    let fakes = Fakes::wishing(Wishes { lag: Some(10), ..Wishes::default() }).await;
    let one_o_clock_yesterday = noon() - 23 * HOUR - 20 * Duration::from_secs(60);
    fakes.world.set("ERCO/WND", one_o_clock_yesterday, Some(0.0));
    fakes.world.set("ERCO/WND", one_o_clock_yesterday + HOUR, Some(20_000.0));
    let reading = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap();
    let grams = (15.0 * 490.0 + 5.0 * 820.0) / 20.0;
    assert!((reading.intensity.value().as_grams_per_kwh() - grams).abs() < 1e-9);
    assert!(reading.estimated);
    assert_eq!(
        reading.vintage,
        "the same hour on the last day that is known, hour to 2026-11-20T13:00:00Z, 1400 min before it was read"
    );
    let fakes = Fakes::wishing(Wishes { lag: Some(30), ..Wishes::default() }).await;
    let reading = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap();
    assert!(reading.vintage.contains("hour to 2026-11-19T13:00:00Z"), "{}", reading.vintage);
}

#[tokio::test]
async fn what_is_older_than_two_days_is_no_reading() {
    let fakes = Fakes::wishing(Wishes { lag: Some(60), ..Wishes::default() }).await;
    let error = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Server);
    assert_eq!(error.message(), "`data` has no generation of ERCO shortly before 2026-11-21T12:20:00Z");
}

#[tokio::test]
async fn zones_are_balancing_authorities_and_nothing_else() {
    let fakes = Fakes::start().await;
    for unknown in ["US-TX", "DE", "US-XX-ERCO", "MX"] {
        let error = fakes.eia().intensity(&zone(unknown), noon()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        assert!(error.message().contains(unknown), "{error}");
    }
    assert!(fakes.asked("eia").is_empty(), "what is known to be unknown is not asked for");
    let forecast = fakes.eia().forecast(&zone("US-TEX-ERCO"), noon(), noon() + HOUR).await.unwrap_err();
    assert_eq!(forecast.kind(), &ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_wrong_key_is_one_although_the_gateway_says_403_and_is_never_shown() {
    let fakes = Fakes::start().await;
    let url = fakes.server.url("eia");
    let wrong = Eia::builder("canary-of-another").base_url(&url).timeouts(quick()).build().unwrap();
    let error = wrong.intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Authentication, "{error}");
    mute(&error);
    mute(&wrong);
    let echo = json!({"error": format!("bad request: /v2/x?api_key={KEY}"), "code": 400});
    fakes.server.reply_with("eia", Reply::json(400, echo));
    let error = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap_err();
    assert!(error.message().ends_with("api_key=[secret]"), "{error}");
    let limited = json!({"error": {"code": "OVER_RATE_LIMIT", "message": "slow"}});
    fakes.server.reply_with("eia", Reply::json(403, limited).header("retry-after", "90"));
    let error = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::RateLimited { after: Some(Duration::from_secs(90)) });
}

#[tokio::test]
async fn an_address_that_is_gone_is_a_fault_and_no_unknown_zone() {
    let fakes = Fakes::start().await;
    fakes.server.reply_with("eia", Reply::json(404, json!({"error": "Not found.", "code": 404})));
    let error = fakes.eia().intensity(&zone("US-TEX-ERCO"), noon()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Server, "{error}");
}

#[tokio::test]
async fn recorded_answers_are_read() {
    let fakes = Fakes::start().await;
    let at = UNIX_EPOCH + Duration::from_secs(1_667_216_400);
    fakes.server.reply_with("eia", grids::recorded("eia_v2_fuel_type"));
    let reading = fakes.eia().intensity(&zone("US-TEX-ERCO"), at).await.unwrap();
    let grams = (20.0 * 11.0 + 15.0 * 490.0) / 35.0;
    assert!((reading.intensity.value().as_grams_per_kwh() - grams).abs() < 1e-9);
    fakes.server.reply_with("eia", grids::recorded("eia_v2_fuel_type_numeric_2022"));
    let reading = fakes.eia().intensity(&zone("US-NW-BPAT"), at).await.unwrap();
    assert_eq!(reading.intensity.value().as_grams_per_kwh(), 11.0);
    fakes.server.reply_with("eia", grids::recorded("eia_v2_fuel_type"));
    let other = fakes.eia().intensity(&zone("US-NW-BPAT"), at).await.unwrap_err();
    assert_eq!(other.message(), "`zone` is `ERCO`, and BPAT was asked for");
}

use crate::world::{Fakes, HOUR, KEY, MINUTE, Wishes, mute, noon, zone};
use greenroute_core::{Basis, Counting, ErrorKind, GridIntensity, Method};
use greenroute_energy::grid::live::{ElectricityMaps, EmissionFactors};
use greenroute_testkit::{Fault, Reply, grids};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[tokio::test]
async fn the_latest_hour_is_read_with_everything_that_is_said_of_it() {
    let fakes = Fakes::start().await;
    let reading = fakes.maps().intensity(&zone("DE"), noon()).await.unwrap();
    assert_eq!(reading.intensity.value().as_grams_per_kwh(), 310.0);
    assert!(
        reading.intensity.low() < reading.intensity.value() && reading.intensity.method() == Method::Reported
    );
    assert_eq!(
        (reading.basis, reading.counting, reading.estimated),
        (Basis::Average, Counting::Lifecycle, false)
    );
    assert_eq!((&*reading.source, &*reading.vintage), ("Electricity Maps", "hour from 2026-11-21T12:00:00Z"));
    assert_eq!(reading.valid_until, Some(noon() + 40 * MINUTE), "until the hour is over");
    let [request] = fakes.asked("electricity_maps").try_into().unwrap();
    assert_eq!(
        (request.path.as_str(), request.header("auth-token")),
        ("/v3/carbon-intensity/latest", Some(KEY))
    );
    let query = [
        ("disableEstimations", "false"),
        ("emissionFactorType", "lifecycle"),
        ("shouldUseFallbackCallerLookup", "false"),
        ("zone", "DE"),
    ];
    assert!(request.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(query));
}

#[tokio::test]
async fn a_guess_of_the_sources_is_told_and_can_be_refused() {
    let fakes = Fakes::wishing(Wishes { estimated: true, ..Wishes::default() }).await;
    let reading = fakes.maps().intensity(&zone("DE"), noon()).await.unwrap();
    assert!(reading.estimated && reading.intensity.method() == Method::Modelled);
    assert_eq!(reading.source, "Electricity Maps, estimated (TIME_SLICER_AVERAGE)");
    let url = fakes.server.url("electricity_maps");
    let strict = ElectricityMaps::builder(KEY).base_url(&url).estimations(false).build().unwrap();
    let error = strict.intensity(&zone("DE"), noon()).await.unwrap_err();
    assert_eq!(error.message(), "`carbonIntensity` of DE is null");
    assert_eq!((error.kind(), error.origin()), (&ErrorKind::Server, "electricity maps"));
}

#[tokio::test]
async fn stacks_alone_are_counted_where_that_is_wanted() {
    let fakes = Fakes::start().await;
    let url = fakes.server.url("electricity_maps");
    let direct =
        ElectricityMaps::builder(KEY).base_url(&url).factors(EmissionFactors::Direct).build().unwrap();
    let reading = direct.intensity(&zone("FR"), noon()).await.unwrap();
    assert_eq!(reading.counting, Counting::Direct);
    assert_eq!(reading.intensity.high().as_grams_per_kwh(), 67.0, "41 and 26 for building the plants");
    assert_eq!(fakes.asked("electricity_maps")[0].query["emissionFactorType"], "direct");
}

#[tokio::test]
async fn no_other_places_value_is_taken() {
    let fakes = Fakes::start().await;
    let maps = fakes.maps();
    let error = maps.intensity(&zone("XX"), noon()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unsupported);
    assert!(error.message().starts_with("zone XX: "), "{error}");
    let wrong = json!({"zone": "DK-DK1", "carbonIntensity": 90, "datetime": "2026-11-21T12:00:00.000Z"});
    fakes.server.reply_with("electricity_maps", Reply::json(200, wrong));
    let error = maps.intensity(&zone("DE"), noon()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (&ErrorKind::Decode, "`zone` is `DK-DK1`, and DE was asked for")
    );
    let unnamed = json!({"carbonIntensity": 90, "datetime": "2026-11-21T12:00:00.000Z"});
    fakes.server.reply_with("electricity_maps", Reply::json(200, unnamed));
    assert!(maps.intensity(&zone("DE"), noon()).await.is_err(), "nobody knows which place that is");
}

#[tokio::test]
async fn the_day_before_is_read_from_history() {
    let fakes = Fakes::start().await;
    let maps = fakes.maps();
    let history = maps.history(&zone("DE")).await.unwrap();
    assert_eq!(history.len(), 24);
    assert!(history.is_sorted_by_key(|reading| reading.valid_from));
    let past = maps.intensity(&zone("DE"), noon() - 3 * HOUR).await.unwrap();
    assert_eq!(past.intensity.value().as_grams_per_kwh(), 302.0);
    assert_eq!(past.vintage, "hour from 2026-11-21T09:00:00Z");
    let slow_clock = maps.intensity(&zone("DE"), noon() - 23 * MINUTE).await.unwrap();
    assert_eq!(slow_clock.vintage, "hour from 2026-11-21T12:00:00Z", "three minutes are a matter of clocks");
    let longer_ago = maps.intensity(&zone("DE"), noon() - 40 * HOUR).await.unwrap_err();
    assert_eq!(longer_ago.kind(), &ErrorKind::Server, "{longer_ago}");
    let tomorrow = maps.intensity(&zone("DE"), noon() + 24 * HOUR).await.unwrap_err();
    assert!(tomorrow.message().contains("too long before"), "{tomorrow}");
}

#[tokio::test]
async fn an_hour_that_is_over_is_less_sure_the_longer_ago_it_was() {
    let fakes = Fakes::start().await;
    let mut bands = Vec::new();
    for hour in [12, 11, 9, 7] {
        let time = format!("2026-11-21T{hour:02}:00:00Z");
        let body = json!({"zone": "DE", "carbonIntensity": 300, "datetime": time});
        fakes.server.reply_with("electricity_maps", Reply::json(200, body));
        let intensity = fakes.maps().intensity(&zone("DE"), noon()).await.unwrap().intensity;
        bands.push((intensity.low().as_grams_per_kwh(), intensity.high().as_grams_per_kwh()));
    }
    assert!((bands[0].0 - 255.0).abs() < 1e-9 && (bands[0].1 - 348.0).abs() < 1e-9, "{bands:?}");
    assert!(bands.windows(2).all(|pair| pair[1].0 < pair[0].0 && pair[0].1 < pair[1].1), "{bands:?}");
    assert!(bands[3].0 < 300.0 * 0.614 && 300.0 * 1.635 < bands[3].1, "{bands:?}");
}

#[tokio::test]
async fn a_forecast_is_cut_to_the_span_and_told_apart_from_a_plan_without_one() {
    let fakes = Fakes::start().await;
    fakes.world.set("DE", noon() + 2 * HOUR, Some(200.0));
    let (from, to) = (noon(), noon() + 4 * HOUR);
    let forecast = fakes.maps().forecast(&zone("DE"), from, to).await.unwrap();
    let grams: Vec<f64> = forecast.iter().map(|point| point.intensity.value().as_grams_per_kwh()).collect();
    assert_eq!(grams, [310.0, 310.0, 310.0, 200.0, 200.0]);
    assert!(forecast.iter().all(|point| point.estimated && point.intensity.method() == Method::Modelled));
    let free = Fakes::wishing(Wishes { free: true, ..Wishes::default() }).await;
    let error = free.maps().forecast(&zone("DE"), from, to).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unsupported);
    assert!(error.message().contains("DE") && error.message().contains("no forecasts"), "{error}");
    free.server.fault_next("electricity_maps", Fault::Unauthorized);
    let error = free.maps().forecast(&zone("DE"), from, to).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Authentication);
}

#[tokio::test]
async fn recorded_answers_are_read() {
    let fakes = Fakes::start().await;
    let maps = fakes.maps();
    let replay = |name| fakes.server.reply_with("electricity_maps", grids::recorded(name));
    replay("electricitymaps_v3_latest");
    let april = UNIX_EPOCH + Duration::from_secs(1_524_679_800);
    let reading = maps.intensity(&zone("DE"), april).await.unwrap();
    assert_eq!((reading.intensity.value().as_grams_per_kwh(), reading.estimated), (302.0, true));
    replay("electricitymaps_v3_latest_2025");
    let october: SystemTime = UNIX_EPOCH + Duration::from_secs(1_760_699_400);
    let reading = maps.intensity(&zone("AT"), october).await.unwrap();
    assert_eq!(reading.intensity.value().as_grams_per_kwh(), 245.0);
    replay("electricitymaps_v3_history");
    assert_eq!(maps.history(&zone("DE")).await.unwrap()[0].intensity.value().as_grams_per_kwh(), 413.0);
    replay("electricitymaps_v3_forecast");
    let then = UNIX_EPOCH + Duration::from_secs(4_070_908_800);
    let forecast = maps.forecast(&zone("NL"), then, then + HOUR).await.unwrap();
    assert_eq!(forecast[0].intensity.value().as_grams_per_kwh(), 999.0);
}

#[tokio::test]
async fn neither_the_source_nor_its_errors_show_the_key() {
    let fakes = Fakes::start().await;
    let maps = fakes.maps();
    mute(&maps);
    assert!(!maps.to_string().contains("canary"));
    let wrong = fakes.maps_with_key("canary-of-another");
    let error = wrong.intensity(&zone("DE"), noon()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Authentication);
    mute(&error);
    assert!(ElectricityMaps::new("").is_err() && ElectricityMaps::new("ключ").is_err());
}

use crate::world::{Fakes, HOUR, MINUTE, Wishes, noon, quick, zone};
use greenroute_core::{Counting, ErrorKind, GridIntensity, Method};
use greenroute_energy::grid::Chain;
use greenroute_energy::grid::live::CarbonIntensityUk;
use greenroute_testkit::{Reply, grids};
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};

#[tokio::test]
async fn the_half_hour_that_runs_is_metered_or_forecast() {
    let fakes = Fakes::start().await;
    let reading = fakes.uk().intensity(&zone("GB"), noon()).await.unwrap();
    assert_eq!((reading.intensity.value().as_grams_per_kwh(), reading.estimated), (263.0, false));
    assert_eq!((reading.counting, reading.intensity.method()), (Counting::Direct, Method::Reported));
    assert_eq!(reading.valid_until, Some(noon() + 10 * MINUTE));
    let fakes = Fakes::wishing(Wishes { unmetered: true, ..Wishes::default() }).await;
    let reading = fakes.uk().intensity(&zone("GB"), noon()).await.unwrap();
    assert_eq!((reading.intensity.value().as_grams_per_kwh(), reading.estimated), (266.0, true));
    assert_eq!(reading.source, "GB Carbon Intensity, its forecast");
}

#[tokio::test]
async fn other_half_hours_are_asked_for_by_their_time() {
    let fakes = Fakes::start().await;
    fakes.world.set("GB", noon() + HOUR, Some(150.0));
    let later = fakes.uk().intensity(&zone("GB"), noon() + 5 * HOUR).await.unwrap();
    assert_eq!((later.intensity.value().as_grams_per_kwh(), later.estimated), (153.0, true));
    let paths: Vec<String> =
        fakes.asked("carbon_intensity_uk").into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/intensity", "/intensity/2026-11-21T17:00Z/fw24h"]);
    let earlier = fakes.uk().intensity(&zone("GB"), noon() - 50 * HOUR).await.unwrap();
    assert_eq!((earlier.intensity.value().as_grams_per_kwh(), earlier.estimated), (263.0, false));
}

#[tokio::test]
async fn forecasts_of_one_day_and_of_two_are_cut_to_the_span() {
    let fakes = Fakes::start().await;
    let short = fakes.uk().forecast(&zone("GB"), noon(), noon() + 2 * HOUR).await.unwrap();
    assert_eq!(short.len(), 5, "from the half hour that runs to the one in which it ends");
    let long = fakes.uk().forecast(&zone("GB"), noon(), noon() + 40 * HOUR).await.unwrap();
    assert_eq!(long.len(), 81);
    let paths: Vec<String> =
        fakes.asked("carbon_intensity_uk").into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/intensity/2026-11-21T12:00Z/fw24h", "/intensity/2026-11-21T12:00Z/fw48h"]);
}

#[tokio::test]
async fn regions_are_zones_of_their_own() {
    let fakes = Fakes::start().await;
    let reading = fakes.uk().intensity(&zone("GB-SOUTH"), noon()).await.unwrap();
    assert_eq!((reading.intensity.value().as_grams_per_kwh(), reading.estimated), (213.0, true));
    let ahead = fakes.uk().forecast(&zone("GB-SOUTH"), noon(), noon() + HOUR).await.unwrap();
    assert_eq!(ahead[0].intensity.value().as_grams_per_kwh(), 213.0);
    for unknown in ["GB-NOWHERE", "GB-NORTH", "FR", "GBR"] {
        let error = fakes.uk().intensity(&zone(unknown), noon()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains(unknown), "{error}");
    }
    let asked = fakes.asked("carbon_intensity_uk").len();
    assert_eq!(asked, 3, "what is not of Great Britain is never asked for");
    let builder = CarbonIntensityUk::builder().timeouts(quick());
    for bad in ["", "R", "RG10 9XX", "../x", "12"] {
        let error = builder.clone().region(zone("GB-X"), bad).build().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Config, "{bad}");
    }
}

#[tokio::test]
async fn another_regions_answer_is_refused() {
    let fakes = Fakes::start().await;
    let other = json!({"data": [{"regionid": 1, "postcode": "AB1", "data": []}]});
    fakes.server.reply_with("carbon_intensity_uk", Reply::json(200, other));
    let error = fakes.uk().intensity(&zone("GB-SOUTH"), noon()).await.unwrap_err();
    assert_eq!(error.message(), "`zone` is `AB1`, and RG10 was asked for");
    let none = json!({"data": []});
    fakes.server.reply_with("carbon_intensity_uk", Reply::json(200, none));
    let error = fakes.uk().intensity(&zone("GB-SOUTH"), noon()).await.unwrap_err();
    assert_eq!(error.message(), "`data` is not of one region");
}

#[tokio::test]
async fn recorded_answers_are_read() {
    let fakes = Fakes::start().await;
    fakes.server.reply_with("carbon_intensity_uk", grids::recorded("uk_intensity"));
    let at = UNIX_EPOCH + Duration::from_secs(1_516_449_900);
    let reading = fakes.uk().intensity(&zone("GB"), at).await.unwrap();
    assert_eq!(reading.intensity.value().as_grams_per_kwh(), 263.0);
    assert_eq!(reading.vintage, "half hour from 2018-01-20T12:00:00Z");
    let error = grids::recorded("uk_error");
    fakes.server.reply_with("carbon_intensity_uk", Reply { status: 400, ..error.clone() });
    let refused = fakes.uk().intensity(&zone("GB-SOUTH"), at).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.message()),
        (&ErrorKind::Unsupported, "zone GB-SOUTH: HTTP 400: string")
    );
    fakes.server.reply_with("carbon_intensity_uk", error);
    let said_as_success = fakes.uk().intensity(&zone("GB"), at).await.unwrap_err();
    assert_eq!(said_as_success.message(), "string");
}

#[tokio::test]
async fn great_britain_is_surely_known_so_that_its_loss_is_told() {
    let fakes = Fakes::start().await;
    let gone = Reply::json(404, json!({"error": {"code": "404 Not Found", "message": "no such path"}}));
    fakes.server.reply_with("carbon_intensity_uk", gone);
    let chain = Chain::bundled().with_first_where_known(fakes.uk());
    let year = chain.intensity(&zone("GB"), noon()).await.unwrap();
    assert_eq!(year.passed_over, ["uk carbon intensity: HTTP 404: no such path"]);
    let elsewhere = chain.intensity(&zone("FR"), noon()).await.unwrap();
    assert!(elsewhere.passed_over.is_empty());
}

#[tokio::test]
async fn a_half_hour_that_is_over_is_less_sure() {
    let fakes = Fakes::start().await;
    let half_hour = json!({"data": [{"from": "2026-11-21T11:00Z", "to": "2026-11-21T11:30Z",
        "intensity": {"forecast": 200, "actual": 200}}]});
    fakes.server.reply_with("carbon_intensity_uk", Reply::json(200, half_hour));
    let late = fakes.uk().intensity(&zone("GB"), noon()).await.unwrap();
    assert!(late.intensity.low().as_grams_per_kwh() < 180.0, "{late:?}");
    assert!(late.intensity.high().as_grams_per_kwh() > 226.0, "{late:?}");
}

#[tokio::test]
async fn a_stack_that_emits_nothing_is_a_number_and_null_is_none() {
    let fakes = Fakes::start().await;
    let now = |actual: serde_json::Value, forecast: serde_json::Value| {
        let body = json!({"data": [{"from": "2026-11-21T12:00Z", "to": "2026-11-21T12:30Z",
            "intensity": {"forecast": forecast, "actual": actual, "index": "very low"}}]});
        fakes.server.reply_with("carbon_intensity_uk", Reply::json(200, body));
    };
    now(json!(0), json!(1));
    let zero = fakes.uk().intensity(&zone("GB"), noon()).await.unwrap();
    assert_eq!(zero.intensity.value().as_grams_per_kwh(), 0.0);
    assert_eq!(zero.intensity.high().as_grams_per_kwh(), 26.0);
    now(json!(null), json!(null));
    let null = fakes.uk().intensity(&zone("GB"), noon()).await.unwrap_err();
    assert_eq!(null.message(), "`intensity` of GB is null");
}

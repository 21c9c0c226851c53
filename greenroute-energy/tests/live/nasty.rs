//! What may come instead of an answer: a typed error that names the source and the field, and never a panic.

use crate::world::{Fakes, Hand, mute, noon, zone};
use greenroute_core::{Error, ErrorKind, GridIntensity, MarginalIntensity};
use greenroute_testkit::{Fault, Reply, RetryAfter};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

const SOURCES: [(&str, &str, &str); 4] = [
    ("electricity_maps", "electricity maps", "DE"),
    ("carbon_intensity_uk", "uk carbon intensity", "GB"),
    ("eia", "eia", "US-TEX-ERCO"),
    ("watttime", "watttime", "US-CAL-CISO"),
];

async fn ask(fakes: &Fakes, vendor: &str, place: &str) -> Result<f64, Error> {
    let zone = zone(place);
    let reading = match vendor {
        "electricity_maps" => fakes.maps().intensity(&zone, noon()).await?,
        "carbon_intensity_uk" => fakes.uk().intensity(&zone, noon()).await?,
        "eia" => fakes.eia().intensity(&zone, noon()).await?,
        _ => fakes.watt_time(&Hand::new()).marginal(&zone, noon()).await?.0,
    };
    Ok(reading.intensity.value().as_grams_per_kwh())
}

#[tokio::test]
async fn every_fault_of_a_wire_is_an_error_of_the_source_or_none() {
    let fakes = Fakes::start().await;
    for (vendor, origin, place) in SOURCES {
        let good = ask(&fakes, vendor, place).await.unwrap();
        for fault in Fault::ALL {
            fakes.server.fault_next(vendor, *fault);
            let befell = |fakes: &Fakes| fakes.server.tally().values().sum::<u64>();
            let before = befell(&fakes);
            let outcome = ask(&fakes, vendor, place).await;
            match outcome {
                Ok(grams) => {
                    let harmless = fault.is_harmless() || befell(&fakes) == before;
                    // A connection that closes before it took the request is tried on another one.
                    assert!(harmless || *fault == Fault::CloseBeforeHeaders, "{vendor} {fault}");
                    assert_eq!(grams, good, "{vendor} {fault}");
                }
                Err(error) => {
                    assert!(!fault.is_harmless(), "{vendor} {fault}: {error}");
                    assert_eq!(error.origin(), origin);
                    mute(&error);
                }
            }
        }
    }
}

#[tokio::test]
async fn kinds_of_refusals_are_told_apart() {
    let fakes = Fakes::start().await;
    for (vendor, origin, place) in SOURCES {
        let kind = async |fault| {
            fakes.server.fault_next(vendor, fault);
            let error = ask(&fakes, vendor, place).await.unwrap_err();
            assert_eq!(error.origin(), origin);
            error.kind().clone()
        };
        let limited = kind(Fault::RateLimited(RetryAfter::Seconds(9))).await;
        assert_eq!(limited, ErrorKind::RateLimited { after: Some(Duration::from_secs(9)) }, "{vendor}");
        assert_eq!(kind(Fault::Server500).await, ErrorKind::Server, "{vendor}");
        assert_eq!(kind(Fault::Unavailable503).await, ErrorKind::Overloaded, "{vendor}");
        assert_eq!(kind(Fault::WrongContentType).await, ErrorKind::Decode, "{vendor}: a captive portal");
        assert_eq!(kind(Fault::EmptyBody).await, ErrorKind::Decode, "{vendor}");
        assert_eq!(kind(Fault::StallBeforeHeaders).await, ErrorKind::Timeout, "{vendor}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_endless_answers_not_read() {
    let fakes = Fakes::start().await;
    for (vendor, _, place) in SOURCES {
        let away = Reply::raw(302, "text/html", "").header("location", "https://portal.example/login?key=x");
        fakes.server.reply_with(vendor, away);
        let error = ask(&fakes, vendor, place).await.unwrap_err();
        assert!(error.kind() == &ErrorKind::Decode, "{error}");
        fakes.server.reply_with(vendor, Reply::raw(200, "application/json", vec![b' '; 9 << 20]));
        let error = ask(&fakes, vendor, place).await.unwrap_err();
        // The body of WattTime's login is the first that comes, and is not shown.
        let told =
            error.message().contains("larger than 8388608 bytes") || error.message().contains("`token`");
        assert!(told && error.kind() == &ErrorKind::Decode, "{error}");
    }
}

#[tokio::test]
async fn numbers_that_no_grid_has_name_their_field() {
    let fakes = Fakes::start().await;
    let maps = |grams: Value, time: &str| {
        let body = json!({"zone": "DE", "carbonIntensity": grams, "datetime": time});
        fakes.server.reply_with("electricity_maps", Reply::json(200, body));
    };
    const NOW: &str = "2026-11-21T12:00:00Z";
    for (grams, time, told) in [
        (json!(-5), NOW, "`carbonIntensity` is -5 g/kWh, which no grid has"),
        (json!(3001), NOW, "`carbonIntensity` is 3001 g/kWh, which no grid has"),
        (json!(0), NOW, "`carbonIntensity` is 0 g/kWh, less than any plant's over its life"),
        (json!(null), NOW, "`carbonIntensity` of DE is null"),
        (json!(300), "2026-11-21", "`datetime` `2026-11-21` is no time"),
        (
            json!(300),
            "2019-01-01T00:00:00Z",
            "`datetime` is 2019-01-01T00:00:00Z, too long before 2026-11-21T12:20:00Z",
        ),
        (
            json!(300),
            "2099-01-01T00:00:00Z",
            "`datetime` is 2099-01-01T00:00:00Z, after 2026-11-21T12:20:00Z",
        ),
    ] {
        maps(grams, time);
        let error = ask(&fakes, "electricity_maps", "DE").await.unwrap_err();
        assert_eq!((error.origin(), error.message()), ("electricity maps", told));
    }
    for body in [
        "{\"zone\":\"DE\",\"carbonIntensity\":1e999}",
        "{\"zone\":\"DE\",\"carbonIntensity\":NaN}",
        "[]",
        "null",
        "\"\"",
    ] {
        fakes.server.reply_with("electricity_maps", Reply::raw(200, "application/json", body));
        let error = ask(&fakes, "electricity_maps", "DE").await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Decode, "{body}: {error}");
    }
    for (value, told) in [
        (json!("lots"), "`value` `lots` is no number"),
        (json!(9e9), "`value` is 9000000000 MWh of NG, which nobody makes in an hour"),
    ] {
        let row = json!({"period": "2026-11-21T11", "respondent": "ERCO", "fueltype": "NG", "value": value});
        fakes.server.reply_with("eia", Reply::json(200, json!({"response": {"total": "1", "data": [row]}})));
        assert_eq!(ask(&fakes, "eia", "US-TEX-ERCO").await.unwrap_err().message(), told);
    }
    let later = json!({"response": {"total": 1, "data":
        [{"period": "2199-01-01T00", "respondent": "ERCO", "fueltype": "NG", "value": 5}]}});
    fakes.server.reply_with("eia", Reply::json(200, later));
    let error = ask(&fakes, "eia", "US-TEX-ERCO").await.unwrap_err();
    assert!(error.message().starts_with("`period` is 2199-01-01T00:00:00Z, after "), "{error}");
    let endless = json!({"response": {"total": "999999999", "data":
        [{"period": "2026-11-21T11", "respondent": "ERCO", "fueltype": "NG", "value": 5}]}});
    (0..20).for_each(|_| fakes.server.reply_with("eia", Reply::json(200, endless.clone())));
    let error = ask(&fakes, "eia", "US-TEX-ERCO").await.unwrap_err();
    assert_eq!(error.message(), "`total` is not reached after 20 pages");
    let backwards = json!({"data": [{"from": "2026-11-21T12:30Z", "to": "2026-11-21T12:00Z",
        "intensity": {"forecast": 1, "actual": 1}}]});
    fakes.server.reply_with("carbon_intensity_uk", Reply::json(200, backwards));
    let error = ask(&fakes, "carbon_intensity_uk", "GB").await.unwrap_err();
    assert_eq!(error.message(), "`to` is 2026-11-21T12:00Z, not after `from`");
}

#[tokio::test]
async fn no_web_page_stands_on_a_receipt() {
    let fakes = Fakes::start().await;
    for (vendor, _, place) in SOURCES {
        let page = format!("<html><title>Sign in</title>{}</html>", "<p>Terms and conditions</p>".repeat(99));
        // WattTime's first answer is that of its login.
        (0..2).for_each(|_| {
            fakes
                .server
                .reply_with(vendor, Reply::raw(429, "text/html", page.clone()).header("retry-after", "70"));
        });
        let error = ask(&fakes, vendor, place).await.unwrap_err();
        assert!(error.message().chars().count() <= 161, "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(70)));
        assert!(
            std::error::Error::source(&error).unwrap().to_string().len() > 400,
            "the whole is the source"
        );
        fakes.server.clear();
    }
}

#[tokio::test]
async fn times_beyond_the_calendar_are_refused_unasked() {
    let fakes = Fakes::start().await;
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    for at in [epoch - Duration::from_secs(1), epoch + Duration::from_secs(i64::MAX.unsigned_abs())] {
        let watt_time = fakes.watt_time(&Hand::new());
        let errors = [
            fakes.maps().intensity(&zone("DE"), at).await.unwrap_err(),
            fakes.uk().intensity(&zone("GB"), at).await.unwrap_err(),
            fakes.eia().intensity(&zone("US-TEX-ERCO"), at).await.unwrap_err(),
            watt_time.marginal(&zone("US-CAL-CISO"), at).await.unwrap_err(),
            fakes.maps().forecast(&zone("DE"), at, at).await.unwrap_err(),
            watt_time.marginal_forecast(&zone("US-CAL-CISO"), noon(), at).await.unwrap_err(),
        ];
        assert!(errors.iter().all(|error| *error.kind() == ErrorKind::Config), "{errors:?}");
    }
    assert!(fakes.server.requests().is_empty());
}

/// JSON with the fields that the sources read, and with whatever in them.
fn bodies() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("2026-11-21T12:00:00Z")),
        Just(json!("2026-11-21T12:00Z")),
        Just(json!("2026-11-21T12:30Z")),
        Just(json!("2026-11-21T11")),
        Just(json!("DE")),
        Just(json!("ERCO")),
        ".{0,9}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "zone",
        "carbonIntensity",
        "datetime",
        "data",
        "from",
        "to",
        "intensity",
        "actual",
        "forecast",
        "response",
        "total",
        "period",
        "respondent",
        "fueltype",
        "value",
        "token",
        "meta",
        "error",
    ]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_body_panics_and_no_number_is_beyond_belief(body in bodies(), which in 0_usize..4) {
        let (vendor, _, place) = SOURCES[which];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(async {
            let fakes = Fakes::start().await;
            (0..25).for_each(|_| fakes.server.reply_with(vendor, Reply::json(200, body.clone())));
            ask(&fakes, vendor, place).await
        });
        if let Ok(grams) = outcome {
            prop_assert!((0.0..=3000.0).contains(&grams));
        }
    }
}

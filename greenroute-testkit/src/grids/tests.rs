//! The fakes' bodies have the shape of recorded ones, and requests that the real services would not take are refused.

use super::*;
use crate::asked::{Asked, Recorded};
use crate::reply::Body;
use crate::vendor::Vendor;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2026-11-21T12:20:00Z.
fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_263_600)
}

fn world() -> GridWorld {
    let world = GridWorld::at(noon());
    for zone in ["DE", "GB", "RG10", "CAISO_NORTH", "ERCO/NG", "ERCO/WND"] {
        world.set(zone, UNIX_EPOCH, Some(100.5));
    }
    world
}

/// A GET of `path?query`, with an `authorization` where one is given.
fn get(url: &str, authorization: &str) -> Recorded {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let authorization = Some(authorization).filter(|authorization| !authorization.is_empty());
    Recorded {
        vendor: "",
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        headers: authorization
            .map(|value| ("authorization".to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        body: Value::Null,
        raw: Bytes::new(),
    }
}

fn body(reply: &Reply) -> &Value {
    let Body::Json(body) = &reply.body else { panic!("{reply:?}") };
    body
}

fn answered(vendor: &impl Vendor, request: &Recorded) -> Value {
    match vendor.read(request) {
        Ok(Asked::Own(reply)) if reply.status == 200 => body(&reply).clone(),
        other => panic!("{}: {other:?}", request.path),
    }
}

fn refused(vendor: &impl Vendor, request: &Recorded) -> u16 {
    match vendor.read(request) {
        Err(reply) => reply.status,
        Ok(asked) => panic!("{} {:?}: {asked:?}", request.path, request.query),
    }
}

/// Every field with what kind of value it has, `.` within objects and `[]` within lists.
fn shape(value: &Value, at: &str, into: &mut BTreeSet<(String, &'static str)>) {
    let kind = match value {
        Value::Null => return,
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(items) => {
            items.iter().for_each(|item| shape(item, &format!("{at}[]"), into));
            "list"
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| shape(field, &format!("{at}.{name}"), into));
            "object"
        }
    };
    into.insert((at.to_owned(), kind));
}

/// That the fake says all that the recorded one says, in the same kinds.
fn shaped_like(fake: &Value, name: &str) {
    let (mut given, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    shape(fake, "", &mut given);
    shape(body(&recorded(name)), "", &mut wanted);
    let missing: Vec<_> = wanted.difference(&given).collect();
    assert!(missing.is_empty(), "{name}: {missing:?}");
}

const MAPS: &str =
    "zone=DE&emissionFactorType=lifecycle&disableEstimations=false&shouldUseFallbackCallerLookup=false";
const EIA: &str = "frequency=hourly&data[0]=value&facets[respondent][]=ERCO&start=2026-11-20T12&end=2026-11-21T12\
    &sort[0][column]=period&sort[0][direction]=desc&length=5000&offset=0";

#[test]
fn answers_have_the_shape_of_recorded_ones() {
    let maps = ElectricityMaps::new(&world()).estimated();
    let latest = answered(&maps, &get(&format!("/v3/carbon-intensity/latest?{MAPS}"), ""));
    shaped_like(&latest, "electricitymaps_v3_latest");
    shaped_like(&latest, "electricitymaps_v3_latest_2025");
    shaped_like(
        &answered(&maps, &get(&format!("/v3/carbon-intensity/history?{MAPS}"), "")),
        "electricitymaps_v3_history",
    );
    let ahead = get(&format!("/v3/carbon-intensity/forecast?{MAPS}&horizonHours=72"), "");
    shaped_like(&answered(&maps, &ahead), "electricitymaps_v3_forecast");
    let uk = CarbonIntensityUk::new(&world());
    shaped_like(&answered(&uk, &get("/intensity", "")), "uk_intensity");
    let Err(error) = uk.read(&get("/intensity/noon/fw24h", "")) else { panic!("noon is no time") };
    shaped_like(body(&error), "uk_error");
    let path = format!("/v2/electricity/rto/fuel-type-data/data/?api_key=k&{EIA}");
    shaped_like(&answered(&Eia::new(&world(), "k"), &get(&path, "")), "eia_v2_fuel_type");
    shaped_like(
        &answered(&Eia::new(&world(), "k").numeric(), &get(&path, "")),
        "eia_v2_fuel_type_numeric_2022",
    );
    let watt_time = WattTime::new(&world(), "u", "p");
    let login = answered(&watt_time, &get("/login", "Basic dTpw"));
    shaped_like(&login, "watttime_v3_login");
    let bearer = format!("Bearer {}", login["token"].as_str().unwrap());
    let forecast = get("/v3/forecast?region=CAISO_NORTH&signal_type=co2_moer&horizon_hours=1", &bearer);
    shaped_like(&answered(&watt_time, &forecast), "watttime_v3_forecast");
    let place = get("/v3/region-from-loc?latitude=37&longitude=-122&signal_type=co2_moer", &bearer);
    shaped_like(&answered(&watt_time, &place), "watttime_v3_region_from_loc");
}

#[test]
fn electricity_maps_takes_only_what_it_knows() {
    let maps = ElectricityMaps::new(&world());
    let latest = |query: &str| get(&format!("/v3/carbon-intensity/latest?{query}"), "");
    for (query, status) in [
        ("", 400),
        ("zone=DE&foo=1", 400),
        ("zone=DE&emissionFactorType=both", 400),
        ("zone=DE&disableEstimations=1", 400),
        ("zone=DE&horizonHours=24", 400),
        ("zone=XX&shouldUseFallbackCallerLookup=false", 404),
    ] {
        assert_eq!(refused(&maps, &latest(query)), status, "{query}");
    }
    let caller = answered(&maps, &latest("zone=XX"));
    assert_eq!(caller["zone"], "DK-DK1", "the caller's own place, as nobody forbade it");
    assert_eq!(refused(&maps, &Recorded { method: "POST".to_owned(), ..latest("zone=DE") }), 400);
    assert_eq!(refused(&maps, &get("/v3/carbon-intensity/level?zone=DE", "")), 404);
    let free = maps.free("DE");
    assert_eq!(refused(&free, &latest("zone=GB")), 401);
    assert_eq!(refused(&free, &get("/v3/carbon-intensity/forecast?zone=DE", "")), 403);
}

#[test]
fn times_have_one_form_each() {
    let uk = CarbonIntensityUk::new(&world());
    for (path, status) in [
        ("/intensity/2026-11-21T12:00:00Z/fw24h", 400),
        ("/intensity/2026-11-21T12:00/fw24h", 400),
        ("/intensity/2026-11-21T25:00Z/fw24h", 400),
        ("/intensity/2026-11-21T12:00Z/fw36h", 404),
        ("/intensity?zone=GB", 400),
        ("/regional/postcode/RG10 9XX", 400),
        ("/regional/postcode/ZZ9", 400),
        ("/nothing", 404),
    ] {
        assert_eq!(refused(&uk, &get(path, "")), status, "{path}");
    }
    let ahead = answered(&uk, &get("/intensity/2026-11-21T12:10Z/fw48h", ""));
    assert_eq!(ahead["data"].as_array().unwrap().len(), 96);
    assert_eq!(ahead["data"][1]["intensity"]["actual"], Value::Null);
}

#[test]
fn eia_wants_its_key_its_sorting_and_its_hours() {
    let eia = Eia::new(&world(), "k");
    let path = |query: &str| get(&format!("/v2/electricity/rto/fuel-type-data/data/?{query}"), "");
    assert_eq!(refused(&eia, &path(EIA)), 403);
    assert_eq!(refused(&eia, &path(&format!("api_key=other&{EIA}"))), 403);
    for (from, to) in [
        ("frequency=hourly", "frequency=daily"),
        ("&data[0]=value", ""),
        ("2026-11-20T12", "2026-11-20"),
        ("length=5000", "length=5001"),
        ("sort[0][direction]=desc", "sort[0][direction]=asc"),
        ("offset=0", "page=0"),
    ] {
        assert_eq!(refused(&eia, &path(&format!("api_key=k&{}", EIA.replace(from, to)))), 400, "{to}");
    }
    let none = answered(&eia, &path(&format!("api_key=k&{}", EIA.replace("ERCO", "NONE"))));
    assert_eq!(none["response"]["data"], Value::Array(Vec::new()), "what is unknown is empty and no error");
    let paged = answered(&eia.page(3), &path(&format!("api_key=k&{}", EIA.replace("offset=0", "offset=2"))));
    assert_eq!(paged["response"]["data"].as_array().unwrap().len(), 3);
    assert_eq!(paged["response"]["total"], "46", "23 hours of two fuels");
}

#[test]
fn watt_time_wants_a_token_that_has_not_ended() {
    let world = world();
    let watt_time = WattTime::new(&world, "u", "p");
    assert_eq!(refused(&watt_time, &get("/login", "Basic dTpx")), 401);
    let token = |login: &Value| format!("Bearer {}", login["token"].as_str().unwrap());
    let bearer = token(&answered(&watt_time, &get("/login", "Basic dTpw")));
    let ask = |query: &str| get(&format!("/v3/forecast?{query}"), &bearer);
    const GOOD: &str = "region=CAISO_NORTH&signal_type=co2_moer";
    answered(&watt_time, &ask(GOOD));
    for (query, status) in [
        ("region=CAISO_NORTH", 400),
        ("region=CAISO_NORTH&signal_type=co2", 400),
        ("region=CAISO_NORTH&signal_type=co2_moer&horizon_hours=73", 400),
        ("region=CAISO_NORTH&signal_type=co2_moer&ba=1", 400),
        ("region=NOWHERE&signal_type=co2_moer", 404),
    ] {
        assert_eq!(refused(&watt_time, &ask(query)), status, "{query}");
    }
    let past = |span: &str| get(&format!("/v3/historical?{GOOD}&{span}"), &bearer);
    assert_eq!(refused(&watt_time, &past("start=2026-11-21T11:00&end=2026-11-21T12:00")), 400);
    assert_eq!(refused(&watt_time, &past("start=2026-09-21T11:00:00Z&end=2026-11-21T12:00:00Z")), 400);
    answered(
        &watt_time,
        &past("start=2026-11-21T11:00:00Z&end=2026-11-21T12:00:00%2B00:00".replace("%2B", "+").as_str()),
    );
    assert_eq!(refused(&watt_time.clone().free(), &ask("region=ELSEWHERE&signal_type=co2_moer")), 403);
    world.advance(Duration::from_secs(1800));
    assert_eq!(refused(&watt_time, &ask(GOOD)), 401, "after half an hour");
    watt_time.limit_logins(3);
    answered(&watt_time, &get("/login", "Basic dTpw"));
    assert_eq!((refused(&watt_time, &get("/login", "Basic dTpw")), watt_time.logins()), (429, 4));
}

#[test]
fn a_world_changes_when_it_is_told() {
    let world = GridWorld::at(noon());
    world.set("DE", noon(), Some(1.0));
    world.set("DE", noon() + Duration::from_secs(10), None);
    assert_eq!(world.value("DE", noon() - Duration::from_secs(1)), None);
    assert_eq!(world.value("DE", noon() + Duration::from_secs(9)), Some(Some(1.0)));
    assert_eq!(world.value("DE", noon() + Duration::from_secs(99)), Some(None));
    let shared = world.clone();
    shared.advance(Duration::from_secs(5));
    assert_eq!(world.now(), noon() + Duration::from_secs(5));
}

use super::source::{Source, number, only};
use super::{GridWorld, clock};
use crate::asked::Recorded;
use crate::reply::Reply;
use crate::vendor::Trouble;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const HALF_HOUR: u64 = 1800;

/// Great Britain's carbon intensity, at `/carbon_intensity_uk`: now, forecasts, and by outward postcode. No key.
///
/// Its zones in the world are `GB` and outward postcodes such as `RG10`; what has not happened yet has no `actual`.
#[derive(Debug, Clone)]
pub struct CarbonIntensityUk {
    world: GridWorld,
    metered: bool,
}

impl CarbonIntensityUk {
    /// Of this world.
    #[must_use]
    pub fn new(world: &GridWorld) -> Self {
        Self { world: world.clone(), metered: true }
    }

    /// Which has not metered the half hour that runs.
    #[must_use]
    pub fn unmetered(self) -> Self {
        Self { metered: false, ..self }
    }

    fn half_hour(&self, zone: &str, from: SystemTime, regional: bool) -> Value {
        let value = self.world.value(zone, from).flatten();
        let past = self.metered && from <= self.world.now();
        let forecast = value.map(|grams| number(grams + 3.0));
        let actual = value.filter(|_| past).map_or(Value::Null, number);
        let intensity = if regional {
            json!({"forecast": forecast, "index": "moderate"})
        } else {
            json!({"forecast": forecast, "actual": actual, "index": "moderate"})
        };
        let to = from + Duration::from_secs(HALF_HOUR);
        json!({"from": clock::minute(from), "to": clock::minute(to), "intensity": intensity})
    }

    fn ahead(&self, zone: &str, from: &str, span: &str, regional: bool) -> Result<Vec<Value>, Trouble> {
        let bad = |what: &str| Trouble::Invalid(format!("Please enter a valid {what}"));
        let from = clock::read_minute(from).ok_or_else(|| bad("date in ISO8601 format YYYY-MM-DDThh:mmZ"))?;
        let halves = match span {
            "fw24h" => 48,
            "fw48h" => 96,
            _ => return Err(Trouble::NoSuchPath),
        };
        let first = clock::floor(from, HALF_HOUR);
        let times = (0..halves).map(|nth| first + Duration::from_secs(nth * HALF_HOUR));
        Ok(times.map(|from| self.half_hour(zone, from, regional)).collect())
    }

    fn region(&self, postcode: &str) -> Result<(), Trouble> {
        let known = !postcode.contains(' ') && self.world.knows(postcode);
        if known { Ok(()) } else { Err(Trouble::Invalid("Please enter a valid postcode".to_owned())) }
    }
}

fn regional(postcode: &str, data: &[Value]) -> Value {
    let region = json!({"regionid": 12, "dnoregion": "SSE South", "shortname": "South England",
        "postcode": postcode, "data": data});
    region
}

impl Source for CarbonIntensityUk {
    const NAME: &'static str = "carbon_intensity_uk";
    const BASE_PATH: &'static str = "";
    const KEY_HEADERS: &'static [(&'static str, &'static str)] = &[];

    fn answer(&self, request: &Recorded) -> Result<Reply, Trouble> {
        only(request, &[])?;
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let now = clock::floor(self.world.now(), HALF_HOUR);
        let data = match parts.as_slice() {
            ["intensity"] => json!([self.half_hour("GB", now, false)]),
            ["intensity", from, span] => json!(self.ahead("GB", from, span, false)?),
            ["regional", "postcode", postcode] => {
                self.region(postcode)?;
                json!([regional(postcode, &[self.half_hour(postcode, now, true)])])
            }
            ["regional", "intensity", from, span, "postcode", postcode] => {
                self.region(postcode)?;
                // Here the region is an object, not a list of one.
                regional(postcode, &self.ahead(postcode, from, span, true)?)
            }
            _ => return Err(Trouble::NoSuchPath),
        };
        Ok(Reply::json(200, json!({"data": data})))
    }

    fn refuse(&self, trouble: &Trouble) -> Reply {
        let (status, code, told) = match trouble {
            Trouble::Invalid(told) => (400, "400 Bad Request", told.as_str()),
            Trouble::NoSuchPath | Trouble::NoSuchModel(_) => (404, "404 Not Found", "no such path"),
            Trouble::RateLimited(_) | Trouble::QuotaExhausted => (429, "429 Too Many Requests", "slow down"),
            Trouble::Overloaded | Trouble::Unavailable => (503, "503 Service Unavailable", "down"),
            _ => (500, "500 Internal Server Error", "Internal Server Error - Please contact support"),
        };
        Reply::json(status, json!({"error": {"code": code, "message": told}}))
    }
}

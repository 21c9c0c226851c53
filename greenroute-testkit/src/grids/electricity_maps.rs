use super::source::{Source, need, number, one_of, only};
use super::{GridWorld, clock};
use crate::asked::Recorded;
use crate::reply::Reply;
use crate::vendor::Trouble;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const HOUR: u64 = 3600;
/// What every request may say.
const FIELDS: [&str; 5] = [
    "zone",
    "emissionFactorType",
    "disableEstimations",
    "shouldUseFallbackCallerLookup",
    "temporalGranularity",
];

/// Electricity Maps, version 3, at `/electricity_maps/v3`: latest, history, forecast.
///
/// As the real one it answers for the caller's own place where a zone is unknown and nobody forbade that.
#[derive(Debug, Clone)]
pub struct ElectricityMaps {
    world: GridWorld,
    paid: bool,
    only: Option<String>,
    estimated: bool,
}

impl ElectricityMaps {
    /// Of this world, with an account that may do everything.
    #[must_use]
    pub fn new(world: &GridWorld) -> Self {
        Self { world: world.clone(), paid: true, only: None, estimated: false }
    }

    /// With a free account, which has one zone and no forecasts.
    #[must_use]
    pub fn free(self, zone: &str) -> Self {
        Self { paid: false, only: Some(zone.to_owned()), ..self }
    }

    /// Whose numbers are its own estimates.
    #[must_use]
    pub fn estimated(self) -> Self {
        Self { estimated: true, ..self }
    }

    fn intensity(&self, zone: &str, at: SystemTime) -> Value {
        self.world.value(zone, at).flatten().map_or(Value::Null, number)
    }

    fn row(&self, zone: &str, at: SystemTime, factors: &str, bare: bool) -> Value {
        let time = |at| clock::millis(at);
        let intensity = if bare && self.estimated { Value::Null } else { self.intensity(zone, at) };
        json!({
            "zone": zone,
            "carbonIntensity": intensity,
            "datetime": time(at),
            "updatedAt": time(self.world.now()),
            "createdAt": time(at - Duration::from_secs(72 * HOUR)),
            "emissionFactorType": factors,
            "isEstimated": self.estimated,
            "estimationMethod": if self.estimated { json!("TIME_SLICER_AVERAGE") } else { Value::Null },
            "temporalGranularity": "hourly",
        })
    }
}

impl Source for ElectricityMaps {
    const NAME: &'static str = "electricity_maps";
    const BASE_PATH: &'static str = "/v3";
    const KEY_HEADERS: &'static [(&'static str, &'static str)] = &[("auth-token", "")];

    fn answer(&self, request: &Recorded) -> Result<Reply, Trouble> {
        let what = request.path.strip_prefix("/v3/carbon-intensity/").ok_or(Trouble::NoSuchPath)?;
        let mut fields = FIELDS.to_vec();
        match what {
            "forecast" => fields.push("horizonHours"),
            "latest" | "history" => {}
            _ => return Err(Trouble::NoSuchPath),
        }
        only(request, &fields)?;
        let zone = need(request, "zone")?;
        let factors = one_of(request, "emissionFactorType", &["lifecycle", "direct"])?.unwrap_or("lifecycle");
        let bare = one_of(request, "disableEstimations", &["true", "false"])? == Some("true");
        let fallback = one_of(request, "shouldUseFallbackCallerLookup", &["true", "false"])?;
        one_of(request, "temporalGranularity", &["hourly"])?;
        if self.only.as_deref().is_some_and(|only| only != zone) {
            return Err(Trouble::Key);
        }
        let zone = if self.world.knows(zone) {
            zone
        } else if fallback == Some("false") {
            return Err(Trouble::NoSuchModel(zone.to_owned()));
        } else {
            "DK-DK1"
        };
        let hour = clock::floor(self.world.now(), HOUR);
        match what {
            "latest" => Ok(Reply::json(200, self.row(zone, hour, factors, bare))),
            "history" => {
                let hours = (0..24).rev().map(|back| hour - Duration::from_secs(back * HOUR));
                let rows: Vec<Value> = hours.map(|hour| self.row(zone, hour, factors, bare)).collect();
                Ok(Reply::json(200, json!({"zone": zone, "history": rows})))
            }
            _ if !self.paid => Err(Trouble::Permission),
            _ => {
                let horizon = one_of(request, "horizonHours", &["6", "24", "48", "72"])?;
                let hours: u64 = horizon.unwrap_or("24").parse().unwrap_or(24);
                let times = (0..=hours).map(|ahead| hour + Duration::from_secs(ahead * HOUR));
                let points = times.map(
                    |at| json!({"carbonIntensity": self.intensity(zone, at), "datetime": clock::millis(at)}),
                );
                let points: Vec<Value> = points.collect();
                let updated = clock::millis(self.world.now());
                Ok(Reply::json(200, json!({"zone": zone, "forecast": points, "updatedAt": updated})))
            }
        }
    }

    fn refuse(&self, trouble: &Trouble) -> Reply {
        let (status, told) = match trouble {
            Trouble::Key => (401, "Invalid auth-token".to_owned()),
            Trouble::Permission => (403, "Access denied".to_owned()),
            Trouble::NoSuchModel(zone) => (404, format!("Zone '{zone}' does not exist.")),
            Trouble::NoSuchPath => (404, "Not found".to_owned()),
            Trouble::Invalid(told) => (400, told.clone()),
            Trouble::RateLimited(_) | Trouble::QuotaExhausted => (429, "Too many requests".to_owned()),
            Trouble::Overloaded | Trouble::Unavailable => (503, "Service unavailable".to_owned()),
            _ => (500, "Internal server error".to_owned()),
        };
        Reply::json(status, json!({"status": "error", "message": told}))
    }
}

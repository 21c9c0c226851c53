use super::source::{Source, need, number, one_of, only};
use super::{GridWorld, clock};
use crate::asked::Recorded;
use crate::reply::Reply;
use crate::vendor::Trouble;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const HOUR: u64 = 3600;
const ROWS: usize = 5000;
const FIELDS: [&str; 11] = [
    "api_key",
    "frequency",
    "data[0]",
    "facets[respondent][]",
    "start",
    "end",
    "sort[0][column]",
    "sort[0][direction]",
    "length",
    "offset",
    "facets[fueltype][]",
];

/// EIA's open data, version 2, at `/eia/v2`: hourly generation by fuel. Its key stands in the query.
///
/// Its zones in the world are written `ERCO/WND`, in MWh.
#[derive(Debug, Clone)]
pub struct Eia {
    world: GridWorld,
    key: String,
    lag: u64,
    numeric: bool,
    page: usize,
}

impl Eia {
    /// Of this world, taking this key; what is known is two hours old.
    #[must_use]
    pub fn new(world: &GridWorld, key: &str) -> Self {
        Self { world: world.clone(), key: key.to_owned(), lag: 2, numeric: false, page: ROWS }
    }

    /// Which knows nothing of the last so many hours.
    #[must_use]
    pub fn lag(self, hours: u64) -> Self {
        Self { lag: hours, ..self }
    }

    /// Which writes numbers as numbers, as it did before 2024.
    #[must_use]
    pub fn numeric(self) -> Self {
        Self { numeric: true, ..self }
    }

    /// Which gives no more than so many rows at once.
    #[must_use]
    pub fn page(self, rows: usize) -> Self {
        Self { page: rows.min(ROWS), ..self }
    }

    fn written(&self, value: Value) -> Value {
        if self.numeric || value.is_null() { value } else { Value::String(value.to_string()) }
    }

    fn row(&self, hour: SystemTime, respondent: &str, fuel: &str) -> Option<Value> {
        let value = self.world.value(&format!("{respondent}/{fuel}"), hour)?;
        Some(json!({
            "period": clock::hour(hour),
            "respondent": respondent,
            "respondent-name": format!("{respondent}, whoever that is"),
            "fueltype": fuel,
            "type-name": fuel,
            "value": self.written(value.map_or(Value::Null, number)),
            "value-units": "megawatthours",
        }))
    }
}

fn count(request: &Recorded, name: &str, least: usize, most: usize) -> Result<Option<usize>, Trouble> {
    let wrong = || Trouble::Invalid(format!("Invalid {name}. It must be from {least} to {most}."));
    let Some(text) = request.query.get(name) else { return Ok(None) };
    let number: usize = text.parse().map_err(|_| wrong())?;
    if (least..=most).contains(&number) { Ok(Some(number)) } else { Err(wrong()) }
}

impl Source for Eia {
    const NAME: &'static str = "eia";
    const BASE_PATH: &'static str = "/v2";
    /// The server looks into headers alone: this source looks for its key itself.
    const KEY_HEADERS: &'static [(&'static str, &'static str)] = &[];

    fn answer(&self, request: &Recorded) -> Result<Reply, Trouble> {
        if request.path != "/v2/electricity/rto/fuel-type-data/data/" {
            return Err(Trouble::NoSuchPath);
        }
        if request.query.get("api_key") != Some(&self.key) {
            return Err(Trouble::Key);
        }
        only(request, &FIELDS)?;
        let must = |name: &str, value: &str| {
            one_of(request, name, &[value])?;
            need(request, name)
        };
        must("frequency", "hourly")?;
        must("data[0]", "value")?;
        must("sort[0][column]", "period")?;
        must("sort[0][direction]", "desc")?;
        let hour = |name: &str| {
            let wrong = || Trouble::Invalid(format!("Invalid {name}. Its form is YYYY-MM-DDTHH."));
            clock::read_hour(need(request, name)?).ok_or_else(wrong)
        };
        let (start, end) = (hour("start")?, hour("end")?);
        let length = count(request, "length", 1, ROWS)?.unwrap_or(ROWS).min(self.page);
        let offset = count(request, "offset", 0, usize::MAX)?.unwrap_or(0);
        let respondent = need(request, "facets[respondent][]")?;
        let newest = clock::floor(self.world.now(), HOUR) - Duration::from_secs(self.lag * HOUR);
        let fuels = self.world.under(respondent);
        let mut rows = Vec::new();
        let mut at = newest.min(end);
        while at >= start && !fuels.is_empty() {
            rows.extend(fuels.iter().filter_map(|fuel| self.row(at, respondent, fuel)));
            at -= Duration::from_secs(HOUR);
        }
        let total = self.written(json!(rows.len()));
        let data: Vec<Value> = rows.into_iter().skip(offset).take(length).collect();
        Ok(Reply::json(
            200,
            json!({
                "response": {
                    "total": total,
                    "dateFormat": "YYYY-MM-DD\"T\"HH24",
                    "frequency": "hourly",
                    "data": data,
                    "description": "Hourly net generation by balancing authority and energy source.",
                },
                "request": {"command": "/v2/electricity/rto/fuel-type-data/data/", "params": {}},
                "apiVersion": "2.1.8",
            }),
        ))
    }

    fn refuse(&self, trouble: &Trouble) -> Reply {
        let told = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
        let (status, body) = match trouble {
            Trouble::Key | Trouble::Permission => (
                403,
                told(
                    "API_KEY_INVALID",
                    "An invalid api_key was supplied. Get one at https://www.eia.gov/opendata/",
                ),
            ),
            Trouble::RateLimited(_) | Trouble::QuotaExhausted => {
                (429, told("OVER_RATE_LIMIT", "You have exceeded your rate limit."))
            }
            Trouble::Invalid(message) => (400, json!({"error": message, "code": 400})),
            Trouble::NoSuchPath | Trouble::NoSuchModel(_) => {
                (404, json!({"error": "Not found.", "code": 404}))
            }
            Trouble::Overloaded | Trouble::Unavailable => (503, json!({"error": "Unavailable", "code": 503})),
            _ => (500, json!({"error": "Internal error", "code": 500})),
        };
        Reply::json(status, body)
    }
}

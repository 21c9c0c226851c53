use super::source::{Source, need, number, one_of, only};
use super::{GridWorld, clock};
use crate::asked::Recorded;
use crate::reply::Reply;
use crate::serve::locked;
use crate::vendor::Trouble;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const FIVE_MINUTES: u64 = 300;
const TOKEN_LIFE: Duration = Duration::from_secs(1800);
/// What an account without a subscription sees.
const FREE: &str = "CAISO_NORTH";

/// WattTime, version 3, at `/watttime`: login, region of a place, forecast, historical, access. Clones share their
/// tokens.
///
/// Its zones in the world are WattTime's regions, in lb/MWh.
#[derive(Debug, Clone)]
pub struct WattTime {
    world: GridWorld,
    login: String,
    subscribed: bool,
    sessions: Arc<Mutex<Sessions>>,
}

#[derive(Debug, Default)]
struct Sessions {
    tokens: BTreeMap<String, SystemTime>,
    logins: usize,
    most: Option<usize>,
}

impl WattTime {
    /// Of this world, for this account, which is subscribed.
    #[must_use]
    pub fn new(world: &GridWorld, user: &str, password: &str) -> Self {
        let login = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        Self { world: world.clone(), login, subscribed: true, sessions: Arc::default() }
    }

    /// With a free account, which sees `CAISO_NORTH` alone.
    #[must_use]
    pub fn free(self) -> Self {
        Self { subscribed: false, ..self }
    }

    /// No token is good any more.
    pub fn revoke(&self) {
        locked(&self.sessions).tokens.clear();
    }

    /// How often somebody has logged in, or tried to.
    #[must_use]
    pub fn logins(&self) -> usize {
        locked(&self.sessions).logins
    }

    /// Beyond so many, logins are refused.
    pub fn limit_logins(&self, most: usize) {
        locked(&self.sessions).most = Some(most);
    }

    fn log_in(&self, request: &Recorded) -> Result<Reply, Trouble> {
        only(request, &[])?;
        let mut sessions = locked(&self.sessions);
        sessions.logins += 1;
        if sessions.most.is_some_and(|most| sessions.logins > most) {
            return Err(Trouble::RateLimited(None));
        }
        if request.header("authorization") != Some(&self.login) {
            return Err(Trouble::Key);
        }
        let token = format!("token-{:04}-of-the-fake-watttime", sessions.logins);
        sessions.tokens.insert(token.clone(), self.world.now());
        Ok(Reply::json(200, json!({"token": token})))
    }

    fn check(&self, request: &Recorded) -> Result<(), Trouble> {
        let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
        let since = token.and_then(|token| locked(&self.sessions).tokens.get(token).copied());
        let age = since.and_then(|since| self.world.now().duration_since(since).ok());
        if age.is_some_and(|age| age < TOKEN_LIFE) { Ok(()) } else { Err(Trouble::Key) }
    }

    /// The region asked for, where this account may see it.
    fn region<'a>(&self, request: &'a Recorded) -> Result<&'a str, Trouble> {
        need(request, "signal_type")?;
        one_of(request, "signal_type", &["co2_moer"])?;
        let region = need(request, "region")?;
        if !self.subscribed && region != FREE {
            return Err(Trouble::Permission);
        }
        if self.world.knows(region) { Ok(region) } else { Err(Trouble::NoSuchModel(region.to_owned())) }
    }

    fn points(&self, region: &str, from: SystemTime, to: SystemTime) -> Vec<Value> {
        let mut points = Vec::new();
        let mut at = from;
        while at <= to {
            if let Some(Some(value)) = self.world.value(region, at) {
                points.push(json!({"point_time": clock::offset(at), "value": number(value)}));
            }
            at += Duration::from_secs(FIVE_MINUTES);
        }
        points
    }

    fn body(&self, region: &str, data: &[Value]) -> Reply {
        let generated = clock::offset(clock::floor(self.world.now(), FIVE_MINUTES));
        Reply::json(
            200,
            json!({
                "data": data,
                "meta": {
                    "region": region,
                    "signal_type": "co2_moer",
                    "units": "lbs_co2_per_mwh",
                    "data_point_period_seconds": FIVE_MINUTES,
                    "model": {"date": "2023-03-01"},
                    "warnings": [{"type": "EXAMPLE_WARNING", "message": "This is just an example"}],
                    "generated_at_period_seconds": FIVE_MINUTES,
                    "generated_at": generated,
                },
            }),
        )
    }
}

impl Source for WattTime {
    const NAME: &'static str = "watttime";
    const BASE_PATH: &'static str = "";
    /// Login and everything else want different ones: this source looks for them itself.
    const KEY_HEADERS: &'static [(&'static str, &'static str)] = &[];

    fn answer(&self, request: &Recorded) -> Result<Reply, Trouble> {
        if request.path == "/login" {
            return self.log_in(request);
        }
        self.check(request)?;
        let now = clock::floor(self.world.now(), FIVE_MINUTES);
        match request.path.as_str() {
            "/v3/forecast" => {
                only(request, &["region", "signal_type", "horizon_hours", "model"])?;
                let region = self.region(request)?;
                let wrong = || Trouble::Invalid("horizon_hours must be from 0 to 72".to_owned());
                let hours = request.query.get("horizon_hours").map_or("24", String::as_str);
                let hours: u64 = hours.parse().ok().filter(|hours| *hours <= 72).ok_or_else(wrong)?;
                let points = self.points(region, now, now + Duration::from_secs(hours * 3600));
                Ok(self.body(region, &points))
            }
            "/v3/historical" => {
                only(request, &["region", "signal_type", "start", "end", "model"])?;
                let region = self.region(request)?;
                let time = |name: &str| {
                    let wrong = || Trouble::Invalid(format!("`{name}` must be a time with an offset"));
                    clock::read_seconds(need(request, name)?).ok_or_else(wrong)
                };
                let (start, end) = (time("start")?, time("end")?);
                let days = end.duration_since(start).map_or(99, |span| span.as_secs() / 86_400);
                if days > 32 {
                    return Err(Trouble::Invalid("from start to end 32 days at most".to_owned()));
                }
                Ok(self.body(region, &self.points(region, clock::floor(start, FIVE_MINUTES), end.min(now))))
            }
            "/v3/region-from-loc" => {
                only(request, &["latitude", "longitude", "signal_type"])?;
                one_of(request, "signal_type", &["co2_moer"])?;
                let degrees = |name: &str, most: f64| {
                    let wrong = || Trouble::Invalid(format!("`{name}` is out of range"));
                    let degrees: f64 = need(request, name)?.parse().map_err(|_| wrong())?;
                    if degrees.abs() <= most { Ok(degrees) } else { Err(wrong()) }
                };
                let (latitude, _) = (degrees("latitude", 90.0)?, degrees("longitude", 180.0)?);
                // Beyond California nobody knows anything here.
                if (32.0..42.0).contains(&latitude) {
                    Ok(Reply::json(
                        200,
                        json!({"region": FREE, "region_full_name": "California ISO Northern", "signal_type": "co2_moer"}),
                    ))
                } else {
                    Err(Trouble::NoSuchModel("Coordinates".to_owned()))
                }
            }
            "/v3/my-access" => {
                only(request, &["region", "signal_type"])?;
                let region = json!({"region": FREE, "region_full_name": "California ISO Northern",
                    "endpoints": [{"endpoint": "v3/forecast", "models": [{"model": "2023-03-01"}]}]});
                Ok(Reply::json(
                    200,
                    json!({"signal_types": [{"signal_type": "co2_moer", "regions": [region]}]}),
                ))
            }
            _ => Err(Trouble::NoSuchPath),
        }
    }

    fn refuse(&self, trouble: &Trouble) -> Reply {
        let (status, error, told) = match trouble {
            Trouble::Key => (401, "unauthorized", "Bad or expired credentials".to_owned()),
            Trouble::Permission => {
                (403, "forbidden", "You do not have permission to access this region".to_owned())
            }
            Trouble::NoSuchModel(what) => (404, "not_found", format!("{what} not found")),
            Trouble::NoSuchPath => (404, "not_found", "Not found".to_owned()),
            Trouble::Invalid(told) => (400, "bad_request", told.clone()),
            Trouble::RateLimited(_) | Trouble::QuotaExhausted => {
                (429, "rate_limited", "Too many requests".to_owned())
            }
            Trouble::Overloaded | Trouble::Unavailable => (503, "unavailable", "Unavailable".to_owned()),
            _ => (500, "server_error", "Server error".to_owned()),
        };
        Reply::json(status, json!({"error": error, "message": told}))
    }
}

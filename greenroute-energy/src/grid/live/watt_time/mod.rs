mod builder;
mod token;
mod wire;

pub use builder::WattTimeBuilder;

use super::band::Band;
use super::check::{Said, floor, written};
use async_trait::async_trait;
use builder::Place;
use futures_util::lock::Mutex;
use greenroute_core::{
    Basis, Counting, GridReading, MarginalIntensity, MarginalReading, Method, Result, Zone,
};
use greenroute_http::{Request, Secret};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use token::Session;
use wire::{Access, Located, Series};

pub(super) const SAID: Said = Said("watttime");
/// From the pounds of its unit to grams, and from its megawatt-hours to kilowatt-hours: lb/MWh × 0.45359237 = g/kWh.
const GRAMS_PER_KWH: f64 = 0.453_592_37;
const UNITS: &str = "lbs_co2_per_mwh";
const SIGNAL: &str = "co2_moer";
/// Beside now: a point of the past, asked for by its time.
const STEP: Duration = Duration::from_secs(300);
/// Five minutes that begin so soon have begun by the service's clock.
const SKEW: Duration = Duration::from_secs(60);

/// Marginal intensities by [WattTime](https://watttime.org): what one more kilowatt-hour causes, by its API of version
/// 3. They are never averages of a zone: this is a [`MarginalIntensity`] and no
/// [`GridIntensity`](greenroute_core::GridIntensity).
///
/// WattTime divides the world into regions of its own, which are no zones: each zone is given its region by name or by
/// a place ([`WattTimeBuilder`]). An account without a subscription sees the region `CAISO_NORTH` only.
#[derive(Clone)]
pub struct WattTime {
    session: Arc<Session>,
    places: BTreeMap<Zone, Place>,
    /// Regions that were looked up by a place.
    found: Arc<Mutex<BTreeMap<Zone, String>>>,
}

impl WattTime {
    /// With this account and no zone yet: use [`builder`](Self::builder) to give it some.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](greenroute_core::ErrorKind::Config) where nobody can log in with that.
    pub fn new(user: &str, password: impl Into<Secret>) -> Result<Self> {
        Self::builder(user, password).build()
    }

    /// With the account in the environment variables `WATTTIME_USERNAME` (or `WATTTIME_USER`) and `WATTTIME_PASSWORD`, as
    /// a builder, since zones have to be given.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](greenroute_core::ErrorKind::Config), naming the variable, where it holds nothing.
    pub fn from_env() -> Result<WattTimeBuilder> {
        let user = Secret::from_env("WATTTIME_USERNAME")
            .or_else(|unset| Secret::from_env("WATTTIME_USER").map_err(|_| unset))?;
        Ok(Self::builder(user.reveal(), Secret::from_env("WATTTIME_PASSWORD")?))
    }

    /// With settings.
    pub fn builder(user: &str, password: impl Into<Secret>) -> WattTimeBuilder {
        WattTimeBuilder::new(user, password.into())
    }

    /// The regions whose marginal intensity this account may see.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn access(&self) -> Result<Vec<String>> {
        let access: Access = self.session.ask(|client| client.get("v3/my-access")).await?;
        let signals = access.signal_types.into_iter().filter(|signal| signal.signal_type == SIGNAL);
        Ok(signals.flat_map(|signal| signal.regions).map(|region| region.region).collect())
    }

    async fn region(&self, zone: &Zone) -> Result<String> {
        let place = match self.places.get(zone) {
            None => return Err(SAID.unsupported(zone, "it was given no region of WattTime's")),
            Some(Place::Region(region)) => return Ok(region.clone()),
            Some(Place::Coordinates(latitude, longitude)) => (*latitude, *longitude),
        };
        let mut found = self.found.lock().await;
        if let Some(region) = found.get(zone) {
            return Ok(region.clone());
        }
        let located: Located = self
            .ask(zone, |client| {
                let request = client.get("v3/region-from-loc").query("latitude", place.0);
                request.query("longitude", place.1).query("signal_type", SIGNAL)
            })
            .await?;
        found.insert(zone.clone(), located.region.clone());
        Ok(located.region)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        zone: &Zone,
        request: impl Fn(&greenroute_http::Client) -> Request + Send + Sync,
    ) -> Result<T> {
        self.session.ask(request).await.map_err(|error| SAID.about(zone, error))
    }

    /// The points of a forecast, or of the past.
    async fn series(
        &self,
        zone: &Zone,
        path: &str,
        span: impl Fn(Request) -> Request + Send + Sync,
    ) -> Result<Vec<(SystemTime, Duration, GridReading)>> {
        let region = self.region(zone).await?;
        let request = |client: &greenroute_http::Client| {
            span(client.get(path).query("region", &region).query("signal_type", SIGNAL))
        };
        let series: Series = self.ask(zone, request).await?;
        let meta = &series.meta;
        if meta.region != region {
            let answered: String = meta.region.chars().take(60).collect();
            return Err(SAID.wrong("meta.region", format!("is `{answered}`, and {region} was asked for")));
        }
        for (field, said, wanted) in
            [("meta.units", &meta.units, UNITS), ("meta.signal_type", &meta.signal_type, SIGNAL)]
        {
            if said != wanted {
                let said: String = said.chars().take(60).collect();
                return Err(SAID.wrong(field, format!("is `{said}` and not `{wanted}`")));
            }
        }
        let period = Duration::try_from_secs_f64(meta.data_point_period_seconds)
            .ok()
            .filter(|period| (STEP..=Duration::from_secs(3600)).contains(period))
            .ok_or_else(|| SAID.wrong("meta.data_point_period_seconds", "is not 5 to 60 minutes"))?;
        let source = meta.source(&region);
        let point = |point: &wire::Point| {
            let from = SAID.time("point_time", &point.point_time)?;
            let value = SAID.intensity("value", point.value * GRAMS_PER_KWH)?;
            let intensity = Band::of("watttime").around(value, Counting::Direct, Method::Modelled);
            let vintage = format!("{} min from {}", period.as_secs() / 60, written(from));
            let reading = GridReading {
                valid_from: Some(from),
                valid_until: Some(from + period),
                counting: Counting::Direct,
                estimated: !meta.warnings.is_empty(),
                ..GridReading::new(zone.clone(), intensity, Basis::Marginal, source.clone(), vintage)
            };
            Ok((from, period, reading))
        };
        let mut points: Vec<_> = series.data.iter().map(point).collect::<Result<_>>()?;
        points.sort_by_key(|(from, ..)| *from);
        Ok(points)
    }
}

#[async_trait]
impl MarginalIntensity for WattTime {
    /// The five minutes of `at`: those that run, or past ones.
    async fn marginal(&self, zone: &Zone, at: SystemTime) -> Result<MarginalReading> {
        SAID.askable(at)?;
        let band = Band::of("watttime");
        // Its forecast begins with the five minutes that run.
        let now = self.series(zone, "v3/forecast", |request| request.query("horizon_hours", 0)).await?;
        let Some((from, period, reading)) = now.into_iter().next() else {
            return Err(SAID.nothing("data", format!("is empty for {zone}")));
        };
        let past = from.duration_since(at).is_ok_and(|ahead| ahead > SKEW);
        let (from, period, mut reading) = if past {
            let start = floor(at, STEP.as_secs());
            let span =
                |request: Request| request.query("start", written(start)).query("end", written(start + STEP));
            let series = self.series(zone, "v3/historical", span).await?;
            let held = series.into_iter().find(|(from, period, _)| *from <= at && at < *from + *period);
            held.ok_or_else(|| SAID.nothing("data", format!("says nothing of {}", written(at))))?
        } else {
            (from, period, reading)
        };
        SAID.near("point_time", from, at, band.oldest, SKEW)?;
        let ends = (from + period).duration_since(at).unwrap_or_default();
        reading.valid_until = Some(at + ends.clamp(Duration::from_secs(60), band.holds));
        Ok(MarginalReading(reading))
    }

    async fn marginal_forecast(
        &self,
        zone: &Zone,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Vec<MarginalReading>> {
        SAID.span(from, to)?;
        // The furthest that there is: where `from` lies nobody here knows.
        let series = self.series(zone, "v3/forecast", |request| request.query("horizon_hours", 72)).await?;
        let within =
            series.into_iter().filter(|(begins, period, _)| *begins < to && *begins + *period > from);
        let readings: Vec<MarginalReading> = within
            .map(|(.., mut reading)| {
                let value = reading.intensity.value();
                reading.intensity =
                    Band::of("watttime_forecast").around(value, reading.counting, Method::Modelled);
                reading.estimated = true;
                MarginalReading(reading)
            })
            .collect();
        if readings.is_empty() {
            let span = format!("says nothing of the time from {} to {}", written(from), written(to));
            return Err(SAID.nothing("data", span));
        }
        Ok(readings)
    }
}

impl fmt::Debug for WattTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WattTime").field("session", &self.session).field("places", &self.places).finish()
    }
}

impl fmt::Display for WattTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WattTime at {}", self.session.base_url())
    }
}

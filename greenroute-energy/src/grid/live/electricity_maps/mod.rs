mod builder;
mod wire;

pub use builder::{ElectricityMapsBuilder, EmissionFactors};

use super::band::{Band, aged};
use super::check::{Said, written};
use async_trait::async_trait;
use greenroute_core::{Basis, Counting, ErrorKind, GridIntensity, GridReading, Method, Result, Zone};
use greenroute_http::{Client, Request, Secret};
use std::fmt;
use std::time::{Duration, SystemTime};
use wire::{Forecast, History, Point};

pub(super) const SAID: Said = Said("electricity maps");
const HOUR: Duration = Duration::from_secs(3600);
/// However late a source is, it is not asked more often.
const SOONEST: Duration = Duration::from_secs(300);
/// An hour that begins so soon has begun by the service's clock.
const SKEW: Duration = Duration::from_secs(300);

/// Average intensities of the zones of [Electricity Maps](https://app.electricitymaps.com), by its API of version 3:
/// the hour that runs, the 24 before it, and forecasts for accounts that have them.
///
/// Its zones are ISO 3166 codes with two letters, and ids such as `US-TEX-ERCO` and `SE-SE3`. The service is forbidden
/// to answer for the caller's own place where it does not know a zone, and an answer for another zone is an error.
#[derive(Clone)]
pub struct ElectricityMaps {
    client: Client,
    factors: EmissionFactors,
    estimations: bool,
}

impl ElectricityMaps {
    /// With this key, lifecycle factors, estimations included.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where no server can be sent this key.
    pub fn new(key: impl Into<Secret>) -> Result<Self> {
        Self::builder(key).build()
    }

    /// With the key in the environment variable `ELECTRICITY_MAPS_API_KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the variable, where it holds no key.
    pub fn from_env() -> Result<Self> {
        Self::new(Secret::from_env("ELECTRICITY_MAPS_API_KEY")?)
    }

    /// With settings.
    pub fn builder(key: impl Into<Secret>) -> ElectricityMapsBuilder {
        ElectricityMapsBuilder::new(key.into())
    }

    /// The last 24 hours of `zone`, the oldest first, without those that have no number.
    ///
    /// # Errors
    /// As those of [`intensity`](GridIntensity::intensity).
    pub async fn history(&self, zone: &Zone) -> Result<Vec<GridReading>> {
        let history: History = self.ask("history", zone, |request| request).await?;
        SAID.same_zone(zone.as_str(), &history.zone)?;
        let points = history.history.iter().filter(|point| point.carbon_intensity.is_some());
        let mut readings: Vec<GridReading> =
            points.map(|point| self.reading(zone, point)).collect::<Result<_>>()?;
        readings.sort_by_key(|reading| reading.valid_from);
        Ok(readings)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        zone: &Zone,
        with: impl FnOnce(Request) -> Request + Send,
    ) -> Result<T> {
        let request = self
            .client
            .get(&format!("carbon-intensity/{what}"))
            .query("zone", zone)
            .query("emissionFactorType", self.factors.name())
            .query("disableEstimations", !self.estimations)
            .query("shouldUseFallbackCallerLookup", false);
        let answer = async { with(request).send().await?.json().await };
        answer.await.map_err(|error| SAID.about(zone, error))
    }

    /// The hour that a point describes.
    fn reading(&self, zone: &Zone, point: &Point) -> Result<GridReading> {
        if let Some(answered) = &point.zone {
            SAID.same_zone(zone.as_str(), answered)?;
        }
        if let Some(factors) =
            point.emission_factor_type.as_deref().filter(|type_| *type_ != self.factors.name())
        {
            let asked = self.factors.name();
            return Err(
                SAID.wrong("emissionFactorType", format!("is `{factors}`, and {asked} was asked for"))
            );
        }
        let from = SAID.time("datetime", &point.datetime)?;
        let Some(grams) = point.carbon_intensity else {
            return Err(SAID.nothing("carbonIntensity", format!("of {zone} is null")));
        };
        let value = SAID.intensity("carbonIntensity", grams)?;
        let counting = self.factors.counting();
        if counting == Counting::Lifecycle && grams < 1.0 {
            return Err(SAID
                .wrong("carbonIntensity", format!("is {grams} g/kWh, less than any plant's over its life")));
        }
        let estimated = point.is_estimated.unwrap_or(false);
        let (band, method) = if estimated {
            ("electricity_maps_estimated", Method::Modelled)
        } else {
            ("electricity_maps", Method::Reported)
        };
        let source = match (&point.estimation_method, estimated) {
            (Some(by), true) => {
                format!("Electricity Maps, estimated ({})", by.chars().take(40).collect::<String>())
            }
            (None, true) => "Electricity Maps, estimated".to_owned(),
            _ => "Electricity Maps".to_owned(),
        };
        Ok(GridReading {
            valid_from: Some(from),
            valid_until: Some(from + HOUR),
            counting,
            estimated,
            ..GridReading::new(
                zone.clone(),
                Band::of(band).around(value, counting, method),
                Basis::Average,
                source,
                format!("hour from {}", written(from)),
            )
        })
    }

    /// The reading of the past hour that holds `at`.
    async fn past(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        let history = self.history(zone).await?;
        let hour = history.into_iter().find(|reading| {
            let (from, until) = (reading.valid_from, reading.valid_until);
            from.is_some_and(|from| from <= at) && until.is_some_and(|until| at < until)
        });
        hour.ok_or_else(|| SAID.unsupported(zone, format!("nothing is known of {}", written(at))))
    }
}

#[async_trait]
impl GridIntensity for ElectricityMaps {
    /// The hour that runs at `at`: the latest that is known, less sure the longer ago it was, or one of the 24 before.
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        SAID.askable(at)?;
        let latest: Point = self.ask("latest", zone, |request| request).await?;
        // A latest answer without its zone could be of any place.
        SAID.same_zone(zone.as_str(), latest.zone.as_deref().unwrap_or_default())?;
        let mut reading = self.reading(zone, &latest)?;
        let from = SAID.time("datetime", &latest.datetime)?;
        let band = Band::of("electricity_maps");
        if from.duration_since(at).is_ok_and(|ahead| ahead > SKEW && ahead <= 24 * HOUR) {
            return self.past(zone, at).await;
        }
        SAID.near("datetime", from, at, band.oldest, SKEW)?;
        let hours = at.duration_since(from).unwrap_or_default().as_secs() / HOUR.as_secs();
        reading.intensity = aged(reading.intensity, hours);
        let ends = (from + HOUR).duration_since(at).unwrap_or_default();
        reading.valid_until = Some(at + ends.clamp(SOONEST, band.holds));
        Ok(reading)
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>> {
        SAID.span(from, to)?;
        // The furthest that there is: where `from` lies nobody here knows.
        let asked = self.ask("forecast", zone, |request| request.query("horizonHours", 72)).await;
        let forecast: Forecast = asked.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => {
                SAID.unsupported(zone, format!("this account has no forecasts: {}", error.message()))
            }
            _ => error,
        })?;
        SAID.same_zone(zone.as_str(), &forecast.zone)?;
        let mut readings = Vec::with_capacity(forecast.forecast.len());
        for point in forecast.forecast.iter().filter(|point| point.carbon_intensity.is_some()) {
            let mut reading = self.reading(zone, point)?;
            let begins = SAID.time("datetime", &point.datetime)?;
            if begins >= to || begins + HOUR <= from {
                continue;
            }
            let value = reading.intensity.value();
            reading.intensity =
                Band::of("electricity_maps_forecast").around(value, reading.counting, Method::Modelled);
            reading.source = "Electricity Maps, forecast".into();
            reading.estimated = true;
            readings.push(reading);
        }
        readings.sort_by_key(|reading| reading.valid_from);
        if readings.is_empty() {
            let span = format!("says nothing of the time from {} to {}", written(from), written(to));
            return Err(SAID.nothing("forecast", span));
        }
        Ok(readings)
    }
}

impl fmt::Debug for ElectricityMaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElectricityMaps")
            .field("client", &self.client)
            .field("factors", &self.factors)
            .field("estimations", &self.estimations)
            .finish()
    }
}

impl fmt::Display for ElectricityMaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Electricity Maps at {}, {} factors", self.client.base_url(), self.factors.name())
    }
}

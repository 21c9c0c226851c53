mod builder;
mod wire;

pub use builder::CarbonIntensityUkBuilder;

use super::band::{Band, aged};
use super::check::{Said, floor, written};
use async_trait::async_trait;
use greenroute_core::{Basis, Counting, Error, ErrorKind, GridIntensity, GridReading, Method, Result, Zone};
use greenroute_http::Client;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};
use wire::{Data, HalfHour, Regions};

pub(super) const SAID: Said = Said("uk carbon intensity");
const HALF_HOUR: u64 = 1800;
/// However late it is, it is not asked more often.
const SOONEST: Duration = Duration::from_secs(300);

/// Average intensities of Great Britain by the operator of its grid, <https://carbonintensity.org.uk>: the half hour
/// that runs, and forecasts of two days. It needs no key.
///
/// Its zone is `GB`, and whatever zones it is given for outward postcodes. It counts the CO2 of stacks and of imports,
/// not whole lives ([`Counting::Direct`]). Regions have forecasts only, so that theirs are always `estimated`.
#[derive(Clone)]
pub struct CarbonIntensityUk {
    client: Client,
    regions: BTreeMap<Zone, String>,
}

impl CarbonIntensityUk {
    /// Of Great Britain as a whole.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](greenroute_core::ErrorKind::Config) where TLS cannot be set up.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// With settings.
    pub fn builder() -> CarbonIntensityUkBuilder {
        CarbonIntensityUkBuilder::new()
    }

    /// The outward postcode of a zone; `None` for the whole of Great Britain.
    fn place(&self, zone: &Zone) -> Result<Option<&str>> {
        if zone.as_str() == "GB" {
            return Ok(None);
        }
        let postcode = self.regions.get(zone).map(|postcode| Some(postcode.as_str()));
        postcode.ok_or_else(|| SAID.unsupported(zone, "it knows Great Britain only"))
    }

    async fn ask<T: DeserializeOwned>(&self, zone: &Zone, path: &str) -> Result<T> {
        let answer = async { self.client.get(path).send().await?.json::<Data<T>>().await };
        answer.await.map(|answer| answer.data).map_err(|error| {
            // It surely knows Great Britain: then it is its own address that is not found.
            if *error.kind() == ErrorKind::Unsupported && self.place(zone).is_ok_and(|place| place.is_none())
            {
                return Error::new(ErrorKind::Server, SAID.0, error.message()).with_source(error);
            }
            SAID.about(zone, error)
        })
    }

    async fn now(&self, zone: &Zone) -> Result<Vec<HalfHour>> {
        match self.place(zone)? {
            None => self.ask(zone, "intensity").await,
            Some(postcode) => {
                let regions = self.ask(zone, &format!("regional/postcode/{postcode}")).await?;
                one_region(regions, postcode)
            }
        }
    }

    /// The half hours from that of `from` on: 24 hours of them, or 48.
    async fn ahead(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<HalfHour>> {
        let long = to.duration_since(from).is_ok_and(|span| span > Duration::from_secs(23 * 3600));
        let (from, span) = (minute(floor(from, HALF_HOUR)), if long { "fw48h" } else { "fw24h" });
        match self.place(zone)? {
            None => self.ask(zone, &format!("intensity/{from}/{span}")).await,
            Some(postcode) => {
                let path = format!("regional/intensity/{from}/{span}/postcode/{postcode}");
                one_region(self.ask(zone, &path).await?, postcode)
            }
        }
    }
}

/// The half hours of the only region that there is, which must be the one asked for.
fn one_region(regions: Regions, postcode: &str) -> Result<Vec<HalfHour>> {
    let region = match regions {
        Regions::Alone(region) => Some(region),
        Regions::Listed(mut regions) if regions.len() == 1 => regions.pop(),
        Regions::Listed(_) => None,
    };
    let region = region.ok_or_else(|| SAID.wrong("data", "is not of one region"))?;
    if let Some(answered) = &region.postcode {
        SAID.same_zone(postcode, answered)?;
    }
    Ok(region.data)
}

/// `2018-01-20T12:00Z`: the service writes and reads times without seconds.
fn minute(time: SystemTime) -> String {
    let text = written(time);
    text.get(..16).map_or_else(|| text.clone(), |minutes| format!("{minutes}Z"))
}

impl HalfHour {
    fn times(&self) -> Result<(SystemTime, SystemTime)> {
        let (from, to) = (SAID.time("from", &self.from)?, SAID.time("to", &self.to)?);
        if from < to {
            return Ok((from, to));
        }
        Err(SAID.wrong("to", format!("is {}, not after `from`", self.to)))
    }

    /// Whether `at` lies in it.
    fn holds(&self, at: SystemTime) -> Result<bool> {
        self.times().map(|(from, to)| from <= at && at < to)
    }

    /// Metered where it is and that is asked for; else as forecast.
    fn reading(&self, zone: &Zone, ahead: bool) -> Result<GridReading> {
        let (from, to) = self.times()?;
        let (field, grams) = match (self.intensity.actual, self.intensity.forecast) {
            (Some(actual), _) => ("actual", actual),
            (None, Some(forecast)) => ("forecast", forecast),
            (None, None) => return Err(SAID.nothing("intensity", format!("of {zone} is null"))),
        };
        let value = SAID.intensity(field, grams)?;
        let estimated = field == "forecast";
        let band = match (ahead, estimated) {
            (_, false) => "uk",
            (false, true) => "uk_estimated",
            (true, true) => "uk_forecast",
        };
        let method = if estimated { Method::Modelled } else { Method::Reported };
        let intensity = Band::of(band).around(value, Counting::Direct, method);
        let source =
            if estimated { "GB Carbon Intensity, its forecast" } else { "GB Carbon Intensity, metered" };
        let vintage = format!("half hour from {}", written(from));
        Ok(GridReading {
            valid_from: Some(from),
            valid_until: Some(to),
            counting: Counting::Direct,
            estimated,
            ..GridReading::new(zone.clone(), intensity, Basis::Average, source, vintage)
        })
    }
}

#[async_trait]
impl GridIntensity for CarbonIntensityUk {
    /// The half hour of `at`: the one that runs, or one of the past or the next two days.
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        SAID.askable(at)?;
        let now = self.now(zone).await?;
        let [half_hour] = now.as_slice() else {
            return Err(SAID.wrong("data", "is not one half hour"));
        };
        let (from, to) = half_hour.times()?;
        let band = Band::of("uk");
        let late = at >= to && at.duration_since(from).is_ok_and(|age| age <= band.oldest);
        let mut reading = if half_hour.holds(at)? || late {
            let mut reading = half_hour.reading(zone, false)?;
            if late {
                let hours = at.duration_since(to).unwrap_or_default().as_secs().div_ceil(3600).max(1);
                reading.intensity = aged(reading.intensity, hours);
            }
            reading
        } else {
            let half_hours = self.ahead(zone, at, at).await?;
            let found = half_hours.iter().find(|half_hour| half_hour.holds(at).unwrap_or(false));
            let Some(found) = found else {
                return Err(SAID.nothing("data", format!("says nothing of {}", written(at))));
            };
            found.reading(zone, true)?
        };
        let ends = reading.valid_until.and_then(|until| until.duration_since(at).ok()).unwrap_or_default();
        reading.valid_until = Some(at + ends.clamp(SOONEST, band.holds));
        Ok(reading)
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>> {
        SAID.span(from, to)?;
        let half_hours = self.ahead(zone, from, to).await?;
        let mut readings = Vec::with_capacity(half_hours.len());
        for half_hour in &half_hours {
            let (begins, ends) = half_hour.times()?;
            let empty = half_hour.intensity.actual.or(half_hour.intensity.forecast).is_none();
            if begins < to && ends > from && !empty {
                readings.push(half_hour.reading(zone, true)?);
            }
        }
        readings.sort_by_key(|reading| reading.valid_from);
        if readings.is_empty() {
            let span = format!("says nothing of the time from {} to {}", written(from), written(to));
            return Err(SAID.nothing("data", span));
        }
        Ok(readings)
    }
}

impl fmt::Debug for CarbonIntensityUk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarbonIntensityUk")
            .field("client", &self.client)
            .field("regions", &self.regions)
            .finish()
    }
}

impl fmt::Display for CarbonIntensityUk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GB Carbon Intensity at {}", self.client.base_url())
    }
}

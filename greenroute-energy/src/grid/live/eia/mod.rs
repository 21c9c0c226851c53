mod builder;
mod mix;
mod wire;

pub use builder::EiaBuilder;

use super::band::{Band, aged};
use super::check::{Said, floor, written};
use crate::table::rows;
use async_trait::async_trait;
use greenroute_core::units::CarbonIntensity;
use greenroute_core::{Basis, Counting, Estimate, GridIntensity, GridReading, Method, Result, Zone};
use greenroute_http::{Client, Secret};
use mix::{Hour, exactly, newest};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};
use wire::Answer;

pub(super) const SAID: Said = Said("eia");
const ZONES: &str = include_str!("../../../../data/grid/eia_zones.csv");
const HOUR: u64 = 3600;
const DAY: Duration = Duration::from_secs(24 * HOUR);
/// However late it is, it is not asked more often.
const SOONEST: Duration = Duration::from_secs(300);
/// How many days back are asked for: fuels are often reported a day late.
const DAYS: u32 = 3;
/// The most rows that it gives at once, and the most pages that are read: a day has a few hundred rows.
const ROWS: usize = 5000;
const PAGES: usize = 20;

/// Average intensities of US balancing authorities, computed from their hourly generation by fuel as the US Energy
/// Information Administration publishes it (form EIA-930, API of version 2).
///
/// Its zones are Electricity Maps' ids whose last part is EIA's code, such as `US-TEX-ERCO`, and `US` for the lower 48
/// states. The number is that of the newest hour for which every fuel was reported. Where that is more than six hours
/// back, as authorities may report a day late, it is that of the same hour a day or two before, with a wider band and
/// [`estimated`](GridReading::estimated). The vintage tells which hour it was. What neighbours send is not counted, nor
/// are batteries and pumped storage.
#[derive(Clone)]
pub struct Eia {
    client: Client,
    page: usize,
}

impl Eia {
    /// With this key.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](greenroute_core::ErrorKind::Config) where no server can be sent this key.
    pub fn new(key: impl Into<Secret>) -> Result<Self> {
        Self::builder(key).build()
    }

    /// With the key in the environment variable `EIA_API_KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](greenroute_core::ErrorKind::Config), naming the variable, where it holds no key.
    pub fn from_env() -> Result<Self> {
        Self::new(Secret::from_env("EIA_API_KEY")?)
    }

    /// With settings.
    pub fn builder(key: impl Into<Secret>) -> EiaBuilder {
        EiaBuilder::new(key.into())
    }

    /// All that is known of `respondent` from three days before the hour of `at` until then.
    async fn hours(
        &self,
        zone: &Zone,
        respondent: &str,
        at: SystemTime,
    ) -> Result<BTreeMap<SystemTime, Hour>> {
        let end = floor(at, HOUR);
        let mut hours: BTreeMap<SystemTime, Hour> = BTreeMap::new();
        let mut read = 0;
        for _ in 0..PAGES {
            let request = self
                .client
                .get("electricity/rto/fuel-type-data/data/")
                .query("frequency", "hourly")
                .query("data[0]", "value")
                .query("facets[respondent][]", respondent)
                .query("start", hour(end - DAYS * DAY))
                .query("end", hour(end))
                .query("sort[0][column]", "period")
                .query("sort[0][direction]", "desc")
                .query("length", self.page)
                .query("offset", read);
            let answer = async { request.send().await?.json::<Answer>().await };
            let answer = answer.await.map_err(|error| SAID.about(zone, error))?.response;
            for row in &answer.data {
                SAID.same_zone(respondent, &row.respondent)?;
                let megawatt_hours = row.value.number().map_err(|what| SAID.wrong("value", what))?;
                let ended = row.hour()?;
                SAID.near("period", ended, end, (DAYS + 1) * DAY, Duration::ZERO)?;
                hours.entry(ended).or_default().add(&row.fueltype, megawatt_hours)?;
            }
            read += answer.data.len();
            let total = answer.total.number().map_err(|what| SAID.wrong("total", what))?.unwrap_or(0.0);
            let whole = u32::try_from(read).is_ok_and(|read| f64::from(read) >= total);
            if whole || answer.data.is_empty() {
                return Ok(hours);
            }
        }
        Err(SAID.wrong("total", format!("is not reached after {PAGES} pages")))
    }
}

/// EIA's code and name of a zone.
fn respondent(zone: &Zone) -> Result<(&'static str, &'static str)> {
    let row = rows(ZONES).find(|row| row.first() == Some(&zone.as_str()));
    let found = row.and_then(|row| Some((*row.get(1)?, *row.get(2)?)));
    found.ok_or_else(|| SAID.unsupported(zone, "it is no balancing authority of the lower 48 states"))
}

/// `2026-11-21T18`.
fn hour(time: SystemTime) -> String {
    written(time).chars().take(13).collect()
}

#[async_trait]
impl GridIntensity for Eia {
    /// The newest complete hour that ended by `at`, less sure the longer ago that is, or the hour of `at` a day or two before.
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        SAID.askable(at)?;
        let (code, name) = respondent(zone)?;
        let hours = self.hours(zone, code, at).await?;
        let mut band = Band::of("eia");
        let mut chosen = newest(&hours, at - band.oldest).filter(|chosen| chosen.complete);
        let late = chosen.is_none();
        let ends = floor(at, HOUR) + Duration::from_secs(HOUR);
        if late {
            // Days resemble each other more than the hours of one day do.
            let before = (1..DAYS).map(|days| ends - days * DAY);
            chosen = before
                .filter_map(|ended| exactly(&hours, ended))
                .max_by_key(|chosen| (chosen.complete, chosen.ended));
            band = Band::of("eia_day_before");
        }
        let Some(chosen) = chosen else {
            let written = written(at);
            return Err(SAID.nothing("data", format!("has no generation of {code} shortly before {written}")));
        };
        let mix = chosen.hour.mix()?;
        let value = SAID.intensity("value", mix.grams)?;
        let grams = |grams: f64| CarbonIntensity::try_from_grams_per_kwh(grams).unwrap_or(value);
        let factors = Estimate::banded(grams(mix.low), value, grams(mix.high), Method::Modelled);
        let lag = at.duration_since(chosen.ended).unwrap_or_default().as_secs().div_ceil(60);
        // The hour that runs at `at` is so many hours after the one that is known.
        let hours = ends.duration_since(chosen.ended).unwrap_or_default().as_secs() / HOUR;
        let left = ends.duration_since(at).unwrap_or_default();
        let of = if late { "the same hour on the last day that is known, " } else { "" };
        Ok(GridReading {
            valid_until: Some(at + left.clamp(SOONEST, band.holds)),
            counting: Counting::Lifecycle,
            estimated: late || !chosen.complete || mix.guessed,
            ..GridReading::new(
                zone.clone(),
                aged(band.widen(factors), hours),
                Basis::Average,
                format!("EIA-930 generation of {name} with IPCC 2014 factors"),
                format!("{of}hour to {}, {lag} min before it was read", written(chosen.ended)),
            )
        })
    }

    async fn forecast(&self, zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Err(SAID.unsupported(zone, "it makes no forecasts"))
    }
}

impl fmt::Debug for Eia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eia").field("client", &self.client).finish_non_exhaustive()
    }
}

impl fmt::Display for Eia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EIA at {}", self.client.base_url())
    }
}

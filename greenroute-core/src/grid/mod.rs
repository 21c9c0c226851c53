//! Carbon intensities of electricity grids, as the centre knows them.

mod choice;
mod marginal;
mod snapshot;
mod view;
mod window;

use crate::error::{Error, ErrorKind, Result};
use crate::estimate::Estimate;
use crate::time::option_rfc3339;
use crate::units::{CarbonIntensity, Probability};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

pub use choice::GridChoice;
pub use marginal::{MarginalIntensity, MarginalReading};
pub use snapshot::GridSnapshot;
pub use window::{Cleanest, WindowError, cleanest};

pub(crate) use choice::{Choices, Chosen, set_by};
pub(crate) use snapshot::Known;
pub(crate) use view::GridView;
pub(crate) use window::length;

/// A part of an electricity grid: a country by ISO 3166 (`FR`), a state or province (`US-TX`), or an Electricity
/// Maps id (`US-TEX-ERCO`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(Arc<str>);

impl Zone {
    /// The whole world: what is used, and noted, where no zone is known.
    #[must_use]
    pub fn world() -> Self {
        Self(Arc::from("WORLD"))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone around this one, by its id: `US-TX` lies in `US`. Nothing lies around a country.
    pub(crate) fn around(&self) -> Option<Self> {
        self.0.rsplit_once('-').map(|(around, _)| Self(Arc::from(around)))
    }

    /// Whether this is [`Zone::world`].
    #[must_use]
    pub fn is_world(&self) -> bool {
        &*self.0 == "WORLD"
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Upper-cased; letters, digits and single hyphens only, starting with two or more letters.
impl FromStr for Zone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let id = text.trim().to_ascii_uppercase();
        let mut parts = id.split('-');
        let country = parts
            .next()
            .is_some_and(|part| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_uppercase()));
        let rest =
            parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if country && rest && id.len() <= 32 {
            return Ok(Self(Arc::from(id)));
        }
        let message = format!("`zone` must be an id such as FR, US-TX or US-TEX-ERCO, not `{text}`");
        Err(Error::new(ErrorKind::Config, "settings", message))
    }
}

impl TryFrom<String> for Zone {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.as_str().to_owned()
    }
}

/// What a carbon intensity means (GHG Protocol). Different bases are never mixed in one sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Basis {
    /// The mix of everything that feeds the zone, location-based.
    Average,
    /// The plant that answers one more kilowatt-hour, location-based.
    Marginal,
    /// By contracts and certificates.
    Market,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Average => "average",
            Self::Marginal => "marginal",
            Self::Market => "market-based",
        })
    }
}

/// Which emissions a carbon intensity counts. Sources differ by tens of grams, most where the grid is clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Counting {
    /// Of plants from building to scrapping, and of their fuel.
    Lifecycle,
    /// Of stacks only.
    Direct,
    /// The source does not say.
    #[default]
    Unstated,
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lifecycle => "lifecycle",
            Self::Direct => "direct",
            Self::Unstated => "unstated",
        })
    }
}

/// The carbon intensity of a zone, where it was read and for when it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridReading {
    /// The zone that the number describes.
    pub zone: Zone,
    /// The number.
    pub intensity: Estimate<CarbonIntensity>,
    /// What it means.
    pub basis: Basis,
    /// Where it was read.
    pub source: Cow<'static, str>,
    /// The year or time that it describes.
    pub vintage: Cow<'static, str>,
    /// From when it holds, where the source says: a forecast does.
    #[serde(with = "option_rfc3339", default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<SystemTime>,
    /// When it should be asked again; `None` for a bundled average.
    #[serde(with = "option_rfc3339", default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<SystemTime>,
    /// Which emissions it counts.
    #[serde(default)]
    pub counting: Counting,
    /// Whether the source filled a gap with a guess of its own.
    #[serde(default)]
    pub estimated: bool,
    /// Where it lies in the zone's own distribution, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Better sources that could not give it, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<Cow<'static, str>>,
}

/// Where an intensity lies among those that its own zone usually has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The share of the zone's time that is cleaner: 0 where it never is, 1 where it always is.
    pub cleaner: Probability,
    /// How many values that share rests on.
    pub samples: u32,
    /// Of which time, such as `the hours of 2022`.
    pub of: Cow<'static, str>,
}

/// `dirtier than 82.0 % of the hours of 2022`
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dirtier than {} of {}", self.cleaner, self.of)
    }
}

impl GridReading {
    /// A reading of which nothing else is known.
    #[must_use]
    pub fn new(
        zone: Zone,
        intensity: Estimate<CarbonIntensity>,
        basis: Basis,
        source: impl Into<Cow<'static, str>>,
        vintage: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            zone,
            intensity,
            basis,
            source: source.into(),
            vintage: vintage.into(),
            valid_from: None,
            valid_until: None,
            counting: Counting::Unstated,
            estimated: false,
            standing: None,
            passed_over: Vec::new(),
        }
    }
}

/// A source of carbon intensities.
#[async_trait]
pub trait GridIntensity: fmt::Debug + Send + Sync + 'static {
    /// The intensity of `zone` at a time.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a zone that the source does not know: never another place's value.
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading>;

    /// The intensities of `zone` between two times, in order of time.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the source makes no forecasts.
    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>>;
}

const _: Option<&dyn GridIntensity> = None;

#[async_trait]
impl<T: GridIntensity + ?Sized> GridIntensity for Arc<T> {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        (**self).intensity(zone, at).await
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>> {
        (**self).forecast(zone, from, to).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_checked_and_upper_cased() {
        assert_eq!(" us-tex-erco".parse::<Zone>().unwrap().as_str(), "US-TEX-ERCO");
        for bad in ["", "F", "FR--X", "42", "FR X", "FR/../etc"] {
            let error = bad.parse::<Zone>().unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Config);
            assert!(error.to_string().contains("`zone`"));
        }
    }
}

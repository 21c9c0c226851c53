use super::super::reach::Reach;
use super::{CarbonIntensityUk, SAID};
use greenroute_core::{Error, ErrorKind, Result, Zone};
use greenroute_http::{Classified, Failure, Timeouts};
use std::collections::BTreeMap;

/// Settings of a [`CarbonIntensityUk`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct CarbonIntensityUkBuilder {
    reach: Reach,
    regions: BTreeMap<Zone, String>,
}

impl CarbonIntensityUkBuilder {
    pub(super) fn new() -> Self {
        Self { reach: Reach::new("https://api.carbonintensity.org.uk"), regions: BTreeMap::new() }
    }

    /// Another address; `https://api.carbonintensity.org.uk` unless told.
    pub fn base_url(mut self, base_url: &str) -> Self {
        base_url.clone_into(&mut self.reach.base_url);
        self
    }

    /// How long a request may take; 8 s in all unless told.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.reach.timeouts = timeouts;
        self
    }

    /// `zone` is the region around an outward postcode, such as `RG10`.
    pub fn region(mut self, zone: Zone, outward_postcode: &str) -> Self {
        self.regions.insert(zone, outward_postcode.trim().to_ascii_uppercase());
        self
    }

    /// The source.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an address or a timeout that nothing can be sent with, and for a postcode that is no
    /// outward one.
    pub fn build(self) -> Result<CarbonIntensityUk> {
        for (zone, postcode) in &self.regions {
            let outward = (2..=4).contains(&postcode.len())
                && postcode.starts_with(|first: char| first.is_ascii_uppercase())
                && postcode.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !outward {
                let message = format!("zone {zone}: `{postcode}` is no outward postcode such as RG10");
                return Err(Error::new(ErrorKind::Config, SAID.0, message));
            }
        }
        Ok(CarbonIntensityUk { client: self.reach.client(SAID.0, classify)?, regions: self.regions })
    }
}

/// Its paths are made here, and its only argument is a place or a time: what it refuses is a place or time.
fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let unknown = matches!(failure.status, 400 | 404);
    unknown.then(|| Classified { kind: ErrorKind::Unsupported, ..failure.by_status() })
}

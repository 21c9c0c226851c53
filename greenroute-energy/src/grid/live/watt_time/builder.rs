use super::super::clock::Clock;
use super::super::reach::Reach;
use super::token::Session;
use super::{SAID, WattTime};
use greenroute_core::{Error, ErrorKind, Result, Runtime, Zone};
use greenroute_http::{Classified, Failure, Secret, Timeouts};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a zone lies in WattTime's world.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Region(String),
    Coordinates(f64, f64),
}

/// Settings of a [`WattTime`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct WattTimeBuilder {
    user: String,
    password: Secret,
    reach: Reach,
    places: BTreeMap<Zone, Place>,
    clock: Clock,
}

impl WattTimeBuilder {
    pub(super) fn new(user: &str, password: Secret) -> Self {
        let reach = Reach::new("https://api.watttime.org");
        Self {
            user: user.trim().to_owned(),
            password,
            reach,
            places: BTreeMap::new(),
            clock: Clock::default(),
        }
    }

    /// `zone` is this region of WattTime's, such as `CAISO_NORTH`.
    pub fn region(mut self, zone: Zone, region: &str) -> Self {
        self.places.insert(zone, Place::Region(region.trim().to_owned()));
        self
    }

    /// `zone` is the region in which this place lies, in degrees. WattTime is asked for it once.
    pub fn place(mut self, zone: Zone, latitude: f64, longitude: f64) -> Self {
        self.places.insert(zone, Place::Coordinates(latitude, longitude));
        self
    }

    /// Another address; `https://api.watttime.org` unless told.
    pub fn base_url(mut self, base_url: &str) -> Self {
        base_url.clone_into(&mut self.reach.base_url);
        self
    }

    /// How long a request may take; 8 s in all unless told.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.reach.timeouts = timeouts;
        self
    }

    /// Whose time the age of a token is measured by; this machine's unless told.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.clock = Clock::of(runtime);
        self
    }

    /// The source.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an address, a timeout or an account that nothing can be sent with, and for a place
    /// that is not on earth or a region without a name.
    pub fn build(self) -> Result<WattTime> {
        for (zone, place) in &self.places {
            let good = match place {
                Place::Region(region) => !region.is_empty(),
                Place::Coordinates(latitude, longitude) => latitude.abs() <= 90.0 && longitude.abs() <= 180.0,
            };
            if !good {
                return Err(Error::new(
                    ErrorKind::Config,
                    SAID.0,
                    format!("zone {zone}: {place:?} is no place"),
                ));
            }
        }
        let plain = self.reach.client(SAID.0, classify)?;
        let login = plain.clone().basic_auth(&self.user, &self.password)?;
        let session = Arc::new(Session::new(plain, login, self.clock));
        Ok(WattTime { session, places: self.places, found: Arc::default() })
    }
}

/// What it does not know is a region or a place. It says what happened in two words: a code and a sentence.
fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let by_status = failure.by_status();
    let kind = if failure.status == 404 { ErrorKind::Unsupported } else { by_status.kind.clone() };
    let sentence = failure.body.get("message").and_then(|message| message.as_str());
    let message = match sentence {
        Some(sentence) => format!("HTTP {}: {sentence}", failure.status),
        None => by_status.message.clone(),
    };
    Some(Classified { kind, message, ..by_status })
}

use super::super::reach::Reach;
use super::{ElectricityMaps, SAID};
use greenroute_core::{Counting, ErrorKind, Result};
use greenroute_http::{Classified, Failure, Secret, Timeouts};

/// Which emissions of a power plant Electricity Maps counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EmissionFactors {
    /// Those of its whole life, and of its fuel's.
    #[default]
    Lifecycle,
    /// Those of its stack.
    Direct,
}

impl EmissionFactors {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Direct => "direct",
        }
    }

    pub(super) const fn counting(self) -> Counting {
        match self {
            Self::Lifecycle => Counting::Lifecycle,
            Self::Direct => Counting::Direct,
        }
    }
}

/// Settings of an [`ElectricityMaps`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ElectricityMapsBuilder {
    key: Secret,
    reach: Reach,
    factors: EmissionFactors,
    estimations: bool,
}

impl ElectricityMapsBuilder {
    pub(super) fn new(key: Secret) -> Self {
        let reach = Reach::new("https://api.electricitymaps.com/v3");
        Self { key, reach, factors: EmissionFactors::default(), estimations: true }
    }

    /// Another address; `https://api.electricitymaps.com/v3` unless told.
    pub fn base_url(mut self, base_url: &str) -> Self {
        base_url.clone_into(&mut self.reach.base_url);
        self
    }

    /// How long a request may take; 8 s in all unless told.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.reach.timeouts = timeouts;
        self
    }

    /// Which emissions are counted; lifecycle unless told.
    pub fn factors(self, factors: EmissionFactors) -> Self {
        Self { factors, ..self }
    }

    /// Whether its own guesses count where a grid operator is late; they do unless told. Without them such an hour
    /// has no number.
    pub fn estimations(self, estimations: bool) -> Self {
        Self { estimations, ..self }
    }

    /// The source.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an address, a timeout or a key that nothing can be sent with.
    pub fn build(self) -> Result<ElectricityMaps> {
        let client = self.reach.client(SAID.0, classify)?.secret_header("auth-token", "", &self.key)?;
        Ok(ElectricityMaps { client, factors: self.factors, estimations: self.estimations })
    }
}

/// What says that a zone is unknown was not recorded: 404, or 400 that speaks of the zone.
fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let speaks_of_zone =
        || failure.message().is_some_and(|message| message.to_ascii_lowercase().contains("zone"));
    let unknown = failure.status == 404 || (failure.status == 400 && speaks_of_zone());
    unknown.then(|| Classified { kind: ErrorKind::Unsupported, ..failure.by_status() })
}

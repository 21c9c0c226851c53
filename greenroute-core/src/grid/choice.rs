use super::{Basis, GridReading, Known, Zone};
use crate::error::{Error, ErrorKind, Result};
use crate::estimate::{Estimate, Method};
use crate::prompt::Prompt;
use crate::scope::{Scope, Scoped};
use crate::units::CarbonIntensity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The zone or the carbon intensity that a call, conversation, user, key or org sets for itself. It beats every source,
/// for every model, and the receipt names who set it.
///
/// It says how carbon is counted, and moves nothing else: electricity is still paid where a model runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GridChoice {
    /// Where the models count as running.
    pub zone: Option<Zone>,
    /// The intensity of their electricity.
    #[serde(rename = "grams_co2e_per_kwh")]
    pub intensity: Option<CarbonIntensity>,
}

impl GridChoice {
    /// Everything runs in `zone`.
    #[must_use]
    pub const fn zone(zone: Zone) -> Self {
        Self { zone: Some(zone), intensity: None }
    }

    /// All electricity has this intensity.
    #[must_use]
    pub const fn intensity(intensity: CarbonIntensity) -> Self {
        Self { zone: None, intensity: Some(intensity) }
    }

    /// Whether it sets nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.zone.is_none() && self.intensity.is_none()
    }
}

/// The reading of an intensity that somebody set.
pub(crate) fn set_by(zone: Zone, intensity: CarbonIntensity, by: &str) -> GridReading {
    let intensity = Estimate::exact(intensity, Method::Reported);
    GridReading::new(zone, intensity, Basis::Average, format!("set by {by}"), "now")
}

/// The choice that holds for one call, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    pub(super) zone: Option<Zone>,
    pub(super) intensity: Option<Known>,
    pub(super) by: String,
}

impl Chosen {
    fn new(choice: &GridChoice, by: String) -> Self {
        let zone = choice.zone.clone();
        let reading =
            |intensity| Known::new(set_by(zone.clone().unwrap_or_else(Zone::world), intensity, &by));
        let intensity = choice.intensity.map(reading);
        Self { zone, intensity, by }
    }

    /// Where the models count as running.
    pub(crate) const fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// The zone whose reading a source must give.
    pub(crate) fn asks_for(&self) -> Option<&Zone> {
        self.zone().filter(|_| self.intensity.is_none())
    }

    /// Whether no source is needed.
    pub(crate) const fn is_intensity(&self) -> bool {
        self.intensity.is_some()
    }
}

/// The choices of orgs, keys, users and conversations.
#[derive(Debug, Default)]
pub(crate) struct Choices(Scoped<GridChoice>);

impl Choices {
    pub(crate) fn all(&self) -> Arc<BTreeMap<Scope, GridChoice>> {
        self.0.all()
    }

    /// Sets or ends the choice of one scope.
    pub(crate) fn set(&self, scope: Scope, choice: Option<GridChoice>) -> Result<()> {
        if choice.as_ref().is_some_and(GridChoice::is_empty) {
            let message = format!("the grid for {scope} must have a `zone` or an intensity");
            return Err(Error::new(ErrorKind::Config, "grid choice", message));
        }
        self.0.set(scope, choice);
        Ok(())
    }

    /// The one choice for `prompt`: its own, or that of the narrowest scope that has one. A choice is taken whole: what
    /// a wider scope set beside it is not mixed in.
    pub(crate) fn holding(&self, prompt: &Prompt) -> Option<Chosen> {
        if let Some(choice) = &prompt.grid {
            return Some(Chosen::new(choice, "the call".to_owned()));
        }
        let choices = self.all();
        if choices.is_empty() {
            return None;
        }
        Scope::of(prompt).find_map(|scope| Some(Chosen::new(choices.get(&scope)?, scope.to_string())))
    }
}

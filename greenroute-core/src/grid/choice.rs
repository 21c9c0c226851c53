use super::Zone;
use crate::units::CarbonIntensity;
use serde::{Deserialize, Serialize};

/// The zone or the carbon intensity that a call, user or org sets for itself. It beats every source, for every model,
/// and the receipt names who set it.
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
}

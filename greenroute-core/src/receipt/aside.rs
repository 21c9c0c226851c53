use crate::estimate::Estimate;
use crate::grid::Basis;
use crate::units::{CarbonIntensity, Emissions, Energy};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Emissions of an attempt's energy on another basis than the receipt's: by contracts and certificates, or of the plant
/// that answers one more kilowatt-hour. Told beside the emissions of the grid, and never summed into them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// What the number means.
    pub basis: Basis,
    /// The intensity that it was computed with.
    pub intensity: Estimate<CarbonIntensity>,
    /// The attempt's energy at the facility times that.
    pub emissions: Estimate<Emissions>,
    /// Where the intensity was read.
    pub source: Cow<'static, str>,
}

impl Aside {
    /// The emissions of `energy` at `intensity`.
    #[must_use]
    pub fn new(
        basis: Basis,
        energy: Estimate<Energy>,
        intensity: Estimate<CarbonIntensity>,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { basis, intensity, emissions: energy * intensity, source: source.into() }
    }
}

/// `1.20 mgCO2e (1.00 mgCO2e–1.40 mgCO2e, modelled), market-based at 100 gCO2e/kWh (the provider's report)`
impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { basis, intensity, emissions, source } = self;
        write!(f, "{emissions}, {basis} at {} ({source})", intensity.value())
    }
}

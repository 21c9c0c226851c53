use crate::estimate::Estimate;
use crate::grid::Basis;
use crate::units::Emissions;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The emissions of an attempt counted another way. It stands beside [`Attempt::emissions`](super::Attempt::emissions)
/// and is part of no sum: two bases answer two questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// What its carbon intensity means: marginal or market-based.
    pub basis: Basis,
    /// The attempt's energy at that intensity.
    pub emissions: Estimate<Emissions>,
    /// Where the intensity was read.
    pub source: Cow<'static, str>,
    /// The year or time that it describes, where the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vintage: Option<Cow<'static, str>>,
}

/// `1.20 mgCO2e (1.00 mgCO2e–1.40 mgCO2e, modelled), market-based (the provider's report, 2024)`
impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { basis, emissions, source, vintage } = self;
        write!(f, "{emissions}, {basis} ({source}")?;
        if let Some(vintage) = vintage {
            write!(f, ", {vintage}")?;
        }
        f.write_str(")")
    }
}

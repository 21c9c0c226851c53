use crate::estimate::Estimate;
use crate::grid::Basis;
use crate::units::Emissions;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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
    /// The year or time that it describes.
    pub vintage: Cow<'static, str>,
}

//! Carbon intensities of electricity grids.

#[cfg(feature = "live")]
pub mod live;
mod yearly;

pub use yearly::YearlyAverages;

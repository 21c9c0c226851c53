//! Carbon intensities of electricity grids.

mod yearly;

pub use yearly::YearlyAverages;

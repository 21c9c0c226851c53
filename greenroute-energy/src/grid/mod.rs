//! Carbon intensities of electricity grids: averages of a year, typical hours, and which grid a cloud's region is on.

mod chain;
mod hourly;
mod regions;
mod standing;
mod yearly;

pub use chain::Chain;
pub use hourly::HourlyShapes;
pub use regions::CloudRegion;
pub use standing::WithStanding;
pub use yearly::YearlyAverages;

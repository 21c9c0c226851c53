//! Carbon intensities of electricity grids: averages of a year, typical hours, and which grid a cloud's region is on.

mod chain;
#[cfg(feature = "live")]
mod env;
mod hourly;
#[cfg(feature = "live")]
pub mod live;
mod regions;
mod standing;
mod yearly;

pub use chain::Chain;
#[cfg(feature = "live")]
pub use env::{FromEnv, from_env};
pub use hourly::HourlyShapes;
pub use regions::CloudRegion;
pub use standing::WithStanding;
pub use yearly::YearlyAverages;

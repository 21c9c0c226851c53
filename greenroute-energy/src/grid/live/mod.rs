//! Live carbon intensities over HTTP: [`ElectricityMaps`], [`CarbonIntensityUk`] and [`Eia`] give averages;
//! [`WattTime`] gives marginal intensities, which are a type of their own and never mix with averages.
//!
//! A source sends one request (EIA: one a page; WattTime: one more for its token) and answers or fails. [`Cached`]
//! keeps answers for as long as they hold and leaves a failing source alone for a while: put it around every source.
//!
//! ```no_run
//! use greenroute_energy::grid::live::{Cached, ElectricityMaps};
//! # fn main() -> greenroute_core::Result<()> {
//! let grid = Cached::new(ElectricityMaps::from_env()?);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing a server says is believed before it was checked: the zone must be the one asked for, the time near the time
//! asked for, the number between 0 and 3000 g/kWh. What is not is an error that names the source and the field.

mod band;
mod cached;
mod check;
mod clock;
mod eia;
mod electricity_maps;
mod reach;
mod uk;
mod watt_time;

pub use cached::Cached;
pub use eia::{Eia, EiaBuilder};
pub use electricity_maps::{ElectricityMaps, ElectricityMapsBuilder, EmissionFactors};
pub use uk::{CarbonIntensityUk, CarbonIntensityUkBuilder};
pub use watt_time::{WattTime, WattTimeBuilder};

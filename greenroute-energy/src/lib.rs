//! What a call took: meters that read work, counters that bracket it, and the grids that it ran on.
//!
//! [`ladder`] gives the meters best first; [`Metered`] puts a counter around a provider whose models run on this
//! machine; [`grid::YearlyAverages`] knows the carbon intensity of countries, states and provinces.

mod blind;
pub mod calibrate;
pub mod counter;
pub mod grid;
mod instrument;
mod ladder;
mod machine;
mod metered;
mod overheads;
mod profile;
mod reported;
mod runtime_power;
mod table;

pub use blind::Blind;
pub use instrument::Instrument;
pub use ladder::ladder;
pub use machine::Machine;
pub use metered::Metered;
pub use overheads::{hosted_overheads, local_overheads, sites};
pub use profile::Profile;
pub use reported::Reported;
pub use runtime_power::RuntimePower;

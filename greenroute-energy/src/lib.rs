//! What a call took: meters that read work, counters that bracket it, and the grids that it ran on.
//!
//! [`ladder`] gives the meters best first; [`Metered`] puts a counter around a provider whose models run on this
//! machine; [`grid`] knows the carbon intensity of countries, states and provinces, and [`sites`] the places where
//! models run.

mod blind;
pub mod calibrate;
pub mod counter;
pub mod grid;
mod instrument;
mod ladder;
mod machine;
mod metered;
mod profile;
mod reported;
mod runtime_power;
mod sites;
mod table;

pub use blind::Blind;
pub use instrument::Instrument;
pub use ladder::ladder;
pub use machine::Machine;
pub use metered::Metered;
pub use profile::Profile;
pub use reported::Reported;
pub use runtime_power::RuntimePower;
pub use sites::{hosted_overheads, local_overheads, sites};

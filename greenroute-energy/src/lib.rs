//! What a call took: meters that read work, counters that bracket it, and the grids that it ran on.
//!
//! [`ladder`] gives the meters best first; [`Metered`] puts a counter around a provider whose models run on this
//! machine; [`grid`] knows the carbon intensity of countries, states and provinces, and [`sites`] the places where
//! models run; [`WaterAndHardware`] tells water and embodied emissions beside them. [`ecologits`] and [`codecarbon`]
//! answer as those tools do, for whoever compares or migrates.

mod accelerator;
mod blind;
mod board_power;
pub mod calibrate;
pub mod codecarbon;
mod coefficients;
pub mod counter;
pub mod ecologits;
mod flops;
pub mod grid;
mod hardware;
mod impacts;
mod instrument;
mod ladder;
mod machine;
mod metered;
mod offset;
mod profile;
mod reported;
pub mod roofline;
mod runtime_power;
mod simple;
mod sites;
mod sizes;
mod table;
#[cfg(test)]
mod testing;
mod throughput;
mod token_proxy;

pub use accelerator::Accelerator;
pub use blind::Blind;
pub use ecologits::EcoLogits;
pub use flops::Flops;
pub use impacts::WaterAndHardware;
pub use instrument::Instrument;
pub use ladder::{every_meter, ladder};
pub use machine::Machine;
pub use metered::Metered;
pub use profile::Profile;
pub use reported::Reported;
pub use roofline::Roofline;
pub use runtime_power::RuntimePower;
pub use sites::{hosted_overheads, local_overheads, sites};
pub use throughput::Throughput;
pub use token_proxy::TokenProxy;

//! What codecarbon 3.3.2 answers, for its users to compare and to migrate: its tables, its rules of thumb, its
//! fallbacks.
//!
//! greenroute's own answers differ where codecarbon's are silent guesses: [`grid`](crate::grid) answers an unknown
//! place with an error and the world with 480.6 g/kWh and a band, codecarbon with 475 g/kWh and nothing else. Its
//! counters' rules are [`wrapped_step`](crate::counter::wrapped_step) and
//! [`CounterSteps`](crate::counter::CounterSteps), in energy as [`counted`] gives it. Its water,
//! `WUE · (PUE · E)`, counts the PUE that the definition of WUE leaves out.

mod load;
mod memory;
mod place;
mod processor;

pub use load::{load_power, machine_power};
pub use memory::{memory_modules, memory_power};
pub use place::{Answer, Place, cloud_intensity, intensity};
pub use processor::{Processor, processor};

use greenroute_core::units::Energy;

/// Codecarbon's kilowatt-hours per joule; 8 · 10⁻⁷ more than there are.
const KWH_PER_JOULE: f64 = 2.777_78e-7;

/// What codecarbon makes of so many joules of a counter.
#[must_use]
pub const fn counted(joules: f64) -> Energy {
    Energy::from_kwh(joules * KWH_PER_JOULE)
}

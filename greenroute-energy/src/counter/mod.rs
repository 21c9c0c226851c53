//! Instruments on this machine, and how concurrent calls share what they show.

mod bracket;
mod cpu;
mod process;
mod rapl;
mod steps;
mod zones;

use crate::Machine;
use greenroute_core::units::Energy;
use greenroute_core::{MeterId, Reading, Result};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

pub(crate) use bracket::{Bracket, Brackets};
pub use cpu::CpuTime;
pub use rapl::Rapl;
pub use steps::{CounterSteps, Step, wrapped_step};

/// What a counter shows: energy that this process has used since the counter was opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// All of it.
    pub energy: Energy,
    /// Of it, what the hardware would have drawn idle during the same time.
    pub idle: Energy,
}

impl Sample {
    const ZERO: Self = Self { energy: Energy::ZERO, idle: Energy::ZERO };

    fn plus(self, other: Self) -> Self {
        Self { energy: self.energy + other.energy, idle: self.idle + other.idle }
    }

    fn times(self, factor: f64) -> Self {
        Self { energy: self.energy * factor, idle: self.idle * factor }
    }

    /// What was added since `before`.
    fn since(self, before: Self) -> Self {
        Self {
            energy: self.energy.saturating_sub(before.energy),
            idle: self.idle.saturating_sub(before.idle),
        }
    }
}

/// An instrument that counts this process's energy upwards.
pub trait Counter: Debug + Send + Sync + 'static {
    /// Its name and version.
    fn id(&self) -> MeterId;

    /// What it shows now; never less than before.
    ///
    /// # Errors
    /// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter) where it cannot be read any more.
    fn sample(&self) -> Result<Sample>;

    /// A difference of two samples as a reading, with the band and the boundary that this instrument deserves.
    fn reading(&self, spent: Sample) -> Reading;
}

const _: Option<&dyn Counter> = None;

impl<T: Counter + ?Sized> Counter for Arc<T> {
    fn id(&self) -> MeterId {
        (**self).id()
    }

    fn sample(&self) -> Result<Sample> {
        (**self).sample()
    }

    fn reading(&self, spent: Sample) -> Reading {
        (**self).reading(spent)
    }
}

/// The best counter of this machine, and what to say of it on every receipt.
#[derive(Debug, Clone)]
pub struct Detected {
    /// The counter.
    pub counter: Arc<dyn Counter>,
    /// Why a better one could not be used, and what stands in for it; `None` for the best.
    pub degraded: Option<String>,
}

/// RAPL where it can be read, else processor time times TDP.
///
/// # Errors
/// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter) where neither can: the operating system does not tell a
/// process its own processor time.
pub fn detect(machine: &Machine) -> Result<Detected> {
    match Rapl::open(Path::new(rapl::POWERCAP)) {
        Ok(rapl) => Ok(Detected { counter: Arc::new(rapl), degraded: None }),
        Err(error) => {
            let counter = Arc::new(CpuTime::open(machine)?);
            let degraded = format!("{}; processor time is used, on {}", error.message(), machine.describe());
            Ok(Detected { counter, degraded: Some(degraded) })
        }
    }
}

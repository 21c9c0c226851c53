//! Instruments on this machine, and how concurrent calls share what they show.

mod bracket;
mod cpu;
mod process;
mod rapl;
mod sample;
mod steps;
mod watch;
mod zones;

use crate::Machine;
use greenroute_core::{Boundary, MeterId, Result};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use bracket::{Bracket, Brackets, Missed};
pub use cpu::CpuTime;
pub use rapl::Rapl;
pub use sample::Sample;
pub use steps::{CounterSteps, Step, wrapped_step};

/// An instrument that counts this process's energy upwards.
pub trait Counter: Debug + Send + Sync + 'static {
    /// Its name and version.
    fn id(&self) -> MeterId;

    /// What it includes.
    fn boundary(&self) -> Boundary;

    /// What it shows now; never less than before.
    ///
    /// # Errors
    /// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter) where it cannot be read any more, or has missed
    /// something since it was last read.
    fn sample(&self) -> Result<Sample>;

    /// Looks after it, from a thread of its own, while a call is open: first when a call begins after a pause, then as
    /// often as it asks for, so that a long call misses nothing. `None` for never.
    ///
    /// # Errors
    /// As [`sample`](Self::sample): part of what the open calls spend was missed.
    fn tend(&self) -> Result<Option<Duration>>;
}

const _: Option<&dyn Counter> = None;

impl<T: Counter + ?Sized> Counter for Arc<T> {
    fn id(&self) -> MeterId {
        (**self).id()
    }

    fn boundary(&self) -> Boundary {
        (**self).boundary()
    }

    fn sample(&self) -> Result<Sample> {
        (**self).sample()
    }

    fn tend(&self) -> Result<Option<Duration>> {
        (**self).tend()
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

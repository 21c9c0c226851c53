//! Instruments on this machine, and how concurrent calls share what they show.

mod bracket;
mod busy;
mod composite;
mod cpu;
mod detect;
mod memory;
mod nvml;
mod process;
mod rapl;
mod rest;
mod sample;
mod steps;
mod watch;
mod zones;

use greenroute_core::{Boundary, MeterId, Result};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use bracket::{Bracket, Brackets, Missed};
pub use composite::Composite;
pub use cpu::CpuTime;
pub use detect::{Detected, Sources, detect, detect_in};
pub use memory::RamPower;
pub use nvml::{Nvml, NvmlSettings};
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

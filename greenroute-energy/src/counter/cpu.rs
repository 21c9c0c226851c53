use super::process::own_time;
use super::{Counter, Sample};
use crate::Machine;
use greenroute_core::units::Power;
use greenroute_core::{Boundary, Estimate, MeterId, Result};
use std::time::Duration;

/// Processor time of this process, times the power of one busy thread.
///
/// `E = t · TDP / threads`. The time is measured, to the nanosecond; the power is not, so the reading is
/// [`Method::Modelled`](greenroute_core::Method::Modelled) with the band of [`Machine::watts_per_thread`]. A tenth of it is stated as idle: the share of
/// the TDP that codecarbon's load curve, `TDP (0.1 + 0.9 load³)`, gives an idle processor.
#[derive(Debug)]
pub struct CpuTime {
    watts: Estimate<Power>,
    opened: Duration,
}

const IDLE_SHARE: f64 = 0.1;

impl CpuTime {
    /// Counting from now.
    ///
    /// # Errors
    /// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter) where this operating system does not tell a process
    /// its own processor time.
    pub fn open(machine: &Machine) -> Result<Self> {
        Ok(Self { watts: machine.watts_per_thread, opened: own_time()? })
    }
}

impl Counter for CpuTime {
    fn id(&self) -> MeterId {
        MeterId::new("cpu_time_tdp", 1)
    }

    fn boundary(&self) -> Boundary {
        Boundary::Device
    }

    fn sample(&self) -> Result<Sample> {
        let energy = self.watts.value() * own_time()?.saturating_sub(self.opened);
        let ratio = |end: Power| end.as_watts() / self.watts.value().as_watts();
        let band = (ratio(self.watts.low()), ratio(self.watts.high()));
        Ok(Sample::modelled(energy, band).with_idle(energy * IDLE_SHARE))
    }

    fn tend(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}

//! One GPU: its counter, its power, and who else is on it.

use super::super::Sample;
use super::super::process::fault;
use super::super::steps::CounterSteps;
use super::share::{Seen, Share};
use greenroute_core::units::{Energy, Power};
use greenroute_core::{Error, Result};
use nvml_wrapper::Device;
use nvml_wrapper::Nvml as Library;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::NVML_FI_DEV_POWER_INSTANT;
use std::time::{Duration, Instant};

/// Energy counters move every 20 to 100 milliseconds. A shorter window is told by power times time.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// No board draws more: a larger figure is a counter that was reset, or no power at all.
const MAX_POWER: Power = Power::from_watts(3000.0);

/// NVIDIA states ±5 % for power; on A100 and H100 it is sampled a quarter of the time (arXiv 2312.02741).
const COUNTED: (f64, f64) = (0.9, 1.1);
/// Power at two moments, for the time between them: beside the instrument's error, the moments may be unlike the time.
const BY_POWER: (f64, f64) = (0.8, 1.25);

/// A GPU that this process may use.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) index: u32,
    pub(super) name: String,
    /// For a divided board, the slices of this process's instances, and all.
    pub(super) slices: Option<(u32, u32)>,
    /// What it draws with nothing to do; `None` while nobody has seen it so.
    idle: Option<Power>,
    fixed_idle: bool,
    /// Whether it has an energy counter.
    pub(super) counts: bool,
    /// Whether the driver tells the power of this moment, beside that of the last second.
    instant: bool,
    steps: CounterSteps,
    shown: Option<u64>,
    /// When the energy counter last told.
    told: Instant,
    at: Instant,
    power: Option<Power>,
    pub(super) sum: Sample,
}

impl Board {
    /// Counting from now.
    pub(super) fn open(device: &Device<'_>, slices: Option<(u32, u32)>, idle: Option<Power>) -> Result<Self> {
        let index = device.index().map_err(|error| failed("a board has no number", error))?;
        let now = Instant::now();
        let mut board = Self {
            index,
            name: device.name().unwrap_or_else(|_| "GPU of an unknown name".to_owned()),
            slices,
            idle,
            fixed_idle: idle.is_some(),
            counts: true,
            instant: instant(device).is_some(),
            steps: CounterSteps::new(None),
            shown: None,
            told: now,
            at: now,
            power: None,
            sum: Sample::ZERO,
        };
        board.shown = board.counter(device)?;
        board.steps = CounterSteps::new(board.shown.map(millijoules));
        if !board.counts {
            board.power = Some(board.power(device)?);
        }
        Ok(board)
    }

    /// Looks at it: what it took since the last look, the part `share` of it this process's.
    pub(super) fn look(&mut self, library: &Library, share: Share) -> Result<()> {
        let device = self.device(library)?;
        let shown = self.counter(&device)?;
        let now = Instant::now();
        let time = now.saturating_duration_since(self.at);
        let since_told = now.saturating_duration_since(self.told);
        let moved = shown.is_some() && shown != self.shown;
        let believed = match (self.shown, shown) {
            (Some(last), Some(now)) => {
                last <= now && millijoules(now - last) <= MAX_POWER * since_told.saturating_add(STEP)
            }
            _ => false,
        };
        let spent = if moved && believed && since_told >= STEP {
            Ok(self.told_by_counter(shown, time))
        } else {
            match self.power(&device) {
                Ok(power) => Ok(self.told_by_power(power, time)),
                // The counter will tell of this time too, unless it was just reset.
                Err(_) if self.counts && (believed || !moved) => {
                    self.steps.step(None, None, time);
                    Ok(Sample::ZERO)
                }
                Err(error) => Err(error),
            }
        };
        self.at = now;
        if moved && !believed {
            // Counting goes on from here, and owes nothing for the time before.
            self.steps = CounterSteps::new(shown.map(millijoules));
            (self.shown, self.told) = (shown, now);
        }
        let spent = spent?;
        // Known from the time on when the board was first seen at rest.
        let known = self.sum.idle.unwrap_or(Energy::ZERO);
        let idle = self.idle.map(|idle| known + idle * time * share.part);
        let grain = spent.grain * share.high;
        let part =
            Sample { low: spent.low * share.low, high: spent.high * share.high, ..spent.times(share.part) };
        self.sum = Sample { grain, idle, ..self.sum.then(part) };
        Ok(())
    }

    /// All that was counted since it last told, less what power times time stood in for.
    fn told_by_counter(&mut self, shown: Option<u64>, time: Duration) -> Sample {
        let Some(step) = self.steps.step(shown.map(millijoules), None, time) else { return Sample::ZERO };
        (self.shown, self.told, self.power) = (shown, self.at + time, Some(step.power));
        Sample { grain: step.power * STEP, ..Sample::measured(step.energy, COUNTED) }
    }

    /// The mean of the power then and now; the band spans both.
    fn told_by_power(&mut self, now: Power, time: Duration) -> Sample {
        let then = self.power.replace(now).unwrap_or(now);
        let (least, most) = if then < now { (then, now) } else { (now, then) };
        let mean = (then + now) * 0.5;
        let energy = self.steps.step(None, Some(mean), time).map_or(Energy::ZERO, |step| step.energy);
        Sample {
            low: least * time * BY_POWER.0,
            high: most * time * BY_POWER.1,
            grain: self.sum.grain,
            ..Sample::exact(energy)
        }
    }

    fn device<'lib>(&self, library: &'lib Library) -> Result<Device<'lib>> {
        library.device_by_index(self.index).map_err(|error| self.failed(error))
    }

    /// `None` where there is no such counter.
    fn counter(&mut self, device: &Device<'_>) -> Result<Option<u64>> {
        if !self.counts {
            return Ok(None);
        }
        match device.total_energy_consumption() {
            Ok(shown) => Ok(Some(shown)),
            Err(NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_)) => {
                self.counts = false;
                Ok(None)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Its power at this moment, or as the driver averages it.
    fn power(&self, device: &Device<'_>) -> Result<Power> {
        let told = if self.instant { instant(device) } else { None };
        let watts = match told {
            Some(watts) => watts,
            None => f64::from(device.power_usage().map_err(|error| self.failed(error))?) / 1e3,
        };
        let power = Power::try_from_watts(watts).ok().filter(|power| *power <= MAX_POWER);
        power.ok_or_else(|| {
            fault(format!("NVML: board {} ({}) shows {watts} W, which cannot be", self.index, self.name))
        })
    }

    /// What it draws with nothing to do, where nothing is there now.
    pub(super) fn learn_idle(&mut self, library: &Library) {
        if self.fixed_idle {
            return;
        }
        let seen = self.device(library).and_then(|device| self.power(&device));
        if let Ok(seen) = seen {
            self.idle = Some(self.idle.filter(|known| *known < seen).unwrap_or(seen));
        }
    }

    fn failed(&self, error: NvmlError) -> Error {
        failed(&format!("board {} ({})", self.index, self.name), error)
    }
}

/// The share of this process on a board, with the processes that it was told by.
#[derive(Debug, Clone)]
pub(super) struct Neighbours {
    pub(super) share: Share,
    processes: Option<Vec<u32>>,
    /// The driver's clock at the newest sample of the processes' work, in microseconds.
    seen: u64,
}

impl Neighbours {
    /// Until they were looked for, this process's part is taken to be `share`.
    pub(super) const fn unknown(share: Share) -> Self {
        Self { share, processes: None, seen: 0 }
    }

    /// Whether nobody is there, as far as can be seen.
    pub(super) fn are_none(&self) -> bool {
        self.processes.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether the driver does not tell who is there.
    pub(super) const fn are_unseen(&self) -> bool {
        self.processes.is_none()
    }

    /// Looks who is there.
    pub(super) fn look(&self, device: &Device<'_>, own: u32, trusted: bool) -> Self {
        let processes = processes(device);
        let alone = processes.as_ref().is_none_or(|there| there.iter().all(|process| *process == own));
        let samples = match alone {
            true => Vec::new(),
            // Nothing new is an error to NVML, and says nothing to us.
            false => device.process_utilization_stats(self.seen).unwrap_or_default(),
        };
        let busy: Vec<(u32, u32)> = samples.iter().map(|sample| (sample.pid, sample.sm_util)).collect();
        // After nothing new all that the driver keeps is asked for: its clock may have been set back.
        let seen = samples.iter().map(|sample| sample.timestamp).max().unwrap_or(0);
        let before = Some(self.share).filter(|_| self.processes.is_some() && self.processes == processes);
        let share = Seen { own, trusted, processes: processes.as_deref(), busy: &busy }.share(before);
        Self { share, processes, seen }
    }
}

/// Everybody on the board, each once, in order.
fn processes(device: &Device<'_>) -> Option<Vec<u32>> {
    let computing = device.running_compute_processes().ok()?;
    let drawing = device.running_graphics_processes().unwrap_or_default();
    let mut found: Vec<u32> = computing.iter().chain(&drawing).map(|process| process.pid).collect();
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// In watts, of the GPU without the module around it; `None` where the driver has no such field.
fn instant(device: &Device<'_>) -> Option<f64> {
    let fields = device.field_values_for(&[FieldId(NVML_FI_DEV_POWER_INSTANT)]).ok()?;
    let milliwatts = match fields.into_iter().next()?.ok()?.value.ok()? {
        SampleValue::F64(milliwatts) => milliwatts,
        SampleValue::U32(milliwatts) => f64::from(milliwatts),
        SampleValue::U64(milliwatts) => f64::from(u32::try_from(milliwatts).ok()?),
        SampleValue::I64(milliwatts) => f64::from(u32::try_from(milliwatts).ok()?),
    };
    Some(milliwatts / 1e3)
}

fn millijoules(count: u64) -> Energy {
    Energy::from_microjoules(count.saturating_mul(1000))
}

/// What NVML says, with what to do.
pub(super) fn failed(what: &str, error: NvmlError) -> Error {
    let hint = match &error {
        NvmlError::DriverNotLoaded => ": load the NVIDIA driver, as `nvidia-smi` does",
        NvmlError::NoPermission => ": this user, or this container, may not talk to it",
        NvmlError::LibRmVersionMismatch => ": the driver was updated, and the machine not started anew",
        NvmlError::GpuLost | NvmlError::ResetRequired => ": it counts again after a reset",
        _ => "",
    };
    fault(format!("NVML: {what}: {error}{hint}")).with_source(error)
}

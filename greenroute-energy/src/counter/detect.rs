use super::rapl::POWERCAP;
use super::rest::{Part, with_rest};
use super::{Composite, Counter, CpuTime, Nvml, NvmlSettings, RamPower, Rapl};
use crate::Machine;
use greenroute_core::{Boundary, Note, NoteCode, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The best counters of this machine as one, and what to say of them on every receipt.
#[derive(Debug, Clone)]
pub struct Detected {
    /// The counter.
    pub counter: Arc<dyn Counter>,
    /// Why something is counted worse than it could be, or not at all; empty where nothing is.
    pub notes: Vec<Note>,
    /// What this machine seems not to have, and why it seems so.
    pub absent: Vec<String>,
}

/// Where counters are looked for.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The GPUs; `None` where the models run on the processor alone, so that none is counted.
    pub gpus: Option<NvmlSettings>,
    /// Where Linux shows the counters of the processor packages.
    pub powercap: PathBuf,
}

impl Default for Sources {
    fn default() -> Self {
        Self { gpus: Some(NvmlSettings::default()), powercap: POWERCAP.into() }
    }
}

/// The best counters of this machine: [`detect_in`] its usual places.
///
/// # Errors
/// As [`detect_in`].
pub fn detect(machine: &Machine) -> Result<Detected> {
    detect_in(machine, &Sources::default())
}

/// Every part of the machine that a model uses, by the best counter of it, each once: GPUs by [`Nvml`]; the processor by
/// [`Rapl`], else [`CpuTime`]; memory by RAPL, else [`RamPower`].
///
/// A platform counter (`psys`) has everything in it, perhaps a GPU too, so that it is not used beside [`Nvml`].
///
/// Where processor and memory are both counted, each part comes with the rest of the machine that goes with it
/// (`data/machine.csv`), and the boundary is the server: the name ends in `+rest`, and a server
/// factor set for this machine has nothing left to widen. Else it is the device, and the factor of the place adds the rest.
///
/// # Errors
/// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter) where neither a GPU nor the processor can be counted.
pub fn detect_in(machine: &Machine, sources: &Sources) -> Result<Detected> {
    let mut found = Found::default();
    if let Some(settings) = &sources.gpus {
        found.gpus(settings);
    }
    let memory_is_counted = found.processor(machine, &sources.powercap)?;
    if !memory_is_counted {
        found.memory(machine);
    }
    let Found { parts, notes, absent } = found;
    let all_device = parts.iter().all(|(_, counter)| counter.boundary() == Boundary::Device);
    let with_memory = parts.iter().any(|(part, _)| matches!(part, Part::Memory | Part::ProcessorWithMemory));
    let with_processor =
        parts.iter().any(|(part, _)| matches!(part, Part::Processor | Part::ProcessorWithMemory));
    let mut parts: Vec<Arc<dyn Counter>> = match all_device && with_memory && with_processor {
        true => with_rest(parts),
        false => parts.into_iter().map(|(_, counter)| counter).collect(),
    };
    let counter = if parts.len() == 1 { parts.pop() } else { None };
    Ok(Detected { counter: counter.unwrap_or_else(|| Arc::new(Composite::new(parts))), notes, absent })
}

#[derive(Default)]
struct Found {
    parts: Vec<(Part, Arc<dyn Counter>)>,
    notes: Vec<Note>,
    absent: Vec<String>,
}

impl Found {
    fn note(&mut self, text: String) {
        self.notes.push(Note::new(NoteCode::MeterDegraded, text));
    }

    fn gpus(&mut self, settings: &NvmlSettings) {
        match Nvml::open(settings) {
            Ok(nvml) => {
                nvml.notes().iter().for_each(|note| self.note(format!("GPU: {note}")));
                self.parts.push((Part::Gpu, Arc::new(nvml)));
            }
            Err(error) if settings.library.is_some() || has_nvidia() => {
                self.note(format!("no GPU is counted: {}", error.message()));
            }
            Err(error) => self.absent.push(format!("GPU: {}", error.message())),
        }
    }

    /// Whether memory is counted with it.
    fn processor(&mut self, machine: &Machine, powercap: &Path) -> Result<bool> {
        let why = match Rapl::open(powercap) {
            Ok(rapl) if rapl.boundary() == Boundary::Device || self.parts.is_empty() => {
                let with_memory = rapl.counts_memory();
                let part = if with_memory { Part::ProcessorWithMemory } else { Part::Processor };
                self.parts.push((part, Arc::new(rapl)));
                return Ok(with_memory);
            }
            Ok(_) => "RAPL shows the whole platform only, perhaps with the GPU".to_owned(),
            Err(error) => format!("{}{}", error.message(), of_this_system()),
        };
        match CpuTime::open(machine) {
            Ok(time) => {
                self.note(format!("{why}; processor time is used, on {}", machine.describe()));
                self.parts.push((Part::Processor, Arc::new(time)));
            }
            Err(error) if self.parts.is_empty() => return Err(error),
            Err(error) => self.note(format!("the processor is not counted: {why}; {}", error.message())),
        }
        Ok(false)
    }

    fn memory(&mut self, machine: &Machine) {
        match RamPower::open(machine) {
            Ok(memory) => self.parts.push((Part::Memory, Arc::new(memory))),
            Err(error) => self.note(format!("memory is not counted: {}", error.message())),
        }
    }
}

/// Why this operating system has no counters of packages to read.
fn of_this_system() -> &'static str {
    match std::env::consts::OS {
        "macos" => " (macOS tells energy to root alone, by powermetrics)",
        "windows" => " (Windows shows the counters of processors to drivers alone)",
        _ => "",
    }
}

/// Whether NVIDIA's driver left a trace: without one a missing library is no fault.
fn has_nvidia() -> bool {
    ["/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia"].iter().any(|trace| Path::new(trace).exists())
}

use super::process::{Kept, fault};
use super::{Counter, Sample};
use crate::Machine;
use crate::codecarbon::memory_power;
use greenroute_core::units::Power;
use greenroute_core::{Boundary, MeterId, Result};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The power of the machine's memory, and this process's part of it.
///
/// `E = ∫ P(memory) · resident / installed dt`. The power is codecarbon's guess from the size alone; the part is the
/// memory that this process keeps, by the kernel, looked at every second while a call is open. Memory draws much the
/// same whether it is used or not, so that all of it is stated as idle. Not for machines whose RAPL counts memory.
#[derive(Debug)]
pub struct RamPower {
    power: Power,
    /// In pages.
    installed: f64,
    band: (f64, f64),
    resident: Kept,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    at: Instant,
    share: f64,
    sum: Sample,
}

/// Modules draw 1 to 10 W each, and nobody knows how many there are.
const BAND: (f64, f64) = (0.3, 2.0);
/// A virtual machine has a piece of a host's modules, and the rule does not know of pieces.
const VIRTUAL_BAND: (f64, f64) = (0.05, 2.0);
const PERIOD: Duration = Duration::from_secs(1);

impl RamPower {
    /// Counting from now.
    ///
    /// # Errors
    /// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter) where this operating system has no `/proc/meminfo` and
    /// `/proc/self/statm`, as Linux has.
    pub fn open(machine: &Machine) -> Result<Self> {
        Self::open_in(machine, Path::new("/proc"))
    }

    fn open_in(machine: &Machine, proc: &Path) -> Result<Self> {
        let meminfo = Kept::open(&proc.join("meminfo"))?.head::<256>()?;
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kilobytes = positive(total.and_then(|line| line.split_whitespace().next()), "/proc/meminfo")?;
        let resident = Kept::open(&proc.join("self/statm"))?;
        let installed = kilobytes / page_kilobytes();
        let share = part(&resident, installed)?;
        // As codecarbon sees it: 1 GB is 1024³ bytes.
        let gigabytes = kilobytes / (1024.0 * 1024.0);
        let power = memory_power(gigabytes, cfg!(any(target_arch = "aarch64", target_arch = "arm")));
        let band = if machine.is_virtual { VIRTUAL_BAND } else { BAND };
        let held = Mutex::new(Held { at: Instant::now(), share, sum: Sample::ZERO });
        Ok(Self { power, installed, band, resident, held })
    }
}

impl Counter for RamPower {
    fn id(&self) -> MeterId {
        MeterId::new("ram_power", 1)
    }

    fn boundary(&self) -> Boundary {
        Boundary::Device
    }

    fn sample(&self) -> Result<Sample> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (share, at) = (part(&self.resident, self.installed)?, Instant::now());
        let mean = 0.5 * (share + held.share);
        let energy = self.power * at.saturating_duration_since(held.at) * mean;
        (held.at, held.share) = (at, share);
        held.sum = held.sum.then(Sample::modelled(energy, self.band).with_idle(energy));
        Ok(held.sum)
    }

    fn tend(&self) -> Result<Option<Duration>> {
        let last = self.held.lock().unwrap_or_else(PoisonError::into_inner).at;
        if last.elapsed() >= PERIOD {
            self.sample()?;
        }
        Ok(Some(PERIOD))
    }
}

/// What this process keeps in memory, of what there is, by the second number of its `statm`.
fn part(resident: &Kept, installed: f64) -> Result<f64> {
    let pages = positive(resident.head::<128>()?.split_whitespace().nth(1), "/proc/self/statm")?;
    Ok((pages / installed).min(1.0))
}

/// A number of pages or kilobytes; 10¹² of them are no memory.
fn positive(word: Option<&str>, file: &str) -> Result<f64> {
    let number = word.and_then(|word| word.parse().ok()).filter(|number| (1.0..1e12).contains(number));
    number.ok_or_else(|| fault(format!("{file} tells no amount of memory")))
}

#[cfg(unix)]
fn page_kilobytes() -> f64 {
    f64::from(u32::try_from(rustix::param::page_size()).unwrap_or(4096)) / 1024.0
}

/// Only Unix has the files that count in pages.
#[cfg(not(unix))]
fn page_kilobytes() -> f64 {
    4.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::units::Power;
    use greenroute_core::{ErrorKind, Estimate, Method};
    use std::fs::{create_dir_all, write};

    fn machine(is_virtual: bool) -> Machine {
        let watts_per_thread = Estimate::exact(Power::from_watts(4.0), Method::Modelled);
        Machine { cpu: "test".into(), threads: 2, tdp: None, is_virtual, watts_per_thread }
    }

    struct Proc(tempfile::TempDir);

    impl Proc {
        fn new(resident: &str) -> Self {
            let proc = Self(tempfile::tempdir().unwrap());
            create_dir_all(proc.0.path().join("self")).unwrap();
            write(proc.0.path().join("meminfo"), "MemTotal:       33554432 kB\nMemFree: 1 kB\n").unwrap();
            proc.keeps(resident);
            proc
        }

        fn keeps(&self, resident: &str) {
            write(self.0.path().join("self/statm"), format!("99 {resident}\n")).unwrap();
        }

        fn open(&self, is_virtual: bool) -> Result<RamPower> {
            RamPower::open_in(&machine(is_virtual), self.0.path())
        }
    }

    #[test]
    fn a_process_pays_for_the_memory_that_it_keeps() {
        let proc = Proc::new(&(f64::from(8_u32 << 20) / page_kilobytes()).to_string());
        let memory = proc.open(false).unwrap();
        // 32 GB are four modules of 5 W by the rule; on ARM, of 1.5 W.
        let each = if cfg!(target_arch = "x86_64") { 5.0 } else { 1.5 };
        assert_eq!(memory.power, Power::from_watts(4.0 * each));
        let outer = Instant::now();
        let (before, inner) = (memory.sample().unwrap(), Instant::now());
        std::thread::sleep(Duration::from_millis(50));
        let least = memory.power * inner.elapsed() * 0.25;
        let (spent, most) = (memory.sample().unwrap().since(before), memory.power * outer.elapsed() * 0.25);
        assert!(least * 0.999 <= spent.energy && spent.energy <= most * 1.001, "{} of {most}", spent.energy);
        assert_eq!((spent.idle, spent.modelled), (Some(spent.energy), spent.energy));
        let wide = |memory: RamPower| memory.band;
        assert!(wide(proc.open(true).unwrap()).0 < wide(proc.open(false).unwrap()).0);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_never_a_zero() {
        for bad in ["", "x", "0", "-5", "99999999999999999999"] {
            let error = Proc::new(bad).open(false).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Meter, "{bad}");
            assert!(error.message().contains("no amount of memory"), "{error}");
        }
        let proc = Proc::new("1024");
        let memory = proc.open(false).unwrap();
        proc.keeps("<html>");
        assert!(memory.sample().is_err());
        std::fs::remove_file(proc.0.path().join("meminfo")).unwrap();
        assert!(proc.open(false).unwrap_err().message().contains("meminfo cannot be read"));
    }
}

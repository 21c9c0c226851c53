use crate::codecarbon::processor;
use greenroute_core::units::Power;
use greenroute_core::{Estimate, Method};
use std::num::NonZero;

/// What codecarbon takes for a thread of a processor that nobody knows.
const UNKNOWN_WATTS_PER_THREAD: f64 = 4.0;

/// A few busy threads draw more than their share of the TDP, up to about four times when one core boosts alone; light
/// or memory-bound work draws less.
const KNOWN_BAND: (f64, f64) = (0.4, 4.0);
/// Under a hypervisor neither the chip's other load nor its clock can be seen.
const VIRTUAL_BAND: (f64, f64) = (0.3, 5.0);
/// Four watts stand for everything from a phone's core to a workstation's.
const UNKNOWN_BAND: (f64, f64) = (0.25, 5.0);

/// The processor that this process runs on, as far as the operating system tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// The processor's name, or `unknown processor`.
    pub cpu: String,
    /// Hardware threads that this machine shows.
    pub threads: u32,
    /// The thermal design power of one package, where the name is in codecarbon's table.
    pub tdp: Option<Power>,
    /// Whether it runs under a hypervisor, so that the threads are not all of the chip's.
    pub is_virtual: bool,
    /// Power of one busy thread: the package's TDP by its threads, or a rule of thumb, with its band.
    pub watts_per_thread: Estimate<Power>,
}

impl Machine {
    /// The machine that this runs on.
    #[must_use]
    pub fn detect() -> Self {
        let visible = std::thread::available_parallelism().map_or(1, NonZero::get);
        let visible = u32::try_from(visible).unwrap_or(1);
        // Only Linux has this file; elsewhere the processor stays unknown, and the band says so.
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self::from_cpuinfo(&cpuinfo, visible)
    }

    /// All threads busy.
    #[must_use]
    pub fn power_under_load(&self) -> Estimate<Power> {
        self.watts_per_thread.map(|watts| watts * f64::from(self.threads))
    }

    /// The processor and its power, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let virtually = if self.is_virtual { ", virtual" } else { "" };
        let tdp = self.tdp.map_or("TDP unknown".to_owned(), |tdp| format!("TDP {tdp}"));
        let each = self.watts_per_thread.value();
        format!("{} ({} threads{virtually}, {tdp}, {each} a thread)", self.cpu, self.threads)
    }

    fn from_cpuinfo(cpuinfo: &str, visible: u32) -> Self {
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim())
        };
        let cpu =
            field("model name").filter(|name| !name.is_empty()).unwrap_or("unknown processor").to_owned();
        let is_virtual =
            field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
        let siblings = field("siblings").and_then(|count| count.parse().ok());
        let tdp = processor(&cpu).and_then(|row| row.tdp).filter(|&tdp| tdp > Power::ZERO);
        // A hypervisor shows as many siblings as it likes; a name like `64-Core` tells of the chip itself.
        let chip_threads = if is_virtual { cores_in_name(&cpu).map(|cores| cores * 2) } else { siblings };
        let watts_per_thread = match (tdp, chip_threads.filter(|&threads| threads > 0)) {
            (Some(tdp), Some(threads)) => {
                let (down, up) = if is_virtual { VIRTUAL_BAND } else { KNOWN_BAND };
                Estimate::scaled(tdp * (1.0 / f64::from(threads)), down, up, Method::Modelled)
            }
            _ => {
                let watts = Power::from_watts(UNKNOWN_WATTS_PER_THREAD);
                Estimate::scaled(watts, UNKNOWN_BAND.0, UNKNOWN_BAND.1, Method::Modelled)
            }
        };
        Self { cpu, threads: visible.max(1), tdp, is_virtual, watts_per_thread }
    }
}

fn cores_in_name(cpu: &str) -> Option<u32> {
    cpu.split(' ').find_map(|word| word.strip_suffix("-Core")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPYC: &str =
        "processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\nsiblings\t: 128\nflags\t\t: fpu vme";

    #[test]
    fn bare_metal_shares_the_tdp_among_its_threads() {
        let machine = Machine::from_cpuinfo(EPYC, 128);
        assert_eq!((machine.tdp, machine.is_virtual), (Some(Power::from_watts(280.0)), false));
        assert_eq!(machine.watts_per_thread.value(), Power::from_watts(280.0 / 128.0));
        assert_eq!(machine.power_under_load().value(), Power::from_watts(280.0));
    }

    #[test]
    fn a_virtual_machine_knows_the_chip_by_its_name_only() {
        let virtually = EPYC.replace("fpu vme", "fpu hypervisor vme").replace("128", "2");
        let machine = Machine::from_cpuinfo(&virtually, 2);
        assert!(machine.is_virtual);
        assert_eq!(machine.watts_per_thread.value(), Power::from_watts(280.0 / 128.0));
        let nameless = Machine::from_cpuinfo(&virtually.replace(" 7763 64-Core Processor", ""), 2);
        assert_eq!(nameless.tdp, None);
        assert_eq!(nameless.watts_per_thread.value(), Power::from_watts(4.0));
        assert!(nameless.watts_per_thread.high() > nameless.watts_per_thread.value());
    }

    #[test]
    fn nothing_known_is_still_a_machine() {
        let machine = Machine::from_cpuinfo("", 0);
        assert_eq!((machine.cpu.as_str(), machine.threads), ("unknown processor", 1));
        assert_eq!(machine.describe(), "unknown processor (1 threads, TDP unknown, 4.00 W a thread)");
    }
}

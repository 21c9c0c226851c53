use super::process::{MachineTime, fault, machine_time, own_time};
use super::{Counter, Sample};
use greenroute_core::units::Energy;
use greenroute_core::{Boundary, Estimate, MeterId, Method, Reading, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where Linux shows the energy counters of processors.
pub(super) const POWERCAP: &str = "/sys/class/powercap";

/// No package draws more: a larger figure is a counter that was reset or wrapped more than once.
const MAX_WATTS: f64 = 2000.0;

/// The counters are updated every millisecond and agree with wall meters to a few per cent on current processors;
/// how they are shared among processes is the larger error.
const BAND: (f64, f64) = (0.8, 1.25);

/// The energy counters of the processor packages, with their memory where that is counted apart, shared among
/// processes by processor time.
///
/// `E = ΔRAPL · Δt(process) / Δt(all processes)`. Of it, `Δt(idle) / Δt(all)` is stated as idle, as Kepler does.
///
/// Traps that it knows: the folder is flat, so sub-zones stand beside their package; memory is added once, cores and
/// graphics are parts of the package; `psys` is used only where there is no package; the same package may show up by
/// two interfaces (`intel-rapl-mmio`) and two dies may mirror one counter; a counter wraps once at
/// `max_energy_range_uj`, and a step that is still impossible is left out; since 2020 the files belong to root.
#[derive(Debug)]
pub struct Rapl {
    zones: Vec<Zone>,
    proc_stat: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Zone {
    energy: PathBuf,
    max: Option<u64>,
}

#[derive(Debug)]
struct Held {
    shown: Vec<u64>,
    at: Instant,
    own: Duration,
    machine: MachineTime,
    sum: Sample,
}

impl Rapl {
    /// The counters under `folder`, such as `/sys/class/powercap`, counting from now.
    ///
    /// # Errors
    /// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter): there are none, or they may not be read; the message
    /// says which file, and how to allow it.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with(folder, Path::new("/proc/stat"))
    }

    fn open_with(folder: &Path, proc_stat: &Path) -> Result<Self> {
        let mut zones = zones(folder)?;
        let shown = zones.iter().map(|zone| read_counter(&zone.energy)).collect::<Result<Vec<_>>>()?;
        let mut seen: Vec<u64> = Vec::new();
        let keep: Vec<bool> = shown
            .iter()
            .map(|&now| {
                let mirrored = seen.iter().any(|&other| mirrors(now, other));
                seen.push(now);
                !mirrored
            })
            .collect();
        let mut kept = keep.iter().copied();
        zones.retain(|_| kept.next().unwrap_or(true));
        let shown = shown.into_iter().zip(keep).filter_map(|(now, keep)| keep.then_some(now)).collect();
        let held = Held {
            shown,
            at: Instant::now(),
            own: own_time()?,
            machine: read_machine(proc_stat)?,
            sum: Sample { energy: Energy::ZERO, idle: Energy::ZERO },
        };
        Ok(Self { zones, proc_stat: proc_stat.to_owned(), held: Mutex::new(held) })
    }
}

impl Counter for Rapl {
    fn id(&self) -> MeterId {
        MeterId::new("rapl", 1)
    }

    fn sample(&self) -> Result<Sample> {
        let shown = self.zones.iter().map(|zone| read_counter(&zone.energy)).collect::<Result<Vec<_>>>()?;
        let (at, own, machine) = (Instant::now(), own_time()?, read_machine(&self.proc_stat)?);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = at.saturating_duration_since(held.at).as_secs_f64();
        let steps = self.zones.iter().zip(&shown).zip(&held.shown);
        let joules: f64 = steps
            .filter_map(|((zone, &now), &last)| step(last, now, zone.max))
            .map(|step| Energy::from_microjoules(step).as_joules())
            .filter(|joules| *joules <= MAX_WATTS * seconds)
            .sum();
        let busy = ticks(machine.busy.saturating_sub(held.machine.busy));
        let idle = ticks(machine.idle.saturating_sub(held.machine.idle));
        let own_busy = own.saturating_sub(held.own).as_secs_f64();
        // The machine's clock ticks coarsely: in a short window a process may seem to work more than all together.
        let share = if busy > 0.0 { (own_busy / busy).min(1.0) } else { f64::from(u8::from(own_busy > 0.0)) };
        let idle_share = if busy + idle > 0.0 { idle / (busy + idle) } else { 0.0 };
        let spent = Energy::from_joules(joules * share);
        held.sum = Sample { energy: held.sum.energy + spent, idle: held.sum.idle + spent * idle_share };
        (held.shown, held.at, held.own, held.machine) = (shown, at, own, machine);
        Ok(held.sum)
    }

    fn reading(&self, spent: Sample) -> Reading {
        let banded = |energy| Estimate::scaled(energy, BAND.0, BAND.1, Method::Measured);
        Reading {
            idle: Some(banded(spent.idle)),
            ..Reading::new(banded(spent.energy), Boundary::Device, self.id())
        }
    }
}

/// The zones that together are all packages once, and their memory once.
fn zones(folder: &Path) -> Result<Vec<Zone>> {
    let entries = fs::read_dir(folder).map_err(|error| {
        fault(format!("RAPL is not there: {} cannot be listed ({error})", folder.display()))
    })?;
    // By interface, then by number: the model-specific registers come before the memory-mapped copies.
    let mut found: BTreeMap<(bool, String), String> = BTreeMap::new();
    for entry in entries.flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default().trim().to_owned();
        if id.starts_with("intel-rapl") && id.contains(':') && !name.is_empty() {
            found.insert((id.contains("-mmio"), id), name);
        }
    }
    let top = |id: &str| id.matches(':').count() == 1;
    let mut taken: Vec<(String, &str)> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for ((_, id), name) in &found {
        if top(id) && (name.starts_with("package") || name == "dram") && !names.contains(&name.as_str()) {
            names.push(name);
            taken.push((id.clone(), name));
        }
    }
    let has_package = names.iter().any(|name| name.starts_with("package"));
    let memory_on_top = names.contains(&"dram");
    let children: Vec<_> = found
        .iter()
        .filter(|((_, id), name)| {
            let of_taken = taken.iter().any(|(package, _)| id.starts_with(&format!("{package}:")));
            name.as_str() == "dram" && of_taken && !memory_on_top
        })
        .map(|((_, id), name)| (id.clone(), name.as_str()))
        .collect();
    taken.extend(children);
    if !has_package {
        taken = found
            .iter()
            .filter(|((_, id), name)| top(id) && name.as_str() == "psys")
            .map(|((_, id), name)| (id.clone(), name.as_str()))
            .collect();
    }
    if taken.is_empty() {
        return Err(fault(format!("RAPL is not there: {} has no processor package", folder.display())));
    }
    let zone = |(id, _): (String, &str)| {
        let zone = folder.join(id);
        let max = fs::read_to_string(zone.join("max_energy_range_uj")).ok();
        Zone { energy: zone.join("energy_uj"), max: max.and_then(|text| text.trim().parse().ok()) }
    };
    Ok(taken.into_iter().map(zone).collect())
}

/// Two dies that show the same number show the same counter: equal to a millionth, or to a joule.
fn mirrors(a: u64, b: u64) -> bool {
    let difference = a.abs_diff(b);
    a > 0 && (difference <= 1_000_000 || difference <= a / 1_000_000)
}

fn read_counter(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path).map_err(|error| {
        let what = if error.kind() == IoErrorKind::PermissionDenied {
            format!("RAPL may not be read: allow it with `sudo chmod a+r {}`", path.display())
        } else {
            format!("RAPL cannot be read: {}", path.display())
        };
        fault(what).with_source(error)
    })?;
    text.trim()
        .parse()
        .map_err(|error| fault(format!("RAPL shows no number in {}", path.display())).with_source(error))
}

fn read_machine(proc_stat: &Path) -> Result<MachineTime> {
    let text = fs::read_to_string(proc_stat)
        .map_err(|error| fault(format!("{} cannot be read", proc_stat.display())).with_source(error))?;
    machine_time(&text)
}

/// From `last` to `now` in microjoules, over one wrap at `max` at the most; `None` where that is impossible.
fn step(last: u64, now: u64, max: Option<u64>) -> Option<u64> {
    now.checked_sub(last).or_else(|| now.checked_add(max?)?.checked_sub(last))
}

/// Ticks of the machine's clock in seconds: every Linux shows a hundred a second to its processes.
fn ticks(count: u64) -> f64 {
    greenroute_core::units::Quantity::base(greenroute_core::units::Tokens::new(count)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::ErrorKind;
    use std::fs::{create_dir_all, write};

    /// A powercap tree and a `/proc/stat` that a test can turn.
    struct Fake(tempfile::TempDir);

    impl Fake {
        fn new() -> Self {
            let fake = Self(tempfile::tempdir().unwrap());
            fake.machine(0, 0);
            fake
        }

        fn zone(&self, id: &str, name: &str, microjoules: u64) {
            let folder = self.0.path().join(id);
            create_dir_all(&folder).unwrap();
            write(folder.join("name"), format!("{name}\n")).unwrap();
            write(folder.join("max_energy_range_uj"), "262143328850\n").unwrap();
            self.show(id, microjoules);
        }

        fn show(&self, id: &str, microjoules: u64) {
            write(self.0.path().join(id).join("energy_uj"), format!("{microjoules}\n")).unwrap();
        }

        fn machine(&self, busy: u64, idle: u64) {
            write(self.0.path().join("stat"), format!("cpu  {busy} 0 0 {idle} 0 0 0 0\n")).unwrap();
        }

        fn open(&self) -> Result<Rapl> {
            Rapl::open_with(self.0.path(), &self.0.path().join("stat"))
        }
    }

    fn names(fake: &Fake) -> Vec<String> {
        let zones = zones(fake.0.path()).unwrap();
        let name =
            |zone: &Zone| zone.energy.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        zones.iter().map(name).collect()
    }

    #[test]
    fn every_package_counts_once_and_its_memory_once() {
        let fake = Fake::new();
        for (id, name) in [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:0:1", "uncore"),
            ("intel-rapl:0:2", "dram"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:2", "psys"),
            ("intel-rapl-mmio:0", "package-0"),
        ] {
            fake.zone(id, name, 1);
        }
        assert_eq!(names(&fake), ["intel-rapl:0", "intel-rapl:1", "intel-rapl:0:2"]);
    }

    #[test]
    fn the_platform_stands_in_only_where_there_is_no_package() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "psys", 1);
        assert_eq!(names(&fake), ["intel-rapl:0"]);
        let empty = Fake::new();
        let error = empty.open().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Meter);
        assert!(error.message().contains("has no processor package"));
    }

    #[test]
    fn two_dies_with_one_counter_count_once() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "package-0-die-0", 70_000_000);
        fake.zone("intel-rapl:1", "package-0-die-1", 70_000_900);
        assert_eq!(fake.open().unwrap().zones.len(), 1);
    }

    #[test]
    fn a_wrap_is_followed_once_and_a_reset_is_left_out() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "package-0", 262_143_328_000);
        let rapl = fake.open().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fake.machine(1, 1);
        // This process works, so all that is busy is taken to be its own.
        fake.show("intel-rapl:0", 999_150);
        std::hint::black_box((0..200_000_u64).fold(0_u64, u64::wrapping_add));
        let first = rapl.sample().unwrap();
        assert!(first.energy.as_joules() <= 1.0 + 1e-9);
        // A jump of 100 kJ in a blink is no energy.
        fake.show("intel-rapl:0", 100_000_000_000);
        assert_eq!(rapl.sample().unwrap().energy, first.energy);
    }

    #[test]
    fn an_unreadable_counter_says_how_to_allow_it() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "package-0", 1);
        let rapl = fake.open().unwrap();
        fs::remove_file(fake.0.path().join("intel-rapl:0/energy_uj")).unwrap();
        assert!(rapl.sample().unwrap_err().message().contains("cannot be read"));
        write(fake.0.path().join("intel-rapl:0/energy_uj"), "<html>").unwrap();
        assert!(rapl.sample().unwrap_err().message().contains("shows no number"));
    }

    #[test]
    fn steps_are_those_of_codecarbon() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/codecarbon.json")).unwrap();
        let mut compared = 0;
        for case in golden["rapl_sequence"].as_array().unwrap() {
            let readings: Vec<Option<u64>> =
                case["inputs"]["readings_uj"].as_array().unwrap().iter().map(|now| now.as_u64()).collect();
            let max = case["inputs"]["max_energy_range_uj"].as_u64();
            for (pair, expected) in readings.windows(2).zip(case["expect"]["deltas"].as_array().unwrap()) {
                let ours = pair[0].zip(pair[1]).and_then(|(last, now)| step(last, now, max));
                let skipped = expected["skipped"].as_bool().unwrap();
                assert_eq!(ours.is_none(), skipped, "{}", case["id"]);
                if let Some(ours) = ours.filter(|&ours| ours > 0) {
                    // Their constant from joules to kWh is off by 8e-7.
                    let theirs = expected["energy_kwh"].as_f64().unwrap();
                    let kwh = Energy::from_microjoules(ours).as_kwh();
                    assert!((kwh / theirs - 1.0).abs() < 1e-6, "{}: {kwh} {theirs}", case["id"]);
                    compared += 1;
                }
            }
        }
        assert!(compared > 60, "{compared}");
    }
}

use super::busy::{Looks, Mark};
use super::process::{Kept, fault};
use super::zones::{Zone, zones};
use super::{Counter, Sample};
use greenroute_core::units::Energy;
use greenroute_core::{Boundary, MeterId, Result};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where Linux shows the energy counters of processors.
pub(super) const POWERCAP: &str = "/sys/class/powercap";

/// The counters are updated every millisecond and agree with wall meters to a few per cent on current processors;
/// how they are shared among processes is the larger error.
const BAND: (f64, f64) = (0.8, 1.25);

/// The energy counters of the processor packages, with their memory where that is counted apart, shared among
/// processes by processor time.
///
/// `E = ΔRAPL · Δt(process) / Δt(all processes)`. Of it, `Δt(idle) / Δt(all)` is stated as idle, as Kepler does. The time
/// of all is told in ticks, so that the share in a window below a tenth of a second is also that of the looks shortly
/// before, and its band as wide as the ticks are few.
///
/// Traps that it knows: the folder is flat, so sub-zones stand beside their package; memory is added once, cores and
/// graphics are parts of the package; `psys` is used only where there is no package, and is the whole machine; the
/// same package may show up by two interfaces (`intel-rapl-mmio`) and two dies may mirror one counter; a counter
/// wraps at `max_energy_range_uj`, so that it is looked at in time while a call is open, and where a step is impossible,
/// or a second wrap possible, there is no sample and counting goes on from there; since 2020 the files belong to root.
///
/// AMD's processors show theirs in the same tree, without memory.
#[derive(Debug)]
pub struct Rapl {
    zones: Vec<Zone>,
    boundary: Boundary,
    proc_stat: Kept,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    shown: Vec<u64>,
    looks: Looks,
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

    /// Whether the machine's memory is counted too.
    #[must_use]
    pub fn counts_memory(&self) -> bool {
        self.boundary > Boundary::Device || self.zones.iter().any(Zone::is_memory)
    }

    pub(super) fn open_with(folder: &Path, proc_stat: &Path) -> Result<Self> {
        let (zones, boundary) = zones(folder)?;
        let proc_stat = Kept::open(proc_stat)?;
        let shown = zones.iter().map(Zone::read).collect::<Result<_>>()?;
        let looks = Looks::new(Mark::now(&proc_stat)?);
        let held = Held { shown, looks, sum: Sample::ZERO };
        Ok(Self { zones, boundary, proc_stat, held: Mutex::new(held) })
    }
}

impl Counter for Rapl {
    fn id(&self) -> MeterId {
        MeterId::new("rapl", 1)
    }

    fn boundary(&self) -> Boundary {
        self.boundary
    }

    fn sample(&self) -> Result<Sample> {
        // Held while reading, so that no other thread's newer sample is taken for a step backwards.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.zones.iter().map(Zone::read).collect::<Result<Vec<_>>>()?;
        let now = Mark::now(&self.proc_stat)?;
        let time = now.at.saturating_duration_since(held.looks.last());
        let steps = self.zones.iter().zip(&shown).zip(&held.shown);
        let energy: Option<Energy> = steps.map(|((zone, &now), &last)| zone.counted(last, now, time)).sum();
        held.shown = shown;
        let part = held.looks.part(now);
        let energy = energy.ok_or_else(|| fault("RAPL went back, or too far, since it was last read"))?;
        let spent = Sample {
            low: energy * (part.low * BAND.0),
            high: energy * (part.high * BAND.1),
            ..Sample::exact(energy * part.value)
        };
        held.sum = held.sum.then(spent.with_idle(spent.energy * part.idle));
        Ok(held.sum)
    }

    fn tend(&self) -> Result<Option<Duration>> {
        let period = self.zones.iter().filter_map(Zone::period).min();
        // Not oftener than it must: the share of processor time is told in ticks, and is worse over short windows.
        let last = self.held.lock().unwrap_or_else(PoisonError::into_inner).looks.last();
        if period.is_some_and(|period| last.elapsed() >= period.mul_f64(0.9)) {
            self.sample()?;
        }
        Ok(period)
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::own_time;
    use super::*;
    use greenroute_core::ErrorKind;
    use std::fs::{self, create_dir_all, write};

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
        zones(fake.0.path()).unwrap().0.into_iter().map(|zone| zone.id).collect()
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
        assert_eq!(fake.open().unwrap().boundary, Boundary::Server);
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
        fake.show("intel-rapl:1", 90_000_000);
        assert_eq!(fake.open().unwrap().zones.len(), 2);
        let sockets = Fake::new();
        sockets.zone("intel-rapl:0", "package-0", 70_000_000);
        sockets.zone("intel-rapl:1", "package-1", 70_000_900);
        assert_eq!(sockets.open().unwrap().zones.len(), 2, "two sockets may be as busy as each other");
    }

    #[test]
    fn a_wrap_is_followed_once_and_a_leap_gives_no_sample() {
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
        assert!(rapl.sample().unwrap_err().message().contains("too far"));
        assert_eq!(rapl.sample().unwrap().energy, first.energy, "counting goes on from there");
    }

    fn work(time: Duration) {
        let end = own_time().unwrap() + time;
        while own_time().unwrap() < end {
            std::hint::black_box(0);
        }
    }

    #[test]
    fn a_window_of_less_than_a_tick_says_little_of_whose_it_is() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "package-0", 0);
        let rapl = fake.open().unwrap();
        work(Duration::from_millis(3));
        fake.show("intel-rapl:0", 1_000_000);
        // No tick has gone, so that others may have worked for longer than this process.
        let spent = rapl.sample().unwrap();
        assert!(spent.low.as_joules() < 0.3 && spent.high.as_joules() >= 1.0, "{spent:?}");
        assert!(spent.low <= spent.energy && spent.energy <= spent.high, "{spent:?}");
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
    fn memory_mapped_copies_stand_in_only_where_there_is_no_other() {
        let fake = Fake::new();
        for (id, name) in [
            ("intel-rapl", "intel-rapl"),
            ("intel-rapl-mmio:0", "package-0"),
            ("intel-rapl-mmio:0:0", "dram"),
            ("intel-rapl:0:0", "core"),
        ] {
            fake.zone(id, name, 1);
        }
        assert_eq!(names(&fake), ["intel-rapl-mmio:0", "intel-rapl-mmio:0:0"]);
    }

    #[test]
    fn memory_beside_the_packages_is_not_taken_from_within_them_again() {
        let fake = Fake::new();
        for (id, name) in [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "dram"),
            ("intel-rapl:1", "dram"),
            ("intel-rapl:10", "package-1"),
        ] {
            fake.zone(id, name, 1);
        }
        assert_eq!(names(&fake), ["intel-rapl:0", "intel-rapl:10", "intel-rapl:1"]);
        assert!(fake.open().unwrap().counts_memory());
        let amd = Fake::new();
        amd.zone("intel-rapl:0", "package-0", 1);
        amd.zone("intel-rapl:0:0", "core", 1);
        assert!(!amd.open().unwrap().counts_memory(), "AMD's processors do not count it");
    }

    #[test]
    fn a_counter_without_an_end_counts_until_it_goes_back() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "package-0", 5_000_000);
        fs::remove_file(fake.0.path().join("intel-rapl:0/max_energy_range_uj")).unwrap();
        let rapl = fake.open().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        fake.show("intel-rapl:0", 6_000_000);
        let counted = rapl.sample().unwrap();
        fake.show("intel-rapl:0", 1_000);
        let error = rapl.sample().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Meter);
        assert!(error.message().contains("went back"), "{error}");
        assert_eq!(rapl.tend().unwrap(), None, "what has no end need not be looked at");
        assert_eq!(rapl.sample().unwrap().energy, counted.energy);
    }

    #[test]
    fn a_zone_that_goes_while_the_machine_runs_is_told_and_may_come_back() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "package-0", 1_000_000);
        let rapl = fake.open().unwrap();
        fs::remove_dir_all(fake.0.path().join("intel-rapl:0")).unwrap();
        assert!(rapl.sample().unwrap_err().message().contains("is gone"));
        fake.zone("intel-rapl:0", "package-0", 1_100_000);
        assert!(rapl.sample().is_ok());
    }

    #[test]
    fn it_is_looked_after_in_time_for_its_shortest_counter() {
        let fake = Fake::new();
        fake.zone("intel-rapl:0", "package-0", 1);
        fake.zone("intel-rapl:1", "package-1", 1);
        let folder = fake.0.path().join("intel-rapl:1");
        write(folder.join("max_energy_range_uj"), "65532610987\n").unwrap();
        write(folder.join("constraint_0_max_power_uw"), "250000000\n").unwrap();
        // Half of 65.5 kJ at three times 250 W; the other wraps after 262 kJ at 2000 W.
        let rapl = fake.open().unwrap();
        let period = rapl.tend().unwrap().unwrap();
        assert!((period.as_secs_f64() - 65_532.610_987 / 750.0 / 2.0).abs() < 1e-6, "{period:?}");
        // So small a counter wraps within milliseconds: each time, it is looked at before it may do so twice.
        write(folder.join("max_energy_range_uj"), "60000000\n").unwrap();
        let small = fake.open().unwrap();
        let period = small.tend().unwrap().unwrap();
        let mut shown = 1;
        for _ in 0..5 {
            let last = small.held.lock().unwrap().looks.last();
            std::thread::sleep(period);
            shown = (shown + 25_000_000) % 60_000_000;
            fake.show("intel-rapl:1", shown);
            let told = small.tend();
            // A busy machine may sleep for twice as long as it was told to.
            assert!(told.is_ok() || last.elapsed() > period * 2, "{told:?}");
        }
        assert_eq!(small.held.lock().unwrap().shown[1], shown, "every wrap was seen");
        std::thread::sleep(period * 3);
        assert!(
            small.sample().unwrap_err().message().contains("too far"),
            "unseen, it may have wrapped twice"
        );
    }
}

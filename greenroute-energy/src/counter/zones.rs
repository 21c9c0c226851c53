//! The energy counters of the processor packages, as Linux shows them under `/sys/class/powercap`.

use super::process::{fault, head};
use super::steps::wrapped_step;
use greenroute_core::units::{Energy, Power};
use greenroute_core::{Boundary, Error, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Short peaks of a package may pass its limit, though not by this factor.
const PEAK: f64 = 3.0;

/// No package draws more, whatever it says of its limit.
const MAX_POWER: Power = Power::from_watts(2000.0);

/// A counter steps once a millisecond, so that a shorter window may see the energy of a longer time.
const SLACK: Duration = Duration::from_millis(10);

const MEMORY: &str = "dram";

/// One counter, in microjoules.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Zone {
    /// Its folder.
    pub(super) id: String,
    name: String,
    energy: PathBuf,
    /// Where it begins again at zero.
    max: Option<u64>,
    /// The long-term power limit, where the zone has one.
    limit: Option<Power>,
}

impl Zone {
    /// Whether it is the memory beside a package.
    pub(super) fn is_memory(&self) -> bool {
        self.name == MEMORY
    }

    /// What it shows now.
    pub(super) fn read(&self) -> Result<u64> {
        let shown = head::<32>(&self.energy).map_err(|error| unreadable(&self.energy, error))?;
        let number = shown.trim().parse();
        number.map_err(|error| {
            fault(format!("RAPL shows no number in {}", self.energy.display())).with_source(error)
        })
    }

    /// From `last` to `now`, over one wrap at the most. `None` where that cannot be told: the counter was reset, or
    /// has no known end, or may have wrapped twice, or would have drawn more power than there is.
    pub(super) fn counted(&self, last: u64, now: u64, time: Duration) -> Option<Energy> {
        if self.range().is_some_and(|range| self.peak() * time > range) {
            return None;
        }
        let most = MAX_POWER * time.saturating_add(SLACK);
        self.step(last, now).filter(|step| *step <= most)
    }

    /// As codecarbon tells it: the difference, or over the end of the counter.
    fn step(&self, last: u64, now: u64) -> Option<Energy> {
        wrapped_step(last, now, self.max).map(Energy::from_microjoules)
    }

    /// Half of the time in which the counter may wrap; `None` where it never does, as far as it is known.
    pub(super) fn period(&self) -> Option<Duration> {
        let seconds = 0.5 * self.range()?.as_joules() / self.peak().as_watts();
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn range(&self) -> Option<Energy> {
        self.max.map(Energy::from_microjoules)
    }

    /// The most that it may draw for a while.
    fn peak(&self) -> Power {
        let peak = self.limit.map(|limit| limit * PEAK).filter(|&peak| peak > Power::ZERO);
        peak.map_or(MAX_POWER, |peak| if peak > MAX_POWER { MAX_POWER } else { peak })
    }
}

/// Since 2020 the files belong to root; a zone may also go while the machine runs.
fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let shown = path.display();
    let what = match error.kind() {
        IoErrorKind::PermissionDenied => {
            let tree = path.parent().and_then(Path::parent).unwrap_or(path).display();
            format!(
                "RAPL may not be read: allow it until the next start with `sudo chmod a+r {tree}/*/energy_uj`"
            )
        }
        IoErrorKind::NotFound => format!("RAPL cannot be read: {shown} is gone"),
        _ => format!("RAPL cannot be read: {shown}"),
    };
    fault(what).with_source(error)
}

/// The zones that together are all packages once and their memory once, or the platform where there is no package,
/// with what they include.
pub(super) fn zones(folder: &Path) -> Result<(Vec<Zone>, Boundary)> {
    let missing = |why: String| fault(format!("RAPL is not there: {} {why}", folder.display()));
    let entries = fs::read_dir(folder).map_err(|error| missing(format!("cannot be listed ({error})")))?;
    // By interface, then by number: the model-specific registers come before the memory-mapped copies.
    let mut found: BTreeMap<(bool, String), Zone> = BTreeMap::new();
    for entry in entries.flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if id.starts_with("intel-rapl")
            && id.contains(':')
            && let Some(zone) = zone(&entry.path(), &id)
        {
            found.insert((id.contains("-mmio"), id), zone);
        }
    }
    let found: Vec<Zone> = found.into_values().collect();
    let mut taken = named(&found, |name| name.starts_with("package"));
    if taken.is_empty() {
        let platform = named(&found, |name| name == "psys");
        return match platform.is_empty() {
            true => Err(missing("has no processor package".to_owned())),
            false => Ok((platform, Boundary::Server)),
        };
    }
    unmirror(&mut taken)?;
    let memory = named(&found, |name| name == MEMORY);
    if memory.is_empty() {
        let inside =
            |zone: &&Zone| taken.iter().any(|package| zone.id.starts_with(&format!("{}:", package.id)));
        let memory: Vec<Zone> =
            found.iter().filter(inside).filter(|zone| zone.is_memory()).cloned().collect();
        taken.extend(memory);
    } else {
        taken.extend(memory);
    }
    Ok((taken, Boundary::Device))
}

fn zone(folder: &Path, id: &str) -> Option<Zone> {
    let name = file(folder, "name")?;
    let limit = ["constraint_0_max_power_uw", "constraint_0_power_limit_uw"];
    let limit = limit.iter().find_map(|name| file::<f64>(folder, name).filter(|&watts| watts > 0.0));
    Some(Zone {
        id: id.to_owned(),
        name,
        energy: folder.join("energy_uj"),
        max: file(folder, "max_energy_range_uj"),
        limit: limit.map(|microwatts| Power::from_watts(microwatts / 1e6)),
    })
}

fn file<T: FromStr>(folder: &Path, name: &str) -> Option<T> {
    fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
}

/// The zones with exactly one colon whose name fits, each name once.
fn named(found: &[Zone], fits: impl Fn(&str) -> bool) -> Vec<Zone> {
    let mut taken: Vec<Zone> = Vec::new();
    for zone in found.iter().filter(|zone| zone.id.matches(':').count() == 1 && fits(&zone.name)) {
        if taken.iter().all(|other| other.name != zone.name) {
            taken.push(zone.clone());
        }
    }
    taken
}

/// Drops a die that shows the same counter as another of its package: the same number twice, to a millionth or a
/// joule.
fn unmirror(zones: &mut Vec<Zone>) -> Result<()> {
    let package = |zone: &Zone| zone.name.split_once("-die-").map(|(package, _)| package.to_owned());
    if !zones.iter().any(|zone| package(zone).is_some()) {
        return Ok(());
    }
    let show = |zones: &[Zone]| zones.iter().map(Zone::read).collect::<Result<Vec<u64>>>();
    let (first, second) = (show(zones)?, show(zones)?);
    let shown: Vec<_> = zones.drain(..).zip(first).zip(second).collect();
    let mut kept: Vec<((Zone, u64), u64)> = Vec::new();
    for die in shown {
        let ((zone, first), second) = &die;
        let mirrored = kept.iter().any(|((other, before), after)| {
            package(zone).is_some()
                && package(zone) == package(other)
                && same(*first, *before)
                && same(*second, *after)
        });
        if !mirrored {
            kept.push(die);
        }
    }
    zones.extend(kept.into_iter().map(|((zone, _), _)| zone));
    Ok(())
}

fn same(a: u64, b: u64) -> bool {
    let difference = a.abs_diff(b);
    difference <= 1_000_000 || difference <= a / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(max: Option<u64>, limit: Option<f64>) -> Zone {
        let limit = limit.map(Power::from_watts);
        Zone { id: "intel-rapl:0".into(), name: "package-0".into(), energy: PathBuf::new(), max, limit }
    }

    #[test]
    fn a_window_in_which_a_counter_may_wrap_twice_gives_nothing() {
        let counted = |limit, seconds| {
            zone(Some(262_143_328_850), limit).counted(5, 1_000_005, Duration::from_secs(seconds))
        };
        let joule = Some(Energy::from_joules(1.0));
        assert_eq!((counted(Some(65.0), 60), counted(Some(65.0), 3600)), (joule, None));
        assert_eq!((counted(None, 60), counted(None, 3600)), (joule, None), "nobody draws more than 2000 W");
        let endless = zone(None, None);
        assert_eq!(endless.counted(5, 1_000_005, Duration::from_secs(3600)), joule);
        assert_eq!(endless.counted(5, 4, Duration::from_secs(1)), None);
        assert_eq!(zone(Some(u64::MAX), None).step(u64::MAX, 7), None);
    }

    #[test]
    fn it_is_looked_at_twice_before_it_can_wrap_twice() {
        for limit in [None, Some(65.0), Some(1e9)] {
            let zone = zone(Some(65_532_610_987), limit);
            let period = zone.period().unwrap();
            assert!(zone.counted(5, 1_000_005, period).is_some(), "{limit:?}");
            assert!(zone.counted(5, 1_000_005, period * 3).is_none(), "{limit:?}");
        }
        assert_eq!(zone(None, Some(65.0)).period(), None);
    }

    #[test]
    fn who_may_not_read_is_told_what_to_do() {
        let told = |kind: IoErrorKind| unreadable(Path::new("/sys/x/energy_uj"), kind.into());
        assert!(told(IoErrorKind::PermissionDenied).message().contains("sudo chmod a+r /sys/*/energy_uj"));
        assert!(told(IoErrorKind::NotFound).message().contains("is gone"));
        assert!(told(IoErrorKind::Other).message().contains("cannot be read: /sys/x/energy_uj"));
    }
}

use crate::serve::locked;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What the fake sources of carbon intensities know: what time it is, and the number of each zone from some time on.
/// Clones share it.
#[derive(Debug, Clone)]
pub struct GridWorld(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    now: SystemTime,
    zones: BTreeMap<String, BTreeMap<SystemTime, Option<f64>>>,
}

impl GridWorld {
    /// A world at this time, without zones.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Known { now, zones: BTreeMap::new() })))
    }

    /// What time it is there.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        locked(&self.0).now
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        locked(&self.0).now += time;
    }

    /// From this time on the zone has this number; `None` is a source's null. What it is a number of is the
    /// source's: gCO2e/kWh, lb/MWh, and MWh of one fuel for EIA, whose zones are written `ERCO/WND`.
    pub fn set(&self, zone: &str, from: SystemTime, value: Option<f64>) {
        locked(&self.0).zones.entry(zone.to_owned()).or_default().insert(from, value);
    }

    /// The zone's number at this time; `None` where it has none yet, or there is no such zone.
    pub(crate) fn value(&self, zone: &str, at: SystemTime) -> Option<Option<f64>> {
        let known = locked(&self.0);
        known.zones.get(zone)?.range(..=at).next_back().map(|(_, value)| *value)
    }

    pub(crate) fn knows(&self, zone: &str) -> bool {
        locked(&self.0).zones.contains_key(zone)
    }

    /// Everything that is written `prefix/…`, without the prefix.
    pub(crate) fn under(&self, prefix: &str) -> Vec<String> {
        let known = locked(&self.0);
        known
            .zones
            .keys()
            .filter_map(|zone| zone.strip_prefix(prefix)?.strip_prefix('/'))
            .map(str::to_owned)
            .collect()
    }
}

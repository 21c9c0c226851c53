use super::Inner;
use crate::grid::{GridIntensity, GridReading, GridSnapshot, Zone};
use futures_util::future::{Either, select};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The longest that a call waits for the grid; and never more than half of its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a source is left alone that could not be read.
const PAUSE: Duration = Duration::from_secs(300);

/// Keeps the advisor's picture of the grid fresh, so that deciding and accounting never wait for it.
pub(super) struct GridKeeper {
    world: GridReading,
    source: Option<Arc<dyn GridIntensity>>,
    /// Readings set by the user, which beat every source.
    overrides: Vec<(Zone, GridReading)>,
    /// When to ask again, where the source could not give every zone.
    again: Mutex<Option<SystemTime>>,
    /// Zones that calls were served in, beside those of the catalog.
    served_in: Mutex<BTreeSet<Zone>>,
}

impl GridKeeper {
    pub(super) fn new(
        world: GridReading,
        source: Option<Arc<dyn GridIntensity>>,
        overrides: Vec<(Zone, GridReading)>,
    ) -> Self {
        Self { world, source, overrides, again: Mutex::default(), served_in: Mutex::default() }
    }

    /// What is known before any source was asked.
    pub(super) fn initial(&self) -> GridSnapshot {
        self.overridden(GridSnapshot::new(self.world.clone()))
    }

    /// Asks the source again where a reading has run out, could not be read, or the catalog names a zone never
    /// asked for. `left` is the time that the call has left.
    pub(super) async fn refresh(&self, inner: &Inner, left: Duration) {
        let Some(source) = &self.source else { return };
        let grid = inner.advisor.grid();
        let roster = inner.advisor.roster();
        let served_in = self.served_in.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let zones = || roster.zones().iter().chain(&served_in);
        let now = inner.runtime.now();
        let fresh = grid.valid_until().is_none_or(|until| now < until);
        let due = match self.again() {
            Some(again) => again <= now,
            None => !(fresh && zones().all(|zone| grid.covers(zone))),
        };
        if !due {
            return;
        }
        let wanted: BTreeSet<Zone> = zones().cloned().collect();
        let gathering = GridSnapshot::gather(self.world.clone(), &**source, wanted.iter().cloned(), now);
        let patience = inner.runtime.sleep(PATIENCE.min(left / 2));
        let Either::Left((gathered, _)) = select(pin!(gathering), patience).await else {
            self.set_again(Some(now + PAUSE));
            return;
        };
        let mut gathered = self.overridden(gathered);
        let missing: Vec<&Zone> = wanted.iter().filter(|zone| gathered.is_degraded(Some(zone))).collect();
        self.set_again((!missing.is_empty()).then(|| now + PAUSE));
        for zone in missing.into_iter().filter(|zone| !grid.is_degraded(Some(zone))) {
            // An old reading of the zone is nearer to the truth than the world's.
            gathered.set(zone.clone(), GridReading::clone(grid.get(Some(zone))));
        }
        inner.advisor.set_grid(gathered);
    }

    /// Asks for a zone too with the next refresh.
    pub(super) fn want(&self, zone: &Zone) {
        self.served_in.lock().unwrap_or_else(PoisonError::into_inner).insert(zone.clone());
    }

    fn again(&self) -> Option<SystemTime> {
        *self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_again(&self, again: Option<SystemTime>) {
        *self.again.lock().unwrap_or_else(PoisonError::into_inner) = again;
    }

    fn overridden(&self, mut snapshot: GridSnapshot) -> GridSnapshot {
        for (zone, reading) in &self.overrides {
            snapshot.set(zone.clone(), reading.clone());
        }
        snapshot
    }
}

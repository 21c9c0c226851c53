use super::Inner;
use crate::grid::{GridIntensity, GridReading, GridSnapshot, Zone};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keeps the advisor's picture of the grid fresh, so that deciding and accounting never wait for it.
pub(super) struct GridKeeper {
    world: GridReading,
    source: Option<Arc<dyn GridIntensity>>,
    /// Readings set by the user, which beat every source.
    overrides: Vec<(Zone, GridReading)>,
}

impl GridKeeper {
    pub(super) fn new(
        world: GridReading,
        source: Option<Arc<dyn GridIntensity>>,
        overrides: Vec<(Zone, GridReading)>,
    ) -> Self {
        Self { world, source, overrides }
    }

    /// What is known before any source was asked.
    pub(super) fn initial(&self) -> GridSnapshot {
        self.overridden(GridSnapshot::new(self.world.clone()))
    }

    /// Asks the source again where a reading has run out or the catalog names a zone never asked for.
    pub(super) async fn refresh(&self, inner: &Inner) {
        let Some(source) = &self.source else { return };
        let grid = inner.advisor.grid();
        let catalog = inner.advisor.catalog().snapshot();
        let own = inner.advisor.accountant().own_zone();
        let zones = || catalog.cards().filter_map(|card| card.zone.as_ref()).chain(own);
        let now = inner.runtime.now();
        let fresh = grid.valid_until().is_none_or(|until| now < until);
        if fresh && zones().all(|zone| grid.covers(zone)) {
            return;
        }
        let wanted: BTreeSet<Zone> = zones().cloned().collect();
        let gathered = GridSnapshot::gather(self.world.clone(), &**source, wanted, now).await;
        inner.advisor.set_grid(self.overridden(gathered));
    }

    fn overridden(&self, mut snapshot: GridSnapshot) -> GridSnapshot {
        for (zone, reading) in &self.overrides {
            snapshot.set(zone.clone(), reading.clone());
        }
        snapshot
    }
}

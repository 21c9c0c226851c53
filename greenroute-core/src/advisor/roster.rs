use super::fitness::Fitness;
use crate::accountant::Accountant;
use crate::catalog::{CatalogSnapshot, stale_days};
use crate::grid::{GridSnapshot, Zone};
use crate::model::ModelCard;
use crate::prepared::Prepared;
use crate::time::Date;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// Every card of a catalog, prepared for one picture of the grid.
#[derive(Debug)]
pub(crate) struct Roster {
    catalog: Arc<CatalogSnapshot>,
    grid: Arc<GridSnapshot>,
    listed: Vec<Listed>,
    /// No meter can forecast for these.
    unmetered: Vec<Arc<ModelCard>>,
    zones: BTreeSet<Zone>,
    /// When the oldest of the catalog's dated cards was read.
    as_of: Option<Date>,
}

/// A card that a meter can forecast for.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) card: Arc<ModelCard>,
    pub(super) fitness: Fitness,
    pub(crate) prepared: Prepared,
    pub(crate) standing: Standing,
}

/// How well the place of a model is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Known,
    /// Where its provider usually runs.
    Assumed,
    /// The world average stands in.
    Unknown,
}

impl Roster {
    /// The cards that a meter can forecast for, in the catalog's order.
    pub(super) fn all_listed(&self) -> &[Listed] {
        &self.listed
    }

    #[expect(clippy::indexing_slicing, reason = "whoever has a place had it from this roster")]
    pub(crate) fn listed(&self, place: usize) -> &Listed {
        &self.listed[place]
    }

    /// The cards that no meter can forecast for.
    pub(super) fn unmetered(&self) -> &[Arc<ModelCard>] {
        &self.unmetered
    }

    pub(super) const fn catalog(&self) -> &Arc<CatalogSnapshot> {
        &self.catalog
    }

    pub(super) const fn grid(&self) -> &Arc<GridSnapshot> {
        &self.grid
    }

    /// The zones that its models and this machine are in.
    pub(crate) const fn zones(&self) -> &BTreeSet<Zone> {
        &self.zones
    }

    /// How old the catalog is on `today`, in days, where that is too old.
    pub(super) fn stale_days(&self, today: Date) -> Option<i64> {
        stale_days(self.as_of, today)
    }

    /// `before` is the roster until now: where only the grid has changed, meters are not asked again.
    fn new(
        accountant: &Accountant,
        catalog: Arc<CatalogSnapshot>,
        grid: Arc<GridSnapshot>,
        before: Option<&Self>,
    ) -> Self {
        let same_cards = before.filter(|before| Arc::ptr_eq(&before.catalog, &catalog));
        let mut known = same_cards.map(|before| before.listed.iter().peekable());
        let mut zones: BTreeSet<Zone> = accountant.own_zone().cloned().into_iter().collect();
        let (mut listed, mut unmetered) = (Vec::new(), Vec::new());
        for card in catalog.cards() {
            let placed = accountant.place(card, None);
            zones.extend(placed.zone.cloned());
            let standing = match (grid.is_degraded(placed.zone), placed.assumed) {
                (true, _) => Standing::Unknown,
                (false, true) => Standing::Assumed,
                (false, false) => Standing::Known,
            };
            let prepared = match &mut known {
                Some(known) => known
                    .next_if(|known| Arc::ptr_eq(&known.card, card))
                    .map(|known| known.prepared.on(grid.known(placed.zone).clone())),
                None => accountant.prepare(card, &grid),
            };
            let card = Arc::clone(card);
            match prepared {
                Some(prepared) => {
                    listed.push(Listed { fitness: Fitness::of(&card), card, prepared, standing });
                }
                None => unmetered.push(card),
            }
        }
        Self { as_of: catalog.as_of(), catalog, grid, listed, unmetered, zones }
    }
}

/// The roster of the moment, made anew when the catalog or the grid has changed.
#[derive(Debug, Default)]
pub(super) struct Rosters(RwLock<Option<Arc<Roster>>>);

impl Rosters {
    pub(super) fn of(
        &self,
        accountant: &Accountant,
        catalog: Arc<CatalogSnapshot>,
        grid: Arc<GridSnapshot>,
    ) -> Arc<Roster> {
        // Whoever is held here cannot be taken for another: its address is not given out again.
        let same =
            |held: &&Arc<Roster>| Arc::ptr_eq(&held.catalog, &catalog) && Arc::ptr_eq(&held.grid, &grid);
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(roster) = held.as_ref().filter(same) {
            return Arc::clone(roster);
        }
        let before = held.clone();
        drop(held);
        let roster = Arc::new(Roster::new(accountant, catalog, grid, before.as_deref()));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&roster));
        roster
    }
}

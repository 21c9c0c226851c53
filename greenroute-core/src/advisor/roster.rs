use crate::accountant::Accountant;
use crate::catalog::CatalogSnapshot;
use crate::grid::{GridSnapshot, Zone};
use crate::model::ModelCard;
use crate::prepared::Prepared;
use crate::rank::Candidate;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// Every card of a catalog, prepared for one picture of the grid.
#[derive(Debug)]
pub(crate) struct Roster {
    catalog: Arc<CatalogSnapshot>,
    grid: Arc<GridSnapshot>,
    cards: Vec<Listed>,
    zones: BTreeSet<Zone>,
}

/// A card of the roster.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) card: Arc<ModelCard>,
    /// `None` where no meter can forecast for it.
    pub(super) prepared: Option<Prepared>,
    pub(super) standing: Standing,
}

/// How well the place of a model is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Known,
    /// Where its provider usually runs.
    Assumed,
    /// The world average stands in.
    Unknown,
}

impl Roster {
    pub(super) fn cards(&self) -> &[Listed] {
        &self.cards
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

    /// How many of `candidates`, which are in the roster's order, stand so.
    pub(super) fn count(&self, candidates: &[Candidate], standing: Standing) -> usize {
        let mut cards = self.cards.iter();
        let mut listed =
            |candidate: &&Candidate| cards.find(|listed| Arc::ptr_eq(&listed.card, &candidate.card));
        candidates
            .iter()
            .filter(|candidate| listed(candidate).is_some_and(|listed| listed.standing == standing))
            .count()
    }

    /// `before` is the roster until now: where only the grid has changed, meters are not asked again.
    fn new(
        accountant: &Accountant,
        catalog: Arc<CatalogSnapshot>,
        grid: Arc<GridSnapshot>,
        before: Option<&Self>,
    ) -> Self {
        let same_cards = before.filter(|before| Arc::ptr_eq(&before.catalog, &catalog));
        let mut known = same_cards.map(|before| before.cards.iter());
        let mut zones: BTreeSet<Zone> = accountant.own_zone().cloned().into_iter().collect();
        let cards = catalog.cards().map(|card| {
            let placed = accountant.place(card, None);
            zones.extend(placed.zone.cloned());
            let standing = match (grid.is_degraded(placed.zone), placed.assumed) {
                (true, _) => Standing::Unknown,
                (false, true) => Standing::Assumed,
                (false, false) => Standing::Known,
            };
            let prepared = match known.as_mut().and_then(Iterator::next) {
                Some(Listed { prepared, .. }) => {
                    prepared.as_ref().map(|prepared| prepared.on(grid.known(placed.zone).clone()))
                }
                None => accountant.prepare(card, &grid),
            };
            Listed { card: Arc::clone(card), prepared, standing }
        });
        let cards = cards.collect();
        Self { catalog, grid, cards, zones }
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

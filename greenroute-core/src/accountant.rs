use crate::change::Change;
use crate::estimate::{Estimate, Method};
use crate::grid::{Basis, GridReading, GridSnapshot, Zone};
use crate::impact::{ImpactModel, Impacts};
use crate::meter::{Ladder, Skipped, Work};
use crate::model::{Cost, ModelCard, Pricing};
use crate::note::{Note, NoteCode};
use crate::prepared::Prepared;
use crate::reading::Reading;
use crate::receipt::{Aside, Baseline, BaselineRule, Deciding};
use crate::site::{Placed, Sites};
use crate::tariff::ElectricityTariff;
use crate::time::Date;
use crate::units::{ElectricityPrice, Emissions, Energy, Power};
use crate::usage::{Counted, Usage};
use std::sync::Arc;
use std::time::Duration;

/// Turns work into energy at the facility, emissions and money: forecasts and receipts by one ladder, in one place.
#[derive(Debug, Clone)]
pub struct Accountant {
    ladder: Ladder,
    sites: Sites,
    impacts: Option<Arc<dyn ImpactModel>>,
    electricity: ElectricityTariff,
    core_power: Estimate<Power>,
}

/// What one piece of finished work took, at the facility.
#[derive(Debug, Clone, PartialEq)]
pub struct Accounted {
    /// The reading, if any meter could read the work.
    pub reading: Option<Reading>,
    /// Better meters, and why they could not be used.
    pub skipped: Vec<Skipped>,
    /// The reading's energy times the grid's intensity.
    pub emissions: Option<Estimate<Emissions>>,
    /// Its emissions on other bases.
    pub aside: Vec<Aside>,
    /// Water and embodied emissions, where a model of them is set.
    pub impacts: Option<Impacts>,
    /// The price.
    pub cost: Cost,
}

impl Accountant {
    /// An accountant that reads by `ladder`, and widens by the place of each model among `sites`.
    #[must_use]
    pub fn new(ladder: Ladder, sites: Sites) -> Self {
        // One busy core of a processor from a laptop to a server: the TDP per core of CPUs on sale, METHOD.md.
        let [low, middle, high] = [1.0, 5.0, 15.0].map(Power::from_watts);
        Self {
            ladder,
            sites,
            impacts: None,
            electricity: ElectricityTariff::default(),
            core_power: Estimate::banded(low, middle, high, Method::Modelled),
        }
    }

    /// With the grid zone of this machine, which local models run in.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.sites = self.sites.with_own_zone(zone);
        self
    }

    /// With a model of water and embodied emissions; without one, receipts tell neither.
    #[must_use]
    pub fn impact_model(mut self, model: impl ImpactModel) -> Self {
        self.impacts = Some(Arc::new(model));
        self
    }

    /// With a price of electricity for every zone that has none of its own.
    #[must_use]
    pub fn electricity_price(mut self, price: ElectricityPrice) -> Self {
        self.electricity = self.electricity.everywhere(price);
        self
    }

    /// With the price of electricity in `zone`.
    #[must_use]
    pub fn electricity_price_in(mut self, zone: Zone, price: ElectricityPrice) -> Self {
        self.electricity = self.electricity.in_zone(zone, price);
        self
    }

    /// With these prices of electricity, and none that were set before.
    #[must_use]
    pub fn electricity_tariff(mut self, tariff: ElectricityTariff) -> Self {
        self.electricity = tariff;
        self
    }

    /// The ladder.
    #[must_use]
    pub const fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// The places where models run.
    #[must_use]
    pub const fn sites(&self) -> &Sites {
        &self.sites
    }

    /// The zone in which `card`'s model runs, where that is known: its own, or its place's.
    #[must_use]
    pub fn zone_of<'a>(&'a self, card: &'a ModelCard) -> Option<&'a Zone> {
        self.sites.of(card, None).zone
    }

    /// The zone of this machine, where it is set.
    #[must_use]
    pub const fn own_zone(&self) -> Option<&Zone> {
        self.sites.own_zone()
    }

    /// `card` with all that its forecasts on `grid` share worked out once; `None` where no meter can say.
    #[must_use]
    pub fn prepare(&self, card: &ModelCard, grid: &GridSnapshot) -> Option<Prepared> {
        let placed = self.place(card, None);
        let rate = self.ladder.rate(card)?.to_facility(&placed.site.overheads);
        Some(Prepared::new(card, rate, self.electricity.prices(placed.zone), grid.known(placed.zone).clone()))
    }

    /// Where `card`'s model runs, or ran where the provider said in which region.
    #[must_use]
    pub fn place<'a>(&'a self, card: &'a ModelCard, served_region: Option<&'a str>) -> Placed<'a> {
        self.sites.of(card, served_region)
    }

    /// What finished work took; `counted` are its tokens.
    #[must_use]
    pub fn account(
        &self,
        work: &Work<'_>,
        counted: &Counted,
        placed: &Placed<'_>,
        grid: &GridReading,
        day: Date,
    ) -> Accounted {
        let (reading, skipped) = self.ladder.explain(work);
        let reading = reading.map(|reading| reading.to_facility(&placed.site.overheads));
        let energy = reading.as_ref().map(|reading| reading.energy);
        let method = if counted.is_approximate() { Method::Proxy } else { Method::Reported };
        let cost = self.cost(work.card, placed, counted.usage(), energy, day, method);
        match reading {
            Some(reading) => Accounted { skipped, ..self.book(work, reading, cost, placed, grid) },
            None => Accounted { skipped, ..Accounted::unmetered(cost) },
        }
    }

    /// What follows from a reading at the facility of `work`.
    pub(crate) fn book(
        &self,
        work: &Work<'_>,
        reading: Reading,
        cost: Cost,
        placed: &Placed<'_>,
        grid: &GridReading,
    ) -> Accounted {
        let market = placed.site.market.map(|intensity| Aside {
            basis: Basis::Market,
            emissions: reading.energy * intensity,
            source: placed.site.source.clone(),
            vintage: None,
        });
        Accounted {
            emissions: Some(reading.energy * grid.intensity),
            aside: market.into_iter().collect(),
            impacts: self.impacts.as_ref().map(|model| model.impacts(work, &reading, placed)),
            ..Accounted { reading: Some(reading), ..Accounted::unmetered(cost) }
        }
    }

    /// The price of a model's call: by its list, or by the electricity it took where it ran.
    #[must_use]
    pub fn cost(
        &self,
        card: &ModelCard,
        placed: &Placed<'_>,
        usage: &Usage,
        energy: Option<Estimate<Energy>>,
        day: Date,
        method: Method,
    ) -> Cost {
        match (&card.pricing, energy) {
            (Pricing::Listed(list), _) => match list.cost(usage, day, method).usd() {
                // Nobody counted, so the price of each token is certain and their number is not.
                Some(usd) if method == Method::Proxy => Cost::Priced(usd.widened(0.6, 1.7)),
                Some(usd) => Cost::Priced(usd),
                None => Cost::Unpriced,
            },
            (Pricing::Electricity, Some(energy)) => match self.electricity.price(placed.zone, day) {
                Some(dated) => Cost::Priced(energy.map(|joules| joules * dated.price)),
                None => Cost::Unpriced,
            },
            (Pricing::Electricity | Pricing::Unpriced, _) => Cost::Unpriced,
        }
    }

    /// What deciding for `duration` took: one busy core of this machine.
    #[must_use]
    pub fn deciding(&self, duration: Duration) -> Deciding {
        Deciding { duration, energy: self.core_power.map(|power| power * duration) }
    }

    /// What the same usage would have taken at `other`; `None` where no meter can read both.
    #[must_use]
    pub fn baseline(
        &self,
        rule: BaselineRule,
        actual: (&ModelCard, &Placed<'_>, &GridReading),
        other: (&ModelCard, &Placed<'_>, &GridReading),
        usage: &Counted,
        day: Date,
    ) -> Option<Baseline> {
        let works = (Work::done(actual.0, usage), Work::done(other.0, usage));
        let (ours, theirs) = self.ladder.compare(&works.0, &works.1)?;
        let meter = theirs.meter.clone();
        let ours = ours.to_facility(&actual.1.site.overheads).energy;
        let theirs = theirs.to_facility(&other.1.site.overheads).energy;
        let usd = |(card, placed, _): (&ModelCard, &Placed<'_>, &GridReading), energy| {
            self.cost(card, placed, usage.usage(), Some(energy), day, Method::Modelled).usd()
        };
        let costs = usd(other, theirs).zip(usd(actual, ours));
        let grams = |energy: Estimate<Energy>, grid: &GridReading| (energy * grid.intensity).value();
        Some(Baseline {
            model: other.0.key.clone(),
            rule,
            meter,
            energy: Change::between(theirs.value(), ours.value()),
            emissions: Change::between(grams(theirs, other.2), grams(ours, actual.2)),
            cost: costs.map(|(theirs, ours)| Change::between(theirs.value(), ours.value())),
            uncertain: ours.overlaps(&theirs),
        })
    }

    /// The grid reading of a place, and what to note where it is not that of the place itself.
    #[must_use]
    pub fn grid<'a>(
        &self,
        card: &ModelCard,
        placed: &Placed<'_>,
        snapshot: &'a GridSnapshot,
    ) -> (&'a Arc<GridReading>, Option<Note>) {
        let unknown = |text| Some(Note::new(NoteCode::ZoneUnknown, text));
        let note = match (placed.unlisted, snapshot.degraded(placed.zone)) {
            (Some(region), _) => unknown(format!(
                "nobody knows where the region {region} of {} is: the world average is used",
                card.key.provider
            )),
            (None, Some(text)) => unknown(text),
            (None, None) => placed.zone.filter(|_| placed.assumed).map(|zone| {
                let (provider, source) = (&card.key.provider, &placed.site.source);
                let text = format!("{provider} did not say where it ran: {zone} is assumed ({source})");
                Note::new(NoteCode::ZoneAssumed, text)
            }),
        };
        (snapshot.get(placed.zone), note)
    }
}

impl Accounted {
    /// Work that nobody could meter, or that never ran.
    pub(crate) const fn unmetered(cost: Cost) -> Self {
        Self { reading: None, skipped: Vec::new(), emissions: None, aside: Vec::new(), impacts: None, cost }
    }
}

use crate::change::Change;
use crate::estimate::{Estimate, Method, Spread};
use crate::forecast::Forecast;
use crate::grid::{GridReading, GridSnapshot, Known, Zone};
use crate::impact::ImpactModel;
use crate::meter::{Ladder, Skipped, Work};
use crate::model::{Cost, ModelCard, Pricing};
use crate::reading::{Overheads, Reading};
use crate::receipt::{Baseline, BaselineRule, Deciding};
use crate::site::Sites;
use crate::time::Date;
use crate::units::{ElectricityPrice, Emissions, Energy, Power, Probability, Tokens};
use crate::usage::{Counted, Usage};
use std::sync::Arc;
use std::time::Duration;

/// Turns work into energy at the facility, emissions and money: forecasts and receipts by one ladder, in one place.
#[derive(Debug, Clone)]
pub struct Accountant {
    ladder: Ladder,
    sites: Sites,
    impacts: Option<Arc<dyn ImpactModel>>,
    electricity: Option<ElectricityPrice>,
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
            electricity: None,
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

    /// With the price of this machine's electricity.
    #[must_use]
    pub fn electricity_price(mut self, price: ElectricityPrice) -> Self {
        self.electricity = Some(price);
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

    /// What a call with these tokens is expected to take; `None` where no meter can say.
    pub(crate) fn forecast(
        &self,
        card: &ModelCard,
        success: Estimate<Probability>,
        input: Estimate<Tokens>,
        output: Estimate<Tokens>,
        grid: &Known,
        day: Date,
    ) -> Option<Forecast> {
        let reading = self.ladder.rate(card)?.reading(&Work::expected(card, input, output));
        let (energy, spread) = self.energy_at_facility(card, &reading);
        let intensity = &grid.reading.intensity;
        let method = energy.method().min(intensity.method());
        let grams = energy.value() * intensity.value();
        Some(Forecast {
            success,
            output,
            energy,
            emissions: Estimate::with_spread(grams, spread.and(grid.spread), method),
            cost: self.expected_cost(card, input, output, energy, day),
            duration: expected_duration(card, output),
            meter: reading.meter,
        })
    }

    /// What finished work took; `counted` are its tokens.
    #[must_use]
    pub fn account(&self, work: &Work<'_>, counted: &Counted, grid: &GridReading, day: Date) -> Accounted {
        let card = work.card;
        let (reading, skipped) = self.ladder.explain(work);
        let reading = reading.map(|reading| reading.to_facility(self.overheads(card)));
        let energy = reading.as_ref().map(|reading| reading.energy);
        let method = if counted.is_approximate() { Method::Proxy } else { Method::Reported };
        Accounted {
            emissions: energy.map(|energy| energy * grid.intensity),
            cost: self.cost(card, counted.usage(), energy, day, method),
            reading,
            skipped,
        }
    }

    /// A reading that came without tokens, such as what a failed call spent.
    #[must_use]
    pub fn widen(&self, card: &ModelCard, reading: &Reading) -> Reading {
        reading.to_facility(self.overheads(card))
    }

    /// The price of a model's call: by its list, or by the electricity it took.
    #[must_use]
    pub fn cost(
        &self,
        card: &ModelCard,
        usage: &Usage,
        energy: Option<Estimate<Energy>>,
        day: Date,
        method: Method,
    ) -> Cost {
        match (&card.pricing, self.electricity, energy) {
            (Pricing::Listed(list), ..) => match list.cost(usage, day, method).usd() {
                // Nobody counted, so the price of each token is certain and their number is not.
                Some(usd) if method == Method::Proxy => Cost::Priced(usd.widened(0.6, 1.7)),
                Some(usd) => Cost::Priced(usd),
                None => Cost::Unpriced,
            },
            (Pricing::Electricity, Some(price), Some(energy)) => {
                Cost::Priced(energy.map(|joules| joules * price))
            }
            (Pricing::Electricity | Pricing::Unpriced, ..) => Cost::Unpriced,
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
        actual: (&ModelCard, &Arc<GridReading>),
        other: (&ModelCard, &Arc<GridReading>),
        usage: &Counted,
        day: Date,
    ) -> Option<Baseline> {
        let works = (Work::done(actual.0, usage), Work::done(other.0, usage));
        let (ours, theirs) = self.ladder.compare(&works.0, &works.1)?;
        let meter = theirs.meter.clone();
        let (ours, _) = self.energy_at_facility(actual.0, &ours);
        let (theirs, _) = self.energy_at_facility(other.0, &theirs);
        let usd = |card, energy| self.cost(card, usage.usage(), Some(energy), day, Method::Modelled).usd();
        let costs = usd(other.0, theirs).zip(usd(actual.0, ours));
        let grams = |energy: Estimate<Energy>, grid: &GridReading| (energy * grid.intensity).value();
        Some(Baseline {
            model: other.0.key.clone(),
            rule,
            meter,
            energy: Change::between(theirs.value(), ours.value()),
            emissions: Change::between(grams(theirs, other.1), grams(ours, actual.1)),
            cost: costs.map(|(theirs, ours)| Change::between(theirs.value(), ours.value())),
            uncertain: ours.overlaps(&theirs),
        })
    }

    /// The grid reading for `card`'s model, and what to note where it is only the world average.
    #[must_use]
    pub fn grid<'a>(
        &self,
        card: &ModelCard,
        snapshot: &'a GridSnapshot,
    ) -> (&'a Arc<GridReading>, Option<String>) {
        let zone = self.zone_of(card);
        (snapshot.get(zone), snapshot.degraded(zone))
    }

    fn overheads<'a>(&'a self, card: &'a ModelCard) -> &'a Overheads {
        &self.sites.of(card, None).site.overheads
    }

    /// As [`Reading::to_facility`] does, with its spread.
    fn energy_at_facility(&self, card: &ModelCard, reading: &Reading) -> (Estimate<Energy>, Spread) {
        let energy = reading.to_facility(self.overheads(card)).energy;
        (energy, energy.spread())
    }

    fn expected_cost(
        &self,
        card: &ModelCard,
        input: Estimate<Tokens>,
        output: Estimate<Tokens>,
        energy: Estimate<Energy>,
        day: Date,
    ) -> Cost {
        let Pricing::Listed(list) = &card.pricing else {
            return self.cost(card, &Usage::default(), Some(energy), day, Method::Modelled);
        };
        let at = |input, output| list.cost(&Usage::new(input, output), day, Method::Proxy).usd();
        let ends = (
            at(input.low(), output.low()),
            at(input.value(), output.value()),
            at(input.high(), output.high()),
        );
        match ends {
            (Some(low), Some(value), Some(high)) => {
                Cost::Priced(Estimate::banded(low.value(), value.value(), high.value(), Method::Proxy))
            }
            _ => Cost::Unpriced,
        }
    }
}

/// By the card's speed, or a middling speed with a wide band where none is known.
fn expected_duration(card: &ModelCard, output: Estimate<Tokens>) -> Estimate<Duration> {
    use crate::units::Quantity;
    match card.speed {
        Some(speed) => output.map(|tokens| speed.duration(tokens.base())),
        None => output.map(|tokens| UNKNOWN_SPEED.duration(tokens.base())).widened(0.2, 4.0),
    }
}

/// What hosted models of every size show their users, roughly; the band above spans it.
const UNKNOWN_SPEED: crate::model::Speed =
    crate::model::Speed { tokens_per_second: 60.0, time_to_first_chunk_seconds: 0.7 };

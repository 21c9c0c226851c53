use super::{PassedOver, Point, Series, Subject};
use greenroute_core::model::{EnergyProfile, ModelCard};
use greenroute_core::receipt::{Attempt, Outcome};
use greenroute_core::{CatalogSnapshot, Date, MeterId, Method, ModelKey, Receipt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What receipts teach: it collects the readings of models, and [writes](CalibrationBook::apply) what they tell onto the
/// models' cards, where the next forecasts find it.
///
/// It holds 128 readings each of at most 256 models and meters, and reads no clock: whoever applies it says the day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CalibrationBook {
    pub(super) series: BTreeMap<Subject, Series>,
    /// What stood on the cards before the first calibration: by hand, or nothing.
    pub(super) by_hand: BTreeMap<ModelKey, Option<EnergyProfile>>,
    pub(super) trusted: BTreeSet<MeterId>,
    pub(super) passed_over: BTreeMap<PassedOver, u64>,
}

/// How many series a book holds.
pub(super) const SERIES: usize = 256;

impl CalibrationBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns also from readings by `meter` that are modelled. By default only what was measured, or reported by whoever
    /// did the work, counts. A counter that saw the call itself but not its power, such as processor time, is worth
    /// more than a forecast all the same; a meter of the ladder is not: it would learn what it said.
    #[must_use]
    pub fn trusting(mut self, meter: MeterId) -> Self {
        self.trusted.insert(meter);
        self
    }

    /// All readings, by subject.
    pub fn series(&self) -> impl ExactSizeIterator<Item = &Series> {
        self.series.values()
    }

    /// How many attempts of receipts could not be used, and why.
    #[must_use]
    pub const fn passed_over(&self) -> &BTreeMap<PassedOver, u64> {
        &self.passed_over
    }

    /// Learns from every attempt of a receipt that answered, was counted by the model's own tokenizer and was measured;
    /// gives how many those were. `cards` tell which model answered, and under which load it runs.
    pub fn observe(&mut self, receipt: &Receipt, cards: &CatalogSnapshot) -> u32 {
        u32::try_from(self.teach(receipt, cards).len()).unwrap_or(u32::MAX)
    }

    /// The same; gives the model of each.
    pub(super) fn teach(&mut self, receipt: &Receipt, cards: &CatalogSnapshot) -> Vec<ModelKey> {
        let mut learned = Vec::new();
        for attempt in &receipt.attempts {
            match self.learn(attempt, cards) {
                Ok(model) => learned.push(model),
                Err(why) => *self.passed_over.entry(why).or_default() += 1,
            }
        }
        learned
    }

    /// Takes over a series from elsewhere, such as a calibration that was run or imported. One of the same subject is
    /// replaced.
    pub fn insert(&mut self, series: Series) {
        if !self.series.contains_key(series.subject()) {
            self.make_room();
        }
        self.series.insert(series.subject().clone(), series);
    }

    fn learn(&mut self, attempt: &Attempt, cards: &CatalogSnapshot) -> Result<ModelKey, PassedOver> {
        if !matches!(attempt.outcome, Outcome::Answered { .. }) {
            return Err(PassedOver::NotAnswered);
        }
        let reading = attempt.reading.as_ref().ok_or(PassedOver::Unmetered)?;
        if reading.method() < Method::Measured && !self.trusted.contains(&reading.meter) {
            return Err(PassedOver::NotMeasured);
        }
        let counted = attempt.usage.as_ref().ok_or(PassedOver::NotCounted)?;
        let card = answering(attempt, cards).ok_or(PassedOver::UnknownModel)?;
        let batch = card.deployment.as_ref().and_then(|deployment| deployment.batch);
        let computed = attempt.timing.as_ref().and_then(|timing| timing.compute());
        let took = computed.unwrap_or(attempt.duration);
        let on = Date::of(attempt.started_at);
        let point = Point::new(counted, reading, Some(took), on)?.with_batch(batch);
        let (meter, boundary) = (reading.meter.clone(), reading.boundary);
        let subject = Subject { model: card.key.clone(), meter, boundary };
        if !self.series.contains_key(&subject) {
            self.make_room();
        }
        let series = self.series.entry(subject.clone()).or_insert_with(|| Series::new(subject));
        series.add(point).map(|()| card.key.clone())
    }

    /// Drops the series that has been silent for longest where the book is full.
    fn make_room(&mut self) {
        if self.series.len() < SERIES {
            return;
        }
        let latest = |(_, series): &(&Subject, &Series)| series.points().last().map(|point| point.on);
        let stalest = self.series.iter().min_by_key(latest).map(|(subject, _)| subject.clone());
        if let Some(subject) = stalest {
            self.series.remove(&subject);
        }
    }
}

/// The card of the model that answered: a provider may redirect, and may call a model by the name of a snapshot.
fn answering<'a>(attempt: &Attempt, cards: &'a CatalogSnapshot) -> Option<&'a Arc<ModelCard>> {
    let asked = cards.get(&attempt.requested);
    let Some(returned) = attempt.returned.as_ref().filter(|returned| **returned != attempt.requested) else {
        return asked;
    };
    let here = returned.provider == attempt.requested.provider;
    let itself = asked.filter(|card| here && card.is_called(returned.model.as_str()));
    let other = || cards.resolve(&returned.provider, returned.model.as_str());
    itself.or_else(|| cards.get(returned)).or_else(other)
}

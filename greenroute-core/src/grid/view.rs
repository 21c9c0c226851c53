use super::snapshot::{GridSnapshot, Known};
use super::{Chosen, GridReading, MarginalReading, Zone};
use crate::note::{Note, NoteCode};
use crate::reading::Reading;
use crate::receipt::Aside;
use crate::time::rfc3339;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long after its end a reading passes for the present one, where nothing went wrong: a newer one is being fetched.
const ON_ITS_WAY: Duration = Duration::from_secs(60);

/// The grid as one call sees it: what is known, but for what was chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GridView<'a> {
    snapshot: &'a GridSnapshot,
    chosen: Option<&'a Chosen>,
}

impl<'a> GridView<'a> {
    pub(crate) const fn new(snapshot: &'a GridSnapshot, chosen: Option<&'a Chosen>) -> Self {
        Self { snapshot, chosen }
    }

    /// Where a model that runs in `zone` counts as running.
    fn zone(self, zone: Option<&'a Zone>) -> Option<&'a Zone> {
        self.chosen.and_then(Chosen::zone).or(zone)
    }

    /// The intensity for a model that runs in `zone`. Its `reading.zone` may be another: [`GridView::reading`] is for
    /// receipts.
    pub(crate) fn known(self, zone: Option<&Zone>) -> &'a Known {
        match self.chosen {
            Some(Chosen { intensity: Some(known), .. }) => known,
            Some(Chosen { zone: Some(zone), .. }) => self.snapshot.known(Some(zone)),
            _ => self.snapshot.known(zone),
        }
    }

    /// The reading for a model that runs in `zone`; it names who chose it.
    pub(crate) fn reading(self, zone: Option<&Zone>) -> Arc<GridReading> {
        let reading = &self.known(zone).reading;
        match self.chosen {
            None => Arc::clone(reading),
            Some(Chosen { zone: None, intensity: Some(_), .. }) => {
                let zone = zone.cloned().unwrap_or_else(Zone::world);
                Arc::new(GridReading { zone, ..GridReading::clone(reading) })
            }
            Some(Chosen { zone: Some(zone), intensity: None, by }) => {
                let source = format!("{}; zone {zone} set by {by}", reading.source);
                Arc::new(GridReading { source: source.into(), ..GridReading::clone(reading) })
            }
            Some(_) => Arc::clone(reading),
        }
    }

    /// The intensity for every model, where somebody chose.
    pub(crate) fn chosen(self) -> Option<&'a Known> {
        self.chosen.map(|_| self.known(None))
    }

    /// Whether the world average stands in for a model that runs in `zone`.
    pub(crate) fn is_degraded(self, zone: Option<&Zone>) -> bool {
        !self.chosen.is_some_and(Chosen::is_intensity) && self.snapshot.is_degraded(self.zone(zone))
    }

    /// That the chosen zone has no reading.
    pub(crate) fn choice_unknown(self) -> Option<Note> {
        let zone = self.chosen?.asks_for();
        zone.and_then(|zone| self.snapshot.degraded(Some(zone)))
            .map(|text| Note::new(NoteCode::ZoneUnknown, text))
    }

    /// The emissions of a reading by the marginal intensity for a model that runs in `zone`, where a source gave one.
    pub(crate) fn aside(
        self,
        zone: Option<&Zone>,
        reading: Option<&Reading>,
        now: SystemTime,
    ) -> Option<Aside> {
        let MarginalReading(grid) = self.marginal(zone, now).and_then(Result::ok)?;
        Some(Aside {
            basis: grid.basis,
            emissions: reading?.energy * grid.intensity,
            source: grid.source.clone(),
            vintage: Some(grid.vintage.clone()),
        })
    }

    /// The marginal reading for a model that runs in `zone`, or why there is none; nothing where no source was asked, or
    /// where an intensity was set for no place.
    fn marginal(self, zone: Option<&Zone>, now: SystemTime) -> Option<Result<&'a MarginalReading, String>> {
        let zone = match self.chosen {
            Some(Chosen { zone: None, intensity: Some(_), .. }) => None,
            Some(Chosen { zone: Some(zone), .. }) => Some(zone),
            _ => zone,
        }?;
        let why = |why: &str| Err(format!("the marginal intensity of {zone} is not known: {why}"));
        Some(match self.snapshot.marginal(zone)? {
            Ok(MarginalReading(reading)) if reading.valid_until.is_some_and(|until| until <= now) => {
                why("it ran out")
            }
            Ok(reading) => Ok(reading),
            Err(fault) => why(fault),
        })
    }

    /// What a receipt must say of the reading for a model that runs in `zone`, beside that there is none.
    pub(crate) fn notes(self, zone: Option<&Zone>, now: SystemTime) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut degraded = |text: String| notes.push(Note::new(NoteCode::GridDegraded, text));
        if let Some(Err(why)) = self.marginal(zone, now) {
            degraded(why);
        }
        if self.chosen.is_some_and(Chosen::is_intensity) {
            return notes;
        }
        let zone = self.zone(zone);
        let reading = self.snapshot.get(zone);
        let place = &reading.zone;
        if let Some((until, age)) =
            reading.valid_until.and_then(|until| Some((until, now.duration_since(until).ok()?)))
        {
            let fault = zone.and_then(|zone| self.snapshot.why(zone));
            let late = (age > ON_ITS_WAY).then_some("no newer one has come");
            if let Some(why) = fault.or(late) {
                let until = rfc3339::format(until);
                degraded(format!("the carbon intensity of {place} ran out at {until}: {why}"));
            }
        }
        if !reading.passed_over.is_empty() {
            let reasons = reading.passed_over.join("; ");
            degraded(format!("the carbon intensity of {place} is by {}: {reasons}", reading.source));
        }
        if reading.estimated {
            degraded(format!("the carbon intensity of {place} is a guess of {}", reading.source));
        }
        notes
    }
}

use super::fit::FEWEST_FOR_PLANE;
use super::prior::logarithms;
use super::robust::median;
use super::{Calibrated, CalibrationBook, Fit, LoadPoint, Point, Prior, Series, Unfit, offsets};
use greenroute_core::model::{Deployment, EnergyProfile, LoadOffset, ModelCard, Privacy};
use greenroute_core::units::Energy;
use greenroute_core::{
    Accountant, Boundary, Catalog, Date, Error, Estimate, MeterId, Method, ModelKey, Overheads, Reading,
    Result,
};

/// What a book changed in a catalog, and what it could not.
#[derive(Debug, Default)]
#[must_use]
pub struct Applied {
    /// Cards that say something else now.
    pub changed: Vec<Calibrated>,
    /// Models whose newest calls took clearly other amounts than those before, with the factor: something changed.
    pub drifted: Vec<(ModelKey, f64)>,
    /// Models of which nothing can be told, and why.
    pub unfit: Vec<(ModelKey, Unfit)>,
    /// Cards that the catalog refused.
    pub refused: Vec<Error>,
}

impl Applied {
    pub(super) fn is_empty(&self) -> bool {
        let Self { changed, drifted, unfit, refused } = self;
        changed.is_empty() && drifted.is_empty() && unfit.is_empty() && refused.is_empty()
    }
}

impl CalibrationBook {
    /// Writes what the readings tell onto the cards of `catalog`, and tells what changed. The same readings change
    /// nothing a second time.
    ///
    /// A model on this machine, or one whose provider reports the energy of its answers, gets an [`EnergyProfile`] by
    /// its best-known readings. A model on a deployment of known load gets [offsets](offsets()) of the meter that
    /// forecasts it. What `accountant` would forecast without any calibration is what few readings lean on.
    pub fn apply(&mut self, catalog: &Catalog, accountant: &Accountant, today: Date) -> Applied {
        let mut models: Vec<ModelKey> = self.series.keys().map(|subject| subject.model.clone()).collect();
        models.dedup();
        let mut applied = Applied::default();
        for model in models {
            self.apply_to(model, catalog, accountant, today, &mut applied);
        }
        applied
    }

    /// The same for one model.
    pub(super) fn apply_to(
        &mut self,
        model: ModelKey,
        catalog: &Catalog,
        accountant: &Accountant,
        today: Date,
        applied: &mut Applied,
    ) {
        let Some(card) = catalog.snapshot().get(&model).cloned() else {
            return applied.unfit.push((model, Unfit::NoCard));
        };
        let (next, drift) = match self.calibrate(&card, accountant, today) {
            Ok(found) => found,
            Err(unfit) => return applied.unfit.push((model, unfit)),
        };
        applied.drifted.extend(drift.map(|factor| (model.clone(), factor)));
        let Some(change) = Calibrated::between(&card, &next) else { return };
        // Onto the card as it is now: prices or windows may have changed since it was read.
        let mut taken = true;
        let revised = catalog.revise(&model, |now| {
            taken = now.energy_profile == card.energy_profile;
            if taken {
                take_over(now, next);
            }
        });
        match revised {
            Ok(()) if taken => applied.changed.push(change),
            // Somebody set another profile meanwhile. The next time starts from that one.
            Ok(()) => {}
            Err(error) => applied.refused.push(error),
        }
    }

    /// Takes profile and offsets off the card of `model` and forgets its readings; a profile that stood there by hand
    /// comes back.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`](greenroute_core::ErrorKind::ModelNotFound) where the catalog has no such card.
    pub fn withdraw(&mut self, model: &ModelKey, catalog: &Catalog) -> Result<()> {
        let by_hand = &self.by_hand;
        catalog.revise(model, |card| {
            let plain = uncalibrated(card, by_hand.get(&card.key));
            card.energy_profile = plain.energy_profile;
            card.deployment.iter_mut().for_each(|deployment| deployment.offsets.clear());
        })?;
        self.by_hand.remove(model);
        self.series.retain(|subject, _| subject.model != *model);
        Ok(())
    }

    /// The card as its readings have it, and how many times as much its newest calls took, where that has changed.
    fn calibrate(
        &mut self,
        card: &ModelCard,
        accountant: &Accountant,
        today: Date,
    ) -> Result<(ModelCard, Option<f64>), Unfit> {
        let plain = uncalibrated(card, self.by_hand.get(&card.key));
        let overheads = &accountant.sites().of(&plain, None).site.overheads;
        let mut series: Vec<&mut Series> =
            self.series.values_mut().filter(|series| series.subject().model == card.key).collect();
        // Best-known first, then those with enough to tell all, then newest, then longest.
        series.sort_by_key(|series| {
            std::cmp::Reverse((
                series.method(),
                series.points().len() >= FEWEST_FOR_PLANE,
                series.points().last().map(|point| point.on),
                series.points().len(),
            ))
        });
        let mut unfit = Unfit::NoCard;
        for series in series {
            let mut next = plain.clone();
            let found = match load_of(&plain, series) {
                Load::Keyed(deployment) => {
                    let found = corrected(&plain, deployment, series, accountant, overheads, today);
                    found.map(|deployment| {
                        next.deployment = Some(deployment);
                        None
                    })
                }
                Load::Own => {
                    let boundary = series.subject().boundary;
                    let rate = accountant.ladder().rate(&plain);
                    let prior = rate.map(|rate| Prior::of(&rate, boundary, overheads));
                    series.fit(prior.as_ref(), today).map(|Fit { profile, drift, .. }| {
                        next.energy_profile = Some(profile);
                        drift
                    })
                }
                Load::Unknown => Err(Unfit::NoLoadKey),
            };
            match found {
                Ok(drift) => {
                    self.by_hand.insert(card.key.clone(), plain.energy_profile);
                    return Ok((next, drift));
                }
                Err(why) => unfit = why,
            }
        }
        Err(unfit)
    }
}

/// The card with the profile that it had before any calibration; `by_hand` is what a book remembers of that.
pub(super) fn uncalibrated(card: &ModelCard, by_hand: Option<&Option<EnergyProfile>>) -> ModelCard {
    let calibrated = |profile: &EnergyProfile| profile.meter.is_some();
    let mut plain = card.clone();
    plain.energy_profile = match by_hand {
        Some(by_hand) if card.energy_profile.as_ref().is_none_or(calibrated) => by_hand.clone(),
        _ => card.energy_profile.clone().filter(|profile| !calibrated(profile)),
    };
    plain
}

/// What calibration writes, and nothing else.
fn take_over(card: &mut ModelCard, calibrated: ModelCard) {
    card.energy_profile = calibrated.energy_profile;
    if let Some((deployment, found)) = card.deployment.as_mut().zip(calibrated.deployment) {
        deployment.offsets = found.offsets;
    }
}

/// By what a model can be calibrated.
enum Load<'a> {
    /// By offsets: its deployment and its load are known.
    Keyed(&'a Deployment),
    /// By a profile: it serves only this machine's user, or its provider reports what each answer took, whatever the load was.
    Own,
    /// Not at all: other users' load moves the truth by a factor of seven, and nobody told it.
    Unknown,
}

fn load_of<'a>(card: &'a ModelCard, series: &Series) -> Load<'a> {
    let keyed = series.points().any(|point| point.batch.is_some());
    match &card.deployment {
        Some(deployment) if keyed && !deployment.processor => Load::Keyed(deployment),
        _ if card.privacy == Privacy::Local || series.method() == Some(Method::Reported) => Load::Own,
        _ => Load::Unknown,
    }
}

/// The deployment with the offsets that the readings tell of.
fn corrected(
    plain: &ModelCard,
    deployment: &Deployment,
    series: &Series,
    accountant: &Accountant,
    overheads: &Overheads,
    today: Date,
) -> Result<Deployment, Unfit> {
    let at = |batch: f64, offsets: Vec<LoadOffset>| {
        let deployment = Deployment { batch: Some(batch), offsets, ..deployment.clone() };
        let mut card = plain.clone();
        (card.deployment, card.energy_profile) = (Some(deployment), None);
        accountant.ladder().rate(&card)
    };
    let boundary = series.subject().boundary;
    let known: Vec<(&Point, f64)> = series.points().filter_map(|point| Some((point, point.batch?))).collect();
    let usual = median(known.iter().map(|(_, batch)| *batch)).ok_or(Unfit::NoLoadKey)?;
    let rate = at(usual, Vec::new()).ok_or(Unfit::NothingToCorrect)?;
    // A meter that passes offsets over is not made better by one.
    let heeded = at(usual, vec![doubling(&rate.meter, usual)]);
    if heeded.is_none_or(|heeded| heeded == rate) {
        return Err(Unfit::NothingToCorrect);
    }
    let points = known.iter().filter_map(|(point, batch)| {
        let modelled = at(*batch, Vec::new()).filter(|modelled| modelled.meter == rate.meter)?;
        let joules = Prior::of(&modelled, boundary, overheads).of_point(point);
        LoadPoint::new(Some(*batch), point.energy, Energy::from_joules(joules)).ok()
    });
    let apart = between(rate.boundary, boundary, overheads);
    let found = offsets(&rate.meter, &points.collect::<Vec<_>>(), rate.spread, apart, today)?;
    // What is known of other loads and of other meters stays.
    let replaced = |old: &LoadOffset| {
        found.iter().any(|new| new.meter == old.meter && (new.batch / old.batch).log2().abs() < 0.5)
    };
    let kept = deployment.offsets.iter().filter(|old| !replaced(old)).cloned();
    let mut offsets: Vec<LoadOffset> = kept.chain(found.iter().cloned()).collect();
    offsets.sort_by(|a, b| a.meter.cmp(&b.meter).then(a.batch.total_cmp(&b.batch)));
    Ok(Deployment { offsets, ..deployment.clone() })
}

/// An offset that nobody could miss.
fn doubling(meter: &MeterId, batch: f64) -> LoadOffset {
    LoadOffset { meter: meter.clone(), batch, factor: 2.0, low: 0.5, high: 2.0, points: 1, as_of: None }
}

/// How far the factors between two boundaries may be off, as logarithms down and up: a forecast is widened by them
/// again, so that what they are off is not counted twice.
fn between(inner: Boundary, outer: Boundary, overheads: &Overheads) -> (f64, f64) {
    let one = Estimate::exact(Energy::from_joules(1.0), Method::Reported);
    let reading =
        |boundary| Reading::new(one, boundary, MeterId::new("one", 1)).to_facility(overheads).energy;
    if inner == outer {
        return (0.0, 0.0);
    }
    let ((down, up), (outer_down, outer_up)) = (logarithms(reading(inner)), logarithms(reading(outer)));
    let rest = |inner: f64, outer: f64| (inner * inner - outer * outer).max(0.0).sqrt();
    (rest(down, outer_down), rest(up, outer_up))
}

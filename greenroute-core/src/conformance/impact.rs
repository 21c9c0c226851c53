//! What an [`ImpactModel`] promises: finite quantiles, more water for more energy, more of the hardware for more of its
//! time, its sources, and a reason for what it cannot tell.

use super::{Check, Outcome, Scenario, demand, same, scenarios};
use crate::estimate::{Estimate, Method};
use crate::impact::{ImpactModel, Impacts};
use crate::meter::Work;
use crate::model::{ModelCard, ModelKey, Privacy, Window};
use crate::reading::{Boundary, MeterId, Reading};
use crate::site::{Placed, Site};
use crate::units::{Energy, Quantity, Tokens};
use crate::usage::{ServerTiming, TimingSource};
use std::sync::Arc;
use std::time::Duration;

/// A model, and work that it can tell of.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The model of impacts.
    pub model: Arc<dyn ImpactModel>,
    /// A card with all that it needs of one.
    pub card: ModelCard,
    /// A place with all that it needs of one.
    pub site: Site,
}

/// Every scenario.
pub const ALL: &[Scenario<Check<Subject>>] = scenarios![
    has_a_stable_id,
    tells_what_it_can,
    tells_the_same_of_the_same_work,
    has_finite_quantiles,
    never_takes_less_water_for_more_energy,
    never_embodies_less_for_longer_work,
    names_its_sources,
    says_why_something_is_missing,
];

const JOULES: [f64; 6] = [0.0, 1e-6, 1.0, 1e3, 1e9, 1e18];
const SECONDS: [f64; 6] = [0.0, 1e-9, 0.01, 1.0, 3600.0, 1e9];

impl Subject {
    /// Of a thousand tokens that took so much energy and time.
    fn impacts(&self, joules: f64, seconds: Option<f64>) -> Impacts {
        self.of(&self.card, joules, seconds)
    }

    fn of(&self, card: &ModelCard, joules: f64, seconds: Option<f64>) -> Impacts {
        let tokens = |count| Estimate::exact(Tokens::new(count), Method::Reported);
        let duration = seconds.map(Duration::from_base);
        let elapsed = ServerTiming { elapsed: duration, ..ServerTiming::by(TimingSource::ModelCompute) };
        let timing = duration.is_some().then_some(&elapsed);
        let work = Work { timing, duration, ..Work::expected(card, tokens(600), tokens(400)) };
        let energy = Estimate::scaled(Energy::from_joules(joules), 0.5, 2.0, Method::Modelled);
        let reading = Reading::new(energy, Boundary::Facility, MeterId::new("conformance", 1));
        let placed = Placed {
            site: &self.site,
            zone: card.zone.as_ref().or(self.site.zone.as_ref()),
            assumed: self.site.zone_assumed,
            unlisted: None,
        };
        self.model.impacts(&work, &reading, &placed)
    }
}

/// Its name is not empty, and neither name nor version changes.
pub fn has_a_stable_id(subject: &Subject) -> Outcome {
    let id = subject.model.id();
    demand(!id.name.trim().is_empty(), || "its name is empty".to_owned())?;
    same("its id", &id, &subject.model.id())
}

/// Of the subject's own work at its own place it tells water or embodied emissions, and more than nothing.
pub fn tells_what_it_can(subject: &Subject) -> Outcome {
    let Impacts { water, embodied, .. } = subject.impacts(1e3, Some(2.0));
    let some = water.is_some_and(|water| water.value().base() > 0.0)
        || embodied.is_some_and(|embodied| embodied.value().base() > 0.0);
    demand(some, || format!("a kilojoule in two seconds took water {water:?} and hardware {embodied:?}"))
}

/// It is pure.
pub fn tells_the_same_of_the_same_work(subject: &Subject) -> Outcome {
    for (joules, seconds) in [(0.0, None), (12.5, Some(0.25)), (1e6, Some(90.0))] {
        let tell = || subject.impacts(joules, seconds);
        same("the impacts of the same work", &tell(), &tell())?;
    }
    Ok(())
}

/// Any energy and any time gives finite quantiles in order, also none at all.
pub fn has_finite_quantiles(subject: &Subject) -> Outcome {
    for joules in JOULES {
        for seconds in [None].into_iter().chain(SECONDS.map(Some)) {
            let Impacts { water, embodied, .. } = subject.impacts(joules, seconds);
            let ends = [water.map(|water| water.ends()), embodied.map(|embodied| embodied.ends())];
            for ends in ends.into_iter().flatten() {
                let sound = ends.is_sorted() && ends.iter().all(|end| *end < f64::MAX);
                demand(sound, || format!("{joules} J in {seconds:?} s took {ends:?}"))?;
            }
        }
    }
    Ok(())
}

/// Every quantile of the water rises with the energy, or stays.
pub fn never_takes_less_water_for_more_energy(subject: &Subject) -> Outcome {
    let water = JOULES.map(|joules| subject.impacts(joules, Some(2.0)).water);
    rises(&water, "more energy took less water")
}

/// Every quantile of the embodied emissions rises with the time that the hardware was needed, or stays.
pub fn never_embodies_less_for_longer_work(subject: &Subject) -> Outcome {
    let embodied = SECONDS.map(|seconds| subject.impacts(1e3, Some(seconds)).embodied);
    rises(&embodied, "longer work took less of the hardware")
}

fn rises<T: Quantity>(told: &[Option<Estimate<T>>], what: &str) -> Outcome {
    let told: Vec<_> = told.iter().flatten().map(Estimate::ends).collect();
    for (before, next) in told.iter().zip(told.iter().skip(1)) {
        // A rounding error is no fall.
        let rose = before.iter().zip(next).all(|(before, next)| *next >= before * (1.0 - 1e-12));
        demand(rose, || format!("{what}: {next:?} after {before:?}"))?;
    }
    Ok(())
}

/// What it tells has a source.
pub fn names_its_sources(subject: &Subject) -> Outcome {
    let Impacts { water, embodied, sources, .. } = subject.impacts(1e3, Some(2.0));
    let told = water.is_some() || embodied.is_some();
    demand(!told || !sources.is_empty(), || "it names no source".to_owned())?;
    demand(sources.iter().all(|source| !source.trim().is_empty()), || "a source is empty".to_owned())
}

/// What it cannot tell has a reason: also of a model and a place of which nothing is known, before the call.
pub fn says_why_something_is_missing(subject: &Subject) -> Outcome {
    let window = Window { context: 8_192, max_output: None };
    let bare = ModelCard::new(ModelKey::new("conformance", "unknown"), window, Privacy::Remote);
    let nowhere = Subject { site: Site::new(subject.site.overheads.clone()), ..subject.clone() };
    let told = [
        subject.impacts(1e3, Some(2.0)),
        subject.impacts(1e3, None),
        nowhere.of(&bare, 1e3, Some(2.0)),
        nowhere.of(&bare, 1e3, None),
    ];
    for Impacts { water, embodied, missing, .. } in told {
        let whole = water.is_some() && embodied.is_some();
        let reasons = missing.iter().all(|why| !why.0.trim().is_empty());
        demand(reasons && (whole || !missing.is_empty()), || {
            format!("water {water:?}, embodied {embodied:?}: and the reasons are {missing:?}")
        })?;
    }
    Ok(())
}

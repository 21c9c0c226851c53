//! What a [`GridIntensity`] promises: a positive number with its source for a zone that it knows, and for every
//! other an error, never another place's number.

use super::{AsyncCheck, Finding, Outcome, Scenario, demand, fail, same, scenarios};
use crate::error::{ErrorKind, Result};
use crate::grid::{Basis, GridIntensity, GridReading, Zone};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A source, and a zone that it knows.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The source.
    pub grid: Arc<dyn GridIntensity>,
    /// A zone that it knows.
    pub known: Zone,
    /// A time for which it has a number.
    pub at: SystemTime,
}

/// Every scenario.
pub const ALL: &[Scenario<AsyncCheck<Subject>>] = scenarios![
    async
    knows_its_zone,
    counts_the_average,
    names_source_and_vintage,
    says_until_when_it_holds,
    says_what_its_standing_rests_on,
    refuses_an_unknown_zone,
    forecasts_in_order_or_says_that_it_does_not,
    forecasts_for_the_time_that_was_asked_for,
];

/// No country has these codes: they are ISO 3166's for private use.
pub(super) const NOWHERE: [&str; 3] = ["XX", "XX-NOWHERE", "ZZ"];

/// Of `zone`, in order, and below any power plant's worst.
pub(super) fn sound(reading: &GridReading, zone: &Zone) -> Outcome {
    same("the zone", zone, &reading.zone)?;
    let grams = [reading.intensity.low(), reading.intensity.value(), reading.intensity.high()];
    let grams = grams.map(|intensity| intensity.as_grams_per_kwh());
    let plausible = grams.iter().all(|grams| (0.0..5_000.0).contains(grams)) && grams.is_sorted();
    let [.., high] = grams;
    demand(plausible && high > 0.0, || format!("{zone} has {}", reading.intensity))
}

pub(super) fn named(reading: &GridReading) -> Outcome {
    let named = !reading.source.trim().is_empty() && !reading.vintage.trim().is_empty();
    demand(named, || format!("source `{}`, vintage `{}`", reading.source, reading.vintage))
}

pub(super) fn holds(reading: &GridReading, at: SystemTime) -> Outcome {
    let begun = reading.valid_from.is_none_or(|from| from <= at);
    let holds = reading.valid_until.is_none_or(|until| until > at);
    demand(begun && holds, || {
        format!("asked for {at:?}, valid from {:?} until {:?}", reading.valid_from, reading.valid_until)
    })
}

/// An answer about a zone that does not exist must be an error that names it.
pub(super) fn refused<T: Debug>(zone: &Zone, answer: Result<T>) -> Outcome {
    match answer {
        Ok(answer) => fail(format!("{zone} does not exist and has {answer:?}")),
        Err(error) => {
            same("the kind of the error", &ErrorKind::Unsupported, error.kind())?;
            let message = error.message();
            demand(message.contains(zone.as_str()), || format!("the message does not name {zone}: {message}"))
        }
    }
}

/// The hours for which forecasts are asked.
pub(super) fn window(at: SystemTime) -> Range<SystemTime> {
    at..at + Duration::from_secs(6 * 3600)
}

/// A forecast, unless the source makes none.
pub(super) fn made<T>(forecast: Result<Vec<T>>) -> Result<Vec<T>, Finding> {
    match forecast {
        Err(error) if *error.kind() == ErrorKind::Unsupported => {
            Err(Finding::DoesNotApply(format!("it makes no forecasts: {error}")))
        }
        other => Ok(other?),
    }
}

pub(super) fn in_order(readings: &[GridReading], zone: &Zone) -> Outcome {
    readings.iter().try_for_each(|reading| sound(reading, zone))?;
    let starts: Vec<SystemTime> = readings.iter().filter_map(|reading| reading.valid_from).collect();
    demand(starts.is_sorted_by(|a, b| a < b), || format!("the forecasts begin at {starts:?}"))?;
    let ends: Vec<SystemTime> = readings.iter().filter_map(|reading| reading.valid_until).collect();
    demand(ends.is_sorted(), || format!("the forecasts end at {ends:?}"))
}

pub(super) fn in_window(readings: &[GridReading], window: &Range<SystemTime>) -> Outcome {
    demand(!readings.is_empty(), || "an empty forecast is none: it should be an error".to_owned())?;
    readings.iter().try_for_each(|reading| {
        let Some(from) = reading.valid_from else {
            return fail(format!("a forecast does not say from when it holds: {reading:?}"));
        };
        let (after, lasts) = (from < window.end, reading.valid_until.is_none_or(|until| until > from));
        let before = reading.valid_until.is_none_or(|until| until > window.start);
        demand(after && before && lasts, || {
            format!("asked for {window:?}, valid from {from:?} until {:?}", reading.valid_until)
        })
    })
}

/// The number of a known zone is of that zone, positive and below any power plant's worst.
pub async fn knows_its_zone(subject: &Subject) -> Outcome {
    let reading = subject.grid.intensity(&subject.known, subject.at).await?;
    sound(&reading, &subject.known)
}

/// It is an average: marginal and market-based numbers have places of their own.
pub async fn counts_the_average(subject: &Subject) -> Outcome {
    let reading = subject.grid.intensity(&subject.known, subject.at).await?;
    same("the basis", &Basis::Average, &reading.basis)
}

/// It says where the number was read and for when it is.
pub async fn names_source_and_vintage(subject: &Subject) -> Outcome {
    named(&subject.grid.intensity(&subject.known, subject.at).await?)
}

/// A number that runs out does so after the time that was asked for, and had begun by then.
pub async fn says_until_when_it_holds(subject: &Subject) -> Outcome {
    holds(&subject.grid.intensity(&subject.known, subject.at).await?, subject.at)
}

/// Where it says how clean that is for the zone, it says of which time, and by how many values.
pub async fn says_what_its_standing_rests_on(subject: &Subject) -> Outcome {
    let reading = subject.grid.intensity(&subject.known, subject.at).await?;
    let Some(standing) = reading.standing else {
        return Err(Finding::DoesNotApply("it says nothing of the zone's distribution".into()));
    };
    let said = standing.samples > 0 && !standing.of.trim().is_empty();
    demand(said, || format!("{standing:?}"))
}

/// A zone that it does not know is `Unsupported`, and the message names the zone.
pub async fn refuses_an_unknown_zone(subject: &Subject) -> Outcome {
    for name in NOWHERE {
        let zone: Zone = name.parse()?;
        refused(&zone, subject.grid.intensity(&zone, subject.at).await)?;
    }
    Ok(())
}

/// A forecast is sound and in order of time, or `Unsupported`; for an unknown zone always.
pub async fn forecasts_in_order_or_says_that_it_does_not(subject: &Subject) -> Outcome {
    let Range { start, end } = window(subject.at);
    let zone: Zone = "XX-NOWHERE".parse()?;
    if let Ok(readings) = subject.grid.forecast(&zone, start, end).await {
        return fail(format!("{zone} does not exist and has {} forecasts", readings.len()));
    }
    let readings = made(subject.grid.forecast(&subject.known, start, end).await)?;
    in_order(&readings, &subject.known)
}

/// A forecast says from when each of its numbers holds, and reaches into the time that was asked for, not around it.
pub async fn forecasts_for_the_time_that_was_asked_for(subject: &Subject) -> Outcome {
    let window = window(subject.at);
    let readings = made(subject.grid.forecast(&subject.known, window.start, window.end).await)?;
    in_window(&readings, &window)
}

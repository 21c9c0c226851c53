//! What a [`GridIntensity`] promises: a positive number with its source for a zone that it knows, and for every
//! other an error, never another place's number.

use super::{AsyncCheck, Finding, Outcome, Scenario, demand, fail, same, scenarios};
use crate::error::ErrorKind;
use crate::grid::{GridIntensity, GridReading, Zone};
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
    names_source_and_vintage,
    says_until_when_it_holds,
    refuses_an_unknown_zone,
    forecasts_in_order_or_says_that_it_does_not,
];

/// No country has this code: it is ISO 3166's for private use.
const NOWHERE: [&str; 3] = ["XX", "XX-NOWHERE", "ZZ"];

fn sound(reading: &GridReading, zone: &Zone) -> Outcome {
    same("the zone", zone, &reading.zone)?;
    let grams = [reading.intensity.low(), reading.intensity.value(), reading.intensity.high()];
    let grams = grams.map(|intensity| intensity.as_grams_per_kwh());
    let plausible = grams.iter().all(|grams| (0.0..5_000.0).contains(grams)) && grams.is_sorted();
    let [.., high] = grams;
    demand(plausible && high > 0.0, || format!("{zone} has {}", reading.intensity))
}

/// The number of a known zone is of that zone, positive and below any power plant's worst.
pub async fn knows_its_zone(subject: &Subject) -> Outcome {
    let reading = subject.grid.intensity(&subject.known, subject.at).await?;
    sound(&reading, &subject.known)
}

/// It says where the number was read and for when it is.
pub async fn names_source_and_vintage(subject: &Subject) -> Outcome {
    let reading = subject.grid.intensity(&subject.known, subject.at).await?;
    let named = !reading.source.trim().is_empty() && !reading.vintage.trim().is_empty();
    demand(named, || format!("source `{}`, vintage `{}`", reading.source, reading.vintage))
}

/// A number that runs out does so after the time that was asked for.
pub async fn says_until_when_it_holds(subject: &Subject) -> Outcome {
    let reading = subject.grid.intensity(&subject.known, subject.at).await?;
    let holds = reading.valid_until.is_none_or(|until| until > subject.at);
    demand(holds, || format!("asked for {:?}, valid until {:?}", subject.at, reading.valid_until))
}

/// A zone that it does not know is `Unsupported`, and the message names the zone.
pub async fn refuses_an_unknown_zone(subject: &Subject) -> Outcome {
    for name in NOWHERE {
        let zone: Zone = name.parse()?;
        match subject.grid.intensity(&zone, subject.at).await {
            Ok(reading) => return fail(format!("{zone} does not exist and has {}", reading.intensity)),
            Err(error) => {
                same("the kind of the error", &ErrorKind::Unsupported, error.kind())?;
                let message = error.message();
                demand(message.contains(name), || format!("the message does not name {name}: {message}"))?;
            }
        }
    }
    Ok(())
}

/// A forecast is sound and in order of time, or `Unsupported`; for an unknown zone always.
pub async fn forecasts_in_order_or_says_that_it_does_not(subject: &Subject) -> Outcome {
    let to = subject.at + Duration::from_secs(6 * 3600);
    let zone: Zone = "XX-NOWHERE".parse()?;
    match subject.grid.forecast(&zone, subject.at, to).await {
        Ok(readings) => return fail(format!("{zone} does not exist and has {} forecasts", readings.len())),
        Err(error) => same("the kind of the error", &ErrorKind::Unsupported, error.kind())?,
    }
    match subject.grid.forecast(&subject.known, subject.at, to).await {
        Err(error) if *error.kind() == ErrorKind::Unsupported => {
            Err(Finding::DoesNotApply(format!("it makes no forecasts: {error}")))
        }
        Err(error) => Err(error.into()),
        Ok(readings) => {
            readings.iter().try_for_each(|reading| sound(reading, &subject.known))?;
            let ends: Vec<SystemTime> = readings.iter().filter_map(|reading| reading.valid_until).collect();
            demand(ends.is_sorted(), || format!("the forecasts end at {ends:?}"))
        }
    }
}

//! What a [`MarginalIntensity`] promises: what a [`GridIntensity`](crate::GridIntensity) does, of the plant that answers
//! one more kilowatt-hour and of nothing else.

use super::grid::{NOWHERE, holds, in_order, in_window, made, named, refused, sound, window};
use super::{AsyncCheck, Outcome, Scenario, fail, same, scenarios};
use crate::error::Result;
use crate::grid::{Basis, GridReading, MarginalIntensity, MarginalReading, Zone};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

/// A source, and a zone that it knows.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The source.
    pub grid: Arc<dyn MarginalIntensity>,
    /// A zone that it knows.
    pub known: Zone,
    /// A time for which it has a number.
    pub at: SystemTime,
}

/// Every scenario.
pub const ALL: &[Scenario<AsyncCheck<Subject>>] = scenarios![
    async
    knows_its_zone,
    counts_the_margin,
    names_source_and_vintage,
    says_until_when_it_holds,
    refuses_an_unknown_zone,
    forecasts_in_order_or_says_that_it_does_not,
    forecasts_for_the_time_that_was_asked_for,
];

impl Subject {
    async fn now(&self) -> Result<GridReading> {
        Ok(self.grid.marginal(&self.known, self.at).await?.0)
    }

    async fn forecast(&self, zone: &Zone) -> Result<Vec<GridReading>> {
        let Range { start, end } = window(self.at);
        let readings = self.grid.marginal_forecast(zone, start, end).await?;
        Ok(readings.into_iter().map(|MarginalReading(reading)| reading).collect())
    }
}

/// The number of a known zone is of that zone, positive and below any power plant's worst.
pub async fn knows_its_zone(subject: &Subject) -> Outcome {
    sound(&subject.now().await?, &subject.known)
}

/// It is of the margin, and says so.
pub async fn counts_the_margin(subject: &Subject) -> Outcome {
    same("the basis", &Basis::Marginal, &subject.now().await?.basis)
}

/// It says where the number was read and for when it is.
pub async fn names_source_and_vintage(subject: &Subject) -> Outcome {
    named(&subject.now().await?)
}

/// A number that runs out does so after the time that was asked for, and had begun by then.
pub async fn says_until_when_it_holds(subject: &Subject) -> Outcome {
    holds(&subject.now().await?, subject.at)
}

/// A zone that it does not know is `Unsupported`, and the message names the zone.
pub async fn refuses_an_unknown_zone(subject: &Subject) -> Outcome {
    for name in NOWHERE {
        let zone: Zone = name.parse()?;
        refused(&zone, subject.grid.marginal(&zone, subject.at).await)?;
    }
    Ok(())
}

/// A forecast is sound, of the margin and in order of time, or `Unsupported`; for an unknown zone always an error.
pub async fn forecasts_in_order_or_says_that_it_does_not(subject: &Subject) -> Outcome {
    let zone: Zone = "XX-NOWHERE".parse()?;
    if let Ok(readings) = subject.forecast(&zone).await {
        return fail(format!("{zone} does not exist and has {} forecasts", readings.len()));
    }
    let readings = made(subject.forecast(&subject.known).await)?;
    readings.iter().try_for_each(|reading| same("the basis", &Basis::Marginal, &reading.basis))?;
    in_order(&readings, &subject.known)
}

/// A forecast says from when each of its numbers holds, and reaches into the time that was asked for, not around it.
pub async fn forecasts_for_the_time_that_was_asked_for(subject: &Subject) -> Outcome {
    let readings = made(subject.forecast(&subject.known).await)?;
    in_window(&readings, &window(subject.at))
}

use super::Router;
use super::act::within;
use super::keeper::believed;
use crate::error::{Error, ErrorKind, Result};
use crate::grid::{Basis, Cleanest, GridReading, Zone, cleanest, length};
use crate::units::Energy;
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// How long a source may take to forecast.
const PATIENCE: Duration = Duration::from_secs(30);

impl Router {
    /// When inside `window` work of this `duration` is cleanest in `zone`, by the average mix that the grid source
    /// forecasts, and what waiting avoids for `energy`.
    ///
    /// Receipts count by the average too, so this says what a receipt would show. What waiting avoids in the world is for
    /// [`Router::cleanest_marginal`] to say.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] for an empty window and for work that does not fit it,
    /// [`ErrorKind::Config`] without a source, [`ErrorKind::Unsupported`] where the source forecasts nothing or has
    /// gaps everywhere, [`ErrorKind::Decode`] where it forecasts on another basis, [`ErrorKind::Timeout`] and whatever else the source gives.
    pub async fn cleanest(
        &self,
        zone: &Zone,
        window: Range<SystemTime>,
        duration: Duration,
        energy: Energy,
    ) -> Result<Cleanest> {
        length(&window, duration)?;
        let keeper = &self.0.grid;
        let readings = match keeper.set(zone) {
            Some(set) => vec![GridReading {
                valid_from: Some(window.start),
                valid_until: Some(window.end),
                ..set.clone()
            }],
            None => {
                let source = keeper.average().ok_or_else(|| no_source("grid"))?;
                let forecast = async {
                    let forecast = source.forecast(zone, window.start, window.end).await?;
                    let mut readings = all_on(Basis::Average, forecast)?;
                    if let Some(until) = uncovered(&readings, &window) {
                        let now = source.intensity(zone, window.start).await.ok();
                        begin(&mut readings, now, window.start..until);
                    }
                    Ok(readings)
                };
                within(&*self.0.runtime, PATIENCE, "grid", forecast).await?
            }
        };
        Ok(cleanest(&readings, window, duration, energy)?)
    }

    /// The same by the marginal intensity: that of the plant that answers one more kilowatt-hour. Work that is moved in
    /// time moves that plant's, so this is the basis to decide by.
    ///
    /// # Errors
    /// As [`Router::cleanest`].
    pub async fn cleanest_marginal(
        &self,
        zone: &Zone,
        window: Range<SystemTime>,
        duration: Duration,
        energy: Energy,
    ) -> Result<Cleanest> {
        length(&window, duration)?;
        let source = self.0.grid.marginal().ok_or_else(|| no_source("marginal"))?;
        let forecast = async {
            let forecast = source.marginal_forecast(zone, window.start, window.end).await?;
            let mut readings = all_on(Basis::Marginal, forecast.into_iter().map(|reading| reading.0))?;
            if let Some(until) = uncovered(&readings, &window) {
                let now = source.marginal(zone, window.start).await.ok().map(|reading| reading.0);
                begin(&mut readings, now, window.start..until);
            }
            Ok(readings)
        };
        let readings = within(&*self.0.runtime, PATIENCE, "grid", forecast).await?;
        Ok(cleanest(&readings, window, duration, energy)?)
    }
}

fn no_source(setting: &str) -> Error {
    Error::new(ErrorKind::Config, "router", format!("no source forecasts: set `{setting}` on the builder"))
}

/// A forecast on one basis, or what is wrong with it.
fn all_on(basis: Basis, forecast: impl IntoIterator<Item = GridReading>) -> Result<Vec<GridReading>> {
    forecast.into_iter().map(|reading| believed(reading, basis)).collect()
}

/// Until when a forecast leaves the beginning of the window open: many begin with the next full hour.
fn uncovered(readings: &[GridReading], window: &Range<SystemTime>) -> Option<SystemTime> {
    let first = readings.iter().filter_map(|reading| reading.valid_from).min()?;
    (first > window.start).then(|| first.min(window.end))
}

/// Puts the reading of now before a forecast of the same source.
fn begin(readings: &mut Vec<GridReading>, now: Option<GridReading>, open: Range<SystemTime>) {
    let alike = |now: &GridReading| {
        readings.first().is_some_and(|first| (first.basis, &first.source) == (now.basis, &now.source))
    };
    if let Some(now) = now.filter(alike) {
        let from = now.valid_from.map_or(open.start, |from| from.max(open.start));
        let until = now.valid_until.map_or(open.end, |until| until.min(open.end));
        readings.insert(0, GridReading { valid_from: Some(from), valid_until: Some(until), ..now });
    }
}

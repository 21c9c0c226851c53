use super::{Basis, GridReading, Zone};
use crate::change::Change;
use crate::error::{Error, ErrorKind};
use crate::estimate::Estimate;
use crate::time::{rfc3339, seconds};
use crate::units::{CarbonIntensity, Emissions, Energy, Quantity};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// A start counts as cleaner than an earlier one only if its mean is smaller by more than this part: less is rounding.
const ROUNDING: f64 = 1e-9;

/// When inside a window some work is best done, and what waiting for that avoids.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cleanest {
    /// The zone of the forecast.
    pub zone: Zone,
    /// What its intensities mean. For the question when, [`Basis::Marginal`] is the right one: work that is moved moves
    /// the plant that answers it, not the average.
    pub basis: Basis,
    /// The earliest of the cleanest starts.
    #[serde(with = "rfc3339")]
    pub start: SystemTime,
    /// How long the work takes.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Duration,
    /// The mean over the work, if it is begun then.
    pub intensity: Estimate<CarbonIntensity>,
    /// The mean over the work, if it is begun at once; `None` where no forecast reaches that far back.
    pub at_once: Option<Estimate<CarbonIntensity>>,
    /// What waiting changes about the emissions of the given energy.
    #[serde(rename = "avoided_grams_co2e")]
    pub avoided: Option<Change<Emissions>>,
    /// Whether the bands of both intensities overlap, so that waiting may as well do harm.
    pub uncertain: bool,
    /// How much of the window no forecast covers: nothing was looked for there.
    #[serde(rename = "unknown_seconds", with = "seconds")]
    pub unknown: Duration,
    /// Where the forecast was read.
    pub source: Cow<'static, str>,
    /// Better sources that could not give it, each with its reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<Cow<'static, str>>,
}

/// `FR, average: 110 gCO2e/kWh from 2026-11-21T13:00:00.000Z on, 350 gCO2e/kWh at once: 240 gCO2e saved`
impl fmt::Display for Cleanest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (intensity, start) = (self.intensity.value(), rfc3339::format(self.start));
        write!(f, "{}, {}: {intensity} from {start} on", self.zone, self.basis)?;
        if let (Some(at_once), Some(avoided)) = (self.at_once, self.avoided) {
            write!(f, ", {} at once: {avoided}", at_once.value())?;
        }
        f.write_str(if self.uncertain { " (bands overlap)" } else { "" })?;
        if self.unknown.is_zero() {
            return Ok(());
        }
        f.write_str("; nothing is known of ")?;
        self.unknown.write(f)?;
        f.write_str(" of the window")
    }
}

/// Why there is no cleanest time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// The window ends before or when it begins.
    #[error("the window must end after it begins")]
    Empty,
    /// The work takes no time, or more than there is.
    #[error("the work must take some time and at most the window's {window:?}, not {duration:?}")]
    Duration {
        /// What it takes.
        duration: Duration,
        /// What there is.
        window: Duration,
    },
    /// Readings of several zones or bases, or that count different emissions: their numbers are not comparable.
    #[error("the forecast mixes zones, bases or the emissions that count")]
    Mixed,
    /// The forecast reaches nowhere over the whole of the work.
    #[error("the forecast has gaps: nowhere in the window does it cover {duration:?}")]
    Gaps {
        /// What the work takes.
        duration: Duration,
    },
}

impl From<WindowError> for Error {
    fn from(error: WindowError) -> Self {
        let kind = match error {
            WindowError::Empty | WindowError::Duration { .. } => ErrorKind::InvalidRequest,
            WindowError::Mixed | WindowError::Gaps { .. } => ErrorKind::Unsupported,
        };
        Self::new(kind, "grid", error.to_string()).with_source(error)
    }
}

/// When inside `window` work of this `duration` is cleanest, by a forecast, and what waiting for it avoids for `energy`.
///
/// A reading holds from its `valid_from` to its `valid_until`, or to the beginning of the next one, whichever comes first;
/// what says from when is not known is left out. The mean of a start is taken over the whole of the work, end points of
/// bands too, since the errors of one forecast are shared. Between two edges of the forecast it changes in a straight
/// line, so that the cleanest start lies where the work begins or ends at one: only these are tried.
///
/// # Errors
/// [`WindowError`] says which.
pub fn cleanest(
    readings: &[GridReading],
    window: Range<SystemTime>,
    duration: Duration,
    energy: Energy,
) -> Result<Cleanest, WindowError> {
    let length = length(&window, duration)?;
    let first = readings.first().ok_or(WindowError::Gaps { duration })?;
    let alike = |other: &GridReading| {
        (&other.zone, other.basis, other.counting) == (&first.zone, first.basis, first.counting)
    };
    if !readings.iter().all(alike) {
        return Err(WindowError::Mixed);
    }
    let steps = Steps::new(readings, &window);
    let work = duration.as_secs_f64();
    let mut best: Option<(f64, f64)> = None;
    for start in steps.starts(work, length) {
        let Some(mean) = steps.mean(start, work, |step| step.value) else { continue };
        if best.is_none_or(|(_, least)| mean < least - ROUNDING * least) {
            best = Some((start, mean));
        }
    }
    let (start, _) = best.ok_or(WindowError::Gaps { duration })?;
    let intensity = steps.estimate(start, work).ok_or(WindowError::Gaps { duration })?;
    let at_once = steps.estimate(0.0, work);
    let waits = start > 0.0;
    let grams = |intensity: Estimate<CarbonIntensity>| energy * intensity.value();
    Ok(Cleanest {
        zone: first.zone.clone(),
        basis: first.basis,
        start: window.start + Duration::try_from_secs_f64(start).unwrap_or_default(),
        duration,
        intensity,
        at_once,
        avoided: at_once.map(|at_once| Change::between(grams(at_once), grams(intensity))),
        uncertain: waits && at_once.is_some_and(|at_once| at_once.overlaps(&intensity)),
        unknown: Duration::try_from_secs_f64((length - steps.covered()).max(0.0)).unwrap_or_default(),
        source: sources(readings),
        passed_over: first.passed_over.clone(),
    })
}

/// Where the readings are from, each source once: what runs is metered where what comes is forecast.
fn sources(readings: &[GridReading]) -> Cow<'static, str> {
    let mut sources: Vec<&Cow<'static, str>> = Vec::new();
    for reading in readings {
        if !sources.contains(&&reading.source) {
            sources.push(&reading.source);
        }
    }
    match sources.as_slice() {
        [only] => Cow::clone(only),
        several => several.iter().map(|source| &***source).collect::<Vec<_>>().join("; ").into(),
    }
}

/// The window's length in seconds.
pub(crate) fn length(window: &Range<SystemTime>, duration: Duration) -> Result<f64, WindowError> {
    let length = window.end.duration_since(window.start).unwrap_or_default();
    if length.is_zero() {
        return Err(WindowError::Empty);
    }
    if duration.is_zero() || duration > length {
        return Err(WindowError::Duration { duration, window: length });
    }
    Ok(length.as_secs_f64())
}

/// A forecast as steps, in order and apart, in seconds since the window's beginning.
struct Steps<'a>(Vec<Step<'a>>);

struct Step<'a> {
    from: f64,
    to: f64,
    reading: &'a GridReading,
    low: f64,
    value: f64,
    high: f64,
}

impl<'a> Steps<'a> {
    fn new(readings: &'a [GridReading], window: &Range<SystemTime>) -> Self {
        let dated = readings.iter().filter_map(|reading| Some((reading.valid_from?, reading)));
        let mut begun: Vec<(SystemTime, &GridReading)> = dated.collect();
        // Stable: of two that begin together, the later in the list counts.
        begun.sort_by_key(|(from, _)| *from);
        let nexts = begun.iter().skip(1).map(|(from, _)| Some(*from)).chain([None]);
        let steps = begun.iter().zip(nexts).filter_map(|((from, reading), next)| {
            let until = reading.valid_until.into_iter().chain(next).min()?;
            let seconds =
                |time: SystemTime| time.duration_since(window.start).map_or(0.0, |t| t.as_secs_f64());
            let (from, to) = (seconds((*from).max(window.start)), seconds(until.min(window.end)));
            let [low, value, high] =
                [reading.intensity.low(), reading.intensity.value(), reading.intensity.high()]
                    .map(CarbonIntensity::as_grams_per_kwh);
            (from < to).then_some(Step { from, to, reading, low, value, high })
        });
        Self(steps.collect())
    }

    /// Every start from which the work ends in the window and which may be the best, earliest first.
    fn starts(&self, work: f64, length: f64) -> Vec<f64> {
        let edges = || self.0.iter().flat_map(|step| [step.from, step.to]);
        let mut starts: Vec<f64> = edges().chain(edges().map(|edge| edge - work)).collect();
        let last = length - work;
        // Within a microsecond of the last possible start, it is that one.
        starts.retain(|start| *start >= 0.0 && *start <= last + 1e-6);
        starts.iter_mut().for_each(|start| *start = start.min(last));
        starts.sort_by(f64::total_cmp);
        starts.dedup();
        starts
    }

    /// The mean of a number over work that begins at `start`; `None` where the forecast does not cover all of it.
    fn mean(&self, start: f64, work: f64, number: impl Fn(&Step<'_>) -> f64) -> Option<f64> {
        let end = start + work;
        let first = self.0.partition_point(|step| step.to <= start);
        let (mut sum, mut reached) = (0.0, start);
        for step in self.0.iter().skip(first).take_while(|step| step.from < end) {
            if step.from > reached {
                return None;
            }
            let to = step.to.min(end);
            sum += number(step) * (to - reached);
            reached = to;
        }
        // Edges that differ by rounding are one.
        (reached >= end - ROUNDING * work).then(|| sum / work)
    }

    fn estimate(&self, start: f64, work: f64) -> Option<Estimate<CarbonIntensity>> {
        let mean = |number: fn(&Step<'_>) -> f64| {
            self.mean(start, work, number).map(CarbonIntensity::from_grams_per_kwh)
        };
        let methods = self.0.iter().filter(|step| step.to > start && step.from < start + work);
        let method = methods.map(|step| step.reading.intensity.method()).min()?;
        Some(Estimate::banded(
            mean(|step| step.low)?,
            mean(|step| step.value)?,
            mean(|step| step.high)?,
            method,
        ))
    }

    fn covered(&self) -> f64 {
        self.0.iter().map(|step| step.to - step.from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Method;
    use crate::grid::Counting;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(hours: f64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs_f64(1e9 + 3600.0 * hours)
    }

    fn step(from: f64, to: f64, grams: f64) -> GridReading {
        let intensity =
            Estimate::scaled(CarbonIntensity::from_grams_per_kwh(grams), 0.9, 1.1, Method::Modelled);
        let zone = "FR".parse().unwrap();
        let reading = GridReading::new(zone, intensity, Basis::Average, "test", "forecast");
        GridReading { valid_from: Some(at(from)), valid_until: Some(at(to)), ..reading }
    }

    fn hours(grams: &[f64]) -> Vec<GridReading> {
        let hour = |(hour, grams): (usize, &f64)| {
            let hour = f64::from(u32::try_from(hour).unwrap());
            step(hour, hour + 1.0, *grams)
        };
        grams.iter().enumerate().map(hour).collect()
    }

    fn find(readings: &[GridReading], to: f64, duration: Duration) -> Result<Cleanest, WindowError> {
        cleanest(readings, at(0.0)..at(to), duration, Energy::from_kwh(1.0))
    }

    fn grams(intensity: Estimate<CarbonIntensity>) -> f64 {
        intensity.value().as_grams_per_kwh()
    }

    #[test]
    fn the_cleanest_two_hours_are_found_and_what_they_avoid() {
        let found = find(&hours(&[400.0, 300.0, 100.0, 120.0, 350.0]), 5.0, 2 * HOUR).unwrap();
        assert_eq!(found.start, at(2.0));
        assert!((grams(found.intensity) - 110.0).abs() < 1e-9);
        assert!((grams(found.at_once.unwrap()) - 350.0).abs() < 1e-9);
        assert!((found.intensity.low().as_grams_per_kwh() - 99.0).abs() < 1e-9);
        let Some(Change::Saved(saved)) = found.avoided else { panic!("{found:?}") };
        assert!((saved.as_grams() - 240.0).abs() < 1e-9);
        let text = "FR, average: 110 gCO2e/kWh from 2001-09-09T03:46:40.000Z on, 350 gCO2e/kWh at once: 240 gCO2e saved";
        assert_eq!(found.to_string(), text);
        assert!(!found.uncertain && found.unknown.is_zero());
        assert_eq!(found.intensity.method(), Method::Modelled);
    }

    #[test]
    fn the_earliest_of_equals_is_taken_and_nothing_is_avoided_at_once() {
        let found = find(&hours(&[0.1, 0.1, 0.1]), 3.0, HOUR).unwrap();
        assert_eq!(found.start, at(0.0));
        assert_eq!((found.avoided, found.uncertain), (Some(Change::Saved(Emissions::ZERO)), false));
        let found = find(&hours(&[2.0, 1.0, 1.0]), 3.0, HOUR).unwrap();
        assert_eq!(found.start, at(1.0));
    }

    #[test]
    fn the_best_start_may_lie_between_the_hours() {
        // Half an hour, then two clean ones: an hour and a half fits into them twice, from both ends.
        let found =
            find(&hours(&[400.0, 100.0, 100.0, 90.0, 400.0]), 5.0, Duration::from_secs(5400)).unwrap();
        assert_eq!(found.start, at(2.5));
        assert!((grams(found.intensity) - (0.5 * 100.0 + 90.0) / 1.5).abs() < 1e-9);
    }

    #[test]
    fn overlapping_bands_are_uncertain() {
        let found = find(&hours(&[105.0, 100.0]), 2.0, HOUR).unwrap();
        assert!(found.uncertain && found.start == at(1.0));
    }

    #[test]
    fn gaps_are_left_out_and_told() {
        let readings = [step(0.0, 1.0, 300.0), step(2.0, 4.0, 100.0), step(5.0, 6.0, 1.0)];
        let found = find(&readings, 6.0, 2 * HOUR).unwrap();
        assert_eq!((found.start, found.unknown), (at(2.0), 2 * HOUR));
        assert_eq!((found.at_once, found.avoided, found.uncertain), (None, None, false));
        assert!(found.to_string().ends_with(" on; nothing is known of 2.0 h of the window"), "{found}");
        assert_eq!(find(&readings, 6.0, 3 * HOUR), Err(WindowError::Gaps { duration: 3 * HOUR }));
        assert_eq!(find(&[], 6.0, HOUR), Err(WindowError::Gaps { duration: HOUR }));
        let undated = [GridReading { valid_from: None, ..step(0.0, 6.0, 1.0) }];
        assert_eq!(find(&undated, 6.0, HOUR), Err(WindowError::Gaps { duration: HOUR }));
    }

    #[test]
    fn a_reading_ends_where_the_next_begins() {
        let open = GridReading { valid_until: None, ..step(0.0, 1.0, 300.0) };
        let found = find(&[open, step(3.0, 4.0, 200.0)], 4.0, 3 * HOUR).unwrap();
        assert_eq!((found.start, found.unknown), (at(1.0), Duration::ZERO));
        let found = find(&[step(0.0, 4.0, 300.0), step(2.0, 4.0, 200.0)], 4.0, 2 * HOUR).unwrap();
        assert_eq!(found.start, at(2.0));
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        let readings = hours(&[1.0, 2.0]);
        assert_eq!(find(&readings, 0.0, HOUR), Err(WindowError::Empty));
        assert_eq!(cleanest(&readings, at(1.0)..at(0.0), HOUR, Energy::ZERO), Err(WindowError::Empty));
        for duration in [Duration::ZERO, 3 * HOUR] {
            let window = 2 * HOUR;
            assert_eq!(find(&readings, 2.0, duration), Err(WindowError::Duration { duration, window }));
        }
        let marginal = GridReading { basis: Basis::Marginal, ..step(1.0, 2.0, 1.0) };
        let direct = GridReading { counting: Counting::Direct, ..step(1.0, 2.0, 1.0) };
        for other in [marginal, direct] {
            assert_eq!(find(&[step(0.0, 1.0, 2.0), other], 2.0, HOUR), Err(WindowError::Mixed));
        }
    }

    #[test]
    fn a_forecast_may_begin_with_what_was_metered_and_names_both() {
        let metered = GridReading { source: "test, metered".into(), ..step(0.0, 1.0, 2.0) };
        let found = find(&[metered, step(1.0, 2.0, 1.0), step(2.0, 3.0, 3.0)], 3.0, HOUR).unwrap();
        assert_eq!((found.start, found.source.as_ref()), (at(1.0), "test, metered; test"));
    }

    proptest! {
        #[test]
        fn no_start_is_cleaner(
            grams in prop::collection::vec(0.0..1000.0f64, 2..12),
            lengths in prop::collection::vec(1u32..5, 12),
            work in 1u32..200, tries in prop::collection::vec(0.0..1.0f64, 20),
        ) {
            let mut from = 0.0;
            let readings: Vec<GridReading> = grams.iter().zip(&lengths).map(|(grams, length)| {
                let to = from + f64::from(*length) / 4.0;
                let step = step(from, to, *grams);
                from = to;
                step
            }).collect();
            let work = Duration::from_secs(60 * u64::from(work)).min(Duration::from_secs_f64(3600.0 * from));
            let found = find(&readings, from, work).unwrap();
            prop_assert!(found.start + work <= at(from) + Duration::from_micros(1));
            let steps = Steps::new(&readings, &(at(0.0)..at(from)));
            let best = grams_of(&found);
            for part in tries {
                let start = part * (3600.0 * from - work.as_secs_f64());
                if let Some(mean) = steps.mean(start, work.as_secs_f64(), |step| step.value) {
                    prop_assert!(best <= mean + 1e-6, "{best} at {:?}, {mean} at {start}", found.start);
                }
            }
            prop_assert!(matches!(found.avoided, Some(Change::Saved(_))));
        }
    }

    fn grams_of(found: &Cleanest) -> f64 {
        grams(found.intensity)
    }
}

use super::robust::{count, median, scale};
use super::{Fit, PassedOver, Point, Prior, Unfit};
use greenroute_core::{
    Boundary, Counted, Date, Error, ErrorKind, MeterId, Method, ModelKey, Reading, Result,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

/// Whose readings of what: numbers of two subjects are never mixed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The model.
    pub model: ModelKey,
    /// The meter, with its version.
    pub meter: MeterId,
    /// What its readings include.
    pub boundary: Boundary,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} at the {}", self.model, self.meter, self.boundary)
    }
}

/// The readings of one subject, newest last, and what was fitted on them. Of both only the latest are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    subject: Subject,
    points: VecDeque<Point>,
    #[serde(default)]
    passed_over: BTreeMap<PassedOver, u64>,
    #[serde(default)]
    fits: VecDeque<Fit>,
}

/// How many readings are kept, and how many fits.
const POINTS: usize = 128;
const FITS: usize = 32;

/// The newest calls that are held against those before, and how many those must be.
const NEWEST: usize = 8;
/// The smallest change that is told: a quarter more, or a fifth less.
const LEAST_DRIFT: f64 = 1.25;

const FORMAT: &str = "greenroute-calibration";
const VERSION: u32 = 1;

/// A series as a file.
#[derive(Serialize, Deserialize)]
struct File<S> {
    format: String,
    version: u32,
    series: S,
}

impl Series {
    /// An empty one.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        Self { subject, points: VecDeque::new(), passed_over: BTreeMap::new(), fits: VecDeque::new() }
    }

    /// Whose readings of what.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The readings, oldest first.
    pub fn points(&self) -> impl ExactSizeIterator<Item = &Point> {
        self.points.iter()
    }

    /// How many readings could not be used, and why.
    #[must_use]
    pub const fn passed_over(&self) -> &BTreeMap<PassedOver, u64> {
        &self.passed_over
    }

    /// What was fitted, oldest first: each with its day.
    pub fn fits(&self) -> impl DoubleEndedIterator<Item = &Fit> {
        self.fits.iter()
    }

    /// How the readings are known.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        self.points.back().map(|point| point.energy.method())
    }

    /// Adds a finished call, in place of the oldest where there are many.
    ///
    /// # Errors
    /// Why it was passed over; that is counted too.
    pub fn observe(
        &mut self,
        counted: &Counted,
        reading: &Reading,
        duration: Option<Duration>,
        on: Date,
    ) -> Result<(), PassedOver> {
        let ours = reading.meter == self.subject.meter && reading.boundary == self.subject.boundary;
        let point =
            if ours { Point::new(counted, reading, duration, on) } else { Err(PassedOver::OtherMeter) };
        match point {
            Ok(point) => self.add(point),
            Err(why) => {
                *self.passed_over.entry(why).or_default() += 1;
                Err(why)
            }
        }
    }

    /// Adds a point of this subject.
    ///
    /// # Errors
    /// Why it was passed over; that is counted too.
    pub fn add(&mut self, point: Point) -> Result<(), PassedOver> {
        if let Some(why) = point.fault() {
            *self.passed_over.entry(why).or_default() += 1;
            return Err(why);
        }
        if self.points.len() >= POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point);
        Ok(())
    }

    /// Fits the points as [`Fit::of`] does and keeps the result where it differs from the last. Where the newest calls
    /// took clearly other amounts than those before, the machine or the model has changed: those before are dropped.
    ///
    /// # Errors
    /// As [`Fit::of`].
    pub fn fit(&mut self, prior: Option<&Prior>, today: Date) -> Result<Fit, Unfit> {
        let drift = self.drift(prior, today);
        if drift.is_some() {
            let older = self.points.len() - self.newest();
            self.points.drain(..older);
        }
        let points = self.points.make_contiguous();
        let fit = Fit::of(points, prior, &self.subject.meter, self.subject.boundary, today)?;
        let fit = Fit { drift, ..fit };
        let dateless = |fit: &Fit| {
            let mut fit = fit.clone();
            fit.profile.as_of = None;
            fit
        };
        if self.fits.back().map(dateless) != Some(dateless(&fit)) {
            if self.fits.len() >= FITS {
                self.fits.pop_front();
            }
            self.fits.push_back(fit.clone());
        }
        Ok(fit)
    }

    fn newest(&self) -> usize {
        NEWEST.max(self.points.len() / 4)
    }

    /// How many times as much the newest calls took as a fit of those before foretold; `None` where they are too few,
    /// or where that may be chance.
    fn drift(&mut self, prior: Option<&Prior>, today: Date) -> Option<f64> {
        let older = self.points.len().checked_sub(self.newest()).filter(|&older| older >= NEWEST)?;
        let (before, newest) = self.points.make_contiguous().split_at_checked(older)?;
        let fit = Fit::of(before, prior, &self.subject.meter, self.subject.boundary, today).ok()?;
        let off = |points: &[Point]| points.iter().map(|point| fit.residual(point)).collect::<Vec<_>>();
        let (before, newest) = (off(before), off(newest));
        let [was, is] = [&before, &newest].map(|off| median(off.iter().copied()));
        let moved = is? - was?;
        let spread = scale(before, was?).max(scale(newest.iter().copied(), is?));
        // The standard error of a difference of two medians of normal numbers, the older one's being small.
        let error = 1.2533 * spread * (1.0 / count(newest.len()) + 1.0 / count(older)).sqrt();
        (moved.abs() > LEAST_DRIFT.ln().max(3.0 * error)).then(|| moved.exp())
    }

    /// The series as JSON, for another machine of the same kind, or for later.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`], which does not happen: every number in it is finite.
    pub fn export(&self) -> Result<String> {
        let file = File { format: FORMAT.to_owned(), version: VERSION, series: self };
        serde_json::to_string_pretty(&file).map_err(|error| {
            Error::new(ErrorKind::Internal, "calibration", "it could not be written").with_source(error)
        })
    }

    /// Reads what [`Series::export`] wrote, where it is about `subject`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for anything else: another format or version, another model, another meter or another
    /// version of it, another boundary, a point that cannot be true, a fit that is not of its meter.
    pub fn import(subject: &Subject, text: &str) -> Result<Self> {
        let fault = |message: String| Err(Error::new(ErrorKind::Config, "calibration", message));
        let file: File<serde_json::Value> = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => return fault(format!("this is no exported calibration: {error}")),
        };
        if file.format != FORMAT || file.version != VERSION {
            let File { format, version, .. } = file;
            return fault(format!("this is `{format}` version {version}, not `{FORMAT}` version {VERSION}"));
        }
        let series: Self = match serde_json::from_value(file.series) {
            Ok(series) => series,
            Err(error) => return fault(format!("the series cannot be read: {error}")),
        };
        let Subject { model, meter, boundary } = &series.subject;
        if *model != subject.model {
            return fault(format!("it is of {model}, not of {}", subject.model));
        }
        if *meter != subject.meter {
            return fault(format!("its readings are by {meter}, not by {}", subject.meter));
        }
        if *boundary != subject.boundary {
            return fault(format!("its readings are at the {boundary}, not at the {}", subject.boundary));
        }
        series.check().map(|()| series)
    }

    /// That nothing in it could not have been observed.
    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::new(ErrorKind::Config, "calibration", message));
        if self.points.len() > POINTS || self.fits.len() > FITS {
            return fault(format!("it has more than {POINTS} points or {FITS} fits"));
        }
        if let Some((place, why)) =
            self.points.iter().map(Point::fault).enumerate().find_map(|(at, why)| Some((at + 1, why?)))
        {
            return fault(format!("point {place} cannot be used: {why}"));
        }
        let of_ours = |fit: &Fit| {
            let profile = &fit.profile;
            profile.meter.as_ref() == Some(&self.subject.meter)
                && profile.boundary == self.subject.boundary
                && (0.0..=1.0).contains(&fit.prior_share)
                && fit.drift.is_none_or(|drift| drift.is_finite() && drift > 0.0)
                && profile.low > 0.0
                && profile.low <= 1.0
                && profile.high >= 1.0
                && profile.high.is_finite()
        };
        if self.fits.iter().all(of_ours) {
            Ok(())
        } else {
            fault("a fit is not of its meter, or out of range".to_owned())
        }
    }
}

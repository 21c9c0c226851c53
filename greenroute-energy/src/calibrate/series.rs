use super::robust::{count, median, quantile, scale};
use super::{Fit, PassedOver, Point, Prior, Unfit};
use greenroute_core::{Boundary, Counted, Date, MeterId, Method, ModelKey, Reading};
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

impl Subject {
    /// Whether `reading` is of this meter at this boundary.
    fn is_of(&self, reading: &Reading) -> bool {
        reading.meter == self.meter && reading.boundary == self.boundary
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} at the {}", self.model, self.meter, self.boundary)
    }
}

/// The readings of one subject, newest last, and what was fitted on them. Of both only the latest are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Series {
    subject: Subject,
    points: VecDeque<Point>,
    passed_over: BTreeMap<PassedOver, u64>,
    fits: VecDeque<Fit>,
}

/// A series as it stands in a file, which may hold anything.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    subject: Subject,
    points: VecDeque<Point>,
    #[serde(default)]
    passed_over: BTreeMap<PassedOver, u64>,
    #[serde(default)]
    fits: VecDeque<Fit>,
}

impl TryFrom<Unchecked> for Series {
    type Error = String;

    fn try_from(Unchecked { subject, points, passed_over, fits }: Unchecked) -> Result<Self, String> {
        let series = Self { subject, points, passed_over, fits };
        series.check().map(|()| series)
    }
}

/// How many readings are kept, and how many fits.
const POINTS: usize = 128;
const FITS: usize = 32;

/// The newest calls that are held against those before, and how many those must be.
const NEWEST: usize = 8;
/// How many of the newest must be of sizes that were usual before.
const ALIKE: usize = 5;
/// The smallest change that is told: a quarter more, or a fifth less.
const LEAST_DRIFT: f64 = 1.25;

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

    /// Adds a finished call, in place of the oldest where there are many, and gives it as a point.
    ///
    /// # Errors
    /// Why it was passed over; that is counted too.
    pub fn observe(
        &mut self,
        counted: &Counted,
        reading: &Reading,
        duration: Option<Duration>,
        on: Date,
    ) -> Result<Point, PassedOver> {
        let point = if self.subject.is_of(reading) {
            Point::new(counted, reading, duration, on)
        } else {
            Err(PassedOver::OtherMeter)
        };
        match point {
            Ok(point) => self.add(point.clone()).map(|()| point),
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
        let fit = self.fit_all(prior, today)?;
        if drift.is_none() {
            return Ok(fit);
        }
        let fit = Fit { drift, ..fit };
        self.fits.pop_back();
        self.fits.push_back(fit.clone());
        Ok(fit)
    }

    /// Fits all the points, and keeps the result where it differs from the last.
    pub(super) fn fit_all(&mut self, prior: Option<&Prior>, today: Date) -> Result<Fit, Unfit> {
        let points = self.points.make_contiguous();
        let fit = Fit::of(points, prior, &self.subject.meter, self.subject.boundary, today)?;
        let dateless = |fit: &Fit| {
            let mut fit = fit.clone();
            fit.profile.as_of = None;
            fit.drift = None;
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
    /// of other sizes, or where that may be chance.
    fn drift(&mut self, prior: Option<&Prior>, today: Date) -> Option<f64> {
        let older = self.points.len().checked_sub(self.newest()).filter(|&older| older >= NEWEST)?;
        let (before, newest) = self.points.make_contiguous().split_at_checked(older)?;
        let newest = alike(before, newest);
        if newest.len() < ALIKE {
            return None;
        }
        let fit = Fit::of(before, prior, &self.subject.meter, self.subject.boundary, today).ok()?;
        let before: Vec<f64> = before.iter().map(|point| fit.residual(point)).collect();
        let newest: Vec<f64> = newest.into_iter().map(|point| fit.residual(point)).collect();
        let [was, is] = [&before, &newest].map(|off| median(off.iter().copied()));
        let moved = is? - was?;
        let spread = scale(before, was?).max(scale(newest.iter().copied(), is?));
        // The standard error of a difference of two medians of normal numbers, the older one's being small.
        let error = 1.2533 * spread * (1.0 / count(newest.len()) + 1.0 / count(older)).sqrt();
        (moved.abs() > LEAST_DRIFT.ln().max(3.0 * error)).then(|| moved.exp())
    }

    /// What in it could not have been observed, in words.
    fn check(&self) -> Result<(), String> {
        if self.points.len() > POINTS || self.fits.len() > FITS {
            return Err(format!("it has more than {POINTS} points or {FITS} fits"));
        }
        let faults = self.points.iter().map(Point::fault).enumerate();
        if let Some((place, why)) = faults.filter_map(|(at, why)| Some((at + 1, why?))).next() {
            return Err(format!("point {place} cannot be used: {why}"));
        }
        let Subject { meter, boundary, .. } = &self.subject;
        if self.fits.iter().all(|fit| fit.is_sound(meter, *boundary)) {
            Ok(())
        } else {
            Err(format!("a fit is not of {meter} at the {boundary}, or its band is none"))
        }
    }
}

/// Those of `newest` that are as large as most `before`: of other sizes a fit of these knows little.
fn alike<'a>(before: &[Point], newest: &'a [Point]) -> Vec<&'a Point> {
    let usual = |size: fn(&Point) -> f64| {
        let end = |share| quantile(before.iter().map(|point| 1.0 + size(point)), share).unwrap_or(0.0);
        end(0.1) / LEAST_DRIFT..=end(0.9) * LEAST_DRIFT
    };
    let (read, written) = (usual(Point::read), usual(Point::written));
    let within =
        |point: &&Point| read.contains(&(1.0 + point.read())) && written.contains(&(1.0 + point.written()));
    newest.iter().filter(within).collect()
}

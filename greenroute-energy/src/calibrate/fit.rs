use super::Unfit;
use super::point::Point;
use super::prior::{Prior, Z, band_of_meter};
use super::robust::{self, Row, SET_ASIDE, count, median, quantile};
use greenroute_core::model::EnergyProfile;
use greenroute_core::units::Energy;
use greenroute_core::{Boundary, Date, MeterId};
use serde::{Deserialize, Serialize};

/// What a fit could tell from its points. What it could not is the prior's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// How much more or less than the prior: all calls were of about one size.
    Level,
    /// What a call and a token of output take; a token of input as the prior has it against one of output, and nothing
    /// where there is no prior: what was usually read is then in what a call takes.
    Line,
    /// What a call, a token of input and a token of output take.
    Plane,
}

/// The energy of a model, as its points tell it: `overhead + input · i + output · o`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// For the model's card.
    pub profile: EnergyProfile,
    /// What the points could tell.
    pub shape: Shape,
    /// Points that lie too far off to count: more than three scales, and at least 35 % more or 26 % less.
    pub set_aside: u32,
    /// The share, between 0 and 1, that the prior has in the result.
    pub prior_share: f64,
    /// How many times as much the newest calls took as those before, where they took clearly other amounts: then only
    /// the newest count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<f64>,
}

/// The fewest points that say anything, where there is a prior to lean on, and where there is none.
pub(super) const FEWEST: usize = 3;
const FEWEST_ALONE: usize = 5;
pub(super) const FEWEST_FOR_PLANE: usize = 8;

/// The largest over the smallest of the middle 80 % of sizes, from which on a slope can be told.
const SPAN: f64 = 3.0;
/// Above this rank correlation between input and output, the two cannot be told apart.
const ALIKE: f64 = 0.8;
/// No machine and no meter repeats itself better than this, from one day to the next: the least scale of residuals, in
/// logarithms.
const LEAST_SCALE: f64 = 0.1;
/// A line around which readings scatter more than this explains nothing: three times it is a factor of 4.5.
const LARGEST_SCALE: f64 = 0.5;
/// What the scale is taken for before there are points, and how many points that is worth.
const USUAL_SCALE: f64 = 0.2;
const USUAL_WEIGHT: f64 = 2.0;

impl Fit {
    /// The profile that `points` tell of, all of one meter at one boundary, on the day `today`.
    ///
    /// Least trimmed squares of `ln(read / fitted)`, then Huber's weights: three readings of ten may be anything. No
    /// coefficient is negative. The result leans on the `prior` by `w / (n + w)`, where `w` is the variance of the
    /// readings over that of the prior, and its band holds three errors that do not know of each other: what the
    /// points scatter, widened where they are few; what the prior leaves open; and the meter's own.
    ///
    /// # Errors
    /// [`Unfit::TooFewPoints`], [`Unfit::OneSize`] where there is no prior, [`Unfit::Scattered`] where more than a quarter
    /// of the points lie far off.
    pub fn of(
        points: &[Point],
        prior: Option<&Prior>,
        meter: &MeterId,
        boundary: Boundary,
        today: Date,
    ) -> Result<Self, Unfit> {
        let prior = prior.filter(|prior| prior.speaks());
        let needed = if prior.is_some() { FEWEST } else { FEWEST_ALONE };
        let few = |needed| Unfit::TooFewPoints { have: points.len(), needed };
        if points.len() < needed {
            return Err(few(needed));
        }
        let shape = shape(points, prior).ok_or(Unfit::OneSize)?;
        let rows = rows(points, shape, prior);
        let terms = shape.terms();
        let (found, scale) =
            robust::line(&rows, terms, LEAST_SCALE..=LARGEST_SCALE).ok_or(few(needed + 1))?;
        let residuals: Vec<f64> = rows.iter().map(|row| row.residual(found)).collect();
        let off = residuals.iter().filter(|residual| residual.abs() > SET_ASIDE * scale).count();
        if off * 4 > points.len() {
            return Err(Unfit::Scattered { off, of: points.len() });
        }
        let freedom = count(points.len().saturating_sub(off + terms));
        let scatter =
            (freedom * scale * scale + USUAL_WEIGHT * USUAL_SCALE * USUAL_SCALE) / (freedom + USUAL_WEIGHT);
        let line = shape.spread(found, points, prior);
        let share = prior.map_or(0.0, |prior| {
            let variance = scatter / count(points.len() - off);
            variance / (variance + prior.variance())
        });
        let line = prior.map_or(line, |prior| lean(line, points, prior, share));
        let left_open = prior.map_or(0.0, |prior| share * prior.variance()) * Z * Z;
        let (down, up) = scattered(&residuals, scale, freedom, points.len());
        let (meter_down, meter_up) = band_of_meter(points.iter());
        let [overhead, output, input] = line.map(Energy::from_joules);
        Ok(Self {
            profile: EnergyProfile {
                low: (-(down * down + left_open + meter_down * meter_down).sqrt()).exp(),
                high: (up * up + left_open + meter_up * meter_up).sqrt().exp(),
                boundary,
                meter: Some(meter.clone()),
                points: u32::try_from(points.len()).unwrap_or(u32::MAX),
                as_of: Some(today),
                ..EnergyProfile::new(overhead, input, output)
            },
            shape,
            set_aside: u32::try_from(off).unwrap_or(u32::MAX),
            prior_share: share,
            drift: None,
        })
    }

    /// The joules that it tells of a call like `point`.
    #[must_use]
    pub fn joules(&self, point: &Point) -> f64 {
        let EnergyProfile { overhead_joules, joules_per_input_token, joules_per_output_token, .. } =
            &self.profile;
        let read = joules_per_input_token.as_joules() * point.read();
        overhead_joules.as_joules() + read + joules_per_output_token.as_joules() * point.written()
    }

    /// Whether it may be what [`Fit::of`] gave for this meter: a file may hold anything.
    pub(super) fn is_sound(&self, meter: &MeterId, boundary: Boundary) -> bool {
        let Self { profile, prior_share, drift, .. } = self;
        let banded =
            profile.low > 0.0 && profile.low <= 1.0 && profile.high >= 1.0 && profile.high.is_finite();
        let ours = profile.meter.as_ref() == Some(meter) && profile.boundary == boundary;
        let drifted = drift.is_none_or(|drift| drift.is_finite() && drift > 0.0);
        banded && ours && drifted && (0.0..=1.0).contains(prior_share)
    }

    /// How far a point lies off, as the logarithm of what was read over what is told.
    #[must_use]
    pub fn residual(&self, point: &Point) -> f64 {
        (point.joules() / self.joules(point)).ln()
    }
}

impl Shape {
    const fn terms(self) -> usize {
        match self {
            Self::Level => 1,
            Self::Line => 2,
            Self::Plane => 3,
        }
    }

    /// The terms found, as overhead, output and input.
    fn spread(self, found: [f64; 3], points: &[Point], prior: Option<&Prior>) -> [f64; 3] {
        let [first, second, third] = found;
        match self {
            Self::Level => prior.map_or([0.0; 3], |prior| prior.line(points).map(|term| term * first)),
            Self::Line => [first, second, second * input_share(points, prior)],
            Self::Plane => [first, second, third],
        }
    }
}

/// What a token of input takes of a token of output, by the prior.
fn input_share(points: &[Point], prior: Option<&Prior>) -> f64 {
    prior.map_or(0.0, |prior| {
        let [_, output, input] = prior.line(points);
        input / output
    })
}

fn shape(points: &[Point], prior: Option<&Prior>) -> Option<Shape> {
    let spans = |size: fn(&Point) -> f64| {
        let ends = [0.1, 0.9].map(|share| quantile(points.iter().map(|point| 1.0 + size(point)), share));
        matches!(ends, [Some(low), Some(high)] if high >= SPAN * low)
    };
    let alike = rank_correlation(points, Point::read, Point::written);
    if points.len() >= FEWEST_FOR_PLANE && spans(Point::read) && spans(Point::written) && alike.abs() < ALIKE
    {
        Some(Shape::Plane)
    } else if points.len() >= FEWEST_ALONE && spans(Point::written) {
        Some(Shape::Line)
    } else {
        prior.map(|_| Shape::Level)
    }
}

fn rows(points: &[Point], shape: Shape, prior: Option<&Prior>) -> Vec<Row> {
    let share = input_share(points, prior);
    let terms = |point: &Point| match shape {
        Shape::Level => [prior.map_or(1.0, |prior| prior.of_point(point)), 0.0, 0.0],
        Shape::Line => [1.0, point.written() + share * point.read(), 0.0],
        Shape::Plane => [1.0, point.written(), point.read()],
    };
    points.iter().map(|point| Row { terms: terms(point), read: point.joules() }).collect()
}

/// Spearman's: one count of tokens that cannot be true makes no two alike.
fn rank_correlation(points: &[Point], one: fn(&Point) -> f64, other: fn(&Point) -> f64) -> f64 {
    let rank = |size: fn(&Point) -> f64, point: &Point| -> f64 {
        let signs = points.iter().map(|below| size(point).total_cmp(&size(below)));
        signs.map(|sign| f64::from(sign as i8)).sum()
    };
    correlation(points.iter().map(|point| (rank(one, point), rank(other, point))))
}

/// Pearson's, between -1 and 1; 0 where one of the two does not vary.
pub(super) fn correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let number = count(pairs.clone().count()).max(1.0);
    let (a, b) = pairs.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / number, b + y / number));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - a).powi(2);
        xy += (x - a) * (y - b);
        yy += (y - b).powi(2);
    }
    if xx * yy > 0.0 { (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0) } else { 0.0 }
}

/// Moves `line` by `share` towards the prior: its level by a geometric mean, its shape by an arithmetic one of the two
/// at one level. A share of 0 leaves the line, one of 1 gives the prior.
fn lean(line: [f64; 3], points: &[Point], prior: &Prior, share: f64) -> [f64; 3] {
    let [fixed, output, input] = line;
    let at = |point: &Point| fixed + output * point.written() + input * point.read();
    let higher = median(points.iter().map(|point| (at(point) / prior.of_point(point)).ln())).unwrap_or(0.0);
    let level = (-share * higher).exp();
    let believed = prior.line(points).map(|term| term * higher.exp());
    let mut both = line.iter().zip(believed);
    line.map(|_| both.next().map_or(0.0, |(found, term)| level * ((1.0 - share) * found + share * term)))
}

/// How far the next call may lie off, down and up: the 5 % and 95 % quantiles of the residuals without those set
/// aside, never closer than the least scale, widened as Student's distribution is for so few.
fn scattered(residuals: &[f64], scale: f64, freedom: f64, points: usize) -> (f64, f64) {
    let near = || residuals.iter().copied().filter(|residual| residual.abs() <= SET_ASIDE * scale);
    // Student's 95 % quantile over the normal one, by the expansion of Cornish and Fisher: within 5 % from two
    // degrees of freedom on.
    let freedom = freedom.max(1.0);
    let student = 1.0
        + (Z * Z + 1.0) / (4.0 * freedom)
        + (5.0 * Z.powi(4) + 16.0 * Z * Z + 3.0) / (96.0 * freedom * freedom);
    let widening = student * (1.0 + 1.0 / count(points)).sqrt();
    let least = Z * LEAST_SCALE;
    let ends = [-quantile(near(), 0.05).unwrap_or(0.0), quantile(near(), 0.95).unwrap_or(0.0)];
    let [down, up] = ends.map(|end| widening * end.max(least));
    (down, up)
}

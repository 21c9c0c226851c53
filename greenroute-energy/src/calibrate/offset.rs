use super::Unfit;
use super::prior::{Z, logarithms};
use super::robust::{count, location, median, scale};
use crate::table::{number, rows};
use greenroute_core::model::LoadOffset;
use greenroute_core::units::Energy;
use greenroute_core::{Date, Estimate, MeterId, Method, Spread};
use std::collections::BTreeMap;

/// A measured and a modelled energy of the same work under a known load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadPoint {
    batch: f64,
    off: f64,
    measured: Estimate<Energy>,
}

/// Variances of `ln(measured / modelled)`: over deployments, and over runs of one whose batches are as large, or twice
/// as large.
#[derive(Debug, Clone, Copy)]
struct Variances {
    between: f64,
    same_doubling: f64,
    next_doubling: f64,
}

/// From how many points on their median counts, and one of them may be anything.
const ENOUGH: usize = 3;
/// How many standard deviations of the prior a ratio may lie off while there are fewer than [`ENOUGH`].
const BELIEVED: f64 = 3.0;

impl LoadPoint {
    /// Work that was measured and that a meter, without any offset, models, while `batch` requests shared a step.
    ///
    /// # Errors
    /// [`Unfit::NoLoadKey`] where the load is not known or below one request; [`Unfit::NothingToCorrect`] where one
    /// of the energies is nothing.
    pub fn new(batch: Option<f64>, measured: Estimate<Energy>, modelled: Energy) -> Result<Self, Unfit> {
        let batch = batch.filter(|batch| batch.is_finite() && *batch >= 1.0).ok_or(Unfit::NoLoadKey)?;
        let off = (measured.value().as_joules() / modelled.as_joules()).ln();
        if off.is_finite() { Ok(Self { batch, off, measured }) } else { Err(Unfit::NothingToCorrect) }
    }
}

/// How far `meter` is off by load, from `points` of one deployment. `prior` is the meter's own band; `counted_apart` is
/// what of the measurements' error is told elsewhere, such as in the factors that widen a forecast to the facility.
///
/// Points are binned by the nearest doubling of the batch. Of three and more the median counts, by Huber's weights from
/// there; of fewer the mean. It is shrunk towards 1 by `b / (b + w/k)`, with the variances `b` between deployments and
/// `w` inside of one, and `k` points. What remains is never taken to be less than in a study of measured runs, however
/// well a few points agree.
///
/// # Errors
/// [`Unfit::TooFewPoints`] where no bin has a point that can be believed.
pub fn offsets(
    meter: &MeterId,
    points: &[LoadPoint],
    prior: Spread,
    counted_apart: (f64, f64),
    today: Date,
) -> Result<Vec<LoadOffset>, Unfit> {
    let mut bins: BTreeMap<u8, Vec<&LoadPoint>> = BTreeMap::new();
    for point in points {
        bins.entry(doubling(point.batch)).or_default().push(point);
    }
    let variances = Variances::of(prior);
    let found: Vec<LoadOffset> =
        bins.into_values().filter_map(|bin| offset(meter, &bin, variances, counted_apart, today)).collect();
    if found.is_empty() { Err(Unfit::TooFewPoints { have: points.len(), needed: ENOUGH }) } else { Ok(found) }
}

/// The nearest whole logarithm to base 2 of a batch of at least 1.
fn doubling(batch: f64) -> u8 {
    (0..u8::MAX).find(|&power| batch.log2() < f64::from(power) + 0.5).unwrap_or(u8::MAX)
}

fn offset(
    meter: &MeterId,
    bin: &[&LoadPoint],
    variances: Variances,
    counted_apart: (f64, f64),
    today: Date,
) -> Option<LoadOffset> {
    let Variances { between, same_doubling, next_doubling } = variances;
    let mut off: Vec<f64> = bin.iter().map(|point| point.off).collect();
    if off.len() < ENOUGH {
        let most = BELIEVED * (between + same_doubling).sqrt();
        off.retain(|off| off.abs() <= most);
    }
    let middle = if off.len() < ENOUGH {
        Some(off.iter().sum::<f64>() / count(off.len())).filter(|_| !off.is_empty())
    } else {
        location(&off, same_doubling.sqrt())
    }?;
    let scatter = if off.len() < ENOUGH { 0.0 } else { scale(off.iter().copied(), middle).powi(2) };
    let within = scatter.max(same_doubling);
    let shrunk = between / (between + within / count(off.len()));
    // An offset also serves loads up to a doubling away.
    let remains = Z * Z * (within.max(next_doubling) + (1.0 - shrunk) * between);
    let (apart_down, apart_up) = counted_apart;
    let error = |end: fn((f64, f64)) -> f64, apart: f64| {
        let of_meter = median(bin.iter().map(|point| end(logarithms(point.measured)))).unwrap_or(0.0);
        (remains + (of_meter * of_meter - apart * apart).max(0.0)).sqrt()
    };
    Some(LoadOffset {
        meter: meter.clone(),
        batch: median(bin.iter().map(|point| point.batch.ln()))?.exp(),
        factor: (shrunk * middle).exp(),
        low: (-error(|(down, _)| down, apart_down)).exp(),
        high: error(|(_, up)| up, apart_up).exp(),
        points: u32::try_from(off.len()).unwrap_or(u32::MAX),
        as_of: Some(today),
    })
}

impl Variances {
    /// Over deployments by the meter's own band; inside of one by the widest that a study of measured runs found.
    fn of(prior: Spread) -> Self {
        let one = Estimate::with_spread(Energy::from_joules(1.0), prior, Method::Modelled);
        let (down, up) = logarithms(one);
        let all = (f64::midpoint(down, up) / Z).powi(2);
        let rows = rows(include_str!("../../data/calibration.csv"));
        let widest = rows.fold((0.0_f64, 0.0_f64), |(same, next), row| {
            let cell = |column| number(&row, column).unwrap_or(0.0);
            (same.max(cell(1)), next.max(cell(2)))
        });
        let (same_doubling, next_doubling) = widest;
        // A meter that knows better than what one deployment differs by is believed all the same, a little.
        Self { between: (all - same_doubling).max(same_doubling), same_doubling, next_doubling }
    }
}

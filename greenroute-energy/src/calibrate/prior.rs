use super::point::Point;
use super::robust::median;
use greenroute_core::units::{Energy, Quantity};
use greenroute_core::{Boundary, EnergyRate, Estimate, Overheads};

/// The 95 % quantile of the standard normal distribution: what turns a band into a standard deviation.
pub(super) const Z: f64 = 1.645;

/// What a model is believed to take before anybody measured it: a fit with few points leans on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    fixed: f64,
    input: f64,
    output: f64,
    output_squared: f64,
    context: f64,
    variance: f64,
}

/// A prior is never taken to be closer than this, in logarithms: nobody is sure to 20 % of what was not measured.
const LEAST_DEVIATION: f64 = 0.2;

impl Prior {
    /// The `rate` of a meter, told at `boundary` by the factors of `overheads`. Its band is the meter's.
    #[must_use]
    pub fn of(rate: &EnergyRate, boundary: Boundary, overheads: &Overheads) -> Self {
        let scale = widening(overheads, boundary) / widening(overheads, rate.boundary);
        let (down, up) =
            logarithms(Estimate::with_spread(Energy::from_joules(1.0), rate.spread, rate.method));
        let deviation = (f64::midpoint(down, up) / Z).max(LEAST_DEVIATION);
        Self {
            fixed: rate.fixed.as_joules() * scale,
            input: rate.input.as_joules() * scale,
            output: rate.output.as_joules() * scale,
            output_squared: rate.output_squared.as_joules() * scale,
            context: rate.context.as_joules() * scale,
            variance: deviation * deviation,
        }
    }

    /// The joules that it foretells of a call like `point`.
    pub(super) fn of_point(&self, point: &Point) -> f64 {
        let (read, written) = (point.read(), point.written());
        let before = self.output_squared * written + self.context * read;
        self.fixed + self.input * read + (self.output + before) * written
    }

    /// Its three terms, straight near answers as long as those of `points`.
    pub(super) fn line(&self, points: &[Point]) -> [f64; 3] {
        let usual = median(points.iter().map(Point::written)).unwrap_or(0.0);
        [self.fixed, self.output + self.output_squared * usual, self.input]
    }

    /// Of its logarithm.
    pub(super) const fn variance(&self) -> f64 {
        self.variance
    }

    /// Whether it says anything: a prior of nothing cannot be scaled.
    pub(super) fn speaks(&self) -> bool {
        let total = self.fixed + self.input + self.output + self.output_squared;
        total > 0.0 && total.is_finite() && self.output > 0.0
    }
}

/// From the device to `boundary`.
pub(super) fn widening(overheads: &Overheads, boundary: Boundary) -> f64 {
    let server = overheads.server.value().base();
    match boundary {
        Boundary::Device => 1.0,
        Boundary::Server => server,
        Boundary::Facility => server * overheads.pue.value().base(),
    }
}

/// How far an energy may be off, down and up, as logarithms of a factor.
pub(super) fn logarithms(energy: Estimate<Energy>) -> (f64, f64) {
    let ratio = |more: Energy, less: Energy| {
        let ratio = more.as_joules() / less.as_joules();
        // An end at nothing is taken for a hundredfold: a band in logarithms has no other way to say it.
        if ratio.is_finite() { ratio.clamp(1.0, 100.0).ln() } else { 100_f64.ln() }
    };
    (ratio(energy.value(), energy.low()), ratio(energy.high(), energy.value()))
}

/// What the meter of `points` is off by itself, down and up, as logarithms: the median of the readings' own bands.
pub(super) fn band_of_meter<'a>(points: impl Iterator<Item = &'a Point>) -> (f64, f64) {
    let (down, up): (Vec<f64>, Vec<f64>) = points.map(|point| logarithms(point.energy)).unzip();
    (median(down).unwrap_or(0.0), median(up).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::units::{Factor, Pue};
    use greenroute_core::{MeterId, Method, Spread};

    #[test]
    fn a_prior_is_told_at_the_boundary_of_the_readings() {
        let overheads = Overheads {
            server: Estimate::exact(Factor::from_ratio(1.6), Method::Proxy),
            pue: Estimate::exact(Pue::from_ratio(1.25), Method::Proxy),
            source: "test".into(),
        };
        let rate = |boundary| {
            let (spread, meter) = (Spread::of(0.25, 4.0), MeterId::new("test", 1));
            EnergyRate::per_token(Energy::from_joules(1.0), spread, Method::Modelled, boundary, meter)
        };
        let output = |from, to| Prior::of(&rate(from), to, &overheads).output;
        assert!((output(Boundary::Device, Boundary::Facility) - 2.0).abs() < 1e-12);
        assert!((output(Boundary::Server, Boundary::Device) - 1.0 / 1.6).abs() < 1e-12);
        assert!((output(Boundary::Facility, Boundary::Facility) - 1.0).abs() < 1e-12);
        let variance = Prior::of(&rate(Boundary::Device), Boundary::Device, &overheads).variance();
        assert!((variance - (4_f64.ln() / Z).powi(2)).abs() < 1e-9);
    }
}

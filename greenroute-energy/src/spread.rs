//! Multiplicative bands of independent errors.

use greenroute_core::units::{Energy, Quantity};
use greenroute_core::{Estimate, Method};

/// How far a number may be off, as the squared logarithms of a factor down and a factor up: independent errors add
/// up in quadrature, as in [`Estimate`]'s product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    down: f64,
    up: f64,
}

impl Spread {
    /// From a factor of at most 1 to one of at least 1.
    pub(crate) fn of((down, up): (f64, f64)) -> Self {
        Self { down: down.ln().powi(2), up: up.ln().powi(2) }
    }

    /// The same factor both ways, by its logarithm.
    pub(crate) fn even(logarithm: f64) -> Self {
        Self { down: logarithm * logarithm, up: logarithm * logarithm }
    }

    /// Both errors, independent of each other.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self { down: self.down + other.down, up: self.up + other.up }
    }

    /// The energy of an expected amount of work, and of the least and the greatest where it is not certain; each may
    /// be off by this.
    pub(crate) fn around(
        self,
        value: Energy,
        ends: Option<(Energy, Energy)>,
        method: Method,
    ) -> Estimate<Energy> {
        let factors = |spread: Self| ((-spread.down.sqrt()).exp(), spread.up.sqrt().exp());
        let Some((low, high)) = ends else {
            let (down, up) = factors(self);
            return Estimate::scaled(value, down, up, method);
        };
        if value == Energy::ZERO {
            let (_, up) = factors(self);
            return Estimate::banded(value, value, high * up, method);
        }
        let ratio = |end: Energy| (end.base() / value.base()).ln();
        let work = Self { down: ratio(low).powi(2), up: ratio(high).powi(2) };
        let (down, up) = factors(self.and(work));
        Estimate::scaled(value, down, up, method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsure_work_widens_the_band_in_quadrature() {
        let joules = Energy::from_joules;
        let spread = Spread::of((0.5, 2.0));
        let sure = spread.around(joules(10.0), None, Method::Modelled);
        assert!((sure.low().as_joules() - 5.0).abs() < 1e-9 && (sure.high().as_joules() - 20.0).abs() < 1e-9);
        let unsure = spread.around(joules(10.0), Some((joules(5.0), joules(20.0))), Method::Modelled);
        let width = (2.0_f64.sqrt() * 2.0_f64.ln()).exp();
        assert!((unsure.high().as_joules() - 10.0 * width).abs() < 1e-9);
        let perhaps = spread.around(Energy::ZERO, Some((Energy::ZERO, joules(3.0))), Method::Modelled);
        assert_eq!((perhaps.value(), perhaps.low()), (Energy::ZERO, Energy::ZERO));
        assert!((perhaps.high().as_joules() - 6.0).abs() < 1e-9);
    }
}

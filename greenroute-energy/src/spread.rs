//! The band of expected work.

use greenroute_core::units::{Energy, Quantity};
use greenroute_core::{Estimate, Method, Spread};

/// The energy of an expected amount of work, and of the least and the greatest where it is not certain; each may be
/// off by `spread`, whose errors are independent of the amount's.
pub(crate) fn around(
    spread: Spread,
    value: Energy,
    ends: Option<(Energy, Energy)>,
    method: Method,
) -> Estimate<Energy> {
    let Some((low, high)) = ends else { return Estimate::with_spread(value, spread, method) };
    if value == Energy::ZERO {
        let most = Estimate::with_spread(high, spread, method).high();
        return Estimate::banded(value, value, most, method);
    }
    let ratio = |end: Energy| end.base() / value.base();
    Estimate::with_spread(value, spread.and(Spread::of(ratio(low), ratio(high))), method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsure_work_widens_the_band_in_quadrature() {
        let joules = Energy::from_joules;
        let spread = Spread::of(0.5, 2.0);
        let sure = around(spread, joules(10.0), None, Method::Modelled);
        assert!((sure.low().as_joules() - 5.0).abs() < 1e-9 && (sure.high().as_joules() - 20.0).abs() < 1e-9);
        let unsure = around(spread, joules(10.0), Some((joules(5.0), joules(20.0))), Method::Modelled);
        let width = (2.0_f64.sqrt() * 2.0_f64.ln()).exp();
        assert!((unsure.high().as_joules() - 10.0 * width).abs() < 1e-9);
        let perhaps = around(spread, Energy::ZERO, Some((Energy::ZERO, joules(3.0))), Method::Modelled);
        assert_eq!((perhaps.value(), perhaps.low()), (Energy::ZERO, Energy::ZERO));
        assert!((perhaps.high().as_joules() - 6.0).abs() < 1e-9);
    }
}

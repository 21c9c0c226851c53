//! Calibration: what readings teach, from a fit of points to a run against a metered provider.

#![cfg(test)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests count to a few thousand"
)]

mod books;
mod fits;
mod followed;
mod offsets;
mod runs;
mod world;

use greenroute_core::units::{Energy, Factor, Pue, Tokens};
use greenroute_core::{
    Boundary, Counted, Date, EnergyRate, Estimate, MeterId, Method, Overheads, Reading, Spread, Usage,
};
use greenroute_energy::calibrate::{Point, Prior};
use std::time::Duration;

pub(crate) fn meter() -> MeterId {
    MeterId::new("dial", 1)
}

pub(crate) fn today() -> Date {
    "2026-11-21".parse().unwrap()
}

pub(crate) fn counted(input: u64, output: u64) -> Counted {
    Counted::Reported(Usage::new(Tokens::new(input), Tokens::new(output)))
}

pub(crate) fn reading(joules: f64) -> Reading {
    Reading::new(Estimate::exact(Energy::from_joules(joules), Method::Measured), Boundary::Device, meter())
}

/// A call at twenty watts.
pub(crate) fn point(input: u64, output: u64, joules: f64) -> Point {
    let took = Duration::from_secs_f64(joules / 20.0);
    Point::new(&counted(input, output), &reading(joules), Some(took), today()).unwrap()
}

/// A rate of a forecast at the device, off by up to `times` either way.
pub(crate) fn rate(fixed: f64, input: f64, output: f64, times: f64) -> EnergyRate {
    let [fixed, input, output] = [fixed, input, output].map(Energy::from_joules);
    let (spread, meter) = (Spread::of(1.0 / times, times), MeterId::new("guess", 1));
    let known = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Device, meter);
    EnergyRate { fixed, input, ..known }
}

pub(crate) fn overheads() -> Overheads {
    Overheads {
        server: Estimate::scaled(Factor::from_ratio(1.6), 0.75, 1.25, Method::Proxy),
        pue: Estimate::exact(Pue::from_ratio(1.25), Method::Proxy),
        source: "test".into(),
    }
}

pub(crate) fn prior(fixed: f64, input: f64, output: f64, times: f64) -> Prior {
    Prior::of(&rate(fixed, input, output, times), Boundary::Device, &overheads())
}

//! Learning from outcomes: what was asked, who answered, who was right. Files in, matrices between, tables out.
//!
//! Texts are read once into features that no outcome shaped; all that is learned from outcomes is a closed form or a
//! count, and the same rows with the same seed give the same numbers.

#![expect(clippy::needless_pass_by_value, reason = "a view of a matrix is a reference")]

pub mod brain;
pub mod calibrate;
pub mod carried;
pub mod cells;
pub mod chance;
pub mod clusters;
pub mod cohort;
pub mod data;
pub mod design;
pub mod dial;
pub mod elsewhere;
pub mod energy;
pub mod fold;
pub mod heads;
pub mod known;
pub mod metrics;
pub mod mixing;
pub mod pool;
pub mod prior;
pub mod reference;
pub mod ridge;
mod strata;

/// A count as a number; exact below 2³².
#[must_use]
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

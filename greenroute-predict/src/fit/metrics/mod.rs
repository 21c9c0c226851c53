//! How good predictions are: the measures that others publish, with intervals, each the same on every run.

mod bootstrap;
mod calibration;
mod gap;
mod order;

pub use bootstrap::{Bootstrap, Interval};
pub use calibration::{Bin, Reliability};
pub use gap::{Gap, Recovery};
pub(in crate::fit) use order::correlation;
pub use order::{auc, spearman};

use super::number;

/// The mean; `None` of nothing.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / number(values.len()))
}

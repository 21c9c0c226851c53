//! What measurements teach: a model's own energy profile, and how far a modelled meter is off on a deployment.
mod apply;
mod book;
mod change;
mod file;
mod fit;
mod offset;
mod point;
mod prior;
mod refusal;
mod robust;
mod series;

pub use apply::Applied;
pub use book::CalibrationBook;
pub use change::Calibrated;
pub use fit::{Fit, Shape};
pub use offset::{LoadPoint, offsets};
pub use point::Point;
pub use prior::Prior;
pub use refusal::{PassedOver, Unfit};
pub use series::{Series, Subject};

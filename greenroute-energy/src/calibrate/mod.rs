//! What measurements teach: a model's own energy profile, and how far a modelled meter is off on a deployment.
pub(crate) mod fit;
mod offset;
pub(crate) mod point;
pub(crate) mod prior;
pub(crate) mod refusal;
mod robust;
mod series;

pub use fit::{Fit, Shape};
pub use offset::{LoadPoint, offsets};
pub use point::Point;
pub use prior::Prior;
pub use refusal::{PassedOver, Unfit};
pub use series::{Series, Subject};

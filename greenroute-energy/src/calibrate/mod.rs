//! What measurements teach: a model's own energy profile, and how far a modelled meter is off on a deployment.
//!
//! [`run()`] makes the calls of a [`Plan`] and gives a [`Report`]; a [`CalibrationBook`] learns from the receipts of calls that
//! are made anyway, and with [`Calibrating`] from every receipt that a router records. Both end in an
//! [`EnergyProfile`](greenroute_core::model::EnergyProfile) or [`LoadOffset`](greenroute_core::model::LoadOffset)s on the
//! model's card, by which the next forecasts are made.
//!
//! # A server of one's own
//!
//! llama-server or vLLM on this machine is calibrated the same way, with a [`Metered`](crate::Metered) around its provider,
//! if the counter sees the server's hardware. The server is another process, and the counters of this crate tell this
//! process's share: processor time and [`Rapl`](crate::counter::Rapl) see nothing of it, so that [`run()`] ends at once in an
//! error that says so. [`Nvml`](crate::counter::Nvml) with `sees_processes: Some(false)` takes the board for that of one
//! process, which is right while the server is the only one on it. For a processor, a
//! [`Counter`](crate::counter::Counter) of one's own must count the whole machine, which then must have nothing else to do.

mod apply;
mod book;
mod calibrating;
mod change;
mod check;
mod file;
mod fit;
mod load;
mod offset;
mod plan;
mod point;
mod prior;
mod refusal;
mod report;
mod robust;
mod run;
mod series;

pub use apply::Applied;
pub use book::CalibrationBook;
pub use calibrating::Calibrating;
pub use change::Calibrated;
pub use check::{Check, Verdict};
pub use fit::{Fit, Shape};
pub use load::Load;
pub use offset::{LoadPoint, offsets};
pub use plan::{Asked, Kind, Plan};
pub use point::Point;
pub use prior::Prior;
pub use refusal::{PassedOver, Unfit};
pub use report::Report;
pub use run::{Trial, run};
pub use series::{Series, Subject};

//! Model files from the Hugging Face hub.
//!
//! [`Hub::fetch`] gives the path of a [`HubModel`]'s files. They lie in the cache that other Hugging Face tools
//! share, so what one of them has fetched is not fetched again.
//!
//! ```no_run
//! use greenroute_providers::local::LocalProvider;
//! use greenroute_providers::local::hub::{Hub, HubModel};
//! let folder = Hub::from_env()?.fetch(&HubModel::flan_t5_base()?, |_| {})?;
//! let provider = LocalProvider::open(folder)?;
//! assert_eq!(provider.to_string(), "local (Flan-T5 Base)");
//! # Ok::<(), greenroute_core::Error>(())
//! ```
//!
//! # Invariants
//! * A file that was put into the cache here has the checksum that the hub states for it. What another tool put
//!   there is taken as it is.
//! * A model that is pinned to a commit and in the cache is found without a request.
//! * The token reaches the endpoint and nobody else: no other host, no message, no log.

mod cache;
mod checksum;
mod fault;
mod fetch;
mod model;
mod partial;
mod remote;
mod settings;
mod space;

pub use fetch::Progress;
pub use model::HubModel;
pub use settings::Hub;

/// The origin of errors.
const ORIGIN: &str = "hub";

//! Models that run in this process, on candle.
//!
//! [`LocalProvider`] serves chats from a GGUF file; [`LocalModel`] and [`Session`] are the model below it, token
//! by token. The first family is Gemma 3. Weights are held once; every request has its own memory, so that
//! several run at the same time.

mod builder;
mod cache;
mod card;
mod fault;
mod gemma;
mod generate;
mod gguf;
#[cfg(feature = "hub")]
pub mod hub;
mod matrix;
mod model;
mod ops;
mod provider;
mod sample;
mod style;
mod text_stream;
mod tokenizer;
mod weights;
mod worker;

pub use builder::LocalProviderBuilder;
pub use model::{LocalModel, Session};
pub use provider::LocalProvider;
pub use style::PromptStyle;
pub use weights::Precision;

/// The provider's name, and the origin of its errors.
const NAME: &str = "local";

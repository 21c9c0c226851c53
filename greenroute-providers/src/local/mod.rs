//! Models that run in this process, on candle.
//!
//! [`LocalProvider`] serves chats from a GGUF file; [`LocalModel`] and [`Session`] are the model below it, token
//! by token. The first family is Gemma 3. Weights are held once; every request has its own memory, so that
//! several run at the same time.

mod builder;
mod cache;
mod card;
mod charsmap;
mod engine;
mod fault;
mod gemma;
mod gguf;
#[cfg(feature = "hub")]
pub mod hub;
mod hub_name;
mod json;
mod kernel;
mod lane;
mod matrix;
mod memory;
mod model;
mod network;
mod open;
mod ops;
mod provider;
mod rotation;
mod safetensors;
mod sample;
mod style;
mod t5;
mod tensor_entry;
mod text_stream;
mod tokenizer;
mod unigram;
mod vocabulary;
mod weights;
mod writer;

pub use builder::LocalProviderBuilder;
pub use model::{LoadOptions, LocalModel, Session};
pub use provider::LocalProvider;
pub use style::PromptStyle;
pub use weights::Precision;

/// The provider's name, and the origin of its errors.
const NAME: &str = "local";

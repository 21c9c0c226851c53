//! Models that run in this process.
//!
//! [`LocalProvider`] serves chats from a model's files; [`LocalModel`] and [`Session`] are the model below it, token
//! by token. Two families have a forward pass of our own on candle: **Gemma 3**, from GGUF, and **T5** with
//! **Flan-T5**, from GGUF or from a folder with `config.json`, `tokenizer.json` and safetensors, as transformers
//! saves it. Any file of these families will do, whatever its size and number format.
//!
//! # Requests at the same time
//! Weights are held once; every request has its own memory. All requests to a model share its steps, up to
//! [`concurrency`](LocalProviderBuilder::concurrency) of them: whoever comes joins at the next step, and nobody waits
//! for a batch to fill. A newcomer delays those that write by at most one part of its prompt between two of their
//! tokens: 32 tokens of it, or the whole prompt where the model has an encoder. What an answer says does not depend on
//! its company, but for the last bits of models held in [`Precision::Floats`]. Compute time is shared out among the
//! requests of a step, so that a meter can share out the energy.
//!
//! # In this process, or beside it?
//! * **Here**, where a small model should answer at once without anything to install or to keep running, where each
//!   call's energy is to be metered by itself, or where many short requests come at the same time.
//! * **`llama-server` or Ollama**, as a remote provider at a local address: where the model's family is not one of the
//!   two above, where it needs a GPU for more than the products of matrices, where tools, schemas or images are asked
//!   for, or where several programs share one model. A meter around such calls sees the whole machine.

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

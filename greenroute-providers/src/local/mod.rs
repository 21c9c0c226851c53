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
//! tokens: 32 tokens of it, or the whole prompt where the model has an encoder. Steps of quantised models give each
//! request the same to the last bit in any company; a prompt is read in other parts beside others, and floats are
//! multiplied otherwise, so that last bits may differ there, as between two machines. Compute time is shared out among
//! the requests of a step, so that a meter can share out the energy.
//!
//! Requests that find all places taken wait in the order in which they came, as many as there are; a request's
//! [timeout](greenroute_core::chat::ChatRequest::timeout) counts from its arrival.
//!
//! # In this process, or beside it?
//! * **Here**, where a small model should answer at once without anything to install or to keep running, where each
//!   call's energy is to be metered by itself, or where many short requests come at the same time.
//! * **`llama-server` or Ollama**, as a remote provider at a local address: where the model's family is not one of the
//!   two above, where it needs a GPU for more than the products of matrices, where tools, schemas or images are asked
//!   for, or where several programs share one model. A meter around such calls sees the whole machine.
//!
//! # On a GPU
//! With the feature `cuda`, an NVIDIA GPU computes the matrix products: [`Device`] says what lies where, what to
//! expect of it, and that it has not been run on a GPU yet.

mod builder;
mod cache;
mod card;
mod charsmap;
mod device;
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
mod placed;
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
pub use device::Device;
pub use model::{LoadOptions, LocalModel, Session};
pub use provider::LocalProvider;
pub use style::PromptStyle;
pub use weights::Precision;

/// The provider's name, and the origin of its errors.
const NAME: &str = "local";

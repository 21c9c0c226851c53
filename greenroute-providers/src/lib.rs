//! Model providers for greenroute: one folder each, all behind one trait.

mod cards;
#[cfg(feature = "hosted")]
pub mod claude;
#[cfg(feature = "hosted")]
pub mod dialects;
#[cfg(feature = "hosted")]
pub mod gemini;
#[cfg(feature = "hosted")]
mod hosted;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "hosted")]
pub mod ollama;
#[cfg(feature = "hosted")]
pub mod openai;

pub use cards::{cards, cards_of, parse as parse_cards, parse_prices};

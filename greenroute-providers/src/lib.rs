//! Model providers for greenroute: one folder each, all behind one trait.

mod cards;
#[cfg(feature = "local")]
pub mod local;

pub use cards::{cards, cards_of, parse as parse_cards, parse_prices};

//! The centre as its users see it, in virtual time.

#![cfg(test)]

mod answers;
mod attempts;
mod carbon;
mod catalogs;
mod choices;
#[cfg(feature = "conformance")]
mod conformance;
mod cleanest;
mod conversations;
mod decisions;
mod display;
mod drops;
mod grids;
mod health;
mod laws;
mod margins;
mod policies;
mod receipts;
mod streams;
mod support;

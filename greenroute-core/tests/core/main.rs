//! The centre as its users see it, in virtual time.

#![cfg(test)]

mod answers;
mod attempts;
#[cfg(feature = "conformance")]
mod conformance;
mod conversations;
mod decisions;
mod display;
mod drops;
mod grids;
mod health;
mod laws;
mod receipts;
mod streams;
mod support;

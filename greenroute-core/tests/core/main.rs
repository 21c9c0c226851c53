//! The centre as its users see it, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is how a test fails; clippy knows only functions that are marked as tests"
)]

mod answers;
mod attempts;
#[cfg(feature = "conformance")]
mod conformance;
mod conversations;
mod decisions;
mod display;
mod drops;
mod grids;
mod laws;
mod receipts;
mod streams;
mod support;

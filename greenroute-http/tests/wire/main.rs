//! The client against real sockets: servers written by hand, which send exactly the bytes that a test says.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod calls;
mod failures;
mod secrets;
mod server;
mod streams;

//! The fake providers, seen over the wire.

mod client;
mod faults;
mod openai;
mod server;

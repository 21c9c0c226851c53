//! The client against real sockets: servers written by hand, which send exactly the bytes that a test says.

mod calls;
mod failures;
mod secrets;
mod server;
mod streams;

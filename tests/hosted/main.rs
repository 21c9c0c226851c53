//! The Router over providers that are reached by real HTTP: what falls back, what waits, what stands on the receipt.

#![cfg(test)]
#![cfg(feature = "hosted")]

mod attempts;
mod bad_input;
mod conversations;
mod environment;
mod world;

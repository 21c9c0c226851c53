//! The fake providers, seen over the wire.

#[cfg(test)]
mod batches;
#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod openai;
#[cfg(test)]
mod server;
#[cfg(test)]
mod vendors;

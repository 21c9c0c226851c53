//! A world in virtual time: a clock, a provider that plays a script, a meter that multiplies, a grid that is set.

mod atlas;
mod scripted;
mod stores;
mod world;

pub(crate) use atlas::{Atlas, Said};
pub(crate) use scripted::{Play, Scripted, fails, never, says};
pub(crate) use stores::Difficult;
pub(crate) use world::*;

//! Live carbon intensities over real HTTP, against fakes as strict as the real services.

#![cfg(test)]

mod cached;
mod chain;
mod conformance;
mod eia;
mod electricity_maps;
mod nasty;
mod uk;
mod watt_time;
mod world;

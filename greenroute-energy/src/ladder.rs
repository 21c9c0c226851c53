use crate::{Blind, Instrument, Machine, Profile, Reported, RuntimePower};
use greenroute_core::Ladder;
use std::sync::Arc;

/// The meters of this crate, best first: what an instrument bracketed, what the provider reported, the card's own energy profile, power times time
/// on this machine, and the blind band.
#[must_use]
pub fn ladder(machine: &Machine) -> Ladder {
    Ladder::new(vec![
        Arc::new(Instrument),
        Arc::new(Reported),
        Arc::new(Profile),
        Arc::new(RuntimePower::of(machine)),
        Arc::new(Blind::of(machine)),
    ])
}

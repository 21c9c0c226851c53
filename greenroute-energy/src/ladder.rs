use crate::{
    Blind, EcoLogits, Flops, Instrument, Machine, Profile, Reported, Roofline, RuntimePower, Throughput,
    TokenProxy,
};
use greenroute_core::{EnergyMeter, Ladder};
use std::sync::Arc;

/// The meters of this crate, best first: what an instrument bracketed, what the provider reported, the card's own
/// energy profile, power times time on this machine, power over throughput, the roofline of a known deployment, and
/// the blind band.
#[must_use]
pub fn ladder(machine: &Machine) -> Ladder {
    Ladder::new(rungs(machine))
}

/// Every meter of this crate by its rank: those of the [`ladder`], and behind the blind band, which reads everything,
/// those that are here for comparison with other tools.
///
/// They are no rungs: none would ever be reached for a reading, and two models are compared by the weakest rung that reads
/// both, which would be a rule of thumb.
#[must_use]
pub fn every_meter(machine: &Machine) -> Vec<Arc<dyn EnergyMeter>> {
    let mut meters = rungs(machine);
    meters.extend([Arc::new(EcoLogits) as Arc<dyn EnergyMeter>, Arc::new(Flops), Arc::new(TokenProxy)]);
    meters
}

fn rungs(machine: &Machine) -> Vec<Arc<dyn EnergyMeter>> {
    vec![
        Arc::new(Instrument),
        Arc::new(Reported),
        Arc::new(Profile),
        Arc::new(RuntimePower::of(machine)),
        Arc::new(Throughput),
        Arc::new(Roofline::new()),
        Arc::new(Blind::of(machine)),
    ]
}

use crate::machine::Machine;
use greenroute_core::model::Privacy;
use greenroute_core::units::{Power, Quantity};
use greenroute_core::{Boundary, EnergyMeter, Estimate, MeterId, Reading, Skip, Work};
use std::time::Duration;

/// Power times time, for a model on this machine: the processor's power under load, times the time that the model
/// computed, or before the call the time that the card's speed foretells.
///
/// `E = P · t`, with `P` of all threads busy. It forecasts what [`counter`](crate::counter) will bracket, from
/// the same power, so that the two can be held against each other.
#[derive(Debug, Clone, Copy)]
pub struct RuntimePower {
    power: Estimate<Power>,
}

const ID: MeterId = MeterId::new("runtime_power", 1);

/// How many times faster a prompt is read than an answer is written on a processor, at the least: our own Gemma 3
/// reads about four times as fast as it writes.
const PREFILL_SPEEDUP: f64 = 4.0;

/// A forecast of time is further off than a clock: the machine may be busy, and its speed another than the card's.
const FORECAST_BAND: (f64, f64) = (0.4, 3.0);

impl RuntimePower {
    /// With the power of `machine` under load.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        Self { power: machine.power_under_load() }
    }
}

impl EnergyMeter for RuntimePower {
    fn id(&self) -> MeterId {
        ID
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        if work.card.privacy != Privacy::Local {
            return Err(Skip("the power of a provider's machines is not known".into()));
        }
        let reading = |energy| Ok(Reading::new(energy, Boundary::Device, ID));
        if let Some(time) = work.timing.and_then(|timing| timing.compute()) {
            return reading(self.power.map(|power| power * time));
        }
        let speed = work.card.speed.ok_or(Skip("neither time nor speed is known".into()))?;
        let read = (work.input.value() + work.cached_input.value()).base() / PREFILL_SPEEDUP;
        let tokens = read + work.output.value().base();
        let time = Duration::from_base(tokens / speed.tokens_per_second);
        reading(self.power.map(|power| power * time).widened(FORECAST_BAND.0, FORECAST_BAND.1))
    }
}

use crate::machine::Machine;
use crate::spread::around;
use greenroute_core::model::{Privacy, Span};
use greenroute_core::units::{Energy, Power, Quantity};
use greenroute_core::{Boundary, EnergyMeter, Estimate, MeterId, Reading, Skip, Spread, Work};
use std::time::Duration;

/// Power times time, for a model on this machine's processor: its power under load, times the time that the model
/// computed, or before the call the time that the card's speed foretells.
///
/// `E = P · t`, with `P` of all threads busy. It forecasts what [`counter`](crate::counter) will bracket, from
/// the same power, so that the two can be held against each other. A model on a board of its own is skipped: the
/// processor's power says nothing of it.
#[derive(Debug, Clone, Copy)]
pub struct RuntimePower {
    power: Estimate<Power>,
    forecast: Spread,
    unknown: Spread,
}

const ID: MeterId = MeterId::new("runtime_power", 1);

/// How many times faster a prompt is read than an answer is written on a processor, at the least: our own Gemma 3
/// reads about four times as fast as it writes.
const PREFILL_SPEEDUP: f64 = 4.0;

/// A forecast of time is further off than a clock: the machine may be busy, and its speed another than the card's.
const FORECAST_BAND: (f64, f64) = (0.4, 3.0);

/// Each token reads the active weights through memory once. What one process gets of the memory's bandwidth lies
/// between 4 GB/s (small cores) and 100 GB/s (many channels).
const UNKNOWN_GB_PER_SECOND: f64 = 20.0;
const UNKNOWN_BAND: (f64, f64) = (0.15, 6.0);
/// bf16, the largest usual form.
const UNKNOWN_BYTES: f64 = 2.0;
/// Billions of parameters of a model that runs on a processor.
const UNKNOWN_ACTIVE: Span = Span { low: 0.3, high: 8.0 };

/// Tokens of one piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens {
    pub(crate) input: f64,
    pub(crate) cached: f64,
    pub(crate) output: f64,
}

impl Tokens {
    /// The expected numbers.
    pub(crate) fn expected(work: &Work<'_>) -> Self {
        let Work { input, cached_input: cached, output, .. } = work;
        Self { input: input.value().base(), cached: cached.value().base(), output: output.value().base() }
    }

    /// The least and the greatest, where they differ.
    pub(crate) fn ends(work: &Work<'_>) -> Option<(Self, Self)> {
        let Work { input, cached_input: cached, output, .. } = work;
        let certain = [input, cached, output].iter().all(|tokens| tokens.low() == tokens.high());
        (!certain).then(|| {
            let low = [input.low(), cached.low(), output.low()].map(Quantity::base);
            let high = [input.high(), cached.high(), output.high()].map(Quantity::base);
            let tokens = |[input, cached, output]: [f64; 3]| Self { input, cached, output };
            (tokens(low), tokens(high))
        })
    }

    /// As many as take the same time to write.
    fn written(self) -> f64 {
        self.output + (self.input + self.cached) / PREFILL_SPEEDUP
    }
}

impl RuntimePower {
    /// With the power of `machine` under load.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        let power = machine.power_under_load();
        let watts = power.value().base();
        let of_power = Spread::of(power.low().base() / watts, power.high().base() / watts);
        Self {
            power,
            forecast: of_power.and(Spread::of(FORECAST_BAND.0, FORECAST_BAND.1)),
            unknown: of_power.and(Spread::of(UNKNOWN_BAND.0, UNKNOWN_BAND.1)),
        }
    }

    /// By the card's speed; `None` where it has none.
    pub(crate) fn expected(&self, work: &Work<'_>) -> Option<Estimate<Energy>> {
        Some(self.energy(work, 1.0 / work.card.speed?.tokens_per_second, self.forecast))
    }

    /// By the size alone, or by the usual size of models that run on a processor.
    pub(crate) fn unknown(&self, work: &Work<'_>) -> Estimate<Energy> {
        let size = work.card.size.as_ref();
        let active = size.map_or(UNKNOWN_ACTIVE, |size| size.active);
        let bytes = size.and_then(|size| size.bytes_per_parameter).unwrap_or(UNKNOWN_BYTES);
        let of_size = Spread::even(0.5 * (active.high / active.low).ln());
        self.energy(work, active.middle() * bytes / UNKNOWN_GB_PER_SECOND, self.unknown.and(of_size))
    }

    fn energy(&self, work: &Work<'_>, seconds_per_token: f64, spread: Spread) -> Estimate<Energy> {
        let joules =
            |tokens: Tokens| self.power.value() * Duration::from_base(tokens.written() * seconds_per_token);
        let ends = Tokens::ends(work).map(|(low, high)| (joules(low), joules(high)));
        around(spread, joules(Tokens::expected(work)), ends, self.power.method().min(work.method()))
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
        if work.card.deployment.is_some() {
            return Err(Skip("the model runs on a board, not on the processor".into()));
        }
        let time = work.timing.and_then(|timing| timing.compute());
        let energy = match time {
            Some(time) => self.power.map(|power| power * time),
            None => self.expected(work).ok_or(Skip("neither time nor speed is known".into()))?,
        };
        Ok(Reading::new(energy, Boundary::Device, ID))
    }
}

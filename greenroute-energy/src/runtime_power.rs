use crate::board_power::{BoardPower, Time};
use crate::machine::Machine;
use crate::simple::{CACHED_SHARE, constant_band};
use greenroute_core::model::{Deployment, ModelCard, Privacy, Span};
use greenroute_core::units::{Power, Quantity};
use greenroute_core::{Boundary, EnergyMeter, EnergyRate, Estimate, MeterId, Reading, Skip, Spread, Work};
use std::time::Duration;

/// Power times time: of this machine's processor, or of the boards that a card names, here or at a provider.
///
/// `E = P · t`. On the processor `P` is that of all threads busy, the same that [`counter`](crate::counter) brackets, so
/// that the two can be held against each other. On boards it is the mean power that somebody measured, else 0.7 of the
/// thermal design power, times their number, divided by the requests that share them; a provider's card must state how
/// many those are. The time is that of computing by the server's clock, else the whole call by ours, which counts waiting
/// too and widens the band downwards; before a call on this machine, the time that the card's speed foretells.
#[derive(Debug, Clone, Copy)]
pub struct RuntimePower {
    power: Estimate<Power>,
    forecast: Spread,
    unknown: Spread,
}

const ID: MeterId = MeterId::new("runtime_power", 2);

/// How many times faster a prompt is read than an answer is written on a processor, at the least: our own Gemma 3
/// reads about four times as fast as it writes.
const PREFILL_SPEEDUP: f64 = 4.0;

/// Each token reads the active weights through memory once. What one process gets of the memory's bandwidth lies
/// between 4 GB/s (small cores) and 100 GB/s (many channels).
const UNKNOWN_GB_PER_SECOND: f64 = 20.0;
const UNKNOWN_BAND: (f64, f64) = (0.15, 6.0);
/// bf16, the largest usual form.
const UNKNOWN_BYTES: f64 = 2.0;
/// Billions of parameters of a model that runs on a processor.
const UNKNOWN_ACTIVE: Span = Span { low: 0.3, high: 8.0 };

impl RuntimePower {
    /// With the power of `machine` under load.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        let power = machine.power_under_load();
        let watts = power.value().base();
        let of_power = Spread::of(power.low().base() / watts, power.high().base() / watts);
        Self {
            power,
            forecast: of_power.and(constant_band("forecast")),
            unknown: of_power.and(Spread::of(UNKNOWN_BAND.0, UNKNOWN_BAND.1)),
        }
    }

    /// By the card's speed; `None` where it has none.
    pub(crate) fn expected(&self, card: &ModelCard, meter: MeterId) -> Option<EnergyRate> {
        Some(self.per_token(1.0 / card.speed?.tokens_per_second, self.forecast, meter))
    }

    /// By the size alone, or by the usual size of models that run on a processor.
    pub(crate) fn unknown(&self, card: &ModelCard, meter: MeterId) -> EnergyRate {
        let size = card.size.as_ref();
        let active = size.map_or(UNKNOWN_ACTIVE, |size| size.active);
        let bytes = size.and_then(|size| size.bytes_per_parameter).unwrap_or(UNKNOWN_BYTES);
        let of_size = Spread::even(0.5 * (active.high / active.low).ln());
        self.per_token(active.middle() * bytes / UNKNOWN_GB_PER_SECOND, self.unknown.and(of_size), meter)
    }

    fn per_token(&self, seconds: f64, spread: Spread, meter: MeterId) -> EnergyRate {
        let output = self.power.value() * Duration::from_base(seconds);
        let read = output * (1.0 / PREFILL_SPEEDUP);
        let rate = EnergyRate::per_token(output, spread, self.power.method(), Boundary::Device, meter);
        EnergyRate { input: read, cached: read * CACHED_SHARE, ..rate }
    }
}

impl EnergyMeter for RuntimePower {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        match boards(card)? {
            Some(deployment) => BoardPower::of(card, deployment)?.rate(card, ID),
            None => self.expected(card, ID).ok_or(Skip("the card has no speed".into())),
        }
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        let boards = boards(work.card)?;
        let Some(time) = Time::of(work)? else { return Ok(self.rate(work.card)?.reading(work)) };
        if let Some(deployment) = boards {
            return BoardPower::of(work.card, deployment)?.reading(work, time, ID);
        }
        let power = self.power;
        let energy = Estimate::with_spread(
            power.value() * time.length,
            power.spread().and(time.spread()),
            power.method(),
        );
        Ok(Reading::new(energy, Boundary::Device, ID))
    }
}

/// The boards that the model runs on; `None` for the processor of this machine.
fn boards(card: &ModelCard) -> Result<Option<&Deployment>, Skip> {
    match (card.privacy, &card.deployment) {
        (Privacy::Remote, None) => Err(Skip("what the model runs on is not known".into())),
        (Privacy::Local, deployment) => Ok(deployment.as_ref().filter(|deployment| !deployment.processor)),
        (Privacy::Remote, deployment) => Ok(deployment.as_ref()),
    }
}

use crate::estimate::{Estimate, Method};
use crate::model::ModelCard;
use crate::profile::approximate;
use crate::rate::EnergyRate;
use crate::reading::{MeterId, Reading};
use crate::units::Tokens;
use crate::usage::{Counted, ServerTiming};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// What is to be metered: before a call what is expected, after it what happened. One type, one ladder.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// The model.
    pub card: &'a ModelCard,
    /// Input that is read in full, cache writes included.
    pub input: Estimate<Tokens>,
    /// Input taken from a prompt cache.
    pub cached_input: Estimate<Tokens>,
    /// Output, reasoning included.
    pub output: Estimate<Tokens>,
    /// Where the time went, by a server's clock; `None` before the call.
    pub timing: Option<&'a ServerTiming>,
    /// How long it took by our own clock, waiting included; `None` before the call.
    pub duration: Option<Duration>,
    /// How long the first piece of a stream took by our own clock; `None` where it was not streamed.
    pub first_chunk: Option<Duration>,
    /// What an instrument bracketed; `None` before the call.
    pub reading: Option<&'a Reading>,
    /// What the provider states; `None` before the call.
    pub stated: Option<&'a Reading>,
}

impl<'a> Work<'a> {
    /// Work that is expected.
    #[must_use]
    pub const fn expected(card: &'a ModelCard, input: Estimate<Tokens>, output: Estimate<Tokens>) -> Self {
        let none = Estimate::exact(Tokens::ZERO, Method::Reported);
        Self {
            card,
            input,
            cached_input: none,
            output,
            timing: None,
            duration: None,
            first_chunk: None,
            reading: None,
            stated: None,
        }
    }

    /// How the tokens are known, by the weakest of them.
    #[must_use]
    pub fn method(&self) -> Method {
        self.input.method().min(self.cached_input.method()).min(self.output.method())
    }

    /// Work that was done, so far as its tokens tell; approximate counts have the band of a guess from the text.
    #[must_use]
    pub fn done(card: &'a ModelCard, counted: &Counted) -> Self {
        let usage = counted.usage();
        let tokens = |count| {
            if counted.is_approximate() {
                approximate(count)
            } else {
                Estimate::exact(count, Method::Reported)
            }
        };
        Self {
            card,
            input: tokens(usage.input_tokens().saturating_sub(usage.cache_read)),
            cached_input: tokens(usage.cache_read),
            output: tokens(usage.output_tokens()),
            timing: None,
            duration: None,
            first_chunk: None,
            reading: None,
            stated: None,
        }
    }
}

/// Why a meter cannot read some work: the receipt shows it beside the rung that could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip(pub Cow<'static, str>);

/// One way to know energy. Pure: the same work gives the same reading.
pub trait EnergyMeter: Debug + Send + Sync + 'static {
    /// Its name and version.
    fn id(&self) -> MeterId;

    /// What `card`'s model is expected to take per token: a forecast, worked out once.
    ///
    /// # Errors
    /// [`Skip`] with the reason why this meter cannot forecast for this card.
    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip>;

    /// The energy of `work`, at whatever boundary the meter knows. Of work that is only expected, it is the
    /// [rate](EnergyMeter::rate) times its tokens.
    ///
    /// # Errors
    /// [`Skip`] with the reason why this meter has nothing to say about this work.
    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip>;
}

const _: Option<&dyn EnergyMeter> = None;

impl<T: EnergyMeter + ?Sized> EnergyMeter for Arc<T> {
    fn id(&self) -> MeterId {
        (**self).id()
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        (**self).rate(card)
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        (**self).read(work)
    }
}

/// A rung that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The meter.
    pub meter: MeterId,
    /// Its reason.
    pub why: Skip,
}

/// Meters from best to worst; the first that can read the work does. One ladder forecasts and accounts.
#[derive(Debug, Clone, Default)]
pub struct Ladder(Vec<Arc<dyn EnergyMeter>>);

impl Ladder {
    /// A ladder of these rungs, best first.
    #[must_use]
    pub fn new(rungs: Vec<Arc<dyn EnergyMeter>>) -> Self {
        Self(rungs)
    }

    /// With a rung above all others.
    #[must_use]
    pub fn with_top(mut self, rung: impl EnergyMeter) -> Self {
        self.0.insert(0, Arc::new(rung));
        self
    }

    /// The rate of the best rung that can forecast for `card`, if any can.
    #[must_use]
    pub fn rate(&self, card: &ModelCard) -> Option<EnergyRate> {
        self.0.iter().find_map(|meter| meter.rate(card).ok())
    }

    /// The reading of the best rung that can, if any can.
    #[must_use]
    pub fn read(&self, work: &Work<'_>) -> Option<Reading> {
        self.0.iter().find_map(|meter| meter.read(work).ok())
    }

    /// The same with the reasons of the rungs above it; all of them where none could.
    #[must_use]
    pub fn explain(&self, work: &Work<'_>) -> (Option<Reading>, Vec<Skipped>) {
        let mut skipped = Vec::new();
        for meter in &self.0 {
            match meter.read(work) {
                Ok(reading) => return (Some(reading), skipped),
                Err(why) => skipped.push(Skipped { meter: meter.id(), why }),
            }
        }
        (None, skipped)
    }

    /// Readings of both works by the weakest rung that can read both: only such a pair may be compared.
    #[must_use]
    pub fn compare(&self, a: &Work<'_>, b: &Work<'_>) -> Option<(Reading, Reading)> {
        self.0.iter().rev().find_map(|meter| Some((meter.read(a).ok()?, meter.read(b).ok()?)))
    }
}

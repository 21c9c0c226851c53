//! What an [`EnergyMeter`] promises: the same work gives the same finite reading, more work never takes less, and
//! what it cannot read it skips.

use super::{Check, Outcome, Scenario, demand, fail, same, scenarios};
use crate::estimate::{Estimate, Method};
use crate::meter::{EnergyMeter, Work};
use crate::model::{ModelCard, ModelKey, Privacy, Window};
use crate::reading::Reading;
use crate::units::{Energy, Quantity, Tokens};
use crate::usage::ServerTiming;
use std::sync::Arc;

/// A meter, and work that it can read.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The meter.
    pub meter: Arc<dyn EnergyMeter>,
    /// A card with all that the meter needs of one.
    pub card: ModelCard,
    /// The timing of finished work, for a meter that needs one.
    pub timing: Option<ServerTiming>,
    /// What an instrument said, for a meter that passes it on.
    pub reading: Option<Reading>,
}

/// Every scenario.
pub const ALL: &[Scenario<Check<Subject>>] = scenarios![
    has_a_stable_id,
    reads_what_it_can,
    gives_the_same_reading_for_the_same_work,
    never_takes_less_for_more_output,
    never_takes_less_for_more_input,
    never_takes_more_for_cached_input,
    widens_with_uncertain_tokens,
    has_finite_quantiles,
    skips_what_it_cannot_read,
    forecasts_as_it_reads,
    tells_nothing_without_a_reason,
];

impl Subject {
    /// A meter that needs nothing but a card.
    #[must_use]
    pub fn new(meter: Arc<dyn EnergyMeter>, card: ModelCard) -> Self {
        Self { meter, card, timing: None, reading: None }
    }

    fn work(&self, input: Estimate<Tokens>, cached: u64, output: Estimate<Tokens>) -> Work<'_> {
        Work {
            cached_input: exact(cached),
            timing: self.timing.as_ref(),
            reading: self.reading.as_ref(),
            ..Work::expected(&self.card, input, output)
        }
    }

    fn joules(&self, input: u64, cached: u64, output: u64) -> Result<Estimate<Energy>, super::Finding> {
        match self.meter.read(&self.work(exact(input), cached, exact(output))) {
            Ok(reading) => Ok(reading.energy),
            Err(why) => fail(format!("{input}+{cached} tokens in, {output} out were skipped: {}", why.0)),
        }
    }
}

const COUNTS: [u64; 7] = [0, 1, 7, 100, 1_000, 16_000, 1_000_000];

fn exact(tokens: u64) -> Estimate<Tokens> {
    Estimate::exact(Tokens::new(tokens), Method::Reported)
}

/// Its name is not empty, and neither name nor version changes.
pub fn has_a_stable_id(subject: &Subject) -> Outcome {
    let id = subject.meter.id();
    demand(!id.name.trim().is_empty(), || "its name is empty".to_owned())?;
    same("its id", &id, &subject.meter.id())
}

/// It reads ordinary work with the subject's card, to more than nothing, under its own id.
pub fn reads_what_it_can(subject: &Subject) -> Outcome {
    match subject.meter.read(&subject.work(exact(200), 0, exact(150))) {
        Err(why) => fail(format!("work of the subject was skipped: {}", why.0)),
        Ok(reading) => {
            demand(reading.energy.value() > Energy::ZERO, || format!("200 and 150 tokens took {reading}"))?;
            // What an instrument said keeps the instrument's name.
            demand(subject.reading.is_some() || reading.meter == subject.meter.id(), || {
                format!("{} signed the reading of {}", reading.meter, subject.meter.id())
            })
        }
    }
}

/// It is pure.
pub fn gives_the_same_reading_for_the_same_work(subject: &Subject) -> Outcome {
    for (input, output) in [(0, 1), (37, 211), (4_000, 900)] {
        let read = || subject.meter.read(&subject.work(exact(input), 0, exact(output)));
        same("a second reading of the same work", &read(), &read())?;
    }
    Ok(())
}

/// Every quantile rises with the output, or stays.
pub fn never_takes_less_for_more_output(subject: &Subject) -> Outcome {
    for input in COUNTS {
        let joules = COUNTS.map(|output| subject.joules(input, 0, output));
        rises(joules, &format!("{input} tokens in and more out"))?;
    }
    Ok(())
}

/// Every quantile rises with the input, or stays.
pub fn never_takes_less_for_more_input(subject: &Subject) -> Outcome {
    for output in COUNTS {
        let joules = COUNTS.map(|input| subject.joules(input, 0, output));
        rises(joules, &format!("more tokens in and {output} out"))?;
    }
    Ok(())
}

fn rises(
    joules: [Result<Estimate<Energy>, super::Finding>; COUNTS.len()],
    what: &str,
) -> Result<(), super::Finding> {
    let mut before: Option<Estimate<Energy>> = None;
    for next in joules {
        let next = next?;
        if let Some(before) = before {
            let rose = [Estimate::low, Estimate::value, Estimate::high]
                .into_iter()
                // A rounding error is no fall.
                .all(|end| end(&next).as_joules() >= end(&before).as_joules() * (1.0 - 1e-12));
            demand(rose, || format!("{what} took less: {next} after {before}"))?;
        }
        before = Some(next);
    }
    Ok(())
}

/// Input read from a cache takes no more than input read in full.
pub fn never_takes_more_for_cached_input(subject: &Subject) -> Outcome {
    for input in [10, 2_000, 100_000] {
        let (full, cached) = (subject.joules(input, 0, 50)?, subject.joules(0, input, 50)?);
        demand(cached.value().as_joules() <= full.value().as_joules() * (1.0 + 1e-12), || {
            format!("{input} cached tokens took {cached}, and {full} when read in full")
        })?;
    }
    Ok(())
}

/// Tokens that are only expected give a band at least as wide as the same tokens counted.
pub fn widens_with_uncertain_tokens(subject: &Subject) -> Outcome {
    let counted = subject.joules(400, 0, 300)?;
    let tokens = |count| Estimate::scaled(Tokens::new(count), 0.25, 4.0, Method::Proxy);
    match subject.meter.read(&subject.work(tokens(400), 0, tokens(300))) {
        Err(why) => fail(format!("expected work was skipped: {}", why.0)),
        Ok(expected) => {
            let (low, high) = (expected.energy.low().as_joules(), expected.energy.high().as_joules());
            let wider = low <= counted.low().as_joules() * (1.0 + 1e-12)
                && high >= counted.high().as_joules() * (1.0 - 1e-12);
            demand(wider, || format!("expected {}, counted {counted}", expected.energy))
        }
    }
}

/// Any number of tokens gives finite quantiles in order, also none and more than any model can.
pub fn has_finite_quantiles(subject: &Subject) -> Outcome {
    for (input, output) in [(0, 0), (0, 1), (1, 0), (1_000_000, 1_000_000), (u64::MAX, u64::MAX)] {
        let energy = subject.joules(input, 0, output)?;
        let ends = [energy.low(), energy.value(), energy.high()].map(Quantity::base);
        let [low, value, high] = ends;
        let finite = ends.iter().all(|end| end.is_finite() && *end < f64::MAX) && low <= value;
        demand(finite && value <= high, || format!("{input} tokens in and {output} out took {ends:?} J"))?;
    }
    Ok(())
}

/// A card of which nothing is known, with no timing and no reading, is skipped with a reason, or is read with a
/// band that says how little is known: a factor of four at the least, and never as a measurement.
pub fn skips_what_it_cannot_read(subject: &Subject) -> Outcome {
    let bare = bare();
    match subject.meter.read(&Work::expected(&bare, exact(200), exact(150))) {
        Err(why) => demand(!why.0.trim().is_empty(), || "a skip has no reason".to_owned()),
        Ok(reading) => {
            let energy = reading.energy;
            let blind = energy.high().as_joules() >= 4.0 * energy.low().as_joules();
            let modest = energy.method() <= Method::Modelled && energy.value() > Energy::ZERO;
            demand(blind && modest, || {
                format!("a model of which nothing is known took {reading}: too good to be true")
            })
        }
    }
}

/// Its rate is what it reads of work that is only expected, at every number of tokens; or it has neither.
pub fn forecasts_as_it_reads(subject: &Subject) -> Outcome {
    let unsure = |count| Estimate::scaled(Tokens::new(count), 0.25, 4.0, Method::Proxy);
    for card in [&subject.card, &bare()] {
        for (input, cached, output) in [
            (exact(0), exact(0), exact(1)),
            (exact(400), exact(2_000), exact(300)),
            (unsure(400), exact(0), unsure(300)),
            (unsure(16_000), unsure(100), exact(900)),
        ] {
            let work = Work { cached_input: cached, ..Work::expected(card, input, output) };
            let forecast = subject.meter.rate(card).map(|rate| rate.reading(&work));
            let agree = match (&forecast, &subject.meter.read(&work)) {
                (Err(_), Err(_)) => true,
                (Ok(forecast), Ok(read)) => alike(forecast, read),
                _ => false,
            };
            demand(agree, || {
                format!(
                    "it forecasts {forecast:?} for {}, and reads {:?}",
                    card.key,
                    subject.meter.read(&work)
                )
            })?;
        }
    }
    Ok(())
}

/// The same up to rounding.
fn alike(a: &Reading, b: &Reading) -> bool {
    let near = |(a, b): (f64, f64)| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let ends = a.energy.ends().into_iter().zip(b.energy.ends());
    ends.into_iter().all(near) && (&a.meter, a.boundary, a.method()) == (&b.meter, b.boundary, b.method())
}

/// Where it has no rate, it says why.
pub fn tells_nothing_without_a_reason(subject: &Subject) -> Outcome {
    for card in [&subject.card, &bare()] {
        if let Err(why) = subject.meter.rate(card) {
            demand(!why.0.trim().is_empty(), || format!("it has no rate for {}, and no reason", card.key))?;
        }
    }
    Ok(())
}

/// A card of which nothing is known.
fn bare() -> ModelCard {
    let window = Window { context: 8_192, max_output: None };
    ModelCard::new(ModelKey::new("conformance", "unknown"), window, Privacy::Remote)
}

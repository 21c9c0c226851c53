use crate::accelerator::Accelerator;
use crate::coefficients::Coefficients;
use crate::offset::calibrated;
use crate::roofline::{
    Load, Roofline, TokenJoules, band, board, coefficients, is_fitted, joules_rate, known, steps,
};
use crate::simple::{constant, constant_band};
use crate::sizes::{Point, Sizes, USUAL_OUTPUT};
use greenroute_core::model::{Deployment, ModelCard};
use greenroute_core::units::{Quantity, Tokens};
use greenroute_core::{EnergyMeter, EnergyRate, MeterId, Reading, Skip, Spread, Work};
use std::sync::LazyLock;
use std::time::Duration;

const TABLE: &str = include_str!("../../data/fit/throughput.csv");
static FIT: LazyLock<Coefficients> = LazyLock::new(|| Coefficients::read(TABLE));

const ID: MeterId = MeterId::new("throughput", 1);

/// Between two tokens of one request: a thousand times faster than any board, and slower than anyone would wait.
const RHYTHM: std::ops::RangeInclusive<f64> = 1e-5..=60.0;

/// Of the dense 16-bit peak, what 4-bit numbers reach at the most: beyond it, a clock or a count is wrong, as where a
/// stream is held back and arrives at once.
const MOST_OF_PEAK: f64 = 4.0;

/// Power over throughput: what the boards of one copy draw, shared out among the tokens that they write.
///
/// Before a call by the copy's output tokens per second, where its deployment states them; else, where the
/// [`Roofline`](crate::Roofline) does not know enough, by the speed of the card times the requests that share a step,
/// and how far such a speed may be off. After a call by the time between its own tokens, from the server's clock or
/// from ours, and the requests that shared a step. The power is the mean power that whoever runs it measured, else a
/// share of the thermal design power: one share for all, or by how much of its peak the board computes where the size
/// is known, or blended with the roofline where the batch is known too.
///
/// Prompts are priced by the roofline's operations, or as a tenth of the study's usual output token; a throughput of many requests has paid for the usual prompt already,
/// so that short prompts count a little twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Throughput;

/// Nothing beside what is told already.
fn sure() -> Spread {
    Spread::even(0.0)
}

/// Where the tokens per second come from: the whole copy's own count, or the rhythm of one request among its batch.
#[derive(Debug, Clone, Copy)]
enum Pace {
    Copy { tokens_per_second: f64 },
    Request { seconds_per_token: f64, batch: f64 },
}

impl Pace {
    const fn name(self) -> &'static str {
        match self {
            Self::Copy { .. } => "copy",
            Self::Request { .. } => "request",
        }
    }

    fn tokens_per_second(self) -> f64 {
        match self {
            Self::Copy { tokens_per_second } => tokens_per_second,
            Self::Request { seconds_per_token, batch } => batch / seconds_per_token,
        }
    }

    /// As the card alone gives it.
    fn of(card: &ModelCard, deployment: &Deployment) -> Result<Self, Skip> {
        if let Some(tokens_per_second) = deployment.tokens_per_second {
            return Ok(Self::Copy { tokens_per_second });
        }
        match (card.speed, deployment.batch) {
            (Some(speed), Some(batch)) => {
                Self::Request { seconds_per_token: 1.0 / speed.tokens_per_second, batch }.plausible()
            }
            (None, _) => Err(Skip("neither the throughput nor the speed is known".into())),
            (_, None) => Err(Skip("how many requests share a step is not known".into())),
        }
    }

    fn plausible(self) -> Result<Self, Skip> {
        match self {
            Self::Request { seconds_per_token, .. } if !RHYTHM.contains(&seconds_per_token) => {
                Err(Skip(format!("{seconds_per_token} s between two tokens cannot be").into()))
            }
            pace => Ok(pace),
        }
    }
}

impl Throughput {
    /// The rate at this pace, which may itself be off by `guess`. What calibration left holds both errors.
    fn at(card: &ModelCard, deployment: &Deployment, pace: Pace, guess: Spread) -> Result<EnergyRate, Skip> {
        let fit = &*FIT;
        let device = Accelerator::of(deployment);
        let sizes = Sizes::of(card);
        let load = |point| load(point, deployment, &device);
        let (joules, spread) = match deployment.mean_power_watts {
            Some(power) => {
                let name = format!("{}_power", pace.name());
                let joules = fit.get(&name) * f64::from(deployment.count) * power.as_watts();
                let fitted = matches!(pace, Pace::Request { .. });
                let seen = is_fitted(&device, deployment) && is_fitted_load(deployment);
                let spread = band(fit, &name).and(unless(seen || !fitted, "other_power"));
                (joules / pace.tokens_per_second(), spread)
            }
            None => by_tdp(sizes.as_ref(), &device, deployment, pace)?,
        };
        let prompt = sizes.and_then(|sizes| load(sizes.middle())).map(|load| steps(&load).input);
        // By the pace of the answer a longer answer in the same time would make its prompt cheaper.
        let input = prompt.unwrap_or_else(|| constant("tokens_any") * constant("input_share"));
        if !(joules.is_finite() && joules > 0.0 && input.is_finite() && input >= 0.0) {
            return Err(Skip("the throughput gives no number for this deployment".into()));
        }
        let joules = TokenJoules { input, output: joules, output_squared: 0.0, context: 0.0 };
        Ok(calibrated(joules_rate(joules, spread.and(guess), ID), deployment, deployment.batch))
    }
}

/// By a share of the thermal design power, as well as the deployment is known.
fn by_tdp(
    sizes: Option<&Sizes>,
    device: &Accelerator,
    deployment: &Deployment,
    pace: Pace,
) -> Result<(f64, Spread), Skip> {
    let fit = &*FIT;
    let tdp = known(device.tdp, "power", deployment)?;
    let full = f64::from(deployment.count) * tdp.as_watts() / pace.tokens_per_second();
    // All three points of a size need the same facts of the board: if the middle has a load, its ends have one.
    let known = sizes.and_then(|sizes| {
        let [low, middle, high] =
            [sizes.low(), sizes.middle(), sizes.high()].map(|point| load(point, deployment, device));
        Some((sizes, low?, middle?, high?))
    });
    let (joules, spread) = match known {
        None => {
            let name = format!("{}_tdp", pace.name());
            (fit.get(&name) * full, band(fit, &name))
        }
        Some((sizes, low, middle, high)) => {
            let kind = if deployment.batch.is_some() { "roofline" } else { "peak" };
            let name = format!("{}_{kind}", pace.name());
            if middle.half_tflops.is_some() && middle.computing() / full > MOST_OF_PEAK {
                let per_second = pace.tokens_per_second();
                let why = format!("{per_second:.0} tokens per second are more than these boards can compute");
                return Err(Skip(why.into()));
            }
            let at = |load: &Load| by_load(&name, load, full);
            let sizes = sizes.spread(coefficients(), at(&low), at(&middle), at(&high));
            (at(&middle), band(fit, &name).and(sizes))
        }
    };
    let spread = spread
        .and(unless(is_fitted(device, deployment), "other_device"))
        .and(unless(is_fitted_load(deployment), "other_load"));
    Ok((joules, spread))
}

/// Whether the fits saw as many requests at once, as far as it is known how many there are.
fn is_fitted_load(deployment: &Deployment) -> bool {
    deployment.batch.is_none_or(|batch| coefficients().saw("batch", batch))
}

/// The band of this name, where what it stands for is not `known`.
fn unless(known: bool, name: &str) -> Spread {
    if known { sure() } else { band(&FIT, name) }
}

/// `full · c · (share of peak)^s · (modelled/full)^w`: how hard the boards work, and what the roofline says of them.
fn by_load(name: &str, load: &Load, full: f64) -> f64 {
    let fit = &*FIT;
    let share_of_peak = load.computing() / full;
    let modelled = steps(load).answer(USUAL_OUTPUT) / USUAL_OUTPUT;
    let share = fit.get(&format!("{name}_share"));
    let weight = fit.find(&format!("{name}_weight")).unwrap_or(0.0);
    fit.get(name) * full * share_of_peak.powf(share) * (modelled / full).powf(weight)
}

/// The load at one point of the model's sizes; one request at a time where the batch is not known.
fn load((total, active, bytes): Point, deployment: &Deployment, device: &Accelerator) -> Option<Load> {
    Some(Load {
        total,
        active,
        bytes,
        batch: deployment.batch.unwrap_or(1.0),
        count: f64::from(deployment.count),
        tdp_watts: device.tdp?.as_watts(),
        gb_per_second: device.gb_per_second?,
        half_tflops: device.half_tflops,
    })
}

/// The time between two tokens of finished work.
struct Rhythm {
    seconds: f64,
    /// How many times longer it may be: by our clock, tokens may have been written before the first piece that was
    /// shown, such as thoughts.
    longer: f64,
}

impl Rhythm {
    /// By the server's clock, else by ours; `None` where neither tells.
    fn of(work: &Work<'_>) -> Result<Option<Self>, Skip> {
        let intervals = work.output.value().base() - 1.0;
        let decode = work.timing.and_then(|timing| timing.decode);
        let (time, at_most) = match (decode, work.duration, work.first_chunk) {
            (Some(decode), ..) => (decode, decode),
            (None, Some(whole), Some(first)) => {
                let rest = whole.checked_sub(first);
                (rest.ok_or(Skip("the first piece came after the whole answer".into()))?, whole)
            }
            _ => return Ok(None),
        };
        if intervals < 1.0 {
            return Err(Skip("one token has no rhythm".into()));
        }
        if time == Duration::ZERO {
            return Err(Skip("the answer took no time by the clock".into()));
        }
        let longer = at_most.as_secs_f64() / time.as_secs_f64();
        Ok(Some(Self { seconds: time.as_secs_f64() / intervals, longer }))
    }
}

impl EnergyMeter for Throughput {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let deployment = board(card)?;
        let pace = Pace::of(card, deployment)?;
        if matches!(pace, Pace::Copy { .. }) {
            return Self::at(card, deployment, pace, sure());
        }
        // The rhythm that the speed of a card foretells is further off than that of a finished call.
        if Roofline::new().rate(card).is_ok() {
            let why = "before a call, the roofline of these boards tells more than the speed of the card";
            return Err(Skip(why.into()));
        }
        Self::at(card, deployment, pace, constant_band("forecast"))
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        let deployment = board(work.card)?;
        // What the copy writes in all says more than one request among it.
        let rhythm = match (deployment.tokens_per_second, deployment.batch) {
            (None, Some(batch)) => Rhythm::of(work)?.map(|rhythm| (rhythm, batch)),
            _ => None,
        };
        let Some((Rhythm { seconds, longer }, batch)) = rhythm else {
            return Ok(self.rate(work.card)?.reading(work));
        };
        let pace = Pace::Request { seconds_per_token: seconds, batch }.plausible()?;
        let rate = Self::at(work.card, deployment, pace, sure())?;
        let slowest = Pace::Request { seconds_per_token: seconds * longer, batch };
        let most =
            Self::at(work.card, deployment, slowest, sure())?.output.as_joules() / rate.output.as_joules();
        let rate = EnergyRate { spread: rate.spread.and(Spread::of(1.0, most.max(1.0))), ..rate };
        // The first token is the prompt's last step: it is paid for with the prompt.
        let intervals = work.output.map(|tokens| tokens.saturating_sub(Tokens::new(1)));
        let energy = rate.energy(work.input, work.cached_input, intervals);
        Ok(Reading::new(energy, rate.boundary, rate.meter))
    }
}

#[cfg(test)]
mod tests;

//! The meters as they are shipped, asked as anyone asks them: a card, and work with its tokens.

use crate::methods::Fitted;
use crate::runs::{PROMPT_HEAVY, Run};
use greenroute_core::model::{Deployment, ModelCard, ModelKey, Privacy, Size, Span, Window};
use greenroute_core::units::{Power, Quantity, Tokens};
use greenroute_core::usage::{ServerTiming, TimingSource};
use greenroute_core::{EnergyMeter, Estimate, Method, Work};
use greenroute_energy::{Blind, Machine, Roofline, Throughput};
use std::time::Duration;

/// Answers of this many tokens, so that a run's mean length, which is no whole number, can be asked for.
const MANY: f64 = 1e6;

/// Joules per output token and the ends of the band, from the meter that `method` stands for; `None` where no meter is
/// meant. `prompt` is the length of the prompt-heavy task's prompts in tokens.
pub(crate) fn ask(method: Fitted, run: &Run, prompt: f64) -> Option<Result<(f64, f64, f64), String>> {
    let mut deployment = Deployment::new(run.gpu.as_str(), count(run.count));
    let mut seconds = None;
    let meter: Box<dyn EnergyMeter> = match method {
        Fitted::Phys5 => Box::new(Roofline::phys5()),
        Fitted::Roofline => Box::new(Roofline::new()),
        Fitted::BlindRoofline => Box::new(Blind::of(&Machine::detect())),
        Fitted::CopyPeak | Fitted::CopyRoofline | Fitted::RequestRoofline | Fitted::RequestPower => {
            Box::new(Throughput)
        }
        _ => return None,
    };
    match method {
        Fitted::CopyPeak => deployment.tokens_per_second = Some(run.tokens_per_second),
        Fitted::CopyRoofline => {
            deployment.tokens_per_second = Some(run.tokens_per_second);
            deployment.batch = Some(run.batch);
        }
        Fitted::RequestRoofline | Fitted::RequestPower => {
            deployment.batch = Some(run.batch);
            seconds = Some(run.seconds_per_token);
            if method == Fitted::RequestPower {
                deployment.mean_power_watts = Some(Power::from_watts(run.watts / run.count));
            }
        }
        _ => deployment.batch = Some(run.batch),
    }
    let window = Window { context: 1 << 20, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("benchmark", run.model.as_str()), window, Privacy::Remote);
    let (total, active) = (Span::known(run.total), Span::known(run.active));
    card.size = Some(Size { total, active, bytes_per_parameter: Some(run.bytes) });
    card.deployment = (method != Fitted::BlindRoofline).then_some(deployment);
    let with_prompt = run.task == PROMPT_HEAVY
        && !matches!(method, Fitted::Phys5 | Fitted::CopyPeak | Fitted::CopyRoofline);
    Some(joules(&*meter, &card, seconds, run, if with_prompt { prompt } else { 0.0 }))
}

/// By the rate where the card tells all; by finished work of a million tokens where the clock does.
fn joules(
    meter: &dyn EnergyMeter,
    card: &ModelCard,
    seconds: Option<f64>,
    run: &Run,
    prompt: f64,
) -> Result<(f64, f64, f64), String> {
    let exact = |tokens: f64| Estimate::exact(Tokens::from_base(tokens), Method::Reported);
    let per_call = |energy: Estimate<greenroute_core::units::Energy>, calls: f64| {
        let [value, low, high] =
            [energy.value(), energy.low(), energy.high()].map(|end| end.as_joules() / calls);
        (value, low, high)
    };
    match seconds {
        None => {
            let rate = meter.rate(card).map_err(|skip| skip.0.into_owned())?;
            // The rate is asked by hand, as tokens are whole numbers and mean lengths are not.
            let output = rate.output.as_joules() + rate.output_squared.as_joules() * run.output;
            let value = output + rate.input.as_joules() * prompt / run.output;
            let one = rate.energy(exact(0.0), exact(0.0), exact(1000.0));
            let (at, low, high) = per_call(one, 1.0);
            Ok((value, value * low / at, value * high / at))
        }
        Some(seconds) => {
            let timing = ServerTiming {
                decode: Some(Duration::from_secs_f64(seconds * MANY)),
                ..ServerTiming::by(TimingSource::ModelCompute)
            };
            let input = exact((prompt / run.output * MANY).round());
            let work = Work { timing: Some(&timing), ..Work::expected(card, input, exact(MANY + 1.0)) };
            let reading = meter.read(&work).map_err(|skip| skip.0.into_owned())?;
            Ok(per_call(reading.energy, MANY))
        }
    }
}

fn count(count: f64) -> u32 {
    (1..=1024).find(|&whole| f64::from(whole) >= count).unwrap_or(1024)
}

use crate::machine::Machine;
use crate::runtime_power::RuntimePower;
use greenroute_core::model::{ModelCard, Privacy, Size, Span};
use greenroute_core::units::Energy;
use greenroute_core::{Boundary, EnergyMeter, EnergyRate, MeterId, Method, Reading, Skip, Spread, Work};

/// The last rung: from a model's card alone, with the wide band that this deserves. Never skips.
///
/// A model on a board of its own or at a provider is read by a fit,
/// `J per output token = exp(-5.717 + 0.2416 ln A + 0.7381 ln T + 0.9014 ln b + 0.1472 ln L)`, with active and total
/// billions of parameters `A` and `T`, bytes per parameter `b` and `L` output tokens. Fitted on 565 runs of the
/// ML.ENERGY leaderboard v3 on H100 and B200 under vLLM; over held-out families its median error is 62 % and its 90 %
/// band `×0.24` to `×4.4`. Which batch a server runs is unknown, and moves the truth by a factor of seven. `L` is
/// that of a usual answer.
///
/// An input token is priced at `2 A · 10^9` operations on an H100 (989 TFLOP/s dense bf16, 700 W) at 40 % of its
/// peak. That share is a judgement, and prefill was not separable in the data: this term is less validated.
///
/// The band combines in quadrature: the fit's; two ways a factor of two for a board that is not known to be one of
/// the fit's; another two for sizes outside the fit's; the range of a size or of the bytes that are only bounded; and
/// the range of the tokens, where they are only expected.
///
/// A model on this machine's processor is never read by the fit, whose boards do the same work for a hundredth of
/// the energy: it is read as power times time, by the card's speed or by the time that its weights take through
/// memory. So a comparison with a provider's model, for which this is the only common rung, does not flatter it.
#[derive(Debug, Clone, Copy)]
pub struct Blind {
    local: RuntimePower,
    fit: Spread,
    other_device: Spread,
    other_size: Spread,
    unknown_bytes: Spread,
    ln_unknown_bytes: f64,
    usual: f64,
}

const ID: MeterId = MeterId::new("blind", 1);

const INTERCEPT: f64 = -5.717_002_543_433_163;
const LN_ACTIVE: f64 = 0.241_575_554_307_718_1;
const LN_TOTAL: f64 = 0.738_112_843_572_350_5;
const LN_BYTES: f64 = 0.901_389_407_093_701_6;
const LN_OUTPUT: f64 = 0.147_154_188_885_929_24;
const BAND: (f64, f64) = (0.24, 4.4);

const FITTED_TOTAL: std::ops::RangeInclusive<f64> = 8.0..=671.0;
const FITTED_ACTIVE: std::ops::RangeInclusive<f64> = 3.0..=405.0;
/// The usual answer; the fit's own were of 230 to 11 861 tokens.
const USUAL_OUTPUT: f64 = 400.0;
const FITTED_DEVICES: [&str; 2] = ["H100", "B200"];

/// A fit on H100 alone and applied to B200 gives 0.61 of the truth; TPUs and older boards differ more.
const OTHER_DEVICE: (f64, f64) = (0.5, 2.0);
const OTHER_SIZE: (f64, f64) = (0.5, 2.0);

/// 2 · 10^9 operations, 700 W / (989 · 10^12 operations/s · 0.4): joules per input token and billion parameters.
const JOULES_PER_INPUT_TOKEN: f64 = 2e9 * 700.0 / (989e12 * 0.4);
/// A cached token is read from memory and not computed again; a tenth is what providers bill for it.
const CACHED_SHARE: f64 = 0.1;

/// Where no size is public: the 5 % and 95 % quantiles of what EcoLogits 0.11.3 assumes for 122 such models.
const UNKNOWN_TOTAL: Span = Span { low: 15.0, high: 3600.0 };
const UNKNOWN_ACTIVE: Span = Span { low: 15.0, high: 624.0 };
/// From mxfp4 to bf16, as in the fit.
const UNKNOWN_BYTES: Span = Span { low: 0.55, high: 2.0 };

impl Blind {
    /// For models anywhere, and on this `machine`.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        Self {
            local: RuntimePower::of(machine),
            fit: Spread::of(BAND.0, BAND.1),
            other_device: Spread::of(OTHER_DEVICE.0, OTHER_DEVICE.1),
            other_size: Spread::of(OTHER_SIZE.0, OTHER_SIZE.1),
            unknown_bytes: Spread::even(LN_BYTES * half_width(UNKNOWN_BYTES)),
            ln_unknown_bytes: UNKNOWN_BYTES.middle().ln(),
            usual: USUAL_OUTPUT.powf(LN_OUTPUT),
        }
    }

    fn spread(&self, card: &ModelCard, total: Span, active: Span, bytes_known: bool) -> Spread {
        let fitted = |name: &str| FITTED_DEVICES.iter().any(|device| name.contains(device));
        let mut spread = self.fit;
        if !card.deployment.as_ref().is_some_and(|deployment| fitted(&deployment.device)) {
            spread = spread.and(self.other_device);
        }
        if !(FITTED_TOTAL.contains(&total.middle()) && FITTED_ACTIVE.contains(&active.middle())) {
            spread = spread.and(self.other_size);
        }
        // Total and active size are unsure together.
        let size = LN_TOTAL * half_width(total) + LN_ACTIVE * half_width(active);
        let spread = spread.and(Spread::even(size));
        if bytes_known { spread } else { spread.and(self.unknown_bytes) }
    }
}

/// Half the logarithm of the range.
fn half_width(span: Span) -> f64 {
    if span.low == span.high { 0.0 } else { 0.5 * (span.high / span.low).ln() }
}

impl EnergyMeter for Blind {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        if card.privacy == Privacy::Local
            && card.deployment.as_ref().is_none_or(|deployment| deployment.processor)
        {
            return Ok(self.local.expected(card, ID).unwrap_or_else(|| self.local.unknown(card, ID)));
        }
        let (total, active, bytes) = match &card.size {
            Some(Size { total, active, bytes_per_parameter }) => (*total, *active, *bytes_per_parameter),
            None => (UNKNOWN_TOTAL, UNKNOWN_ACTIVE, None),
        };
        let bytes_known = bytes.is_some();
        let ln_bytes = bytes.map_or(self.ln_unknown_bytes, f64::ln);
        let parameters = active.middle();
        let logarithm = LN_TOTAL.mul_add(total.middle().ln(), LN_ACTIVE.mul_add(parameters.ln(), INTERCEPT));
        let output = Energy::from_joules(LN_BYTES.mul_add(ln_bytes, logarithm).exp() * self.usual);
        let input = Energy::from_joules(JOULES_PER_INPUT_TOKEN * parameters);
        let spread = self.spread(card, total, active, bytes_known);
        let rate = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Device, ID);
        Ok(EnergyRate { input, cached: input * CACHED_SHARE, ..rate })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::{Deployment, Speed, Window};
    use greenroute_core::units::{Power, Tokens};
    use greenroute_core::{Estimate, ModelKey};

    fn card(billions: Option<f64>, privacy: Privacy) -> ModelCard {
        let window = Window { context: 8192, max_output: None };
        let mut card = ModelCard::new(ModelKey::new("p", "m"), window, privacy);
        card.size = billions.map(|billions| Size {
            total: Span::known(billions),
            active: Span::known(billions),
            bytes_per_parameter: Some(2.0),
        });
        card
    }

    fn on_h100(mut card: ModelCard) -> ModelCard {
        let tdp_watts = Power::from_watts(700.0);
        card.deployment =
            Some(Deployment { tdp_watts: Some(tdp_watts), ..Deployment::new("NVIDIA H100 80GB", 1) });
        card
    }

    fn blind() -> Blind {
        let watts_per_thread = Estimate::scaled(Power::from_watts(4.0), 0.3, 3.0, Method::Modelled);
        Blind::of(&Machine { cpu: "test".into(), threads: 2, tdp: None, is_virtual: false, watts_per_thread })
    }

    fn read(card: &ModelCard, output: u64) -> Estimate<Energy> {
        let tokens = |count| Estimate::exact(Tokens::new(count), Method::Reported);
        blind().read(&Work::expected(card, tokens(0), tokens(output))).unwrap().energy
    }

    #[test]
    fn the_formula_is_the_fit() {
        // exp(-5.717002543433163 + (0.2415755543 + 0.7381128436) ln 8 + 0.9013894071 ln 2) · 400^1.1471541889
        let joules = read(&card(Some(8.0), Privacy::Remote), 400).value().as_joules();
        assert!((joules / 45.51 - 1.0).abs() < 0.01, "{joules}");
    }

    #[test]
    fn ignorance_widens_the_band() {
        let width = |card: &ModelCard| {
            let energy = read(card, 400);
            energy.high().as_joules() / energy.low().as_joules()
        };
        let known = width(&on_h100(card(Some(70.0), Privacy::Remote)));
        assert!((known - 4.4 / 0.24).abs() < 1e-9);
        let elsewhere = width(&card(Some(70.0), Privacy::Remote));
        assert!(elsewhere > 1.3 * known, "{elsewhere}");
        assert!(width(&card(Some(0.27), Privacy::Remote)) > elsewhere);
        assert!(width(&card(None, Privacy::Remote)) > width(&card(Some(2000.0), Privacy::Remote)));
        let mut bounded = card(Some(70.0), Privacy::Remote);
        bounded.size = bounded.size.map(|size| Size { active: Span { low: 10.0, high: 70.0 }, ..size });
        assert!(width(&bounded) > elsewhere, "a range of the active size counts too");
    }

    #[test]
    fn a_small_model_on_a_processor_is_not_read_as_on_an_h100() {
        let mut local = card(Some(0.27), Privacy::Local);
        local.speed = Some(Speed { tokens_per_second: 20.0, time_to_first_chunk_seconds: 0.1 });
        // 200 tokens in ten seconds at eight watts.
        assert!((read(&local, 200).value().as_joules() - 80.0).abs() < 1e-9);
        let hosted = read(&card(Some(8.0), Privacy::Remote), 200);
        assert!(read(&local, 200).value() > hosted.value());
        local.speed = None;
        // 0.54 GB through memory for every token, at 20 GB/s.
        assert!((read(&local, 200).value().as_joules() - 200.0 * 0.54 / 20.0 * 8.0).abs() < 1e-9);
        assert!(read(&local, 200).high().as_joules() > 4.0 * read(&local, 200).value().as_joules());
    }
}

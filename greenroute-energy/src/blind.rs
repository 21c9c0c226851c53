use greenroute_core::model::{Privacy, Size, Span};
use greenroute_core::units::{Energy, Quantity};
use greenroute_core::{Boundary, EnergyMeter, Estimate, MeterId, Method, Reading, Skip, Work};

/// The last rung: from a model's card alone, with the wide band that this deserves. Never skips.
///
/// `J per output token = exp(-5.717 + 0.2416 ln A + 0.7381 ln T + 0.9014 ln b + 0.1472 ln L)`, with active and total
/// billions of parameters `A` and `T`, bytes per parameter `b` and `L` output tokens. Fitted on 565 runs of the
/// ML.ENERGY leaderboard v3 on H100 and B200 under vLLM; over held-out families its median error is 62 % and its 90 %
/// band `×0.24` to `×4.4`. Which batch a server runs is unknown, and moves the truth by a factor of seven.
///
/// An input token is priced at `2 A · 10^9` operations on an H100 (989 TFLOP/s dense bf16, 700 W) at 40 % of its
/// peak. That share is a judgement, and prefill was not separable in the data: this term is less validated.
///
/// The band widens by a factor of two where the size lies outside the fit's 8 to 671 billion, by the range of a size
/// that is only bounded, and by a factor of five for a model on this machine, whose hardware the fit never saw.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blind;

const ID: MeterId = MeterId::new("blind", 1);

const INTERCEPT: f64 = -5.717_002_543_433_163;
const LN_ACTIVE: f64 = 0.241_575_554_307_718_1;
const LN_TOTAL: f64 = 0.738_112_843_572_350_5;
const LN_BYTES: f64 = 0.901_389_407_093_701_6;
const LN_OUTPUT: f64 = 0.147_154_188_885_929_24;
const BAND: (f64, f64) = (0.24, 4.4);
const FITTED_BILLIONS: std::ops::RangeInclusive<f64> = 8.0..=671.0;

/// 2 · 10^9 operations, 700 W / (989 · 10^12 operations/s · 0.4): joules per input token and billion parameters.
const JOULES_PER_INPUT_TOKEN: f64 = 2e9 * 700.0 / (989e12 * 0.4);
/// A cached token is read from memory and not computed again; a tenth is what providers bill for it.
const CACHED_SHARE: f64 = 0.1;

/// Where no size is public: the range of the models on offer.
const UNKNOWN: Span = Span { low: 1.0, high: 1000.0 };
/// bf16, the usual form of serving where nothing else is known.
const UNKNOWN_BYTES: f64 = 2.0;

impl EnergyMeter for Blind {
    fn id(&self) -> MeterId {
        ID
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        let (total, active, bytes) = match &work.card.size {
            Some(Size { total, active, bytes_per_parameter }) => {
                (*total, active.middle(), bytes_per_parameter.unwrap_or(UNKNOWN_BYTES))
            }
            None => (UNKNOWN, UNKNOWN.middle(), UNKNOWN_BYTES),
        };
        let size = total.middle();
        let logarithm = LN_TOTAL.mul_add(size.ln(), LN_ACTIVE.mul_add(active.ln(), INTERCEPT));
        let per_token = LN_BYTES.mul_add(bytes.ln(), logarithm).exp();
        // The fit's energy per token grows with the length, so that of the whole output by this power of it.
        let output = |tokens: f64| per_token * if tokens > 0.0 { tokens.powf(1.0 + LN_OUTPUT) } else { 0.0 };
        let input = work.input.value().base() + CACHED_SHARE * work.cached_input.value().base();
        let joules = output(work.output.value().base()) + JOULES_PER_INPUT_TOKEN * active * input;

        let mut spread = 1.0;
        if !FITTED_BILLIONS.contains(&size) {
            spread *= 2.0;
        }
        if work.card.privacy == Privacy::Local {
            spread *= 5.0;
        }
        if total.low < total.high {
            // The energy grows about in proportion to the size, so an unsure size is an unsure energy.
            spread *= total.high / size;
        }
        let (down, up) = (BAND.0 / spread, BAND.1 * spread);
        let energy = Estimate::scaled(Energy::from_joules(joules), down, up, Method::Modelled);
        Ok(Reading::new(energy, Boundary::Device, ID))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::Window;
    use greenroute_core::units::Tokens;
    use greenroute_core::{ModelCard, ModelKey};

    fn card(billions: Option<f64>, privacy: Privacy) -> ModelCard {
        let window = Window { context: 8192, max_output: None };
        let mut card = ModelCard::new(ModelKey::new("p", "m"), window, privacy);
        card.size = billions.map(|billions| Size {
            total: Span::known(billions),
            active: Span::known(billions),
            bytes_per_parameter: None,
        });
        card
    }

    fn read(card: &ModelCard, output: u64) -> Estimate<Energy> {
        let tokens = |count| Estimate::exact(Tokens::new(count), Method::Reported);
        Blind.read(&Work::expected(card, tokens(0), tokens(output))).unwrap().energy
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
        let known = width(&card(Some(70.0), Privacy::Remote));
        assert!((known - 4.4 / 0.24).abs() < 1e-9);
        assert!(width(&card(Some(0.27), Privacy::Remote)) > known);
        assert!(width(&card(Some(70.0), Privacy::Local)) > known);
        assert!(width(&card(None, Privacy::Remote)) > width(&card(Some(70.0), Privacy::Local)));
    }
}

use crate::accelerator::Accelerator;
use crate::coefficients::Coefficients;
use crate::machine::Machine;
use crate::roofline::{Load, TokenJoules, band, is_fitted, joules_rate, steps};
use crate::runtime_power::RuntimePower;
use crate::simple::on_boards;
use crate::sizes::{Point, Sizes, USUAL_OUTPUT};
use greenroute_core::model::{Deployment, ModelCard, Privacy, Span};
use greenroute_core::units::Power;
use greenroute_core::{EnergyMeter, EnergyRate, MeterId, Reading, Skip, Work};
use std::sync::LazyLock;

const TABLE: &str = include_str!("../data/fit/blind.csv");
static FIT: LazyLock<Coefficients> = LazyLock::new(|| Coefficients::read(TABLE));

const ID: MeterId = MeterId::new("blind", 2);

/// The last rung: from a model's card alone, with the wide band that this deserves. Never skips.
///
/// A model on boards, of its own or at a provider, is read by the [roofline](crate::roofline::steps) of an assumed deployment:
/// 64 requests at once, on as many H100 as hold 1.2 times its weights, in a power of two. Which batch a server really
/// runs is unknown, and moves the truth by a factor of seven: over held-out families the median error is about 60 %, but
/// which of two models takes less is right in 93 of 100 pairs. Where the card names its boards or its batch, those
/// are taken; a model on boards of one's own is read as serving one request at a time.
///
/// The band combines in quadrature: the study's; two ways a factor of two for a board that is not known to be one of
/// the study's; another two for sizes outside the study's; the range of a size or of the bytes that are only bounded;
/// and the range of the tokens, where they are only expected.
///
/// A model on this machine's processor is never read by the roofline, whose boards do the same work for a hundredth of
/// the energy: it is read as power times time, by the card's speed or by the time that its weights take through
/// memory. So a comparison with a provider's model, for which this is the only common rung, does not flatter it. A
/// processor elsewhere is taken for this machine's, two ways a factor of two.
#[derive(Debug, Clone, Copy)]
pub struct Blind {
    local: RuntimePower,
}

impl Blind {
    /// For models anywhere, and on this `machine`.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        Self { local: RuntimePower::of(machine) }
    }
}

/// What is known of where a model runs, and what is assumed in place of the rest.
struct Assumed {
    tdp_watts: f64,
    gb_per_second: f64,
    memory_gb: f64,
    half_tflops: Option<f64>,
    count: Option<u32>,
    batch: f64,
    fitted: bool,
}

impl Assumed {
    fn of(deployment: Option<&Deployment>, privacy: Privacy) -> Self {
        let known = deployment.and_then(|deployment| {
            let device = Accelerator::of(deployment);
            Some(Self {
                tdp_watts: device.tdp.map(Power::as_watts)?,
                gb_per_second: device.gb_per_second?,
                memory_gb: device.memory_gb?,
                half_tflops: device.half_tflops,
                count: Some(deployment.count),
                batch: Self::usual().batch,
                fitted: is_fitted(&device, deployment),
            })
        });
        let assumed = known.unwrap_or_else(Self::usual);
        let batch = deployment.and_then(|deployment| deployment.batch).unwrap_or(match privacy {
            Privacy::Local => FIT.get("local_batch"),
            Privacy::Remote => assumed.batch,
        });
        Self { batch, ..assumed }
    }

    fn usual() -> Self {
        let fit = &*FIT;
        Self {
            tdp_watts: fit.get("tdp_watts"),
            gb_per_second: fit.get("gb_per_second"),
            memory_gb: fit.get("memory_gb"),
            half_tflops: fit.find("half_tflops"),
            count: None,
            batch: fit.get("batch"),
            fitted: false,
        }
    }

    fn load(&self, (total, active, bytes): Point) -> Load {
        let Self { tdp_watts, gb_per_second, half_tflops, batch, .. } = *self;
        let needed = FIT.get("memory_share") * total * bytes / self.memory_gb;
        let count = self.count.map_or_else(|| needed.ceil().log2().ceil().exp2().max(1.0), f64::from);
        Load { total, active, bytes, batch, count, tdp_watts, gb_per_second, half_tflops }
    }
}

/// Where no size is public.
fn unknown_sizes() -> Sizes {
    let span = |name: &str| {
        let (low, high) = FIT.band(name);
        Span { low, high }
    };
    Sizes::unknown(span("unknown_total"), span("unknown_active"))
}

impl EnergyMeter for Blind {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let deployment = card.deployment.as_ref();
        let fit = &*FIT;
        if on_boards(card).is_err() {
            let rate = self.local.expected(card, ID).unwrap_or_else(|| self.local.unknown(card, ID));
            return Ok(match card.privacy {
                Privacy::Local => rate,
                Privacy::Remote => EnergyRate { spread: rate.spread.and(band(fit, "other_device")), ..rate },
            });
        }
        let assumed = Assumed::of(deployment, card.privacy);
        let sizes = Sizes::of(card).unwrap_or_else(unknown_sizes);
        let at = |point| steps(&assumed.load(point));
        let usual = |joules: TokenJoules| joules.answer(USUAL_OUTPUT);
        let middle = at(sizes.middle());
        let ends = sizes.spread(fit, usual(at(sizes.low())), usual(middle), usual(at(sizes.high())));
        let spread = band(fit, "band").and(ends);
        let spread = if assumed.fitted { spread } else { spread.and(band(fit, "other_device")) };
        Ok(joules_rate(middle, spread, ID))
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::{Size, Speed, Window};
    use greenroute_core::units::{Energy, Tokens};
    use greenroute_core::{Estimate, Method, ModelKey};

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
    fn every_assumption_is_in_its_file() {
        for name in [
            "unknown_total",
            "unknown_active",
            "band",
            "other_device",
            "total",
            "active",
            "bytes",
            "other_size",
        ] {
            let (low, high) = FIT.band(name);
            assert!(low > 0.0 && low < high, "{name}");
        }
        assert!(FIT.get("batch") >= 1.0 && FIT.get("memory_share") >= 1.0);
        let h100 = Accelerator::named("H100").unwrap();
        assert_eq!(h100.tdp, Some(Power::from_watts(FIT.get("tdp_watts"))));
        assert_eq!(h100.gb_per_second, Some(FIT.get("gb_per_second")));
        assert_eq!((h100.memory_gb, h100.half_tflops), (FIT.find("memory_gb"), FIT.find("half_tflops")));
    }

    #[test]
    fn a_bare_card_is_read_as_64_requests_on_as_many_h100_as_hold_it() {
        for (billions, boards) in [(8.0, 1), (70.0, 4), (405.0, 16)] {
            let bare = blind().rate(&card(Some(billions), Privacy::Remote)).unwrap();
            let mut told = card(Some(billions), Privacy::Remote);
            told.deployment = Some(Deployment { batch: Some(64.0), ..Deployment::new("H100", boards) });
            let told = blind().rate(&told).unwrap();
            assert_eq!((bare.output, bare.output_squared), (told.output, told.output_squared));
            assert_ne!(bare.spread, told.spread, "a board that is named is better known");
        }
    }

    #[test]
    fn what_the_card_tells_of_its_deployment_is_taken() {
        let per_token = |deployment: Deployment| {
            let mut card = card(Some(8.0), Privacy::Remote);
            card.deployment = Some(deployment);
            blind().rate(&card).unwrap().output
        };
        let alone = per_token(Deployment { batch: Some(1.0), ..Deployment::new("H100", 1) });
        let shared = per_token(Deployment { batch: Some(256.0), ..Deployment::new("H100", 1) });
        assert!(alone.as_joules() > 20.0 * shared.as_joules());
        assert!(per_token(Deployment::new("H100", 8)) > per_token(Deployment::new("H100", 1)));
        assert_eq!(
            per_token(Deployment::new("a board nobody knows", 8)),
            per_token(Deployment::new("H100", 1))
        );
    }

    #[test]
    fn ignorance_widens_the_band() {
        let width = |card: &ModelCard| {
            let energy = read(card, 400);
            energy.high().as_joules() / energy.low().as_joules()
        };
        let known = width(&on_h100(card(Some(70.0), Privacy::Remote)));
        assert!((known / (4.2 / 0.22) - 1.0).abs() < 1e-9);
        let elsewhere = width(&card(Some(70.0), Privacy::Remote));
        assert!(elsewhere > 1.3 * known, "{elsewhere}");
        assert!(width(&card(Some(0.27), Privacy::Remote)) > elsewhere);
        assert!(width(&card(None, Privacy::Remote)) > width(&card(Some(2000.0), Privacy::Remote)));
        let mut bounded = card(Some(70.0), Privacy::Remote);
        bounded.size = bounded.size.map(|size| Size { active: Span { low: 10.0, high: 70.0 }, ..size });
        assert!(width(&bounded) > elsewhere, "a range of the active size counts too");
    }

    #[test]
    fn a_board_of_ones_own_serves_one_request_at_a_time() {
        let on_4090 = |privacy, batch| {
            let mut card = card(Some(8.0), privacy);
            card.deployment = Some(Deployment { batch, ..Deployment::new("RTX 4090", 1) });
            blind().rate(&card).unwrap().output
        };
        assert_eq!(on_4090(Privacy::Local, None), on_4090(Privacy::Remote, Some(1.0)));
        assert!(
            on_4090(Privacy::Local, None).as_joules() > 10.0 * on_4090(Privacy::Remote, None).as_joules()
        );
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
        let mut elsewhere = card(Some(0.27), Privacy::Remote);
        elsewhere.deployment = Some(Deployment { processor: true, ..Deployment::new("EPYC", 1) });
        assert_eq!(read(&elsewhere, 200).value(), read(&local, 200).value());
        assert!(read(&elsewhere, 200).high() > read(&local, 200).high());
    }
}

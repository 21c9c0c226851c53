use crate::accelerator::Accelerator;
use crate::simple::{CACHED_SHARE, constant, constant_band_for, on_boards};
use greenroute_core::model::{Deployment, ModelCard};
use greenroute_core::units::{Energy, Power};
use greenroute_core::{Boundary, EnergyMeter, EnergyRate, MeterId, Method, Reading, Skip, Spread, Work};

/// By operations: two per active parameter and token, `E = 2 · A · tokens / (peak · share) · TDP`, on the device that
/// the card names, else on an H100.
///
/// The share of the peak is fitted for output (0.043, the median of the study's runs) and 0.4 by judgement for prompts.
/// Operations are not what decoding waits for: leave one family out, the median error is 78 % and the band spans a
/// factor of 60. It is here for comparison with tools that count operations, and is no part of the
/// [`ladder`](crate::ladder()).
#[derive(Debug, Clone, Copy, Default)]
pub struct Flops;

const ID: MeterId = MeterId::new("flops", 1);
const USUAL_DEVICE: &str = "H100";

impl EnergyMeter for Flops {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        on_boards(card)?;
        let size = card.size.as_ref().ok_or(Skip("the size of the model is not known".into()))?;
        let own = card.deployment.as_ref().and_then(device);
        let (tdp, tflops) = own
            .or_else(|| device(&Deployment::new(USUAL_DEVICE, 1)))
            .ok_or(Skip("no device is known".into()))?;
        let active = size.active.middle();
        // 2 · 10⁹ A operations at 10¹² per second.
        let at_peak = tdp * (2e-3 * active / tflops);
        let joules = |share: f64| Energy::from_joules(at_peak.as_watts() / share);
        let spread = constant_band_for(card, "flops")
            .and(Spread::of(size.active.low / active, size.active.high / active));
        let output = joules(constant("flops_share"));
        let input = joules(constant("prompt_share"));
        let rate = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Device, ID);
        Ok(EnergyRate { input, cached: input * CACHED_SHARE, ..rate })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

/// Power and 10¹² operations per second of one device.
fn device(deployment: &Deployment) -> Option<(Power, f64)> {
    let device = Accelerator::of(deployment);
    Some((device.tdp?, device.half_tflops?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hosted, joules, local};
    use greenroute_core::Estimate;
    use greenroute_core::model::Span;

    #[test]
    fn an_h100_takes_700_watts_for_its_operations() {
        let mut card = hosted(70.0);
        // 2 · 70e9 / 989.4e12 · 700 W / 0.0431
        let expected = 2.0 * 70e9 / 989.4e12 * 700.0 / 0.0431;
        let energy = joules(&Flops, &card, [0, 0, 100]);
        assert!((energy.value().as_joules() / (100.0 * expected) - 1.0).abs() < 0.01, "{energy}");
        card.deployment = Some(Deployment::new("NVIDIA H100 80GB HBM3", 4));
        let named = joules(&Flops, &card, [0, 0, 100]);
        assert_eq!(named.value(), energy.value(), "operations are the same on any number of boards");
        assert!(named.low() > energy.low() && named.high() < energy.high());
        assert!(named.high().as_joules() > 50.0 * named.low().as_joules());
        card.deployment = Some(Deployment::new("MI300X", 4));
        let other = joules(&Flops, &card, [0, 0, 100]);
        let width = |energy: Estimate<Energy>| energy.high().as_joules() / energy.low().as_joules();
        assert!(width(other) > 1.2 * width(named), "the study measured no such board");
    }

    #[test]
    fn a_prompt_takes_less_than_an_answer_and_a_bounded_size_widens_the_band() {
        let mut card = hosted(70.0);
        let read = joules(&Flops, &card, [100, 0, 0]);
        let written = joules(&Flops, &card, [0, 0, 100]);
        assert!((written.value().as_joules() / read.value().as_joules() - 0.4 / 0.0431).abs() < 1e-9);
        card.size.as_mut().unwrap().active = Span { low: 35.0, high: 140.0 };
        let bounded = joules(&Flops, &card, [0, 0, 100]);
        assert!((bounded.value().as_joules() / written.value().as_joules() - 1.0).abs() < 1e-9);
        assert!(bounded.low() < written.low() && bounded.high() > written.high());
    }

    #[test]
    fn what_it_cannot_count_it_skips() {
        let mut unknown = hosted(1.0);
        unknown.size = None;
        for card in [unknown, local()] {
            assert!(Flops.rate(&card).is_err());
        }
    }
}

use greenroute_core::model::{Deployment, LoadOffset};
use greenroute_core::units::Energy;
use greenroute_core::{EnergyRate, Estimate, Method, Spread};

/// The rate as calibration corrects it for this load: times the factor of the offset whose batch is nearest, as far
/// as it can be trusted so far away, with the band between what calibration left and the meter's own.
///
/// An offset of another meter or version does not count, nor any where the load is not known: within one deployment
/// the error changes with the batch.
pub(crate) fn calibrated(rate: EnergyRate, deployment: &Deployment, batch: Option<f64>) -> EnergyRate {
    let Some(batch) = batch else { return rate };
    let distance = |offset: &LoadOffset| (batch / offset.batch).log2().abs();
    let nearest = deployment
        .offsets
        .iter()
        .filter(|offset| offset.meter == rate.meter)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let Some(offset) = nearest else { return rate };
    let trust = trust(distance(offset));
    let factor = offset.factor.powf(trust);
    let own = Estimate::with_spread(Energy::from_joules(1.0), rate.spread, Method::Modelled);
    let between = |left: f64, own: f64| (trust * left.ln() + (1.0 - trust) * own.ln()).exp();
    let low = between(offset.low, own.low().as_joules());
    let high = between(offset.high, own.high().as_joules());
    EnergyRate { spread: Spread::of(low, high), ..rate.scaled(factor) }
}

/// How much of an offset still holds so many doublings of the batch away: all at the same batch, half far away. In the
/// study's runs the share of one run's error that another of the same deployment shows is 0.95 at the same batch,
/// 0.55 two doublings away and 0.3 to 0.45 beyond.
fn trust(doublings: f64) -> f64 {
    0.5 + 0.5 * (-doublings * doublings / 8.0).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::{Boundary, MeterId};

    fn rate() -> EnergyRate {
        let (spread, meter) = (Spread::of(0.5, 2.0), MeterId::new("roofline", 1));
        EnergyRate::per_token(Energy::from_joules(2.0), spread, Method::Modelled, Boundary::Device, meter)
    }

    fn offset(batch: f64, factor: f64) -> LoadOffset {
        let meter = MeterId::new("roofline", 1);
        LoadOffset { meter, batch, factor, low: 0.9, high: 1.1, points: 3, as_of: None }
    }

    fn deployment(offsets: Vec<LoadOffset>) -> Deployment {
        Deployment { offsets, ..Deployment::new("H100", 1) }
    }

    fn joules(rate: &EnergyRate) -> f64 {
        rate.output.as_joules()
    }

    #[test]
    fn an_offset_holds_at_its_own_batch_and_fades_away_from_it() {
        let known = deployment(vec![offset(8.0, 1.5), offset(64.0, 0.8)]);
        let here = calibrated(rate(), &known, Some(64.0));
        assert!((joules(&here) - 1.6).abs() < 1e-12);
        assert_eq!(here.spread, Spread::of(0.9, 1.1));
        let near = calibrated(rate(), &known, Some(128.0));
        let far = calibrated(rate(), &known, Some(4096.0));
        assert!(joules(&here) < joules(&near) && joules(&near) < joules(&far) && joules(&far) < 2.0);
        let low = |rate: &EnergyRate| {
            let estimate = Estimate::with_spread(Energy::from_joules(1.0), rate.spread, Method::Modelled);
            estimate.low().as_joules()
        };
        assert!(low(&here) > low(&near) && low(&near) > low(&far) && low(&far) > 0.5);
        assert!(joules(&calibrated(rate(), &known, Some(8.0))) > 2.9);
    }

    #[test]
    fn an_offset_of_another_version_or_without_a_load_does_not_count() {
        let mut other = offset(64.0, 0.8);
        other.meter.version = 2;
        assert_eq!(calibrated(rate(), &deployment(vec![other]), Some(64.0)), rate());
        assert_eq!(calibrated(rate(), &deployment(vec![offset(64.0, 0.8)]), None), rate());
        assert_eq!(calibrated(rate(), &deployment(vec![]), Some(64.0)), rate());
    }
}

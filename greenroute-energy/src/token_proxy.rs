use crate::simple::{CACHED_SHARE, constant, constant_band_for, on_boards};
use greenroute_core::model::ModelCard;
use greenroute_core::units::Energy;
use greenroute_core::{Boundary, EnergyMeter, EnergyRate, MeterId, Method, Reading, Skip, Work};

/// A constant of joules per token by class of size: up to 10, 40, 150 billion parameters in all, more, and one for
/// models of unknown size.
///
/// The medians of the study's runs in each class. Leave one family out, the median error is 64 % and the band ×0.15 to
/// ×5.8; one constant for all has 86 % and ×0.13 to ×19. A rule of thumb, for comparison with tools that go by one; no
/// part of the [`ladder`](crate::ladder()).
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenProxy;

const ID: MeterId = MeterId::new("token_proxy", 1);

/// The largest of each class, in 10⁹ parameters, and its constant.
const CLASSES: [(f64, &str); 4] =
    [(10.0, "tokens_10"), (40.0, "tokens_40"), (150.0, "tokens_150"), (f64::INFINITY, "tokens_more")];

impl EnergyMeter for TokenProxy {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        on_boards(card)?;
        let class = card.size.as_ref().and_then(|size| {
            let billions = size.total.middle();
            CLASSES.iter().find(|(most, _)| billions <= *most)
        });
        let (name, band) = class.map_or(("tokens_any", "tokens_any"), |(_, name)| (*name, "tokens"));
        let output = Energy::from_joules(constant(name));
        let input = output * constant("input_share");
        let rate =
            EnergyRate::per_token(output, constant_band_for(card, band), Method::Proxy, Boundary::Device, ID);
        Ok(EnergyRate { input, cached: input * CACHED_SHARE, ..rate })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hosted, joules, local};

    #[test]
    fn larger_classes_take_more_and_an_unknown_size_is_the_least_sure() {
        let mut before = Energy::ZERO;
        for billions in [8.0, 32.0, 120.0, 671.0] {
            let energy = joules(&TokenProxy, &hosted(billions), [0, 0, 1000]).value();
            assert!(energy > before, "{billions}");
            before = energy;
        }
        let width = |card| {
            let energy = joules(&TokenProxy, card, [0, 0, 1000]);
            assert_eq!(energy.method(), Method::Proxy);
            energy.high().as_joules() / energy.low().as_joules()
        };
        let mut unknown = hosted(8.0);
        unknown.size = None;
        assert!(width(&unknown) > 100.0 && width(&hosted(8.0)) > 30.0);
        assert!(TokenProxy.rate(&local()).is_err(), "no processor takes as little");
    }
}

use crate::spread::around;
use greenroute_core::units::{Energy, Quantity, Tokens};
use greenroute_core::{Boundary, EnergyMeter, Estimate, MeterId, Method, Reading, Skip, Spread, Work};

/// By the card's own energy profile, as its user or a calibration gave it: `overhead + input · i + output · o`.
///
/// A cached token counts as a tenth of an input token. The band is ×0.5 to ×2 by judgement: batch and clock differ from
/// those of the calibration.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    spread: Spread,
}

const ID: MeterId = MeterId::new("profile", 1);
const BAND: (f64, f64) = (0.5, 2.0);
const CACHED_SHARE: f64 = 0.1;

impl Default for Profile {
    fn default() -> Self {
        Self { spread: Spread::of(BAND.0, BAND.1) }
    }
}

impl EnergyMeter for Profile {
    fn id(&self) -> MeterId {
        ID
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        let profile = work.card.energy_profile.ok_or(Skip("the card has no energy profile".into()))?;
        let at = |bound: fn(&Estimate<Tokens>) -> Tokens| {
            let tokens = |estimate| bound(estimate).base();
            let input = tokens(&work.input) + CACHED_SHARE * tokens(&work.cached_input);
            profile.overhead_joules
                + profile.joules_per_input_token * input
                + profile.joules_per_output_token * tokens(&work.output)
        };
        let ends: (Energy, Energy) = (at(Estimate::low), at(Estimate::high));
        let certain = ends.0 == ends.1;
        let method = Method::Modelled.min(work.method());
        let energy = around(self.spread, at(Estimate::value), (!certain).then_some(ends), method);
        Ok(Reading::new(energy, Boundary::Device, ID))
    }
}

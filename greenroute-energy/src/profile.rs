use crate::simple::CACHED_SHARE;
use greenroute_core::{EnergyMeter, EnergyRate, MeterId, Method, ModelCard, Reading, Skip, Spread, Work};

/// By the card's own energy profile, as its user or a calibration gave it: `overhead + input · i + output · o`, with
/// the band that stands in the profile.
///
/// A cached token counts as a tenth of an input token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Profile;

const ID: MeterId = MeterId::new("profile", 1);

impl EnergyMeter for Profile {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let profile = card.energy_profile.as_ref().ok_or(Skip("the card has no energy profile".into()))?;
        let spread = Spread::of(profile.low, profile.high);
        let output = profile.joules_per_output_token;
        let rate = EnergyRate::per_token(output, spread, Method::Modelled, profile.boundary, ID);
        let (fixed, input) = (profile.overhead_joules, profile.joules_per_input_token);
        Ok(EnergyRate { fixed, input, cached: input * CACHED_SHARE, ..rate })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

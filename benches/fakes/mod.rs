//! A model that is reached over the wire, for the benches that need one.

use greenroute::model::{EnergyProfile, Privacy, Window};
use greenroute::units::Energy;
use greenroute::{ModelCard, ModelKey};

/// Its card, with an energy profile, so that it is ranked where it should be.
pub(crate) fn card(provider: &str, model: &str, joules_per_token: f64) -> ModelCard {
    let window = Window { context: 4096, max_output: Some(1024) };
    let mut card = ModelCard::new(ModelKey::new(provider, model), window, Privacy::Remote);
    card.energy_profile = Some(EnergyProfile::new(
        Energy::ZERO,
        Energy::from_joules(joules_per_token / 10.0),
        Energy::from_joules(joules_per_token),
    ));
    card
}

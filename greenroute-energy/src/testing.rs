//! Cards for the tests of meters.

use greenroute_core::model::{Privacy, Size, Span, Window};
use greenroute_core::units::{Energy, Tokens};
use greenroute_core::{EnergyMeter, Estimate, Method, ModelCard, ModelKey, Work};

fn card(privacy: Privacy, billions: f64) -> ModelCard {
    let window = Window { context: 8192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("p", "m"), window, privacy);
    let span = Span::known(billions);
    card.size = Some(Size { total: span, active: span, bytes_per_parameter: Some(2.0) });
    card
}

/// A dense model of so many billion parameters at a provider.
pub(crate) fn hosted(billions: f64) -> ModelCard {
    card(Privacy::Remote, billions)
}

/// A model on this machine's processor.
pub(crate) fn local() -> ModelCard {
    card(Privacy::Local, 0.27)
}

pub(crate) fn exact(tokens: u64) -> Estimate<Tokens> {
    Estimate::exact(Tokens::new(tokens), Method::Reported)
}

/// What a meter reads of input, cached input and output.
pub(crate) fn joules(
    meter: &impl EnergyMeter,
    card: &ModelCard,
    [input, cached, output]: [u64; 3],
) -> Estimate<Energy> {
    let work = Work { cached_input: exact(cached), ..Work::expected(card, exact(input), exact(output)) };
    meter.read(&work).unwrap().energy
}

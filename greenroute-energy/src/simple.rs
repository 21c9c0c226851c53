//! The constants of the rungs that rest on one.

use crate::accelerator::Accelerator;
use crate::coefficients::Coefficients;
use crate::roofline::is_fitted;
use greenroute_core::model::{ModelCard, Privacy};
use greenroute_core::{Skip, Spread};
use std::sync::LazyLock;

const TABLE: &str = include_str!("../data/fit/simple.csv");
static FIT: LazyLock<Coefficients> = LazyLock::new(|| Coefficients::read(TABLE));

/// A cached token is read from memory and not computed again; a tenth is what providers bill for it.
pub(crate) const CACHED_SHARE: f64 = 0.1;

/// The number of this name.
pub(crate) fn constant(name: &str) -> f64 {
    FIT.get(name)
}

/// The band of this name.
pub(crate) fn constant_band(name: &str) -> Spread {
    let (low, high) = FIT.band(name);
    Spread::of(low, high)
}

/// The same, wider unless `card` names a board that the study measured.
pub(crate) fn constant_band_for(card: &ModelCard, name: &str) -> Spread {
    let measured = card
        .deployment
        .as_ref()
        .is_some_and(|deployment| is_fitted(&Accelerator::of(deployment), deployment));
    let band = constant_band(name);
    if measured { band } else { band.and(constant_band("other_device")) }
}

/// What was fitted on boards says nothing of a processor, which takes a hundred times the energy.
pub(crate) fn on_boards(card: &ModelCard) -> Result<(), Skip> {
    let processor = match &card.deployment {
        Some(deployment) => deployment.processor,
        None => card.privacy == Privacy::Local,
    };
    if processor { Err(Skip("the model runs on a processor, not on a board".into())) } else { Ok(()) }
}

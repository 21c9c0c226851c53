//! Energy from a known deployment: which model, on which boards, how many requests at once.

mod load;
mod phys5;
mod steps;

pub use load::{Load, TokenJoules};
pub use phys5::phys5;
pub(crate) use steps::coefficients;
pub use steps::steps;

use crate::accelerator::Accelerator;
use crate::coefficients::Coefficients;
use crate::offset::calibrated;
use crate::simple::CACHED_SHARE;
use crate::sizes::Sizes;
use greenroute_core::model::{Deployment, ModelCard};
use greenroute_core::units::{Energy, Power};
use greenroute_core::{Boundary, EnergyMeter, EnergyRate, MeterId, Method, Reading, Skip, Spread, Work};

/// The roofline of a deployment whose card names the device, how many serve one copy and how many requests share a
/// step, for a model of known size.
///
/// [`Roofline::new`] is the best fit, [`Roofline::phys5`] the five-term fit of the published study, frozen. Both are fits
/// on the ML.ENERGY benchmark v3 (H100 and B200, vLLM, saturated batches, boards only); any other board gets its data
/// sheet's figures, no fitted gain and a wider band. Prompts are priced by the operations that they need, which the
/// benchmark does not separate: less validated.
#[derive(Debug, Clone)]
pub struct Roofline {
    id: MeterId,
    formula: fn(&Load, &str) -> TokenJoules,
    fit: &'static Coefficients,
}

impl Default for Roofline {
    fn default() -> Self {
        Self::new()
    }
}

impl Roofline {
    /// The best fit.
    #[must_use]
    pub fn new() -> Self {
        let formula = |load: &Load, _: &str| steps(load);
        Self { id: MeterId::new("roofline", 1), formula, fit: coefficients() }
    }

    /// The five-term fit, frozen.
    #[must_use]
    pub fn phys5() -> Self {
        Self { id: MeterId::new("phys5", 1), formula: phys5, fit: phys5::coefficients() }
    }

    /// Its joules per token for a load on `device`, before any calibration.
    #[must_use]
    pub fn per_token(&self, load: &Load, device: &str) -> TokenJoules {
        (self.formula)(load, device)
    }
}

impl EnergyMeter for Roofline {
    fn id(&self) -> MeterId {
        self.id.clone()
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let deployment = board(card)?;
        let batch = deployment.batch.ok_or(Skip("how many requests share a step is not known".into()))?;
        let sizes = Sizes::of(card).ok_or(Skip("the size of the model is not known".into()))?;
        let device = Accelerator::of(deployment);
        let tdp = known(device.tdp, "power", deployment)?;
        let gb_per_second = known(device.gb_per_second, "memory bandwidth", deployment)?;
        fits(&sizes, &device, deployment)?;
        let at = |(total, active, bytes)| {
            let load = Load {
                total,
                active,
                bytes,
                batch,
                count: f64::from(deployment.count),
                tdp_watts: tdp.as_watts(),
                gb_per_second,
                half_tflops: device.half_tflops,
            };
            (self.formula)(&load, device.name)
        };
        let middle = at(sizes.middle());
        if !middle.is_sound() {
            return Err(Skip("the formula gives no number for this deployment".into()));
        }
        let typical = |joules: TokenJoules| joules.answer(crate::sizes::USUAL_OUTPUT);
        let mut spread = band(self.fit, "band").and(sizes.spread(
            self.fit,
            typical(at(sizes.low())),
            typical(middle),
            typical(at(sizes.high())),
        ));
        if !is_fitted(&device, deployment) {
            spread = spread.and(band(self.fit, "other_device"));
        }
        if !self.fit.saw("batch", batch) {
            spread = spread.and(band(self.fit, "other_load"));
        }
        let rate = joules_rate(middle, spread, self.id());
        Ok(calibrated(rate, deployment, Some(batch)))
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

/// Joules of a prompt's token: `κ · 2·10⁹ A · TDP/peak`, where κ is the share of its full power over that of its full
/// speed at which a board reads prompts. Attention's quadratic part is left out: below 10⁵ tokens it is the smaller; and
/// what an answer reads of its prompt, a product of both lengths.
fn prefill(load: &Load) -> f64 {
    steps::prefill_share() * load.computing()
}

/// The board that a card names.
pub(crate) fn board(card: &ModelCard) -> Result<&Deployment, Skip> {
    let deployment = card.deployment.as_ref().ok_or(Skip("what the model runs on is not known".into()))?;
    if deployment.processor {
        return Err(Skip("the model runs on a processor, not on a board".into()));
    }
    Ok(deployment)
}

pub(crate) fn known<T>(fact: Option<T>, what: &str, deployment: &Deployment) -> Result<T, Skip> {
    fact.ok_or_else(|| Skip(format!("the {what} of `{}` is not known", deployment.device).into()))
}

fn fits(sizes: &Sizes, device: &Accelerator, deployment: &Deployment) -> Result<(), Skip> {
    let weights = sizes.least_gb();
    let memory = device.memory_gb.map(|memory| memory * f64::from(deployment.count));
    match memory.filter(|&memory| weights > memory) {
        None => Ok(()),
        Some(memory) => {
            let Deployment { count, device, .. } = deployment;
            let why =
                format!("{weights:.0} GB of weights do not fit the {memory:.0} GB of {count} × {device}");
            Err(Skip(why.into()))
        }
    }
}

/// Whether the board is one that the fits were made on, run as its maker sells it.
pub(crate) fn is_fitted(device: &Accelerator, deployment: &Deployment) -> bool {
    let fitted = phys5::coefficients().find(&format!("g_{}", device.name)).is_some();
    let sold = Accelerator::named(&deployment.device);
    let same = |stated: Option<f64>, sold: Option<f64>| {
        stated.zip(sold).is_some_and(|(stated, sold)| (stated / sold - 1.0).abs() < 0.1)
    };
    let watts = |device: &Accelerator| device.tdp.map(Power::as_watts);
    fitted
        && sold.is_some_and(|sold| {
            same(watts(device), watts(sold)) && same(device.gb_per_second, sold.gb_per_second)
        })
}

pub(crate) fn band(fit: &Coefficients, name: &str) -> Spread {
    let (low, high) = fit.band(name);
    Spread::of(low, high)
}

pub(crate) fn joules_rate(joules: TokenJoules, spread: Spread, meter: MeterId) -> EnergyRate {
    let output = Energy::from_joules(joules.output);
    let rate = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Device, meter);
    let input = Energy::from_joules(joules.input);
    let output_squared = Energy::from_joules(joules.output_squared);
    let context = Energy::from_joules(joules.context);
    EnergyRate { input, cached: input * CACHED_SHARE, output_squared, context, ..rate }
}

#[cfg(test)]
mod tests;

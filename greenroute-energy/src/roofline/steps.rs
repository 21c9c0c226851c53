use super::load::{Load, TokenJoules};
use super::prefill;
use crate::coefficients::Coefficients;
use std::sync::LazyLock;

const TABLE: &str = include_str!("../../data/fit/roofline.csv");
static FIT: LazyLock<Coefficients> = LazyLock::new(|| Coefficients::read(TABLE));

pub(crate) fn coefficients() -> &'static Coefficients {
    &FIT
}

/// Weights of a byte each, within the tolerance of block scales; they need kernels of their own in every step.
const EIGHT_BIT: std::ops::Range<f64> = 0.75..1.5;
/// The bandwidth of an H100, at which both ways to scale with bandwidth agree.
const REFERENCE_GB_PER_SECOND: f64 = 3350.0;

/// The roofline that greenroute forecasts with. Its terms scale with the board's data sheet alone, so that it carries
/// over to boards outside the fit:
///
/// ```text
/// K = TDP/BW    H = TDP/√(BW · 3350)    C = 2·10⁹ A · TDP/peak
/// e = c_compute · C + c_device · n TDP + c_weights · H b W/B + c_spread · K b W/B^0.35
///   + c_step · n TDP A^¼/√B + c_eight · [8-bit weights] · n TDP/√B + c_context · H A^0.7 · L/1000
/// ```
#[must_use]
pub fn steps(load: &Load) -> TokenJoules {
    let fit = &*FIT;
    let Load { active, bytes, batch, count, tdp_watts, gb_per_second, .. } = *load;
    let per_gb = tdp_watts / gb_per_second;
    let half_way = tdp_watts / (gb_per_second * REFERENCE_GB_PER_SECOND).sqrt();
    let weights = bytes * load.streamed();
    let all_watts = count * tdp_watts;
    let eight = if EIGHT_BIT.contains(&bytes) { fit.get("c_eight") } else { 0.0 };
    // What one token of an answer takes for each token before it: half of an answer's own, on average, and all of its prompt.
    let context = 2.0 * fit.get("c_context") * half_way * active.powf(0.7) / 1000.0;
    let step = fit.get("c_step") * active.powf(0.25) + eight;
    TokenJoules {
        input: prefill(load),
        output: fit.get("c_compute") * load.computing()
            + fit.get("c_device") * all_watts
            + fit.get("c_weights") * half_way * weights / batch
            + fit.get("c_spread") * per_gb * weights / batch.powf(0.35)
            + step * all_watts / batch.sqrt(),
        output_squared: 0.5 * context,
        context,
    }
}

/// The share of its full power over that of its full speed at which a board reads prompts.
pub(super) fn prefill_share() -> f64 {
    FIT.get("prefill")
}

/// Operations, in 10¹² per second, for each 10⁹ bytes per second, of a board whose peak is not known.
pub(super) fn tflops_per_gb() -> f64 {
    FIT.get("tflops_per_gb")
}

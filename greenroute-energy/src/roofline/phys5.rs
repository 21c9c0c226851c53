use super::load::{Load, TokenJoules};
use super::prefill;
use crate::coefficients::Coefficients;
use std::sync::LazyLock;

const TABLE: &str = include_str!("../../data/fit/phys5.csv");
static FIT: LazyLock<Coefficients> = LazyLock::new(|| Coefficients::read(TABLE));

pub(super) fn coefficients() -> &'static Coefficients {
    &FIT
}

/// The five-term fit of the accuracy study, frozen:
///
/// ```text
/// e = exp(g) · ( TDP/BW · (c_weights · b W/B + c_active · b A + c_gpu · n + c_ctx · L/1000 · √A) + c_moe_sync · [MoE, n > 1] · n TDP/B )
/// ```
///
/// with `L` tokens of output, so that the fourth term grows with the square of an answer. `device` is the usual name of
/// one of the fit's boards, `H100` or `B200`; for any other `g` is 0.
#[must_use]
pub fn phys5(load: &Load, device: &str) -> TokenJoules {
    let fit = &*FIT;
    let gain = fit.find(&format!("g_{device}")).unwrap_or(0.0).exp();
    let Load { active, bytes, batch, count, tdp_watts, gb_per_second, .. } = *load;
    let per_gb = tdp_watts / gb_per_second;
    let weights = fit.get("c_weights") * bytes * load.streamed() / batch;
    let shared = weights + fit.get("c_active") * bytes * active + fit.get("c_gpu") * count;
    let sync = if load.is_mixture() && count > 1.0 {
        fit.get("c_moe_sync") * count * tdp_watts / batch
    } else {
        0.0
    };
    TokenJoules {
        input: prefill(load),
        output: gain * (per_gb * shared + sync),
        output_squared: gain * per_gb * fit.get("c_ctx") * active.sqrt() / 1000.0,
        context: 0.0,
    }
}

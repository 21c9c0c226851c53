//! Against the five-term roofline as it was published.

use super::compare::{Comparison, Fault, field, number, text};
use greenroute_energy::Accelerator;
use greenroute_energy::roofline::{self, Load};
use serde_json::{Value, json};

/// A case without a kind: joules per output token of one deployment, as the frozen fit predicts them.
pub(crate) fn per_token(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let device = text(inputs, "gpu")?;
    let board = Accelerator::named(device).ok_or_else(|| format!("`{device}` is no known accelerator"))?;
    let load = Load {
        total: number(inputs, "total_b")?,
        active: number(inputs, "active_b")?,
        bytes: number(inputs, "bytes_per_weight")?,
        batch: number(inputs, "batch")?,
        count: number(inputs, "num_gpus")?,
        tdp_watts: board.tdp.ok_or("its power is not known")?.as_watts(),
        gb_per_second: board.gb_per_second.ok_or("its bandwidth is not known")?,
        half_tflops: board.half_tflops,
    };
    let is_mixture = field(inputs, "is_moe")?.as_bool().ok_or("`is_moe` is neither true nor false")?;
    if load.is_mixture() != is_mixture {
        return Err("`is_moe` contradicts the parameters".to_owned());
    }
    let tokens = number(inputs, "avg_output_tokens")?;
    let predicted = roofline::phys5(&load, board.name).answer(tokens) / tokens;
    comparison.tree(
        "",
        &json!({ "predicted_j_per_token": predicted }),
        &json!({
            "predicted_j_per_token": field(case, "predicted_j_per_token")?,
        }),
    );
    Ok(())
}

//! Estimators of others, as they are: no coefficient is fitted here.

use crate::runs::Run;

const J_PER_WH: f64 = 3600.0;

/// EcoLogits 0.11.3, ecologits/impacts/llm.py: Wh per token and GPU.
fn ecologits_per_gpu(run: &Run, batch: f64) -> f64 {
    1.166_527_317_045_191_4e-6 * (-0.011_205_921_025_579_175 * batch).exp() * run.active
        + 4.052_928_146_734_005e-5
}

fn ecologits_count(run: &Run) -> f64 {
    let memory = 1.2 * run.total * 16.0 / 8.0;
    (memory / 80.0).ceil().log2().ceil().exp2()
}

/// GreenInfer's tiers, in mWh per token: by billions of parameters.
fn tier(run: &Run, tiers: &[(f64, f64)], largest: f64) -> f64 {
    let found = tiers.iter().find(|(most, _)| run.total <= *most).map_or(largest, |(_, value)| *value);
    found / 1000.0 * J_PER_WH
}

/// Joules per output token by every estimator.
pub(crate) fn all(run: &Run) -> Vec<(&'static str, f64)> {
    let flops = 2e9 * run.active * 700.0 / 989e12;
    let full = run.count * run.tdp / run.tokens_per_second;
    let (own, batch) = (ecologits_count(run), run.batch);
    vec![
        ("EcoLogits 0.11.3 as shipped, GPU part", own * ecologits_per_gpu(run, 64.0) * J_PER_WH),
        ("EcoLogits, true batch", own * ecologits_per_gpu(run, batch) * J_PER_WH),
        ("EcoLogits, true batch and GPU count", run.count * ecologits_per_gpu(run, batch) * J_PER_WH),
        ("EcoLogits, one GPU", ecologits_per_gpu(run, 64.0) * J_PER_WH),
        ("FLOPs, 700 W / 989 TFLOP/s at 100 %", flops),
        ("FLOPs at 30 %", flops / 0.3),
        ("FLOPs at 5 %", flops / 0.05),
        ("GreenInfer docs", tier(run, &[(4.0, 0.04), (25.0, 0.18)], 0.95)),
        ("GreenInfer code", tier(run, &[(4.0, 0.0009), (25.0, 0.0038), (150.0, 0.048)], 0.12)),
        ("GreenRouting, 0.001 Wh x total per query", 0.001 * run.total * J_PER_WH / run.output),
        ("Altman, 0.34 Wh per query", 0.34 * J_PER_WH / run.output),
        ("n TDP x 100 % / throughput", full),
        ("n TDP x 70 % / throughput", 0.7 * full),
        ("n TDP x 50 % / throughput", 0.5 * full),
        ("n TDP x 70 % x ITL / batch", 0.7 * run.count * run.tdp * run.seconds_per_token / batch),
    ]
}

//! What the fitted methods see of a run. Written apart from the library, so that the two check each other.

use crate::runs::{PROMPT_HEAVY, Run};

/// Where the prompts are part of the formula, tokens of the answer that its blends are worked out at.
pub(crate) const USUAL_OUTPUT: f64 = 400.0;
const REFERENCE_BANDWIDTH: f64 = 3350.0;

/// A deployment in place of the run's own: what the formulas need beside the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Board {
    pub(crate) tdp: f64,
    pub(crate) bandwidth: f64,
    pub(crate) peak: f64,
    pub(crate) count: f64,
    pub(crate) batch: f64,
}

impl Board {
    pub(crate) fn of(run: &Run) -> Self {
        let Run { tdp, bandwidth, peak, count, batch, .. } = *run;
        Self { tdp, bandwidth, peak, count, batch }
    }

    /// What a blind guess assumes: 64 requests on as many H100 as hold 1.2 times the weights.
    pub(crate) fn blind(run: &Run, bytes: f64) -> Self {
        let count = (1.2 * run.total * bytes / 80.0).ceil().log2().ceil().exp2();
        Self { tdp: 700.0, bandwidth: 3350.0, peak: 989.0, count, batch: 64.0 }
    }
}

/// Parameters whose weights a step reads.
fn streamed(run: &Run, batch: f64) -> f64 {
    if run.moe() {
        let unused = (1.0 - run.active / run.total).powf(batch);
        run.active + (run.total - run.active) * (1.0 - unused)
    } else {
        run.total
    }
}

pub(crate) fn flag(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// The five terms of phys5.
pub(crate) fn phys5(run: &Run, board: Board) -> Vec<f64> {
    let Board { tdp, bandwidth, count, batch, .. } = board;
    let k = tdp / bandwidth;
    vec![
        k * run.bytes * streamed(run, batch) / batch,
        k * run.bytes * run.active,
        k * count,
        k * run.output / 1000.0 * run.active.sqrt(),
        flag(run.moe() && count > 1.0) * count * tdp / batch,
    ]
}

/// Joules of one token's operations at full speed and full power.
pub(crate) fn computing(run: &Run, board: Board) -> f64 {
    2e-3 * run.active * board.tdp / board.peak
}

/// The terms of the roofline, the last of them the prompt's.
pub(crate) fn roofline(run: &Run, board: Board) -> Vec<f64> {
    let Board { tdp, bandwidth, count, batch, .. } = board;
    let k = tdp / bandwidth;
    let h = tdp / (bandwidth * REFERENCE_BANDWIDTH).sqrt();
    let weights = run.bytes * streamed(run, batch);
    let watts = count * tdp;
    vec![
        computing(run, board),
        watts,
        h * weights / batch,
        k * weights / batch.powf(0.35),
        watts * run.active.powf(0.25) / batch.sqrt(),
        flag(run.fp8()) * watts / batch.sqrt(),
        h * run.active.powf(0.7) * run.output / 1000.0,
        flag(run.task == PROMPT_HEAVY) * computing(run, board) / run.output,
    ]
}

/// The names of the roofline's coefficients in the data file; the last is the prompt length of the prompt-heavy task
/// times `prefill`.
pub(crate) const ROOFLINE_NAMES: [&str; 8] =
    ["c_compute", "c_device", "c_weights", "c_spread", "c_step", "c_eight", "c_context", "(prompt)"];

/// Of the log-log fits: the model card, then what else is known.
pub(crate) fn card(run: &Run) -> Vec<f64> {
    vec![run.active.ln(), run.total.ln(), run.bytes.ln(), flag(run.mamba), run.output.ln()]
}

pub(crate) fn card_and_rhythm(run: &Run) -> Vec<f64> {
    let mut row = card(run);
    row.push(run.seconds_per_token.ln());
    row
}

pub(crate) fn deployed(run: &Run) -> Vec<f64> {
    let mut row = card(run);
    let (batch, count) = (run.batch.ln(), run.count.ln());
    row.extend([
        batch,
        batch * batch,
        flag(run.gpu == "B200"),
        count,
        streamed(run, run.batch).ln(),
        count * batch,
    ]);
    row
}

pub(crate) fn deployed_and_rhythm(run: &Run) -> Vec<f64> {
    let mut row = deployed(run);
    row.push(run.seconds_per_token.ln());
    row
}

/// All boards at full power, by the copy's tokens per second.
pub(crate) fn full_power(run: &Run) -> f64 {
    run.count * run.tdp / run.tokens_per_second
}

/// The same by the rhythm of one request among its batch.
pub(crate) fn full_power_by_rhythm(run: &Run) -> f64 {
    run.count * run.tdp * run.seconds_per_token / run.batch
}

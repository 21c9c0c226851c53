use super::steps::tflops_per_gb;

/// One copy of a model on its devices, under load: all that the formulas of this module know of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// All parameters, in 10⁹.
    pub total: f64,
    /// Parameters that one token uses, in 10⁹: fewer than all in a mixture of experts.
    pub active: f64,
    /// Bytes per parameter: 2 for bf16, 1 for fp8, 0.55 for mxfp4.
    pub bytes: f64,
    /// Requests that share a step.
    pub batch: f64,
    /// Devices that serve the copy.
    pub count: f64,
    /// Thermal design power of one device, in W.
    pub tdp_watts: f64,
    /// Bandwidth of the memory of one device, in 10⁹ bytes per second.
    pub gb_per_second: f64,
    /// Dense 16-bit operations of one device, in 10¹² per second; `None` where unknown, and then as many for each byte
    /// read as the fits' boards have.
    pub half_tflops: Option<f64>,
}

/// Joules of one call: `input · I + output · O + output_squared · O² + context · I · O`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenJoules {
    /// Per token of input that is read in full.
    pub input: f64,
    /// Per token of output.
    pub output: f64,
    /// Per token of output and token of output before it.
    pub output_squared: f64,
    /// Per token of output and token of input before it.
    pub context: f64,
}

impl Load {
    /// Whether it is a mixture of experts.
    #[must_use]
    pub fn is_mixture(&self) -> bool {
        self.active < self.total
    }

    /// Parameters, in 10⁹, whose weights one step reads. Dense: all. A mixture of experts: those that at least one of
    /// the batch uses, `W = A + (T − A) · (1 − (1 − A/T)^B)`, as if each token chose its experts by lot.
    #[must_use]
    pub fn streamed(&self) -> f64 {
        let Self { total, active, batch, .. } = *self;
        let unused = (1.0 - (active / total).min(1.0)).powf(batch);
        (total - active).mul_add(1.0 - unused, active)
    }

    /// What the operations of one token would take at full speed and full power, in J: `2 · 10⁹ A · TDP / peak`.
    #[must_use]
    pub fn computing(&self) -> f64 {
        let peak = self.half_tflops.unwrap_or_else(|| tflops_per_gb() * self.gb_per_second);
        2e-3 * self.active * self.tdp_watts / peak
    }
}

impl TokenJoules {
    /// An answer of so many tokens, without its prompt.
    #[must_use]
    pub fn answer(&self, tokens: f64) -> f64 {
        self.output_squared.mul_add(tokens, self.output) * tokens
    }

    pub(crate) fn is_sound(&self) -> bool {
        let Self { input, output, output_squared, context } = *self;
        [input, output, output_squared, context].iter().all(|joules| joules.is_finite() && *joules >= 0.0)
            && output > 0.0
    }
}

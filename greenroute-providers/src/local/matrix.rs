//! Matrices of weights, and the products with them.

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Result, Tensor};
use std::sync::Arc;

/// A matrix to multiply with, `[rows, columns]`, kept in the precision that it came in.
#[derive(Debug, Clone)]
pub(super) struct Linear(QMatMul);

impl Linear {
    /// One of 32-bit floats.
    pub(super) fn floats(weights: Tensor) -> Self {
        Self(QMatMul::Tensor(weights))
    }

    /// One that is kept as it is stored; half floats become whole ones.
    pub(super) fn stored(weights: QTensor) -> Result<Self> {
        // Named by hand because candle's own choice here depends on environment variables.
        Ok(Self(match weights.dtype() {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => {
                QMatMul::Tensor(weights.dequantize(&Device::Cpu)?)
            }
            _ => QMatMul::QTensor(Arc::new(weights)),
        }))
    }

    /// `x · Wᵀ` over the last dimension of `x`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.forward(x)
    }

    /// Its rows `ids`, the only ones that are turned into floats.
    pub(super) fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        self.0.embedding(&Tensor::new(ids, &Device::Cpu)?)
    }
}

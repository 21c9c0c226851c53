//! The parts of a layer.

use super::config::Config;
use super::names::{Names, Part, Tower};
use super::relative::Relative;
use crate::local::fault::FileFault;
use crate::local::matrix::Linear;
use crate::local::ops::{gelu_gate, rms_norm};
use crate::local::weights::{Precision, Tensors, linear, table, vector};
use candle_core::{Device, Error, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

type Result<T, E = Error> = std::result::Result<T, E>;

/// What loading a layer takes.
pub(super) struct Loader<'a, T> {
    pub(super) source: &'a mut T,
    pub(super) names: Names,
    pub(super) precision: Precision,
    pub(super) config: &'a Config,
}

impl<T: Tensors> Loader<'_, T> {
    pub(super) fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Linear, FileFault> {
        linear(self.source, self.precision, name, rows, columns)
    }

    pub(super) fn norm(&mut self, name: &str) -> Result<Tensor, FileFault> {
        vector(self.source, name, self.config.width())
    }

    /// Matrices of an attention that have the same input, one below the other.
    pub(super) fn attention(
        &mut self,
        tower: Tower,
        layer: usize,
        part: Part,
        which: &[&str],
    ) -> Result<Linear, FileFault> {
        let (inner, width) = (self.config.inner(), self.config.width());
        let name = |which: &&str| self.names.attention(tower, layer, part, which);
        let names: Vec<String> = which.iter().map(name).collect();
        let parts: Result<Vec<Linear>, FileFault> =
            names.iter().map(|name| self.matrix(name, inner, width)).collect();
        Ok(Linear::stacked(&parts?)?)
    }

    /// The biases of a layer, which the layers after it share unless they bring their own.
    pub(super) fn relative(
        &mut self,
        tower: Tower,
        layer: usize,
        before: Option<&Arc<Relative>>,
    ) -> Result<Arc<Relative>, FileFault> {
        let name = self.names.relative(tower, layer);
        if let (Some(before), None) = (before, self.source.tensor(&name)) {
            return Ok(Arc::clone(before));
        }
        let weights = table(self.source, &name, &[self.config.buckets, self.config.heads])?;
        let relative = match before {
            Some(before) => before.with(&weights)?,
            None => Relative::new(&weights, self.config.max_distance, tower == Tower::Encoder)?,
        };
        Ok(Arc::new(relative))
    }
}

/// What reads with it: queries, and where the layer looks at itself its keys and values too.
#[derive(Debug)]
pub(super) struct Attention {
    norm: Tensor,
    inputs: Linear,
    output: Linear,
    heads: usize,
    head_dim: usize,
    epsilon: f32,
}

impl Attention {
    pub(super) fn load<T: Tensors>(
        loader: &mut Loader<'_, T>,
        tower: Tower,
        layer: usize,
        part: Part,
    ) -> Result<Self, FileFault> {
        let inputs: &[&str] = if part == Part::Cross { &["q"] } else { &["q", "k", "v"] };
        let inputs = loader.attention(tower, layer, part, inputs)?;
        let (names, config) = (loader.names, loader.config);
        let output = names.attention(tower, layer, part, "o");
        Ok(Self {
            inputs,
            output: loader.matrix(&output, config.width(), config.inner())?,
            norm: loader.norm(&names.norm(tower, layer, part))?,
            heads: config.heads,
            head_dim: config.head_dim,
            epsilon: config.epsilon,
        })
    }

    /// Queries, keys and values of the tokens of `x`, side by side.
    pub(super) fn inputs(&self, x: &Tensor) -> Result<Tensor> {
        self.inputs.forward(&rms_norm(x, &self.norm, self.epsilon)?)
    }

    pub(super) fn output(&self, mixed: &Tensor) -> Result<Tensor> {
        self.output.forward(mixed)
    }

    /// Rows `from` to `from + count` of one of the parts that lie side by side, as `[heads, count, head_dim]`.
    pub(super) fn heads(&self, x: &Tensor, part: usize, from: usize, count: usize) -> Result<Tensor> {
        let inner = self.heads * self.head_dim;
        let rows = x.narrow(0, from, count)?.narrow(1, part * inner, inner)?.contiguous()?;
        rows.reshape((count, self.heads, self.head_dim))?.transpose(0, 1)?.contiguous()
    }

    /// What `queries` find among `keys`: `[heads, T, head_dim]` to `[T, inner]`, without any scaling: T5's weights
    /// began small enough to do without.
    pub(super) fn mix(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        softmax: impl Fn(&Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let scores = queries.matmul(&keys.transpose(1, 2)?)?;
        softmax(&scores)?;
        let mixed = scores.matmul(values)?;
        let count = mixed.dim(1)?;
        mixed.transpose(0, 1)?.contiguous()?.reshape((count, self.heads * self.head_dim))
    }

    /// Of one query per request, given by row of `inputs`, what each finds: `look` attends for a row, given its
    /// queries and the rest of the row, into the row's place.
    pub(super) fn each<M: Send>(
        &self,
        inputs: &Tensor,
        memories: &mut [&mut M],
        look: impl Fn(&mut M, &[f32], &[f32], &mut [f32]) + Sync,
    ) -> Result<Tensor> {
        let (rows, columns) = inputs.dims2()?;
        let inner = self.heads * self.head_dim;
        let inputs: Vec<f32> = inputs.flatten_all()?.to_vec1()?;
        let mut mixed = vec![0.0; rows * inner];
        let rows_of = inputs.par_chunks_exact(columns).zip(mixed.par_chunks_exact_mut(inner));
        rows_of.zip(memories).for_each(|((inputs, mixed), memory)| {
            let (queries, rest) = inputs.split_at(inner);
            look(memory, queries, rest, mixed);
        });
        Tensor::from_vec(mixed, (rows, inner), &Device::Cpu)
    }
}

#[derive(Debug)]
pub(super) struct FeedForward {
    norm: Tensor,
    /// Where the layer is gated, the gates and what they let through.
    up: Linear,
    gated: bool,
    down: Linear,
    epsilon: f32,
}

impl FeedForward {
    pub(super) fn load<T: Tensors>(
        loader: &mut Loader<'_, T>,
        tower: Tower,
        layer: usize,
    ) -> Result<Self, FileFault> {
        let (names, config) = (loader.names, loader.config);
        let (width, inner, gated) = (config.width(), config.feed_forward, config.gated);
        let mut matrix = |wi: &str, ffn: &str, rows, columns| {
            loader.matrix(&names.feed_forward(tower, layer, wi, ffn), rows, columns)
        };
        let up = if gated {
            Linear::stacked(&[matrix("wi_0", "gate", inner, width)?, matrix("wi_1", "up", inner, width)?])?
        } else {
            matrix("wi", "up", inner, width)?
        };
        let down = matrix("wo", "down", width, inner)?;
        let norm = loader.norm(&names.norm(tower, layer, Part::FeedForward))?;
        Ok(Self { norm, up, gated, down, epsilon: config.epsilon })
    }

    /// `x` with what this adds to it.
    pub(super) fn add(&self, x: &Tensor) -> Result<Tensor> {
        let up = self.up.forward(&rms_norm(x, &self.norm, self.epsilon)?)?;
        let inner = if self.gated { gelu_gate(&up)? } else { up.relu()? };
        x + self.down.forward(&inner)?
    }
}

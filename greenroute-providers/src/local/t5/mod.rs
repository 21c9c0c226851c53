//! T5, after Raffel et al., "Exploring the Limits of Transfer Learning", 2020 (arXiv 1910.10683): the first
//! version, with ReLU and the embedding as its head, and version 1.1 with gated gelu and a head of its own, which
//! Flan-T5 is (Chung et al., 2022, arXiv 2210.11416).
//!
//! An encoder reads the prompt at once, a decoder writes the answer token by token. Weights are shared and never
//! change; what a request remembers is its own [`T5Memory`]. Several requests go through every matrix together,
//! one row per token, and attend each within itself: nothing is padded, so there is nothing to mask.

mod config;
#[cfg(test)]
mod hostile;
mod layers;
mod names;
mod open;
mod relative;
#[cfg(test)]
mod tests;

pub(super) use open::{folder, open_folder, open_gguf};

use super::cache::LayerCache;
use super::fault::FileFault;
use super::gguf::Gguf;
use super::json::Settings;
use super::kernel::attend;
use super::matrix::Linear;
use super::ops::rms_norm;
use super::weights::{Precision, Tensors};
use candle_core::{Error, Tensor, bail};
use config::Config;
use layers::{Attention, FeedForward, Loader};
use names::{Names, Part, Tower};
use relative::Relative;
use std::sync::Arc;

type Result<T, E = Error> = std::result::Result<T, E>;

/// How many queries of a prompt attend at once: their scores take memory by this times the prompt's length.
const BLOCK: usize = 128;

/// The weights of one T5.
#[derive(Debug)]
pub(super) struct T5 {
    config: Config,
    embedding: Linear,
    encoder: Vec<EncoderLayer>,
    encoder_norm: Tensor,
    decoder: Vec<DecoderLayer>,
    decoder_norm: Tensor,
    head: Linear,
    /// What states are multiplied with before the head.
    scale: f64,
    /// How many tokens have a text; rows of the head after them are filling.
    known: usize,
}

#[derive(Debug)]
struct EncoderLayer {
    attention: Attention,
    relative: Arc<Relative>,
    feed_forward: FeedForward,
}

#[derive(Debug)]
struct DecoderLayer {
    own: Attention,
    relative: Arc<Relative>,
    cross: Attention,
    /// Keys and values of the prompt.
    prompt: Linear,
    feed_forward: FeedForward,
}

/// What is remembered of one request: its prompt as the decoder sees it, and the decoder's own tokens.
#[derive(Debug)]
pub(super) struct T5Memory {
    layers: Vec<LayerMemory>,
    position: usize,
    /// By head, of the keys up to this position: what the layers last added to their scores.
    biases: Vec<f32>,
}

#[derive(Debug)]
struct LayerMemory {
    own: LayerCache,
    /// Of the prompt, by head, by position, by dimension.
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl T5 {
    /// The weights in a GGUF file, of whose vocabulary `known` tokens have a text.
    pub(super) fn from_gguf(file: &mut Gguf, precision: Precision, known: usize) -> Result<Self, FileFault> {
        let config = Config::from_gguf(file)?;
        Self::load(file, Names::LlamaCpp, precision, config, known)
    }

    /// The weights of a folder with these settings.
    pub(super) fn from_settings(
        settings: &Settings,
        source: &mut impl Tensors,
        precision: Precision,
        known: usize,
    ) -> Result<Self, FileFault> {
        let config = Config::from_settings(settings)?;
        Self::load(source, Names::Transformers, precision, config, known)
    }

    fn load(
        source: &mut impl Tensors,
        names: Names,
        precision: Precision,
        config: Config,
        known: usize,
    ) -> Result<Self, FileFault> {
        if known > config.vocabulary {
            let key = if names == Names::Transformers { "vocab_size" } else { "tokenizer.ggml.tokens" };
            let allowed = "such that every token has a row of weights";
            return Err(FileFault::WrongValue { key: key.to_owned(), allowed });
        }
        let found = |name: &&&str| source.tensor(name).is_some();
        let embedding = names.embeddings().iter().find(found).or(names.embeddings().first());
        let embedding = embedding.copied().unwrap_or_default();
        let own_head = source.tensor(names.head()).is_some()
            && (source.bytes(names.head())? != source.bytes(embedding).unwrap_or_default());
        let mut loader = Loader { source, names, precision, config: &config };
        // The largest come first: while they are copied, nothing else is held yet.
        let embedding = loader.matrix(embedding, config.vocabulary, config.width())?;
        let head = if own_head {
            loader.matrix(names.head(), config.vocabulary, config.width())?
        } else {
            embedding.clone()
        };
        let (mut encoder, mut decoder) = (Vec::new(), Vec::new());
        let (tower, mut relative) = (Tower::Encoder, None);
        for layer in 0..config.encoder_layers {
            let biases = loader.relative(tower, layer, relative.as_ref())?;
            relative = Some(Arc::clone(&biases));
            encoder.push(EncoderLayer {
                attention: Attention::load(&mut loader, tower, layer, Part::Own)?,
                relative: biases,
                feed_forward: FeedForward::load(&mut loader, tower, layer)?,
            });
        }
        let (tower, mut relative) = (Tower::Decoder, None);
        for layer in 0..config.decoder_layers {
            let biases = loader.relative(tower, layer, relative.as_ref())?;
            relative = Some(Arc::clone(&biases));
            decoder.push(DecoderLayer {
                own: Attention::load(&mut loader, tower, layer, Part::Own)?,
                relative: biases,
                cross: Attention::load(&mut loader, tower, layer, Part::Cross)?,
                prompt: loader.attention(tower, layer, Part::Cross, &["k", "v"])?,
                feed_forward: FeedForward::load(&mut loader, tower, layer)?,
            });
        }
        let encoder_norm = loader.norm(&names.last_norm(Tower::Encoder))?;
        let decoder_norm = loader.norm(&names.last_norm(Tower::Decoder))?;
        let scaled = config.scaled.unwrap_or(!own_head);
        let scale = if scaled { f64::from(config.width).sqrt().recip() } else { 1.0 };
        let known = known.min(config.vocabulary);
        Ok(Self { config, embedding, encoder, encoder_norm, decoder, decoder_norm, head, scale, known })
    }

    /// The most tokens that a prompt and its answer may have together: twice what T5 was trained on, since each of
    /// the two had that length there. Distances are relative and the farthest share a bucket, so nothing breaks
    /// beyond it; answers only get worse.
    pub(super) fn context(&self) -> usize {
        2 * self.config.trained
    }

    /// What the decoder reads first.
    pub(super) fn decoder_start(&self) -> u32 {
        self.config.start
    }

    /// Reads whole prompts, of unequal lengths, together.
    pub(super) fn encode(&self, prompts: &[&[u32]]) -> Result<Vec<T5Memory>> {
        if prompts.iter().any(|prompt| prompt.is_empty()) {
            bail!("there must be tokens to read");
        }
        if prompts.is_empty() {
            return Ok(Vec::new());
        }
        let mut x = self.embedding.rows(&prompts.concat())?;
        for layer in &self.encoder {
            let inputs = layer.attention.inputs(&x)?;
            let (mut mixed, mut first) = (Vec::new(), 0);
            for count in prompts.iter().map(|prompt| prompt.len()) {
                let [keys, values] = [1, 2].map(|part| layer.attention.heads(&inputs, part, first, count));
                let (keys, values) = (keys?, values?);
                for from in (0..count).step_by(BLOCK) {
                    let block = BLOCK.min(count - from);
                    let queries = layer.attention.heads(&inputs, 0, first + from, block)?;
                    let softmax = |scores: &Tensor| layer.relative.softmax(scores, from);
                    mixed.push(layer.attention.mix(&queries, &keys, &values, softmax)?);
                }
                first += count;
            }
            x = (x + layer.attention.output(&Tensor::cat(&mixed, 0)?)?)?;
            x = layer.feed_forward.add(&x)?;
        }
        self.memories(&rms_norm(&x, &self.encoder_norm, self.config.epsilon)?, prompts)
    }

    fn memories(&self, encoded: &Tensor, prompts: &[&[u32]]) -> Result<Vec<T5Memory>> {
        let empty =
            || T5Memory { layers: Vec::with_capacity(self.decoder.len()), position: 0, biases: Vec::new() };
        let mut memories: Vec<T5Memory> = prompts.iter().map(|_| empty()).collect();
        let (heads, dim) = (self.config.heads, self.config.head_dim);
        for layer in &self.decoder {
            let both = layer.prompt.forward(encoded)?;
            let mut first = 0;
            for (memory, prompt) in memories.iter_mut().zip(prompts) {
                let part =
                    |part| layer.cross.heads(&both, part, first, prompt.len())?.flatten_all()?.to_vec1();
                memory.layers.push(LayerMemory {
                    own: LayerCache::new(heads, dim, usize::MAX),
                    keys: part(0)?,
                    values: part(1)?,
                });
                first += prompt.len();
            }
        }
        Ok(memories)
    }

    /// One more decoder token of each of several requests, which may stand at different positions; their states,
    /// `[B, width]`. After an error the memories are of no more use.
    pub(super) fn step(&self, tokens: &[u32], memories: &mut [&mut T5Memory]) -> Result<Tensor> {
        if tokens.is_empty() || tokens.len() != memories.len() {
            bail!("{} tokens cannot go to {} requests", tokens.len(), memories.len());
        }
        if memories.iter().any(|memory| memory.layers.len() != self.decoder.len()) {
            bail!("a memory of another model");
        }
        let mut x = self.embedding.rows(tokens)?;
        let dim = self.config.head_dim;
        let inner = self.config.inner();
        let mut before: Option<&Arc<Relative>> = None;
        for (index, layer) in self.decoder.iter().enumerate() {
            // Layers share their biases as a rule.
            let anew = before.is_none_or(|before| !Arc::ptr_eq(before, &layer.relative));
            before = Some(&layer.relative);
            let own = |memory: &mut T5Memory, queries: &[f32], rest: &[f32], out: &mut [f32]| {
                if anew {
                    memory.biases = layer.relative.seen_from(memory.position);
                }
                let Some(LayerMemory { own, .. }) = memory.layers.get_mut(index) else { return };
                let (keys, values) = rest.split_at(inner);
                own.append(keys, values);
                let biases = memory.biases.chunks_exact(memory.position + 1);
                let heads = queries.chunks_exact(dim).zip(own.heads()).zip(biases);
                for (((query, (keys, values)), biases), out) in heads.zip(out.chunks_exact_mut(dim)) {
                    attend(query, keys, values, biases, dim, out);
                }
            };
            x = (&x + layer.own.output(&layer.own.each(&layer.own.inputs(&x)?, memories, own)?)?)?;
            let cross = |memory: &mut T5Memory, queries: &[f32], _: &[f32], out: &mut [f32]| {
                let Some(LayerMemory { keys, values, .. }) = memory.layers.get(index) else { return };
                let head = keys.len() / (inner / dim);
                let pairs = keys.chunks_exact(head).zip(values.chunks_exact(head));
                let heads = queries.chunks_exact(dim).zip(pairs);
                for ((query, (keys, values)), out) in heads.zip(out.chunks_exact_mut(dim)) {
                    attend(query, keys, values, &[], dim, out);
                }
            };
            x = (&x
                + layer.cross.output(&layer.cross.each(&layer.cross.inputs(&x)?, memories, cross)?)?)?;
            x = layer.feed_forward.add(&x)?;
        }
        memories.iter_mut().for_each(|memory| memory.position += 1);
        Ok(x)
    }

    /// The logits of the tokens after these states, `[B, tokens that have a text]`.
    pub(super) fn logits(&self, states: &Tensor) -> Result<Tensor> {
        let normed = rms_norm(states, &self.decoder_norm, self.config.epsilon)?;
        let logits = self.head.forward(&(normed * self.scale)?)?;
        logits.narrow(1, 0, self.known)?.contiguous()
    }
}

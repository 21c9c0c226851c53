//! Gemma 3, after Gemma Team, "Gemma 3 Technical Report", 2025 (arXiv 2503.19786), as llama.cpp reads its GGUF.
//!
//! Layers attend to a window of recent tokens, every sixth to all; local and global layers turn by different
//! base frequencies. Weights are shared and never change; what a request remembers is its own [`LayerCache`]s.

use super::Precision;
use super::cache::LayerCache;
use super::fault::FileFault;
use super::gguf::Gguf;
use super::matrix::Linear;
use super::ops::{Causal, Rotation, causal_softmax, gelu_gate, narrow, rms_norm};
use super::weights::{linear, vector};
use candle_core::{Error, Tensor};

type Result<T, E = Error> = std::result::Result<T, E>;

/// The shape of a model, from the metadata of its file.
#[derive(Debug)]
struct Config {
    context: usize,
    width: u16,
    layers: usize,
    feed_forward: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: u16,
    epsilon: f32,
    window: usize,
    /// Every how many layers one sees everything.
    period: usize,
    local_base: f64,
    global_base: f64,
    global_scale: f64,
    query_factor: f32,
}

impl Config {
    fn read(gguf: &Gguf) -> Result<Self, FileFault> {
        let key = |name: &str| format!("gemma3.{name}");
        let whole = |name: &str, most: u64, default: Option<u64>| {
            let found = gguf.whole(&key(name))?.or(default).ok_or_else(|| FileFault::Missing(key(name)))?;
            let wrong =
                FileFault::WrongValue { key: key(name), allowed: "at least 1 and not absurdly large" };
            if (1..=most).contains(&found) { Ok(found) } else { Err(wrong) }
        };
        let size = |name: &str, most, default| whole(name, most, default).map(saturate);
        let number = |name: &str, range: std::ops::RangeInclusive<f64>, default: Option<f64>| {
            let found = gguf.number(&key(name))?.or(default).ok_or_else(|| FileFault::Missing(key(name)))?;
            let wrong = FileFault::WrongValue { key: key(name), allowed: "positive and not absurdly large" };
            if range.contains(&found) { Ok(found) } else { Err(wrong) }
        };
        let even = |name: &str| match u16::try_from(whole(name, u64::from(u16::MAX), None)?) {
            Ok(found) if found % 2 == 0 => Ok(found),
            _ => Err(FileFault::WrongValue { key: key(name), allowed: "even" }),
        };
        let heads = whole("attention.head_count", 1024, None)?;
        let head_dim = even("attention.key_length")?;
        if whole("attention.value_length", u64::MAX, None)? != u64::from(head_dim) {
            return Err(FileFault::WrongValue {
                key: key("attention.value_length"),
                allowed: "the key_length",
            });
        }
        let kv_heads = size("attention.head_count_kv", heads, Some(heads))?;
        let heads = saturate(heads);
        if !heads.is_multiple_of(kv_heads) {
            return Err(FileFault::WrongValue {
                key: key("attention.head_count_kv"),
                allowed: "a divisor of head_count",
            });
        }
        if gguf.number(&key("final_logit_softcapping"))?.is_some_and(|cap| cap != 0.0) {
            return Err(FileFault::WrongValue {
                key: key("final_logit_softcapping"),
                allowed: "absent or 0",
            });
        }
        let width = even("embedding_length")?;
        let layers = size("block_count", 512, None)?;
        // The 27B model alone scales its queries by the width of a head's share of the model.
        let share = f64::from(width) / f64::from(u32::try_from(heads).unwrap_or(u32::MAX));
        let scaled_by = if layers == 62 { share } else { f64::from(head_dim) };
        Ok(Self {
            context: size("context_length", 1 << 24, None)?,
            width,
            layers,
            feed_forward: size("feed_forward_length", 1 << 20, None)?,
            heads,
            kv_heads,
            head_dim,
            epsilon: narrow(number("attention.layer_norm_rms_epsilon", 1e-12..=1.0, None)?),
            window: size("attention.sliding_window", 1 << 24, None)?,
            period: size("attention.sliding_window_pattern", 512, Some(6))?,
            local_base: number("rope.freq_base_swa", 1.0..=1e12, Some(10_000.0))?,
            global_base: number("rope.freq_base", 1.0..=1e12, Some(10_000.0))?,
            global_scale: 1.0 / number("rope.scaling.factor", 1e-3..=1e6, Some(1.0))?,
            query_factor: narrow(scaled_by.sqrt().recip()),
        })
    }
}

fn saturate(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[derive(Debug)]
struct Layer {
    attention_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    query_norm: Tensor,
    key_norm: Tensor,
    output: Linear,
    post_attention_norm: Tensor,
    feed_forward_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
    post_feed_forward_norm: Tensor,
    /// Whether it sees everything, not only the window.
    global: bool,
}

/// The weights of one Gemma 3 model.
#[derive(Debug)]
pub(super) struct Gemma {
    config: Config,
    embedding: Linear,
    layers: Vec<Layer>,
    output_norm: Tensor,
    output: Linear,
}

/// What a model remembers of one request.
#[derive(Debug)]
pub(super) struct GemmaMemory {
    caches: Vec<LayerCache>,
    position: usize,
}

/// The rotations of the positions that are being read, for both kinds of layer.
struct Rotations {
    local: Rotation,
    global: Rotation,
}

impl Gemma {
    /// The weights in a file whose vocabulary has `vocabulary` entries.
    pub(super) fn load(gguf: &mut Gguf, precision: Precision, vocabulary: usize) -> Result<Self, FileFault> {
        let config = Config::read(gguf)?;
        let width = usize::from(config.width);
        // The largest comes first: while it is copied, nothing else is held yet.
        let embedding = linear(gguf, precision, "token_embd.weight", vocabulary, width)?;
        let output = match gguf.tensor("output.weight") {
            Some(_) => linear(gguf, precision, "output.weight", vocabulary, width)?,
            None => embedding.clone(),
        };
        let layers = (0..config.layers)
            .map(|index| Layer::load(gguf, precision, &config, index))
            .collect::<Result<_, _>>()?;
        let output_norm = vector(gguf, "output_norm.weight", width)?;
        Ok(Self { config, embedding, layers, output_norm, output })
    }

    /// The most tokens that a prompt and its answer may have together.
    pub(super) fn context(&self) -> usize {
        self.config.context
    }

    /// The memory of a request of which nothing was read.
    pub(super) fn begin(&self) -> GemmaMemory {
        let window = |layer: &Layer| if layer.global { usize::MAX } else { self.config.window };
        let caches = self.layers.iter().map(|layer| LayerCache::new(window(layer))).collect();
        GemmaMemory { caches, position: 0 }
    }

    /// Reads more of one request's tokens; gives the last one's state, `[1, width]`.
    pub(super) fn read(&self, tokens: &[u32], memory: &mut GemmaMemory) -> Result<Tensor> {
        let config = &self.config;
        let mut x = (self.embedding.rows(tokens)? * f64::from(config.width).sqrt())?;
        let position = memory.position;
        let first = u32::try_from(position).unwrap_or(u32::MAX);
        let count = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        let rotations = Rotations {
            local: Rotation::new(first, count, config.head_dim, config.local_base, 1.0),
            global: Rotation::new(first, count, config.head_dim, config.global_base, config.global_scale),
        };
        for (layer, cache) in self.layers.iter().zip(&mut memory.caches) {
            x = layer.forward(&x, config, &rotations, position, cache)?;
        }
        memory.position += tokens.len();
        x.narrow(0, tokens.len().saturating_sub(1), 1)
    }

    /// One more token of each of several requests: states `[B, width]`.
    pub(super) fn step(&self, tokens: &[u32], memories: &mut [&mut GemmaMemory]) -> Result<Tensor> {
        let states: Result<Vec<Tensor>> =
            tokens.iter().zip(memories).map(|(token, memory)| self.read(&[*token], memory)).collect();
        Tensor::cat(&states?, 0)
    }

    /// The logits of the tokens after these states, `[B, vocabulary]`.
    pub(super) fn logits(&self, states: &Tensor) -> Result<Tensor> {
        self.output.forward(&rms_norm(states, &self.output_norm, self.config.epsilon)?)
    }
}

impl Layer {
    fn load(gguf: &mut Gguf, precision: Precision, config: &Config, index: usize) -> Result<Self, FileFault> {
        let width = usize::from(config.width);
        let head_dim = usize::from(config.head_dim);
        let (queries, keys) = (config.heads * head_dim, config.kv_heads * head_dim);
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let mut norm = |part: &str, len| vector(gguf, &name(part), len);
        let attention_norm = norm("attn_norm", width)?;
        let query_norm = norm("attn_q_norm", head_dim)?;
        let key_norm = norm("attn_k_norm", head_dim)?;
        let post_attention_norm = norm("post_attention_norm", width)?;
        let feed_forward_norm = norm("ffn_norm", width)?;
        let post_feed_forward_norm = norm("post_ffw_norm", width)?;
        let mut matrix = |part: &str, rows, columns| linear(gguf, precision, &name(part), rows, columns);
        Ok(Self {
            query: matrix("attn_q", queries, width)?,
            key: matrix("attn_k", keys, width)?,
            value: matrix("attn_v", keys, width)?,
            output: matrix("attn_output", width, queries)?,
            gate: matrix("ffn_gate", config.feed_forward, width)?,
            up: matrix("ffn_up", config.feed_forward, width)?,
            down: matrix("ffn_down", width, config.feed_forward)?,
            attention_norm,
            query_norm,
            key_norm,
            post_attention_norm,
            feed_forward_norm,
            post_feed_forward_norm,
            global: index % config.period == config.period - 1,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        config: &Config,
        rotations: &Rotations,
        position: usize,
        cache: &mut LayerCache,
    ) -> Result<Tensor> {
        let epsilon = config.epsilon;
        let normed = rms_norm(x, &self.attention_norm, epsilon)?;
        let attended = self.attend(&normed, config, rotations, position, cache)?;
        let x = (x + rms_norm(&attended, &self.post_attention_norm, epsilon)?)?;
        let normed = rms_norm(&x, &self.feed_forward_norm, epsilon)?;
        let gated = gelu_gate(&self.gate.forward(&normed)?, &self.up.forward(&normed)?)?;
        let fed = self.down.forward(&gated)?;
        &x + rms_norm(&fed, &self.post_feed_forward_norm, epsilon)?
    }

    fn attend(
        &self,
        x: &Tensor,
        config: &Config,
        rotations: &Rotations,
        position: usize,
        cache: &mut LayerCache,
    ) -> Result<Tensor> {
        let (tokens, _) = x.dims2()?;
        let (heads, kv_heads, head_dim) = (config.heads, config.kv_heads, usize::from(config.head_dim));
        let rotation = if self.global { &rotations.global } else { &rotations.local };
        let epsilon = config.epsilon;
        let queries =
            rotation.heads(&self.query.forward(x)?, &self.query_norm, epsilon, config.query_factor)?;
        let keys = rotation.heads(&self.key.forward(x)?, &self.key_norm, epsilon, 1.0)?;
        let values = self.value.forward(x)?.reshape((tokens, kv_heads, head_dim))?;
        let seen = cache.append(&keys, &values.transpose(0, 1)?.contiguous()?)?;
        // Heads that share keys lie one after another, so they are more rows of one product.
        let queries = queries.reshape((kv_heads, heads / kv_heads * tokens, head_dim))?;
        let scores = queries.matmul(&seen.keys.transpose(1, 2)?)?;
        let window = if self.global { usize::MAX } else { config.window };
        causal_softmax(&scores, Causal { queries: tokens, query: position, key: seen.first, window })?;
        let mixed = scores.matmul(&seen.values)?.reshape((heads, tokens, head_dim))?;
        let mixed = mixed.transpose(0, 1)?.contiguous()?.reshape((tokens, heads * head_dim))?;
        self.output.forward(&mixed)
    }
}

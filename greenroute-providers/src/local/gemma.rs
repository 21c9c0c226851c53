//! Gemma 3, after Gemma Team, "Gemma 3 Technical Report", 2025 (arXiv 2503.19786), as llama.cpp reads its GGUF.
//!
//! Layers attend to a window of recent tokens, every sixth to all; local and global layers turn by different
//! base frequencies. Weights are shared and never change; what a request remembers is its own [`GemmaMemory`].

use super::Precision;
use super::cache::LayerCache;
use super::fault::FileFault;
use super::gguf::Gguf;
use super::kernel::attend;
use super::matrix::Linear;
use super::ops::{Causal, add_normed, causal_softmax, gelu_gate, narrow, rms_norm};
use super::rotation::{HeadNorm, Rotation, Speeds, turn};
use super::weights::{Tensors, linear, vector};
use candle_core::{Device, Error, Tensor, bail};
use rayon::prelude::*;

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
    local: Speeds,
    global: Speeds,
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
            local: Speeds::new(head_dim, number("rope.freq_base_swa", 1.0..=1e12, Some(10_000.0))?, 1.0),
            global: Speeds::new(
                head_dim,
                number("rope.freq_base", 1.0..=1e12, Some(10_000.0))?,
                1.0 / number("rope.scaling.factor", 1e-3..=1e6, Some(1.0))?,
            ),
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
    /// Queries, keys and values.
    inputs: Linear,
    query_norm: Vec<f32>,
    key_norm: Vec<f32>,
    output: Linear,
    post_attention_norm: Tensor,
    feed_forward_norm: Tensor,
    gates_and_ups: Linear,
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

/// The rotations of the positions that are being read, for both kinds of layer.
struct Rotations {
    local: Rotation,
    global: Rotation,
}

impl Rotations {
    fn new<P: Iterator<Item = usize>>(config: &Config, positions: impl Fn() -> P) -> Self {
        Self { local: config.local.at(positions()), global: config.global.at(positions()) }
    }
}

/// Queries, keys and values of some tokens of one request, each by head, by token, by dimension.
struct Heads {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
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

    /// The memory of a request that has read nothing yet.
    pub(super) fn begin(&self) -> GemmaMemory {
        let Config { kv_heads, head_dim, window, .. } = self.config;
        let window = |layer: &Layer| if layer.global { usize::MAX } else { window };
        let cache = |layer| LayerCache::new(kv_heads, usize::from(head_dim), window(layer));
        GemmaMemory { caches: self.layers.iter().map(cache).collect(), position: 0 }
    }

    /// Reads more of one request's tokens, in order; gives the last one's state, `[1, width]`.
    pub(super) fn read(&self, tokens: &[u32], memory: &mut GemmaMemory) -> Result<Tensor> {
        if tokens.len() == 1 {
            return self.step(tokens, &mut [memory]);
        }
        let config = &self.config;
        let mut x = self.embed(tokens)?;
        let position = memory.position;
        let rotations = Rotations::new(config, || (0..tokens.len()).map(|index| position + index));
        for (layer, cache) in self.layers.iter().zip(&mut memory.caches) {
            x = layer.forward(&x, config, |x| layer.read(x, config, &rotations, position, cache))?;
        }
        memory.position += tokens.len();
        x.narrow(0, tokens.len().saturating_sub(1), 1)
    }

    /// Reads one more token of each of several requests, which may stand at different positions; gives their
    /// states, `[requests, width]`. Each is what it would be alone.
    pub(super) fn step(&self, tokens: &[u32], memories: &mut [&mut GemmaMemory]) -> Result<Tensor> {
        if tokens.len() != memories.len() {
            bail!("{} tokens are not one for each of {} requests", tokens.len(), memories.len());
        }
        let config = &self.config;
        let mut x = self.embed(tokens)?;
        let rotations = Rotations::new(config, || memories.iter().map(|memory| memory.position));
        for (index, layer) in self.layers.iter().enumerate() {
            let mut caches: Vec<_> =
                memories.iter_mut().filter_map(|memory| memory.caches.get_mut(index)).collect();
            x = layer.forward(&x, config, |x| layer.step(x, config, &rotations, &mut caches))?;
        }
        memories.iter_mut().for_each(|memory| memory.position += 1);
        Ok(x)
    }

    /// The logits, `[requests, vocabulary]`, of the tokens after these states.
    pub(super) fn logits(&self, states: &Tensor) -> Result<Tensor> {
        let normed = rms_norm(&states.contiguous()?, &self.output_norm, self.config.epsilon)?;
        self.output.forward(&normed)
    }

    fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        let mut rows = self.embedding.rows(tokens)?.flatten_all()?.to_vec1::<f32>()?;
        let factor = f32::from(self.config.width).sqrt();
        rows.iter_mut().for_each(|x| *x *= factor);
        Tensor::from_vec(rows, (tokens.len(), usize::from(self.config.width)), &Device::Cpu)
    }
}

/// What the model remembers of one request.
#[derive(Debug)]
pub(super) struct GemmaMemory {
    caches: Vec<LayerCache>,
    position: usize,
}

impl Layer {
    fn load(gguf: &mut Gguf, precision: Precision, config: &Config, index: usize) -> Result<Self, FileFault> {
        let width = usize::from(config.width);
        let head_dim = usize::from(config.head_dim);
        let (queries, keys) = (config.heads * head_dim, config.kv_heads * head_dim);
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let mut norm = |part: &str, len| vector(gguf, &name(part), len);
        let attention_norm = norm("attn_norm", width)?;
        let query_norm = norm("attn_q_norm", head_dim)?.to_vec1()?;
        let key_norm = norm("attn_k_norm", head_dim)?.to_vec1()?;
        let post_attention_norm = norm("post_attention_norm", width)?;
        let feed_forward_norm = norm("ffn_norm", width)?;
        let post_feed_forward_norm = norm("post_ffw_norm", width)?;
        let mut matrix = |part: &str, rows, columns| linear(gguf, precision, &name(part), rows, columns);
        // Statements of their own, so that what is stacked is gone before more is loaded.
        let inputs = Linear::stacked(&[
            matrix("attn_q", queries, width)?,
            matrix("attn_k", keys, width)?,
            matrix("attn_v", keys, width)?,
        ])?;
        let gates_and_ups = Linear::stacked(&[
            matrix("ffn_gate", config.feed_forward, width)?,
            matrix("ffn_up", config.feed_forward, width)?,
        ])?;
        Ok(Self {
            inputs,
            output: matrix("attn_output", width, queries)?,
            gates_and_ups,
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

    /// `attend` is the attention, of the normed input to the layer.
    fn forward(
        &self,
        x: &Tensor,
        config: &Config,
        attend: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let epsilon = config.epsilon;
        let attended = self.output.forward(&attend(&rms_norm(x, &self.attention_norm, epsilon)?)?)?;
        let x = add_normed(x, &attended, &self.post_attention_norm, epsilon)?;
        let normed = rms_norm(&x, &self.feed_forward_norm, epsilon)?;
        let fed = self.down.forward(&gelu_gate(&self.gates_and_ups.forward(&normed)?)?)?;
        add_normed(&x, &fed, &self.post_feed_forward_norm, epsilon)
    }

    /// Several tokens of one request, from `position` on.
    fn read(
        &self,
        x: &Tensor,
        config: &Config,
        rotations: &Rotations,
        position: usize,
        cache: &mut LayerCache,
    ) -> Result<Tensor> {
        let (tokens, _) = x.dims2()?;
        let (heads, kv_heads, dim) = (config.heads, config.kv_heads, usize::from(config.head_dim));
        let inputs = self.inputs.forward(x)?.flatten_all()?.to_vec1()?;
        let new = self.heads(&inputs, config, self.rotation(rotations).tokens());
        cache.append(&new.keys, &new.values);
        let (keys, values): (Vec<_>, Vec<_>) = cache.heads().unzip();
        let seen = |parts: Vec<&[f32]>| {
            let all = parts.concat();
            let len = all.len() / (kv_heads * dim);
            Tensor::from_vec(all, (kv_heads, len, dim), &Device::Cpu)
        };
        // Heads that share keys lie one after another, so they are more rows of one product.
        let queries =
            Tensor::from_vec(new.queries, (kv_heads, heads / kv_heads * tokens, dim), &Device::Cpu)?;
        let scores = queries.matmul(&seen(keys)?.transpose(1, 2)?)?;
        let window = if self.global { usize::MAX } else { config.window };
        let causal = Causal { queries: tokens, query: position, key: cache.visible(), window };
        causal_softmax(&scores, causal)?;
        let mixed = scores.matmul(&seen(values)?)?.reshape((heads, tokens, dim))?;
        mixed.transpose(0, 1)?.contiguous()?.reshape((tokens, heads * dim))
    }

    /// One token of each of several requests.
    fn step(
        &self,
        x: &Tensor,
        config: &Config,
        rotations: &Rotations,
        caches: &mut [&mut LayerCache],
    ) -> Result<Tensor> {
        let dim = usize::from(config.head_dim);
        let (shared, width) = (config.heads / config.kv_heads * dim, config.heads * dim);
        let requests = caches.len();
        let inputs: Vec<f32> = self.inputs.forward(x)?.flatten_all()?.to_vec1()?;
        let mut mixed = vec![0.0; requests * width];
        let turns: Vec<_> = self.rotation(rotations).tokens().collect();
        let inputs = inputs.par_chunks_exact(width + 2 * config.kv_heads * dim);
        let all = inputs.zip(turns).zip(caches).zip(mixed.par_chunks_exact_mut(width));
        all.for_each(|(((inputs, turns), cache), mixed)| {
            let new = self.heads(inputs, config, std::iter::once(turns));
            cache.append(&new.keys, &new.values);
            let queries = new.queries.chunks_exact(shared).zip(mixed.chunks_exact_mut(shared));
            for ((queries, out), (keys, values)) in queries.zip(cache.heads()) {
                attend(queries, keys, values, &[], dim, out);
            }
        });
        Tensor::from_vec(mixed, (requests, width), &Device::Cpu)
    }

    fn rotation<'a>(&self, rotations: &'a Rotations) -> &'a Rotation {
        if self.global { &rotations.global } else { &rotations.local }
    }

    /// Takes apart the products of some tokens; norms and turns them.
    fn heads<'a>(
        &self,
        inputs: &[f32],
        config: &Config,
        turns: impl ExactSizeIterator<Item = &'a [(f32, f32)]>,
    ) -> Heads {
        let dim = usize::from(config.head_dim);
        let (queries, keys) = (config.heads * dim, config.kv_heads * dim);
        let tokens = turns.len();
        let room = |width: usize| vec![0.0; width * tokens];
        let mut all = Heads { queries: room(queries), keys: room(keys), values: room(keys) };
        let query_norm =
            HeadNorm { weight: &self.query_norm, epsilon: config.epsilon, factor: config.query_factor };
        let key_norm = HeadNorm { weight: &self.key_norm, epsilon: config.epsilon, factor: 1.0 };
        for (token, (inputs, turns)) in inputs.chunks_exact(queries + 2 * keys).zip(turns).enumerate() {
            let (query, rest) = inputs.split_at(queries);
            let (key, value) = rest.split_at(keys);
            for (head, out) in query.chunks_exact(dim).zip(places(&mut all.queries, dim, token, tokens)) {
                turn(turns, head, query_norm, out);
            }
            for (head, out) in key.chunks_exact(dim).zip(places(&mut all.keys, dim, token, tokens)) {
                turn(turns, head, key_norm, out);
            }
            for (head, out) in value.chunks_exact(dim).zip(places(&mut all.values, dim, token, tokens)) {
                out.copy_from_slice(head);
            }
        }
        all
    }
}

/// The place of a token in each head, by head, by token, by dimension.
fn places(all: &mut [f32], dim: usize, token: usize, tokens: usize) -> impl Iterator<Item = &mut [f32]> {
    all.chunks_exact_mut(dim).skip(token).step_by(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn tiny(precision: Precision) -> Gemma {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-gemma3-quantised.gguf");
        let mut gguf = Gguf::open(&path).unwrap();
        let vocabulary = gguf.tensor("token_embd.weight").unwrap().dims[0];
        Gemma::load(&mut gguf, precision, vocabulary).unwrap()
    }

    fn prompts() -> [Vec<u32>; 5] {
        // One shorter than the window, one that starts, and some beyond a cache's first growth.
        [17, 1, 130, 5, 90].map(|len| (0..len).map(|i| (i * 7 + len) % 200 + 3).collect())
    }

    fn floats(logits: &Tensor) -> Vec<Vec<u32>> {
        let rows = logits.to_vec2::<f32>().unwrap();
        rows.into_iter().map(|row| row.into_iter().map(f32::to_bits).collect()).collect()
    }

    #[test]
    fn requests_that_are_computed_together_get_what_each_gets_alone() {
        // Matrices of floats are multiplied by another library, for which company changes the last bits.
        let model = tiny(Precision::Eight);
        let begin = |prompt: &Vec<u32>| {
            let mut memory = model.begin();
            model.read(prompt, &mut memory).unwrap();
            memory
        };
        let mut together: Vec<GemmaMemory> = prompts().iter().map(begin).collect();
        let mut alone: Vec<GemmaMemory> = prompts().iter().map(begin).collect();
        for step in 0..70 {
            // From time to time one of them sits a step out.
            let out = step % 11;
            let tokens: Vec<u32> =
                (0..5).filter(|i| *i != out).map(|i| (step * 13 + i * 5) % 200 + 3).collect();
            let mut stepping: Vec<&mut GemmaMemory> =
                (0..).zip(&mut together).filter(|(i, _)| *i != out).map(|(_, memory)| memory).collect();
            let states = model.step(&tokens, &mut stepping).unwrap();
            let all = floats(&model.logits(&states).unwrap());
            let each = (0..).zip(&mut alone).filter(|(i, _)| *i != out).zip(tokens);
            let each: Vec<Vec<u32>> = each
                .map(|((_, memory), token)| {
                    let state = model.read(&[token], memory).unwrap();
                    floats(&model.logits(&state).unwrap()).remove(0)
                })
                .collect();
            assert!(all == each, "step {step}");
        }
        assert!(together.iter().zip(&alone).all(|(a, b)| a.position == b.position));
        assert!(model.step(&[3, 4], &mut [&mut together[0]]).is_err());
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let model = tiny(Precision::Stored);
        let [_, _, prompt, ..] = prompts();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut memory = model.begin();
                model.read(&prompt, &mut memory).unwrap();
                floats(&model.logits(&model.read(&[9], &mut memory).unwrap()).unwrap())
            })
        };
        let alone = on(1);
        assert!(alone == on(2) && alone == on(5));
    }

    #[test]
    fn fewer_bits_stay_close_and_are_fewer() {
        let [prompt, ..] = prompts();
        let logits = |precision| {
            let model = tiny(precision);
            let state = model.read(&prompt, &mut model.begin()).unwrap();
            model.logits(&state).unwrap().to_vec2::<f32>().unwrap().remove(0)
        };
        let exact = logits(Precision::Floats);
        let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
        let distance = |precision| {
            let apart: Vec<f32> = logits(precision).iter().zip(&exact).map(|(a, b)| a - b).collect();
            norm(&apart) / norm(&exact)
        };
        let [stored, eight, four] = [Precision::Stored, Precision::Eight, Precision::Four].map(distance);
        assert!(stored < 0.02 && eight < 0.1 && four < 0.5, "{stored} {eight} {four}");
    }

    /// How much a step of several requests takes beside that of one.
    #[test]
    #[ignore = "measures: needs the Gemma weights, GREENROUTE_GEMMA_GGUF, and a release build"]
    fn speed_of_steps() {
        let path = std::env::var("GREENROUTE_GEMMA_GGUF").expect("set GREENROUTE_GEMMA_GGUF to the weights");
        let threads = std::env::var("THREADS").map_or(1, |threads| threads.parse().unwrap());
        let model =
            Gemma::load(&mut Gguf::open(Path::new(&path)).unwrap(), Precision::Stored, 262_144).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let prompt: Vec<u32> = (0..128).map(|i| i * 37 + 5).collect();
            let mut memories: Vec<GemmaMemory> = (0..8).map(|_| model.begin()).collect();
            for memory in &mut memories {
                model.read(&prompt, memory).unwrap();
            }
            for _ in 0..4 {
                for count in std::env::var("COUNTS").map_or(vec![1_u32, 2, 4, 8], |c| vec![c.parse().unwrap()]) {
                    let tokens: Vec<u32> = (0..count).map(|i| i * 91 + 1000).collect();
                    let mut stepping: Vec<&mut GemmaMemory> = memories.iter_mut().take(tokens.len()).collect();
                    let (mut body, mut head) = (f64::MAX, f64::MAX);
                    let started = std::time::Instant::now();
                    for _ in 0..12 {
                        let started = std::time::Instant::now();
                        let states = model.step(&tokens, &mut stepping).unwrap();
                        body = body.min(started.elapsed().as_secs_f64());
                        let started = std::time::Instant::now();
                        model.logits(&states).unwrap();
                        head = head.min(started.elapsed().as_secs_f64());
                    }
                    let mean = started.elapsed().as_secs_f64() / 12.0;
                    println!(
                        "{count} requests: layers {:.2} ms, logits {:.2} ms at best; {:.2} ms in the mean, {:.1} tokens/s",
                        body * 1e3, head * 1e3, mean * 1e3, f64::from(count) / mean
                    );
                }
            }
        });
    }
}

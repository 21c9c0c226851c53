//! The shape of a T5, from `config.json` or from the metadata of a GGUF file.

use crate::local::fault::FileFault;
use crate::local::gguf::Gguf;
use crate::local::json::Settings;
use crate::local::ops::narrow;
use crate::local::weights::Tensors;

/// The length of the texts that T5 was trained on, where a file does not say.
const TRAINED: u64 = 512;

#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) vocabulary: usize,
    pub(super) width: u32,
    pub(super) head_dim: usize,
    pub(super) heads: usize,
    pub(super) feed_forward: usize,
    pub(super) encoder_layers: usize,
    pub(super) decoder_layers: usize,
    pub(super) buckets: usize,
    pub(super) max_distance: usize,
    pub(super) epsilon: f32,
    /// Whether the feed-forward is gated by gelu; else it is a ReLU.
    pub(super) gated: bool,
    pub(super) start: u32,
    pub(super) trained: usize,
    /// Whether states are scaled before the head; where nobody says, they are where the head is the embedding.
    pub(super) scaled: Option<bool>,
}

/// Where the numbers come from, and how they are called there.
enum Keys<'a> {
    Json(&'a Settings),
    Gguf(&'a Gguf),
}

impl Keys<'_> {
    fn whole(&self, name: Name) -> Result<Option<u64>, FileFault> {
        match self {
            Self::Json(settings) => settings.whole(name.json),
            Self::Gguf(gguf) => gguf.whole(&name.gguf()),
        }
    }

    fn number(&self, name: Name) -> Result<Option<f64>, FileFault> {
        match self {
            Self::Json(settings) => settings.number(name.json),
            Self::Gguf(gguf) => gguf.number(&name.gguf()),
        }
    }

    fn missing(&self, name: Name) -> FileFault {
        match self {
            Self::Json(_) => Settings::missing(name.json),
            Self::Gguf(_) => FileFault::Missing(name.gguf()),
        }
    }

    fn wrong(&self, name: Name, allowed: &'static str) -> FileFault {
        match self {
            Self::Json(_) => Settings::wrong(name.json, allowed),
            Self::Gguf(_) => FileFault::WrongValue { key: name.gguf(), allowed },
        }
    }

    fn size(&self, name: Name, most: u64, default: Option<u64>) -> Result<usize, FileFault> {
        let found = self.whole(name)?.or(default).ok_or_else(|| self.missing(name))?;
        let wrong = || self.wrong(name, "at least 1 and not absurdly large");
        let found = Some(found).filter(|found| (1..=most).contains(found)).ok_or_else(wrong)?;
        usize::try_from(found).map_err(|_| wrong())
    }
}

/// What one number is called in both kinds of file.
#[derive(Clone, Copy)]
struct Name {
    json: &'static str,
    gguf: &'static str,
}

impl Name {
    const fn new(json: &'static str, gguf: &'static str) -> Self {
        Self { json, gguf }
    }

    fn gguf(self) -> String {
        format!("t5.{}", self.gguf)
    }
}

impl Config {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, FileFault> {
        let gated = match settings.text("feed_forward_proj") {
            Some("gated-gelu") => true,
            Some("relu") | None => false,
            Some(_) => return Err(Settings::wrong("feed_forward_proj", "`gated-gelu` or `relu`")),
        };
        let vocabulary = Name::new("vocab_size", "vocab_size");
        let vocabulary = Keys::Json(settings).size(vocabulary, 1 << 20, None)?;
        let scaled = settings.boolean("scale_decoder_outputs")?;
        Self::read(&Keys::Json(settings), vocabulary, gated, scaled)
    }

    /// llama.cpp's files hold neither the activation nor the vocabulary's size: their tensors tell.
    pub(super) fn from_gguf(gguf: &Gguf) -> Result<Self, FileFault> {
        let name = "token_embd.weight";
        let embedding = gguf.tensor(name).ok_or_else(|| FileFault::Missing(name.into()))?;
        let vocabulary = embedding.dims.first().copied().unwrap_or(0);
        let gated = gguf.tensor("enc.blk.0.ffn_gate.weight").is_some();
        Self::read(&Keys::Gguf(gguf), vocabulary, gated, None)
    }

    fn read(keys: &Keys, vocabulary: usize, gated: bool, scaled: Option<bool>) -> Result<Self, FileFault> {
        let width_name = Name::new("d_model", "embedding_length");
        let width = keys.size(width_name, u64::from(u16::MAX), None)?;
        let layers_name = Name::new("num_layers", "block_count");
        let encoder_layers = keys.size(layers_name, 512, None)?;
        let as_many = u64::try_from(encoder_layers).ok();
        let decoder_name = Name::new("num_decoder_layers", "decoder_block_count");
        let buckets_name = Name::new("relative_attention_num_buckets", "attention.relative_buckets_count");
        let buckets = keys.size(buckets_name, 1 << 12, Some(32))?;
        // Half of them are for each direction, and half of those for exact distances.
        if !buckets.is_multiple_of(4) {
            return Err(keys.wrong(buckets_name, "a multiple of 4"));
        }
        let distance_name = Name::new("relative_attention_max_distance", "attention.relative_max_distance");
        let max_distance = keys.size(distance_name, 1 << 14, Some(128))?;
        if max_distance <= buckets / 2 {
            return Err(keys.wrong(distance_name, "more than half the number of buckets"));
        }
        let epsilon_name = Name::new("layer_norm_epsilon", "attention.layer_norm_rms_epsilon");
        let epsilon = keys.number(epsilon_name)?.unwrap_or(1e-6);
        if !(1e-12..=1.0).contains(&epsilon) {
            return Err(keys.wrong(epsilon_name, "positive and not absurdly large"));
        }
        let start_name = Name::new("decoder_start_token_id", "decoder_start_token_id");
        let start = keys.whole(start_name)?.unwrap_or(0);
        let known = usize::try_from(start).is_ok_and(|id| id < vocabulary);
        let wrong = || keys.wrong(start_name, "the id of a token");
        let start = u32::try_from(start).ok().filter(|_| known).ok_or_else(wrong)?;
        Ok(Self {
            vocabulary,
            width: u32::try_from(width).unwrap_or(u32::MAX),
            head_dim: keys.size(Name::new("d_kv", "attention.key_length"), 1 << 12, None)?,
            heads: keys.size(Name::new("num_heads", "attention.head_count"), 1 << 10, None)?,
            feed_forward: keys.size(Name::new("d_ff", "feed_forward_length"), 1 << 20, None)?,
            encoder_layers,
            decoder_layers: keys.size(decoder_name, 512, as_many)?,
            buckets,
            max_distance,
            epsilon: narrow(epsilon),
            gated,
            start,
            trained: keys.size(Name::new("n_positions", "context_length"), 1 << 16, Some(TRAINED))?,
            scaled,
        })
    }

    pub(super) fn width(&self) -> usize {
        usize::try_from(self.width).unwrap_or(usize::MAX)
    }

    /// What all heads are wide together, which need not be the model's width.
    pub(super) fn inner(&self) -> usize {
        self.heads * self.head_dim
    }
}

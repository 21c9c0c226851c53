//! SentencePiece's unigram vocabularies, by the `tokenizers` crate: from a folder's `tokenizer.json`, or from the
//! metadata of a GGUF file. Both give the ids that transformers gives.

use super::charsmap;
use super::fault::FileFault;
use super::gguf::{Gguf, Texts, Value};
use super::json::{self, Small};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use tokenizers::models::unigram::Unigram as Model;
use tokenizers::normalizers::{Precompiled, Replace, Sequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence as Splitters;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

/// SentencePiece writes a space as U+2581.
const SPACE: char = '\u{2581}';
const FILE: &str = "tokenizer.json";
const MAX_BYTES: u64 = 1 << 25;
const MAX_VOCABULARY: usize = 1 << 20;
/// The crate's tree of entries takes a node for each of their bytes, some hundred bytes each.
const MAX_TEXT: usize = 1 << 22;
/// And it is taken down by recursion, one call for each byte of the longest.
const MAX_ENTRY: usize = 1 << 10;
const MAX_ADDED: usize = 1 << 14;
/// Each part may make a text longer, by what it replaces a character with.
const MAX_NORMALIZERS: usize = 4;
const MAX_REPLACEMENT: usize = 4;

/// What an entry of the vocabulary is; the numbers are those of GGUF files.
const NORMAL: i32 = 1;
const UNUSED: i32 = 5;

/// A vocabulary of which the entries with the best sum of scores are taken.
#[derive(Debug)]
pub(super) struct Unigram {
    tokenizer: Tokenizer,
    /// What each entry stands for; of those that steer the model, nothing.
    texts: Texts,
    controls: HashSet<u32>,
    end: Option<u32>,
}

/// The parts of `tokenizer.json` that are needed. The crate reads the whole, but panics where a part is broken.
#[derive(Deserialize)]
struct Json {
    model: Vocabulary,
    #[serde(default)]
    normalizer: Small,
    #[serde(default)]
    pre_tokenizer: Small,
    #[serde(default, deserialize_with = "added")]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Vocabulary {
    #[serde(rename = "type", default)]
    kind: String,
    unk_id: Option<usize>,
    #[serde(default, deserialize_with = "entries")]
    vocab: Vec<(String, f64)>,
    #[serde(default)]
    byte_fallback: bool,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, f64)>, D::Error> {
    deserializer.deserialize_seq(AtMost::<_, MAX_VOCABULARY>(PhantomData))
}

fn added<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Added>, D::Error> {
    deserializer.deserialize_seq(AtMost::<_, MAX_ADDED>(PhantomData))
}

/// A list that is not collected beyond its limit.
struct AtMost<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for AtMost<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MOST} entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            if all.len() == MOST {
                return Err(A::Error::invalid_length(MOST + 1, &self));
            }
            all.push(one);
        }
        Ok(all)
    }
}

/// Whether the crate's tree can hold these texts.
fn moderate<'a>(mut texts: impl Iterator<Item = &'a str>) -> bool {
    let mut sum = 0;
    texts.all(|text| {
        sum += text.len();
        text.len() <= MAX_ENTRY && sum <= MAX_TEXT
    })
}

fn kind(value: &serde_json::Value) -> &str {
    value.get("type").and_then(serde_json::Value::as_str).unwrap_or_default()
}

fn wrong(key: &str, allowed: &'static str) -> FileFault {
    FileFault::WrongValue { key: key.to_owned(), allowed }
}

fn parts(mut value: serde_json::Value, key: &str) -> Vec<serde_json::Value> {
    match value.get_mut(key).map(serde_json::Value::take) {
        Some(serde_json::Value::Array(parts)) => parts,
        _ => Vec::new(),
    }
}

fn add_normalizers(value: serde_json::Value, out: &mut Vec<NormalizerWrapper>) -> Result<(), FileFault> {
    if out.len() > MAX_NORMALIZERS {
        return Err(wrong("normalizer", "of at most 4 parts"));
    }
    match kind(&value) {
        "Sequence" => {
            return parts(value, "normalizers").into_iter().try_for_each(|part| add_normalizers(part, out));
        }
        "Precompiled" => {
            let map = value.get("precompiled_charsmap").and_then(serde_json::Value::as_str);
            let map = charsmap::base64(map.unwrap_or_default()).unwrap_or_default();
            out.push(precompiled(&map, "precompiled_charsmap")?);
        }
        "Strip" => out.push(serde_json::from_value::<Strip>(value)?.into()),
        "Replace" => {
            let content = value.get("content").and_then(serde_json::Value::as_str).unwrap_or_default();
            if content.len() > MAX_REPLACEMENT {
                return Err(wrong("normalizer", "one that replaces by at most 4 bytes"));
            }
            out.push(serde_json::from_value::<Replace>(value)?.into());
        }
        _ if value.is_null() => {}
        _ => return Err(wrong("normalizer", "made of `Precompiled`, `Strip` and `Replace`")),
    }
    Ok(())
}

fn add_splitters(value: serde_json::Value, out: &mut Vec<PreTokenizerWrapper>) -> Result<(), FileFault> {
    match kind(&value) {
        "Sequence" => {
            return parts(value, "pretokenizers").into_iter().try_for_each(|part| add_splitters(part, out));
        }
        "WhitespaceSplit" => out.push(WhitespaceSplit.into()),
        "Metaspace" => out.push(serde_json::from_value::<Metaspace>(value)?.into()),
        _ => return Err(wrong("pre_tokenizer", "made of `Metaspace` and `WhitespaceSplit`")),
    }
    Ok(())
}

fn precompiled(map: &[u8], key: &str) -> Result<NormalizerWrapper, FileFault> {
    charsmap::check(map, key)?;
    let refused = |_| wrong(key, "a whole character map");
    Ok(NormalizerWrapper::Precompiled(Precompiled::from(map).map_err(refused)?))
}

impl Unigram {
    /// From `tokenizer.json`; `end` is what the settings say that answers end with.
    pub(super) fn open(folder: &Path, end: Option<u64>) -> Result<Self, FileFault> {
        let bytes = json::bytes(folder, FILE, MAX_BYTES)?;
        Self::from_json(&bytes, end).map_err(|fault| fault.inside(FILE))
    }

    fn from_json(bytes: &[u8], end: Option<u64>) -> Result<Self, FileFault> {
        let mut json: Json = serde_json::from_slice(bytes)?;
        let Vocabulary { kind, unk_id, vocab, byte_fallback } = json.model;
        if kind != "Unigram" {
            return Err(wrong("model", "`Unigram`: the other kinds are not known here"));
        }
        if byte_fallback {
            return Err(wrong("byte_fallback", "absent or false"));
        }
        let unknown = unk_id.ok_or_else(|| FileFault::Missing("unk_id".into()))?;
        if vocab.iter().any(|(_, score)| !score.is_finite()) {
            return Err(wrong("vocab", "texts with finite scores"));
        }
        if !moderate(vocab.iter().map(|(text, _)| text.as_str())) {
            return Err(wrong("vocab", "texts of at most 1024 bytes, and 4194304 together"));
        }
        let model = Model::from(vocab, Some(unknown), false);
        let model = model.map_err(|_| wrong("unk_id", "the id of an entry"))?;
        let mut tokenizer = Tokenizer::new(model);
        let (mut normalizers, mut splitters) = (Vec::new(), Vec::new());
        add_normalizers(json.normalizer.0, &mut normalizers)?;
        add_splitters(json.pre_tokenizer.0, &mut splitters)?;
        let refused = |_| wrong("added_tokens", "those of the vocabulary");
        tokenizer.with_normalizer(Some(Sequence::new(normalizers))).map_err(refused)?;
        tokenizer.with_pre_tokenizer(Some(Splitters::new(splitters)));
        json.added_tokens.sort_by_key(|token| token.id);
        // All at once: the crate sorts all that it has after each call.
        tokenizer.add_tokens(json.added_tokens.iter().map(|added| added.token.clone())).map_err(refused)?;
        let known = |added: &Added| tokenizer.token_to_id(&added.token.content) == Some(added.id);
        if !json.added_tokens.iter().all(known) {
            return Err(wrong("added_tokens", "those of the vocabulary, or after them"));
        }
        let end = match end {
            None => tokenizer.token_to_id("</s>"),
            Some(id) => u32::try_from(id).ok().filter(|id| tokenizer.id_to_token(*id).is_some()),
        };
        if end.is_none() {
            return Err(FileFault::Missing("</s>".into()));
        }
        Self::new(tokenizer, end, "vocab")
    }

    /// From the metadata that llama.cpp's converter writes for T5.
    pub(super) fn from_gguf(gguf: &mut Gguf) -> Result<Self, FileFault> {
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let wrong = |name: &str, allowed| FileFault::WrongValue { key: key(name), allowed };
        if gguf.text(&key("model")) != Some("t5") {
            return Err(wrong("model", "`t5`: the other kinds of tokenizer do not fit this model"));
        }
        let Some(Value::Texts(texts)) = gguf.take(&key("tokens")) else {
            return Err(FileFault::Missing(key("tokens")));
        };
        let Some(Value::Floats(scores)) = gguf.take(&key("scores")) else {
            return Err(FileFault::Missing(key("scores")));
        };
        let Some(Value::Ints(kinds)) = gguf.take(&key("token_type")) else {
            return Err(FileFault::Missing(key("token_type")));
        };
        if texts.len() == 0 || texts.len() > MAX_VOCABULARY || !moderate(texts.iter()) {
            return Err(wrong("tokens", "1 to 1048576 texts of at most 1024 bytes, and 4194304 together"));
        }
        if scores.len() != texts.len() || scores.iter().any(|score| !score.is_finite()) {
            return Err(wrong("scores", "one finite number for each token"));
        }
        if kinds.len() != texts.len() {
            return Err(wrong("token_type", "one for each token"));
        }
        // Rows of the weights that no text belongs to are filled up at the end.
        let known = kinds.iter().rposition(|kind| *kind != UNUSED).map_or(0, |last| last + 1);
        let (mut vocabulary, mut controls) = (Vec::new(), Vec::new());
        for ((text, score), kind) in texts.iter().zip(&scores).zip(&kinds).take(known) {
            if *kind != NORMAL {
                controls.push(AddedToken::from(text.to_owned(), true));
            }
            if controls.len() > MAX_ADDED {
                return Err(wrong("token_type", "1 for all but 16384 tokens"));
            }
            let score = if *kind == NORMAL { f64::from(*score) } else { 0.0 };
            vocabulary.push((text.to_owned(), score));
        }
        let id = |name: &str, default: u64| {
            let id = gguf.whole(&key(name))?.unwrap_or(default);
            let known = usize::try_from(id).ok().filter(|id| *id < known);
            known.ok_or_else(|| wrong(name, "the id of a token"))
        };
        let (unknown, end) = (id("unknown_token_id", 2)?, id("eos_token_id", 1)?);
        let refused = |_| wrong("tokens", "a vocabulary for the unigram model");
        let model = Model::from(vocabulary, Some(unknown), false).map_err(refused)?;
        let mut tokenizer = Tokenizer::new(model);
        let flag = |name: &str| gguf.boolean(&key(name)).unwrap_or(true);
        let mut normalizers = Vec::new();
        let scheme = if flag("add_space_prefix") { PrependScheme::Always } else { PrependScheme::Never };
        let tidy = flag("remove_extra_whitespaces");
        match gguf.take(&key("precompiled_charsmap")) {
            None => {}
            Some(Value::Bytes(map)) => normalizers.push(precompiled(&map, &key("precompiled_charsmap"))?),
            Some(_) => return Err(wrong("precompiled_charsmap", "bytes")),
        }
        if tidy {
            // As transformers does it for all vocabularies of SentencePiece.
            normalizers.push(Strip::new(false, true).into());
            let pattern = tokenizers::normalizers::replace::ReplacePattern::Regex(" {2,}".into());
            let replace = Replace::new(pattern, SPACE.to_string());
            normalizers.push(replace.map_err(|_| wrong("tokens", "replaceable"))?.into());
        }
        let refused = |_| wrong("tokens", "a vocabulary for the unigram model");
        tokenizer.with_normalizer(Some(Sequence::new(normalizers))).map_err(refused)?;
        tokenizer.with_pre_tokenizer(Some(Metaspace::new(SPACE, scheme, true)));
        tokenizer.add_special_tokens(controls).map_err(refused)?;
        Self::new(tokenizer, u32::try_from(end).ok(), &key("tokens"))
    }

    fn new(tokenizer: Tokenizer, end: Option<u32>, key: &str) -> Result<Self, FileFault> {
        let vocabulary = tokenizer.get_vocab(true);
        let len = vocabulary.values().max().map_or(0, |last| usize::try_from(*last).unwrap_or(usize::MAX));
        if len >= MAX_VOCABULARY {
            let allowed = "of at most 1048576 entries";
            return Err(FileFault::WrongValue { key: key.to_owned(), allowed });
        }
        let mut controls: HashSet<u32> = HashSet::new();
        for (id, token) in tokenizer.get_added_tokens_decoder() {
            if token.special {
                controls.insert(id);
            }
        }
        let mut texts = vec![""; len + 1];
        for (text, id) in &vocabulary {
            let place = usize::try_from(*id).ok().and_then(|id| texts.get_mut(id));
            if let Some(place) = place.filter(|_| !controls.contains(id)) {
                *place = text;
            }
        }
        let mut found = Texts::default();
        texts.iter().for_each(|text| found.push(&text.replace(SPACE, " ")));
        Ok(Self { tokenizer, texts: found, controls, end })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// What a prompt ends with, and an answer.
    pub(super) fn end(&self) -> Option<u32> {
        self.end
    }

    /// The entry that steers the model by this name, such as `<extra_id_0>`.
    pub(super) fn control(&self, text: &str) -> Option<u32> {
        self.tokenizer.token_to_id(text).filter(|id| self.controls.contains(id))
    }

    /// Appends the ids of `text`, without the end. Names of entries that steer the model become those, as in
    /// transformers: T5 knows no turns that could be forged.
    pub(super) fn encode(&self, text: &str, out: &mut Vec<u32>) {
        // A vocabulary with an entry for the unknown has ids for every text.
        if let Ok(encoding) = self.tokenizer.encode_fast(text, false) {
            out.extend(encoding.get_ids());
        }
    }

    /// Appends the bytes that `id` stands for. The space before the first word is among them.
    pub(super) fn decode(&self, id: u32, out: &mut Vec<u8>) {
        let text = usize::try_from(id).ok().and_then(|id| self.texts.get(id));
        out.extend(text.unwrap_or_default().bytes());
    }
}

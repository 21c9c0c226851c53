//! Model files as a stranger may write them: whatever is in them, opening them neither panics nor takes more memory
//! than their size explains.
//!
//! `PROPTEST_CASES=20000 cargo test --release --features local --test hostile_files` looks longer.

#![cfg(test)]
#![cfg(feature = "local")]
#![expect(unsafe_code, reason = "an allocator that counts is the only witness of what is allocated")]

use greenroute_providers::local::{LoadOptions, LocalModel, Precision};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Counts what is held, and the most that was. What grows counts twice while it moves.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: it came from `alloc` above, with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The counts are of the whole process, so that tests take turns.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What `work` gives, the most that it held at once, and what it holds in the end.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    settle();
    counted(work)
}

/// The same while a model is open.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    let above = |count: &AtomicUsize| count.load(Ordering::Relaxed).saturating_sub(before);
    (result, above(&PEAK), above(&HELD))
}

/// The threads of a model that was dropped give back what they held a little later.
fn settle() {
    let computes = |task: std::io::Result<std::fs::DirEntry>| {
        let name = task.and_then(|task| std::fs::read_to_string(task.path().join("comm")));
        name.is_ok_and(|name| name.starts_with("greenroute-comp"))
    };
    let Ok(_) = std::fs::read_dir("/proc/self/task") else {
        return std::thread::sleep(Duration::from_millis(20));
    };
    for _ in 0..1000 {
        let mut tasks = std::fs::read_dir("/proc/self/task").unwrap();
        if !tasks.any(computes) {
            return;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// What an open file costs at most, for each of its bytes: floats made of halves, or eight bits made of two; and the copy
/// while they are made.
const PER_BYTE: usize = 4;
/// And whatever its size: threads, buffers, the tables of the crate that splits texts.
const CONSTANT: usize = 3 << 19;
/// And for each byte of a vocabulary's entries: the crate that splits texts holds a map for each.
const PER_VOCABULARY_BYTE: usize = 300;
/// What is refused at the head.
const REFUSED: usize = 1 << 20;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn options() -> LoadOptions {
    LoadOptions { threads: NonZeroUsize::new(1), ..LoadOptions::default() }
}

fn size(path: &Path) -> usize {
    let len = |path: &Path| usize::try_from(std::fs::metadata(path).unwrap().len()).unwrap();
    if !path.is_dir() {
        return len(path);
    }
    std::fs::read_dir(path).unwrap().map(|entry| len(&entry.unwrap().path())).sum()
}

/// A file of a model, alone or in a folder.
#[derive(Debug, Clone, Copy)]
struct Target {
    model: &'static str,
    file: Option<&'static str>,
}

const fn target(model: &'static str, file: Option<&'static str>) -> Target {
    Target { model, file }
}

const TARGETS: &[Target] = &[
    target("tiny-gemma3.gguf", None),
    target("tiny-gemma3-quantised.gguf", None),
    target("tiny-t5/gated.gguf", None),
    target("tiny-t5/tied.gguf", None),
    target("tiny-t5/gated", Some("model.safetensors")),
    target("tiny-t5/gated", Some("config.json")),
    target("tiny-t5/gated", Some("tokenizer.json")),
    target("tiny-t5/tied", Some("config.json")),
    target("tiny-t5/tied", Some("model.safetensors.index.json")),
    target("tiny-t5/tied", Some("model-00001-of-00002.safetensors")),
];

/// Something that a stranger did to a file. Places are taken modulo its length.
#[derive(Debug, Clone)]
enum Change {
    Flip {
        at: usize,
        byte: u8,
    },
    Cut {
        keep: usize,
    },
    /// A part over another.
    Splice {
        from: usize,
        to: usize,
        len: usize,
    },
    /// A part once more, or often.
    Repeat {
        at: usize,
        len: usize,
        times: usize,
    },
    /// A number somewhere.
    Number {
        at: usize,
        bytes: usize,
        value: u64,
    },
    /// A number behind the name of a value or a tensor.
    Behind {
        name: usize,
        after: usize,
        bytes: usize,
        value: u64,
    },
    /// A number that is written in digits.
    Digits {
        which: usize,
        text: &'static str,
    },
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        if len == 0 {
            return;
        }
        let mut write = |at: usize, count: usize, value: u64| {
            let to = bytes.iter_mut().skip(at).take(count);
            to.zip(value.to_le_bytes()).for_each(|(to, byte)| *to = byte);
        };
        match *self {
            Self::Flip { at, byte } => bytes[at % len] = byte,
            Self::Cut { keep } => bytes.truncate(keep % len),
            Self::Splice { from, to, len: count } => {
                let (from, to) = (from % len, to % len);
                let count = count.min(len - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
            Self::Repeat { at, len: count, times } => {
                let at = at % len;
                let part = bytes[at..(at + count).min(len)].repeat(times);
                bytes.splice(at..at, part);
            }
            Self::Number { at, bytes: count, value } => write(at % len, count, value),
            Self::Behind { name, after, bytes: count, value } => {
                let names = ends_of_names(bytes);
                if let Some(end) = names.get(name % names.len().max(1)) {
                    let to = bytes.iter_mut().skip(end + after).take(count);
                    to.zip(value.to_le_bytes()).for_each(|(to, byte)| *to = byte);
                }
            }
            Self::Digits { which, text } => {
                let starts: Vec<usize> = (1..len)
                    .filter(|at| bytes[*at].is_ascii_digit() && !bytes[at - 1].is_ascii_alphanumeric())
                    .collect();
                if let Some(start) = starts.get(which % starts.len().max(1)) {
                    let count = bytes[*start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    bytes.splice(start..&(start + count), text.bytes());
                }
            }
        }
    }
}

/// Where the names of a GGUF file end: texts with their length before them.
fn ends_of_names(bytes: &[u8]) -> Vec<usize> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    let name = |at: usize| {
        let len = usize::from(*bytes.get(at)?);
        let zeros = bytes.get(at + 1..at + 8)?.iter().all(|byte| *byte == 0);
        let text = bytes.get(at + 8..at + 8 + len)?;
        (len > 4 && zeros && text.contains(&b'.') && text.iter().all(is_name)).then_some(at + 8 + len)
    };
    (0..bytes.len().min(40_000)).filter_map(name).collect()
}

/// Most of the ways to go wrong are at the front.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0usize..2000, 2 => 0usize..20_000, 1 => 0usize..1_000_000]
}

fn number() -> impl Strategy<Value = u64> {
    let odd =
        vec![0, 1, 2, 255, 1 << 14, 1 << 16, 1 << 20, 1 << 24, 1 << 30, 1 << 31, 1 << 32, 1 << 40, 1 << 62];
    prop_oneof![prop::sample::select(odd), (0u32..64).prop_map(|shift| u64::MAX >> shift), any::<u64>()]
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = || prop::sample::select(vec![1usize, 2, 4, 8]);
    let digits = vec![
        "0",
        "1",
        "7",
        "512",
        "4096",
        "16384",
        "65535",
        "1048576",
        "1073741824",
        "1e30",
        "-1",
        "18446744073709551615",
        "99999999999999999999999",
        "0.5",
        "[]",
        "\"x\"",
        "null",
    ];
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Flip { at, byte }),
        1 => (0usize..1_000_000).prop_map(|keep| Change::Cut { keep }),
        2 => (place(), place(), 1usize..3000).prop_map(|(from, to, len)| Change::Splice { from, to, len }),
        2 => (place(), 1usize..400, 1usize..60).prop_map(|(at, len, times)| Change::Repeat { at, len, times }),
        2 => (place(), bytes(), number()).prop_map(|(at, bytes, value)| Change::Number { at, bytes, value }),
        4 => (any::<usize>(), 0usize..48, bytes(), number())
            .prop_map(|(name, after, bytes, value)| Change::Behind { name, after, bytes, value }),
        3 => (any::<usize>(), prop::sample::select(digits)).prop_map(|(which, text)| Change::Digits { which, text }),
    ]
}

/// Opens `path`, and has what opens read and write a little. Gives what opening cost at most, and reading where it
/// opened.
fn opened(path: &Path) -> (usize, Option<usize>) {
    let (model, peak, _) = measured(|| LocalModel::open(path, options()));
    let Ok(model) = model else { return (peak, None) };
    let ids = model.encode("the cat \u{fb01}ne\nsat 🙂");
    let mut session = model.session();
    let (_, reading, _) = counted(|| {
        let _ = session.read(&ids[..ids.len().min(12)]);
        for id in ids.iter().take(3) {
            let _ = session.read(&[*id]);
        }
        model.decode(&ids)
    });
    (peak, Some(reading))
}

#[test]
fn honest_files_cost_little_more_than_their_size() {
    let _alone = alone();
    for model in [
        "tiny-gemma3.gguf",
        "tiny-gemma3-quantised.gguf",
        "tiny-t5/gated.gguf",
        "tiny-t5/gated",
        "tiny-t5/tied",
    ] {
        let path = fixtures().join(model);
        let (peak, whole) = opened(&path);
        println!("{model}: {} bytes, {peak} for opening", size(&path));
        assert!(
            whole.is_some() && peak > size(&path) / 2 && peak <= 2 * size(&path) + CONSTANT,
            "{model}: {peak} bytes"
        );
    }
}

#[test]
fn no_bytes_make_it_panic_or_take_more_than_the_files_explain() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for model in ["tiny-t5/gated", "tiny-t5/tied"] {
        std::fs::create_dir_all(folder.path().join(model)).unwrap();
        for entry in std::fs::read_dir(fixtures().join(model)).unwrap() {
            let name = entry.unwrap().file_name();
            std::fs::copy(fixtures().join(model).join(&name), folder.path().join(model).join(&name)).unwrap();
        }
    }
    let (whole, broken, worst) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let strategy = (prop::sample::select(TARGETS), prop::collection::vec(change(), 1..4));
    // Without a note of what failed: it is a file of this crate that would change.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&strategy, |(Target { model, file }, changes)| {
        let inner = file.map_or_else(|| PathBuf::from(model), |file| Path::new(model).join(file));
        let original = std::fs::read(fixtures().join(&inner)).unwrap();
        let mut bytes = original.clone();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        std::fs::write(folder.path().join(&inner), bytes).unwrap();
        let path = folder.path().join(model);
        let (peak, opened) = opened(&path);
        let size = size(&path);
        std::fs::write(folder.path().join(&inner), original).unwrap();
        if opened.is_some() { &whole } else { &broken }.fetch_add(1, Ordering::Relaxed);
        let reading = opened.unwrap_or(0);
        prop_assert!(reading <= PER_BYTE * size + CONSTANT, "{} bytes of {} for reading", reading, size);
        worst.fetch_max(peak.saturating_sub(2 * size), Ordering::Relaxed);
        prop_assert!(peak <= PER_BYTE * size + CONSTANT, "{} bytes of {}", peak, size);
        Ok(())
    });
    let (whole, broken) = (whole.into_inner(), broken.into_inner());
    println!(
        "{whole} opened and {broken} did not; at worst {} bytes beyond twice the size",
        worst.into_inner()
    );
    result.unwrap();
    assert!(whole > 10 && broken > 10, "{whole} opened and {broken} did not: the changes miss their aim");
}

/// A GGUF file of these values and tensors, with `data` bytes after them.
fn gguf(values: &[Vec<u8>], tensors: &[Vec<u8>], data: usize) -> Vec<u8> {
    let count = |list: &[Vec<u8>]| u64::try_from(list.len()).unwrap().to_le_bytes();
    let mut bytes = [b"GGUF\x03\0\0\0".as_slice(), &count(tensors), &count(values)].concat();
    bytes.extend(values.concat());
    bytes.extend(tensors.concat());
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&u64::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

fn value(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [text(key).as_slice(), &kind.to_le_bytes(), value].concat()
}

fn tensor(name: &str, dims: &[u64], offset: u64) -> Vec<u8> {
    typed_tensor(name, dims, 0, offset)
}

fn typed_tensor(name: &str, dims: &[u64], dtype: u32, offset: u64) -> Vec<u8> {
    let rank = u32::try_from(dims.len()).unwrap();
    let mut bytes = [text(name).as_slice(), &rank.to_le_bytes()].concat();
    dims.iter().for_each(|dim| bytes.extend(dim.to_le_bytes()));
    [bytes.as_slice(), &dtype.to_le_bytes(), &offset.to_le_bytes()].concat()
}

/// What is refused, and what that cost.
fn refused(path: &Path) -> (String, usize) {
    let (result, peak, _) = measured(|| LocalModel::open(path, options()));
    (result.unwrap_err().to_string(), peak)
}

#[test]
fn small_files_that_claim_much_cost_little() {
    let _alone = alone();
    let architecture = || value("general.architecture", 8, &text("gemma3"));
    let array = |kind: u32, count: u64| [kind.to_le_bytes().as_slice(), &count.to_le_bytes()].concat();
    let much = 1_u64 << 60;
    let mut cases = vec![
        (gguf(&[value("a", 8, &(1_u64 << 24).to_le_bytes())], &[], 64), "cut short"),
        (gguf(&[], &[tensor("t", &[1 << 40], 0)], 64), "beyond the end"),
        (gguf(&[architecture()], &[tensor("t", &[16], 0), tensor("u", &[16], 32)], 96), "lies on another"),
    ];
    for kind in [0, 4, 5, 6, 8, 12] {
        cases.push((gguf(&[value("a", 9, &array(kind, much))], &[], 64), "cut short"));
    }
    let mut head = gguf(&[], &[], 0);
    head[8..16].copy_from_slice(&(1_u64 << 16).to_le_bytes());
    cases.push((head, "cut short"));
    let file = tempfile::NamedTempFile::new().unwrap();
    for (bytes, expected) in cases {
        std::fs::write(file.path(), &bytes).unwrap();
        let (message, peak) = refused(file.path());
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(peak <= REFUSED, "{peak} bytes for: {message}");
    }
}

/// The gated T5 with other files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(fixtures().join("tiny-t5/gated").join(name), folder.path().join(name)).unwrap();
    }
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("tiny-t5/gated").join(name)).unwrap()).unwrap()
}

fn vocabulary(entries: impl Iterator<Item = String>) -> Vec<u8> {
    let mut json = json("tokenizer.json");
    let vocab = json["model"]["vocab"].as_array_mut().unwrap();
    vocab.extend(entries.map(|text| serde_json::json!([text, -9.0])));
    json.to_string().into_bytes()
}

#[test]
fn vocabularies_and_settings_cost_what_they_hold_and_no_more() {
    let _alone = alone();
    let parts = format!("[{}0]", "0,".repeat(400_000));
    let with_parts = |name: &str, key: &str| {
        let mut json = json(name);
        json[key] = serde_json::json!("PARTS");
        json.to_string().replace("\"PARTS\"", &parts).into_bytes()
    };
    let mut added = json("tokenizer.json");
    let token = added["added_tokens"][0].clone();
    added["added_tokens"] = vec![token; 17_000].into();
    let mut novel = json("tokenizer.json");
    novel["normalizer"]["normalizers"][2]["content"] = "a".repeat(5).into();
    let mut long = json("tokenizer.json");
    let part = long["normalizer"]["normalizers"][1].clone();
    long["normalizer"]["normalizers"] = vec![part; 9].into();
    for (name, bytes, expected) in [
        ("config.json", with_parts("config.json", "extra"), "no JSON of the expected form"),
        ("tokenizer.json", with_parts("tokenizer.json", "normalizer"), "no JSON of the expected form"),
        ("tokenizer.json", vocabulary(["a".repeat(2_000_000)].into_iter()), "at most 1024 bytes"),
        ("tokenizer.json", added.to_string().into_bytes(), "no JSON of the expected form"),
        ("tokenizer.json", novel.to_string().into_bytes(), "at most 4 bytes"),
        ("tokenizer.json", long.to_string().into_bytes(), "at most 4 parts"),
    ] {
        let folder = folder(&[(name, &bytes)]);
        let (message, peak) = refused(folder.path());
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(peak <= PER_BYTE * size(folder.path()) + CONSTANT, "{peak} bytes for: {message}");
    }
    // The tree has a node for each byte that entries do not share.
    let entries = (0..4000_u64).map(|at| format!("{:020}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let bytes = vocabulary(entries);
    let mut config = json("config.json");
    config["vocab_size"] = 5000.into();
    let folder = folder(&[("tokenizer.json", &bytes), ("config.json", config.to_string().as_bytes())]);
    let (message, peak) = refused(folder.path());
    println!("{peak} bytes for a vocabulary of 80000: {message}");
    assert!(
        message.contains("shape") && peak <= 80_000 * PER_VOCABULARY_BYTE + CONSTANT,
        "{peak} bytes: {message}"
    );
}

/// A T5 of zeros with many heads whose every layer has biases of its own.
fn many_heads(layers: usize) -> tempfile::TempDir {
    const HEADS: usize = 1024;
    let (mut head, mut at) = (serde_json::Map::new(), 0);
    let mut add = |name: String, shape: &[usize]| {
        let end = at + 4 * shape.iter().product::<usize>();
        head.insert(name, serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [at, end]}));
        at = end;
    };
    add("shared.weight".into(), &[320, 1]);
    for tower in ["encoder", "decoder"] {
        add(format!("{tower}.final_layer_norm.weight"), &[1]);
        for layer in 0..layers {
            let name = |part: usize, name: &str| format!("{tower}.block.{layer}.layer.{part}.{name}.weight");
            let modules: &[&str] =
                if tower == "encoder" { &["SelfAttention"] } else { &["SelfAttention", "EncDecAttention"] };
            for (part, module) in modules.iter().enumerate() {
                for which in ["q", "k", "v"] {
                    add(name(part, &format!("{module}.{which}")), &[HEADS, 1]);
                }
                add(name(part, &format!("{module}.o")), &[1, HEADS]);
                add(name(part, "layer_norm"), &[1]);
            }
            add(name(0, "SelfAttention.relative_attention_bias"), &[4, HEADS]);
            for matrix in ["wi", "wo"] {
                add(name(modules.len(), &format!("DenseReluDense.{matrix}")), &[1, 1]);
            }
            add(name(modules.len(), "layer_norm"), &[1]);
        }
    }
    let head = serde_json::to_vec(&head).unwrap();
    let weights = [&u64::try_from(head.len()).unwrap().to_le_bytes(), head.as_slice(), &vec![0; at]].concat();
    let config = serde_json::json!({
        "model_type": "t5", "d_model": 1, "d_kv": 1, "d_ff": 1, "num_heads": HEADS, "num_layers": layers,
        "vocab_size": 320, "relative_attention_num_buckets": 4, "relative_attention_max_distance": 1 << 14,
        "n_positions": 1 << 16, "feed_forward_proj": "relu",
    });
    folder(&[("config.json", config.to_string().as_bytes()), ("model.safetensors", &weights)])
}

#[test]
fn distances_and_positions_cost_nothing_by_their_number() {
    let _alone = alone();
    let folder = many_heads(12);
    let (peak, reading) = opened(folder.path());
    let size = size(folder.path());
    println!("{peak} bytes for {size} of many heads, {reading:?} for reading");
    assert!(peak <= PER_BYTE * size + CONSTANT, "{peak} bytes of {size}");
    // A request begins with room for 256 places of each head, in each layer.
    let room = 12 * 2 * 256 * 1024 * 4;
    assert!(reading.unwrap() <= 2 * room, "{reading:?} bytes for reading");
}

/// The formats of weights: their numbers in a file, and the bytes of 256 weights.
const FORMATS: [(u32, usize); 13] = [
    (0, 1024),
    (1, 512),
    (2, 144),
    (3, 160),
    (6, 176),
    (7, 192),
    (8, 272),
    (10, 84),
    (11, 110),
    (12, 144),
    (13, 176),
    (14, 210),
    (30, 512),
];
const TOKENS: u32 = 4096;

/// A Gemma of one layer and zeros, whose matrices have this format.
fn gemma(dtype: u32, bytes: usize) -> Vec<u8> {
    let whole = |key: &str, number: u32| value(&format!("gemma3.{key}"), 4, &number.to_le_bytes());
    let list = |kind: u32, all: Vec<u8>| {
        [kind.to_le_bytes().as_slice(), &u64::from(TOKENS).to_le_bytes(), &all].concat()
    };
    let texts = (0..TOKENS).flat_map(|at| text(&at.to_string())).collect();
    let ones = (0..TOKENS).flat_map(|_| 1_u32.to_le_bytes()).collect();
    let zeros = vec![0; 4 * usize::try_from(TOKENS).unwrap()];
    let values = [
        value("general.architecture", 8, &text("gemma3")),
        whole("context_length", 64),
        whole("embedding_length", 256),
        whole("block_count", 1),
        whole("feed_forward_length", 512),
        whole("attention.head_count", 2),
        whole("attention.key_length", 128),
        whole("attention.value_length", 128),
        whole("attention.sliding_window", 16),
        value("gemma3.attention.layer_norm_rms_epsilon", 6, &1e-6_f32.to_le_bytes()),
        value("tokenizer.ggml.model", 8, &text("llama")),
        value("tokenizer.ggml.tokens", 9, &list(8, texts)),
        value("tokenizer.ggml.scores", 9, &list(6, zeros)),
        value("tokenizer.ggml.token_type", 9, &list(5, ones)),
        value("tokenizer.ggml.unknown_token_id", 4, &0_u32.to_le_bytes()),
    ];
    let (mut tensors, mut at) = (Vec::new(), 0_usize);
    let mut add = |name: &str, dims: &[u64], dtype, bytes: usize| {
        tensors.push(typed_tensor(name, dims, dtype, u64::try_from(at).unwrap()));
        let count: u64 = dims.iter().product();
        at = (at + usize::try_from(count).unwrap() / 64 * bytes / 4).next_multiple_of(32);
    };
    let mut vector = |name: &str, len| add(name, &[len], 0, 1024);
    vector("output_norm.weight", 256);
    for norm in ["attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"] {
        vector(&format!("blk.0.{norm}.weight"), 256);
    }
    for norm in ["attn_q_norm", "attn_k_norm"] {
        vector(&format!("blk.0.{norm}.weight"), 128);
    }
    add("token_embd.weight", &[256, TOKENS.into()], dtype, bytes);
    for matrix in ["attn_q", "attn_k", "attn_v", "attn_output"] {
        add(&format!("blk.0.{matrix}.weight"), &[256, 256], dtype, bytes);
    }
    for (matrix, dims) in [("ffn_gate", [256, 512]), ("ffn_up", [256, 512]), ("ffn_down", [512, 256])] {
        add(&format!("blk.0.{matrix}.weight"), &dims, dtype, bytes);
    }
    gguf(&values, &tensors, at)
}

/// What the vocabulary and the threads cost: the model without its first weights.
fn beside_weights(path: &Path, file: Option<&str>, first: &str) -> usize {
    let inner = file.map_or_else(|| path.to_owned(), |file| path.join(file));
    let good = std::fs::read(&inner).unwrap();
    let at = good.windows(first.len()).position(|window| window == first.as_bytes()).unwrap();
    let mut bytes = good.clone();
    bytes[at] = b'X';
    std::fs::write(&inner, bytes).unwrap();
    let (message, peak) = refused(path);
    assert!(message.contains("lacks"), "{message}");
    std::fs::write(&inner, good).unwrap();
    peak
}

/// What the threads of a model take is not always the same.
const NOISE: usize = 1 << 15;

/// A limit below what loading really takes is refused, and one a little above is not.
fn limits_are_true(path: &Path, beside: usize, embedding: usize) {
    for precision in [Precision::Stored, Precision::Eight, Precision::Four, Precision::Floats] {
        let open =
            |memory_limit| LocalModel::open(path, LoadOptions { precision, memory_limit, ..options() });
        let (model, peak, held) = measured(|| open(None).unwrap());
        drop(model);
        println!("{precision:?}: {peak} at most, {held} in the end, {beside} beside the weights");
        // All that is held in the end, and the largest once more as it comes from the file.
        let real = peak.max(held + embedding) - beside;
        let limit = |bytes: usize| Some(u64::try_from(bytes).unwrap());
        let low = open(limit(real - NOISE)).map(|_| ()).unwrap_err().to_string();
        assert!(low.contains("for its weights"), "{precision:?}: {low}");
        let high = open(limit(2 * real + (1 << 17)));
        assert!(high.is_ok(), "{precision:?}: {real} are taken, but {}", high.unwrap_err());
    }
}

#[test]
fn the_memory_that_is_asked_for_is_what_loading_takes() {
    let _alone = alone();
    let file = tempfile::NamedTempFile::new().unwrap();
    // The first model of a process also pays for what all share.
    opened(&fixtures().join("tiny-gemma3.gguf"));
    for (dtype, bytes) in FORMATS {
        println!("format {dtype}");
        std::fs::write(file.path(), gemma(dtype, bytes)).unwrap();
        let beside = beside_weights(file.path(), None, "token_embd.weight");
        limits_are_true(file.path(), beside, usize::try_from(TOKENS).unwrap() * bytes);
    }
    println!("a folder");
    let folder = folder(&[]);
    let beside = beside_weights(folder.path(), Some("model.safetensors"), "shared.weight");
    limits_are_true(folder.path(), beside, 320 * 64 * 2);
}

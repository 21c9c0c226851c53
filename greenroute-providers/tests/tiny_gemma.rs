//! A tiny random Gemma 3 beside llama.cpp and numpy; made by `scripts/local/make_tiny_gemma.py`.

#![cfg(test)]
#![cfg(feature = "local")]

use greenroute_providers::local::{LocalModel, Precision};
use proptest::prelude::*;
use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Fixture {
    text: String,
    prompt_ids: Vec<u32>,
    plain: Greedy,
    quantised: Greedy,
}

#[derive(Deserialize)]
struct Greedy {
    ids: Vec<u32>,
    /// llama.cpp gives none where the answer so far ends within a character.
    log_probabilities: Vec<Option<Vec<f64>>>,
    /// By numpy in f64, after the prompt and all of `ids`.
    last_logits: Vec<f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/tiny-gemma3.json")).unwrap()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn plain() -> LocalModel {
    LocalModel::open(path("tiny-gemma3.gguf"), Precision::Stored).unwrap()
}

fn log_probabilities(logits: &[f32]) -> Vec<f64> {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - max).exp()).sum();
    logits.iter().map(|logit| f64::from(*logit) - max - sum.ln()).collect()
}

fn best(logits: &[f32]) -> u32 {
    (0..)
        .zip(logits)
        .fold((0, f32::NEG_INFINITY), |best, (id, l)| if *l > best.1 { (id, *l) } else { best })
        .0
}

fn largest_difference(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Reads the prompt and llama.cpp's answer after it: how many greedy choices agree, and by how much
/// log-probabilities differ at most.
fn beside_llama_cpp(model: &LocalModel, prompt: &[u32], theirs: &Greedy) -> (usize, f64) {
    let mut session = model.session();
    let mut logits = session.read(prompt).unwrap();
    let (mut equal, mut worst) = (0, 0.0_f64);
    for (id, row) in theirs.ids.iter().zip(&theirs.log_probabilities) {
        equal += usize::from(best(&logits) == *id);
        let difference = row.as_ref().map(|row| largest_difference(&log_probabilities(&logits), row));
        worst = worst.max(difference.unwrap_or(0.0));
        logits = session.read(&[*id]).unwrap();
    }
    (equal, worst)
}

#[test]
fn float_weights_answer_as_llama_cpp_does() {
    let Fixture { text, prompt_ids, plain: theirs, .. } = fixture();
    let model = plain();
    assert_eq!(model.encode(&text), prompt_ids);
    assert_eq!(model.decode(&prompt_ids), text);
    let (equal, worst) = beside_llama_cpp(&model, &prompt_ids, &theirs);
    assert_eq!(equal, theirs.ids.len());
    // llama.cpp looks gelu up in a table of f16.
    assert!(worst < 0.02, "log-probabilities differ by {worst}");
}

#[test]
fn logits_are_those_of_the_definition_whatever_the_format() {
    let Fixture { prompt_ids, plain, quantised, .. } = fixture();
    for (name, theirs) in [("tiny-gemma3.gguf", plain), ("tiny-gemma3-quantised.gguf", quantised)] {
        let model = LocalModel::open(path(name), Precision::Floats).unwrap();
        let logits = model.session().read(&[prompt_ids.as_slice(), &theirs.ids].concat()).unwrap();
        let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
        let worst = largest_difference(&logits, &theirs.last_logits);
        assert!(worst < 1e-4, "{name}: logits differ by {worst}");
    }
}

#[test]
fn stored_formats_choose_as_llama_cpp_does() {
    let Fixture { prompt_ids, quantised, .. } = fixture();
    let model = LocalModel::open(path("tiny-gemma3-quantised.gguf"), Precision::Stored).unwrap();
    let (equal, worst) = beside_llama_cpp(&model, &prompt_ids, &quantised);
    // Both round the inputs of products to eight bits, not always to the same ones, and random weights make
    // much of every difference: log-probabilities span 20.
    assert!(equal + 3 >= quantised.ids.len() && worst < 1.5, "{equal} equal, differ by {worst}");
}

#[test]
fn however_a_prompt_is_cut_its_logits_are_the_same() {
    let model = plain();
    // Longer than a chunk, longer than the window, and past the first growth of a cache.
    let ids: Vec<u32> = fixture().prompt_ids.iter().copied().cycle().take(250).collect();
    let whole = model.session().read(&ids).unwrap();
    for cut in [1, 7, 100, 249] {
        let mut session = model.session();
        let pieces: Vec<Vec<f32>> = ids.chunks(cut).map(|piece| session.read(piece).unwrap()).collect();
        assert_eq!(session.position(), ids.len());
        let pairs = pieces.last().unwrap().iter().zip(&whole);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "cut at {cut}: logits differ by {worst}");
    }
}

#[test]
fn a_cache_changes_nothing() {
    let model = plain();
    let Fixture { prompt_ids, plain: theirs, .. } = fixture();
    let mut session = model.session();
    let mut read = prompt_ids.clone();
    let mut logits = session.read(&prompt_ids).unwrap();
    for id in theirs.ids {
        read.push(id);
        logits = session.read(&[id]).unwrap();
        let again = model.session().read(&read).unwrap();
        let worst = logits.iter().zip(&again).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "after {} tokens logits differ by {worst}", read.len());
    }
    assert!(logits.iter().all(|logit| logit.is_finite()));
}

#[test]
fn sessions_of_one_model_do_not_meet() {
    let model = plain();
    let ids = fixture().prompt_ids;
    let greedy = |prompt: &[u32]| {
        let mut session = model.session();
        let mut logits = session.read(prompt).unwrap();
        let next = |_| {
            let id = best(&logits);
            logits = session.read(&[id]).unwrap();
            id
        };
        (0..40).map(next).collect::<Vec<u32>>()
    };
    let prompts = [&ids[..], &ids[..20], &ids[..1], &ids[..33]];
    let alone = prompts.map(greedy);
    let together = std::thread::scope(|scope| {
        let threads = prompts.map(|prompt| scope.spawn(move || greedy(prompt)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(alone, together);
}

#[test]
fn a_session_refuses_what_it_cannot_read() {
    use greenroute_core::ErrorKind;
    let model = plain();
    let mut session = model.session();
    let kind = |result: greenroute_core::Result<Vec<f32>>| result.unwrap_err().kind().clone();
    assert_eq!(kind(session.read(&[])), ErrorKind::InvalidRequest);
    assert_eq!(kind(session.read(&[9999])), ErrorKind::InvalidRequest);
    session.read(&[5; 250]).unwrap();
    let error = session.read(&[5; 7]).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::ContextOverflow);
    assert!(error.to_string().contains("257") && error.to_string().contains("256"), "{error}");
}

#[test]
fn a_bad_file_is_named_and_told_what_is_wrong() {
    let says = |bytes: &[u8]| {
        let mut file = tempfile::Builder::new().suffix(".gguf").tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let error = LocalModel::open(file.path(), Precision::Stored).unwrap_err();
        assert_eq!(error.kind(), &greenroute_core::ErrorKind::Config);
        let text = error.to_string();
        assert!(text.contains(file.path().to_str().unwrap()), "{text}");
        text
    };
    let good = std::fs::read(path("tiny-gemma3.gguf")).unwrap();
    let changed = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|window| window == from).unwrap();
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    assert!(says(b"").contains("cut short"));
    assert!(says(b"PK\x03\x04 a zip").contains("no GGUF"));
    assert!(says(&good[..good.len() - 1]).contains("beyond the end of the file"));
    assert!(says(&good[..4000]).contains("cut short"));
    let other = says(&changed(b"\x06\0\0\0\0\0\0\0gemma3", b"\x06\0\0\0\0\0\0\0qwen33"));
    assert!(other.contains("`qwen33`") && other.contains("supported here: gemma3, t5"), "{other}");
    assert!(says(&changed(b"blk.3.attn_q.", b"blk.3.attn_x.")).contains("lacks `blk.3.attn_q.weight`"));
    // Eight exa tensors are claimed.
    assert!(
        says(&changed(b"GGUF\x03\0\0\0", b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f"))
            .contains("claims")
    );
    let missing = LocalModel::open("no/such/file.gguf", Precision::Stored).unwrap_err();
    assert!(missing.to_string().contains("`no/such/file.gguf` cannot be read"), "{missing}");
}

fn survives(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    if let Ok(model) = LocalModel::open(file.path(), Precision::Stored) {
        let ids = model.encode("the cat sat  on\nthe 🙂 mat");
        // What it says is worthless, but it must say something or refuse.
        let _ = model.session().read(&ids);
        let _ = model.decode(&ids);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_panic(
        // Most of the ways to go wrong are in the head, before the weights.
        head in prop::collection::vec((0usize..20_000, any::<u8>()), 0..4),
        anywhere in prop::collection::vec((0usize..70_000, any::<u8>()), 0..4),
    ) {
        let mut bytes = std::fs::read(path("tiny-gemma3-quantised.gguf")).unwrap();
        let len = bytes.len();
        for (at, byte) in head.into_iter().chain(anywhere) {
            bytes[at % len] = byte;
        }
        survives(&bytes);
    }

    #[test]
    fn cut_files_never_panic(keep in 0usize..75_000) {
        let bytes = std::fs::read(path("tiny-gemma3-quantised.gguf")).unwrap();
        survives(&bytes[..keep.min(bytes.len())]);
    }
}

//! Beside transformers; the fixtures are made by `scripts/local/make_tiny_t5.py`.

use super::*;
use crate::local::network::Network;
use crate::local::vocabulary::Vocabulary;
use candle_core::Device;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
pub(super) struct Expected {
    pieces: usize,
    pub(super) texts: Vec<(String, Vec<u32>)>,
    gated: Vec<Case>,
    tied: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    input: Vec<u32>,
    greedy: Vec<u32>,
}

pub(super) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-t5").join(name)
}

pub(super) fn expected() -> Expected {
    serde_json::from_str(include_str!("../../../tests/fixtures/tiny-t5/expected.json")).unwrap()
}

fn logits() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path("expected.safetensors"), &Device::Cpu).unwrap()
}

/// A T5 and what is told about its files.
pub(super) struct Model {
    pub(super) t5: T5,
    pub(super) vocabulary: Vocabulary,
    name: Option<String>,
    parameters: u64,
    bytes: u64,
}

/// From a folder or a GGUF file.
pub(super) fn model(path: &Path, precision: Precision) -> Result<Model, FileFault> {
    let opened = crate::local::open::open(path, precision, None, None)?;
    let Network::T5(t5) = opened.network else { panic!("{} is no T5", path.display()) };
    let (name, parameters, bytes) = (opened.name, opened.parameters, opened.bytes);
    Ok(Model { t5, vocabulary: opened.vocabulary, name, parameters, bytes })
}

fn open(name: &str, precision: Precision) -> Model {
    model(&path(name), precision).unwrap()
}

fn best(logits: &[f32]) -> u32 {
    let first = (0, f32::NEG_INFINITY);
    (0..).zip(logits).fold(first, |best, (id, logit)| if *logit > best.1 { (id, *logit) } else { best }).0
}

/// Reads a prompt and transformers' answer to it: the logits of each of its places.
fn read(t5: &T5, case: &Case) -> Vec<Vec<f32>> {
    let mut memory = t5.encode(&[&case.input]).unwrap().remove(0);
    let read = std::iter::once(t5.decoder_start()).chain(case.greedy.iter().copied());
    let next = |token| {
        let states = t5.step(&[token], &mut [&mut memory]).unwrap();
        t5.logits(&states).unwrap().to_vec2().unwrap().remove(0)
    };
    read.take(case.greedy.len()).map(next).collect()
}

fn worst(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f32 {
    assert_eq!((ours.len(), ours[0].len()), (theirs.len(), theirs[0].len()));
    let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The largest difference of logits, and how many greedy choices agree, of how many.
fn beside_transformers(name: &str, precision: Precision) -> (f32, usize, usize) {
    let (expected, logits, opened) = (expected(), logits(), open(name, precision));
    let kind = if name.starts_with("gated") { "gated" } else { "tied" };
    let cases = if kind == "gated" { expected.gated } else { expected.tied };
    let (mut difference, mut equal, mut all) = (0.0_f32, 0, 0);
    for case in &cases {
        let ours = read(&opened.t5, case);
        let theirs = logits[&format!("{kind}.{}", case.input.len())].to_vec2().unwrap();
        difference = difference.max(worst(&ours, &theirs));
        equal += ours.iter().zip(&case.greedy).filter(|(row, id)| best(row) == **id).count();
        all += case.greedy.len();
    }
    println!("{name} {precision:?}: logits differ by {difference}, {equal} of {all} choices are equal");
    (difference, equal, all)
}

#[test]
fn float_weights_answer_as_transformers_does() {
    for name in ["gated", "gated.gguf", "tied", "tied.gguf"] {
        for precision in [Precision::Stored, Precision::Floats] {
            let (difference, equal, all) = beside_transformers(name, precision);
            assert!(difference < 1e-4, "{name}: logits differ by {difference}");
            assert!(equal == all && all >= 64, "{name}: {equal} of {all} choices");
        }
    }
}

#[test]
fn fewer_bits_cost_little() {
    for (name, precision, most, least) in [
        // About twice what was measured: 0.41, 0.05 and 1.31; random weights make much of every rounding.
        ("gated", Precision::Eight, 0.8, 186),
        ("gated.gguf", Precision::Eight, 0.8, 186),
        ("tied", Precision::Eight, 0.1, 66),
        ("gated", Precision::Four, 2.6, 160),
        ("tied", Precision::Four, 0.1, 66),
    ] {
        let (difference, equal, _) = beside_transformers(name, precision);
        assert!(difference < most, "{name} {precision:?}: logits differ by {difference}");
        assert!(equal >= least, "{name} {precision:?}: {equal} choices");
    }
}

#[test]
fn both_kinds_of_file_hold_the_same_model() {
    for name in ["gated", "tied"] {
        let (folder, gguf) =
            (open(name, Precision::Stored), open(&format!("{name}.gguf"), Precision::Stored));
        assert_eq!(folder.parameters, gguf.parameters);
        assert!(folder.bytes > folder.parameters && gguf.bytes > gguf.parameters);
        assert_eq!((folder.name.as_deref(), gguf.t5.decoder_start()), (Some(name), 0));
        assert_eq!(gguf.name.unwrap(), format!("Tiny random T5, {name}"));
        assert_eq!((folder.t5.context(), gguf.t5.context()), (1024, 1024));
        assert_eq!((folder.vocabulary.len(), gguf.vocabulary.len()), (expected().pieces, expected().pieces));
    }
}

#[test]
fn together_is_as_alone() {
    let (expected, t5) = (expected(), open("gated", Precision::Stored).t5);
    let alone: Vec<Vec<Vec<f32>>> = expected.gated.iter().map(|case| read(&t5, case)).collect();
    let prompts: Vec<&[u32]> = expected.gated.iter().map(|case| case.input.as_slice()).collect();
    let mut memories = t5.encode(&prompts).unwrap();
    let mut together = vec![Vec::new(); prompts.len()];
    // The second begins five steps after the first, the third ten; the last to begin stand there alone at the end.
    let last = expected.gated[0].greedy.len() + 10;
    for step in 0..last {
        let (mut tokens, mut rows, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for (row, memory) in memories.iter_mut().enumerate() {
            let Some(position) = step.checked_sub(5 * row) else { continue };
            let case = &expected.gated[row];
            if position < case.greedy.len() {
                assert_eq!(memory.position, position);
                let before = position.checked_sub(1).map(|before| case.greedy[before]);
                tokens.push(before.unwrap_or(t5.decoder_start()));
                rows.push(row);
                parts.push(memory);
            }
        }
        let logits = t5.logits(&t5.step(&tokens, &mut parts).unwrap()).unwrap();
        for (row, logits) in rows.into_iter().zip(logits.to_vec2::<f32>().unwrap()) {
            together[row].push(logits);
        }
    }
    for (alone, together) in alone.iter().zip(&together) {
        let difference = worst(alone, together);
        assert!(difference < 1e-4, "logits differ by {difference}");
    }
}

#[test]
fn what_cannot_be_computed_is_an_error() {
    let t5 = open("tied", Precision::Stored).t5;
    assert!(t5.encode(&[]).unwrap().is_empty());
    assert!(t5.encode(&[&[3], &[]]).is_err() && t5.encode(&[&[99_999]]).is_err());
    let mut memory = t5.encode(&[&[3, 1]]).unwrap().remove(0);
    assert!(t5.step(&[], &mut []).is_err() && t5.step(&[1, 2], &mut [&mut memory]).is_err());
    assert!(t5.step(&[99_999], &mut [&mut memory]).is_err());
    assert!(open("gated", Precision::Stored).t5.step(&[0], &mut [&mut memory]).is_err());
}

pub(super) fn ids(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    vocabulary.encode(text, &mut ids);
    ids.extend(vocabulary.finish());
    ids
}

#[test]
fn texts_have_the_ids_that_transformers_gives() {
    let expected = expected();
    assert!(expected.texts.len() >= 30);
    for name in ["gated", "gated.gguf"] {
        let vocabulary = open(name, Precision::Stored).vocabulary;
        for (text, theirs) in &expected.texts {
            assert_eq!(&ids(&vocabulary, text), theirs, "{name}: {text:?}");
        }
    }
}

#[test]
fn ids_have_their_texts() {
    for name in ["gated", "gated.gguf"] {
        let vocabulary = open(name, Precision::Stored).vocabulary;
        let text = "the dog ran to the cat, süße Äpfel?";
        let mut bytes = Vec::new();
        ids(&vocabulary, text).iter().for_each(|id| vocabulary.decode(*id, &mut bytes));
        assert_eq!(String::from_utf8(bytes).unwrap().trim_start(), text, "{name}");
        let (end, extra) = (vocabulary.finish().unwrap(), vocabulary.control("<extra_id_0>").unwrap());
        assert!(vocabulary.is_end(end) && !vocabulary.is_end(extra) && vocabulary.start().is_none());
        let mut none = Vec::new();
        for id in [0, 1, 2, extra, 319, u32::MAX] {
            vocabulary.decode(id, &mut none);
        }
        assert!(none.is_empty() && vocabulary.control("the").is_none());
    }
}

//! The real Gemma 3 270M beside llama.cpp, on the same file.
//!
//! The fixture is made by `scripts/local/llama_reference.py`. These tests need the weights and a release build:
//!
//! ```text
//! GREENROUTE_GEMMA_GGUF=gemma-3-270m-q4_k_m.gguf cargo test --release -p greenroute-providers \
//!     --features local --test gemma_parity -- --ignored --nocapture
//! ```

#![cfg(feature = "local")]

use greenroute_providers::local::LocalModel;
use serde::Deserialize;

/// At a step where llama.cpp's two best are closer than this, either may come first: it looks gelu up in a table
/// of f16 and adds in another order, which moves a logit by some hundredths. In nats.
const TIE: f64 = 0.1;

/// Tokens that must be equal on each prompt, unless a tie comes first.
const EQUAL: usize = 32;

#[derive(Deserialize)]
struct Fixture {
    runs: Vec<Run>,
    texts: Vec<(String, Vec<u32>)>,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    prompt: String,
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    /// Per step the five best tokens with their log-probabilities.
    top: Vec<Vec<(u32, f64)>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/gemma3_270m_llama_cpp.json")).unwrap()
}

fn model() -> LocalModel {
    let path = std::env::var("GREENROUTE_GEMMA_GGUF").expect("set GREENROUTE_GEMMA_GGUF to the weights");
    LocalModel::open(path).unwrap()
}

fn log_probabilities(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - max).exp()).sum();
    logits.iter().map(|logit| f64::from(logit - max) - sum.ln()).collect()
}

fn two_best(values: &[f64]) -> [(u32, f64); 2] {
    let mut best = [(0, f64::NEG_INFINITY); 2];
    for (id, value) in (0..).zip(values) {
        if *value > best[0].1 {
            best = [(id, *value), best[0]];
        } else if *value > best[1].1 {
            best[1] = (id, *value);
        }
    }
    best
}

#[test]
#[ignore = "needs the Gemma weights: set GREENROUTE_GEMMA_GGUF"]
fn greedy_ids_are_those_of_llama_cpp() {
    let model = model();
    for run in fixture().runs {
        assert_eq!(model.encode(&run.prompt), run.prompt_ids, "{}", run.name);
        // Teacher forcing: each step sees llama.cpp's tokens, so that one tie does not end the comparison.
        let mut session = model.session();
        let mut logits = session.read(&run.prompt_ids).unwrap();
        let (mut equal, mut ties, mut worst, mut first) = (0, Vec::new(), 0.0_f64, None);
        for (step, id) in run.ids.iter().enumerate() {
            let ours = log_probabilities(&logits);
            let [best, second] = two_best(&ours);
            for (id, theirs) in &run.top[step] {
                let ours = ours[usize::try_from(*id).unwrap()];
                // What is likely must agree; far down the list the difference is of no use to anybody.
                worst = worst.max((ours - theirs).abs() * theirs.exp());
            }
            if best.0 == *id {
                equal += 1;
            } else {
                let margin = best.1 - second.1;
                let theirs = run.top[step][0].1 - run.top[step][1].1;
                println!("{}: step {step}: {best:?} {second:?}, llama.cpp {:?}", run.name, run.top[step]);
                assert!(second.0 == *id && margin < TIE && theirs < TIE, "{}: step {step} is no tie", run.name);
                first.get_or_insert(step);
                ties.push(step);
            }
            logits = session.read(&[*id]).unwrap();
        }
        println!("{}: {equal} of {} equal, ties at {ties:?}, worst weighted difference {worst:.4}", run.name, run.ids.len());
        assert!(equal >= EQUAL && first.is_none_or(|first| first + ties.len() > 0), "{}", run.name);
        assert!(worst < TIE, "{}: log-probabilities differ by {worst}", run.name);
    }
}

#[test]
#[ignore = "needs the Gemma weights: set GREENROUTE_GEMMA_GGUF"]
fn token_ids_are_those_of_llama_cpp() {
    let model = model();
    let start = model.encode("");
    let mut different = Vec::new();
    let texts = fixture().texts;
    for (text, theirs) in &texts {
        let ours = model.encode(text);
        let ours = ours.strip_prefix(start.as_slice()).unwrap();
        if ours != theirs {
            different.push((text, ours.to_vec(), theirs));
        }
        if !text.contains("[multimodal]") && !text.contains('▁') {
            assert_eq!(&model.decode(ours), text);
        }
    }
    println!("{} of {} texts have equal ids", texts.len() - different.len(), texts.len());
    for (text, ours, theirs) in &different {
        println!("{text:?}\n  ours   {ours:?}\n  theirs {theirs:?}");
    }
    assert!(different.is_empty());
}

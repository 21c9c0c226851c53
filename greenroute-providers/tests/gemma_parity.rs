//! The real Gemma 3 270M beside llama.cpp, on the same file.
//!
//! The fixture is made by `scripts/local/llama_reference.py`. These tests need the weights, and patience or a
//! release build:
//!
//! ```text
//! GREENROUTE_GEMMA_GGUF=gemma-3-270m-q4_k_m.gguf cargo test --release -p greenroute-providers \
//!     --features local --test gemma_parity -- --ignored --nocapture
//! ```

#![cfg(test)]
#![cfg(feature = "local")]

use greenroute_core::ModelProvider;
use greenroute_core::chat::{ChatRequest, FinishReason, Message, Role};
use greenroute_providers::local::{LocalModel, LocalProvider, Precision};
use serde::Deserialize;

/// How far a log-probability among the five best may be from llama.cpp's where both compute in floats, in nats.
/// llama.cpp looks gelu up in a table of f16; it comes to 0.01 at most.
const EXACT: f64 = 0.03;

/// Where weights stay in their formats, both round the inputs of products to eight bits, not always to the same
/// ones. Either is then 0.12 to 0.30 nats (root mean square over a prompt's steps) away from the same weights in
/// floats, so two tokens that the floats hold closer than this are a tie.
const TIE: f64 = 0.3;

/// How far the mean difference between the two may go.
const ROUNDING: f64 = 0.4;

/// Tokens that must be equal on each prompt of 48.
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
    stored: Greedy,
    floats: Greedy,
}

#[derive(Deserialize)]
struct Greedy {
    ids: Vec<u32>,
    /// Per step the five best tokens with their log-probabilities.
    top: Vec<Vec<(u32, f64)>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/gemma3_270m_llama_cpp.json")).unwrap()
}

fn model(precision: Precision) -> LocalModel {
    let path = std::env::var("GREENROUTE_GEMMA_GGUF").expect("set GREENROUTE_GEMMA_GGUF to the weights");
    LocalModel::open(path, precision).unwrap()
}

fn at<T: Copy>(values: &[T], id: u32) -> T {
    values[usize::try_from(id).unwrap()]
}

fn best(logits: &[f32]) -> u32 {
    (0..)
        .zip(logits)
        .fold((0, f32::NEG_INFINITY), |best, (id, l)| if *l > best.1 { (id, *l) } else { best })
        .0
}

fn log_probabilities(logits: &[f32]) -> Vec<f64> {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - max).exp()).sum();
    logits.iter().map(|logit| f64::from(*logit) - max - sum.ln()).collect()
}

/// The logits before each of `ids`, which the model reads after `prompt`, whatever it would have said itself.
fn forced(model: &LocalModel, prompt: &[u32], ids: &[u32]) -> Vec<Vec<f32>> {
    let mut session = model.session();
    let mut logits = vec![session.read(prompt).unwrap()];
    logits.extend(ids[..ids.len() - 1].iter().map(|id| session.read(&[*id]).unwrap()));
    logits
}

/// The largest and the root of the mean squared difference to llama.cpp's log-probabilities.
fn differences(ours: &[Vec<f32>], theirs: &Greedy) -> (f64, f64) {
    let steps = ours.iter().zip(&theirs.top);
    let step = |(logits, top): (&Vec<f32>, &Vec<(u32, f64)>)| {
        let ours = log_probabilities(logits);
        top.iter().map(|(id, theirs)| at(&ours, *id) - theirs).collect::<Vec<f64>>()
    };
    let all: Vec<f64> = steps.flat_map(step).collect();
    let count = f64::from(u32::try_from(all.len()).unwrap());
    let worst = all.iter().fold(0.0, |worst: f64, difference| worst.max(difference.abs()));
    (worst, (all.iter().map(|difference| difference * difference).sum::<f64>() / count).sqrt())
}

#[test]
#[ignore = "needs the Gemma weights: set GREENROUTE_GEMMA_GGUF"]
fn in_floats_every_choice_is_llama_cpps() {
    let model = model(Precision::Floats);
    for Run { name, prompt_ids, floats, .. } in fixture().runs {
        let logits = forced(&model, &prompt_ids, &floats.ids);
        let ours: Vec<u32> = logits.iter().map(|logits| best(logits)).collect();
        let (worst, mean) = differences(&logits, &floats);
        println!("{name}: log-probabilities differ by {worst:.4} at most, {mean:.4} in the mean");
        assert_eq!(ours, floats.ids, "{name}");
        assert!(worst < EXACT, "{name}: log-probabilities differ by {worst}");
    }
}

#[test]
#[ignore = "needs the Gemma weights: set GREENROUTE_GEMMA_GGUF"]
fn as_stored_choices_are_llama_cpps_but_for_ties() {
    let (model, judge) = (model(Precision::Stored), model(Precision::Floats));
    for Run { name, prompt, prompt_ids, stored, .. } in fixture().runs {
        assert_eq!(model.encode(&prompt), prompt_ids, "{name}");
        let logits = forced(&model, &prompt_ids, &stored.ids);
        let exact = forced(&judge, &prompt_ids, &stored.ids);
        let mut ties = Vec::new();
        for (step, (id, (logits, exact))) in stored.ids.iter().zip(logits.iter().zip(&exact)).enumerate() {
            let ours = best(logits);
            if ours != *id {
                let margin = f64::from(at(exact, ours) - at(exact, *id)).abs();
                assert!(margin < TIE, "{name}: step {step}: {ours} for {id}, {margin} nats apart in floats");
                ties.push((step, margin));
            }
        }
        let (worst, mean) = differences(&logits, &stored);
        let equal = stored.ids.len() - ties.len();
        println!(
            "{name}: {equal} of {} equal, ties {ties:.3?}; differences {worst:.3}, {mean:.3}",
            stored.ids.len()
        );
        assert!(equal >= EQUAL, "{name}: only {equal} are equal");
        assert!(mean < ROUNDING, "{name}: log-probabilities differ by {mean} in the mean");
    }
}

#[test]
#[ignore = "needs the Gemma weights: set GREENROUTE_GEMMA_GGUF"]
fn token_ids_are_those_of_llama_cpp() {
    let model = model(Precision::Stored);
    let start = model.encode("");
    let texts = fixture().texts;
    assert!(texts.len() >= 200);
    let mut different = Vec::new();
    for (text, theirs) in &texts {
        let ours = model.encode(text);
        let ours = ours.strip_prefix(start.as_slice()).unwrap();
        if ours != theirs {
            different.push((text, ours.to_vec(), theirs));
        }
        // The vocabulary's sign for a space comes back as one.
        assert_eq!(model.decode(ours), text.replace('▁', " "));
    }
    println!("{} of {} texts have equal ids", texts.len() - different.len(), texts.len());
    assert!(different.is_empty(), "{different:?}");
}

#[tokio::test]
#[ignore = "needs the Gemma weights: set GREENROUTE_GEMMA_GGUF"]
async fn it_answers_a_question() {
    let path = std::env::var("GREENROUTE_GEMMA_GGUF").expect("set GREENROUTE_GEMMA_GGUF to the weights");
    let provider = LocalProvider::open(path).unwrap();
    let key = provider.models()[0].key.clone();
    assert_eq!(
        (key.to_string().as_str(), provider.to_string().as_str()),
        ("local/gemma-3-270m", "local (Gemma 3 270M)")
    );
    let question = Message::text(Role::User, "What is the capital of France?");
    let response = provider.chat(ChatRequest::new(key, vec![question])).await.unwrap();
    assert_eq!((response.text().as_str(), response.finish_reason), ("Paris", FinishReason::Stop));
    assert_eq!(response.usage.usage().input_tokens().get(), 13);
}

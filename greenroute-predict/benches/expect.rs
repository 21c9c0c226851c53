//! Nanoseconds a card of `Expecter::expect_all` of 100 cards and of `expect` of each, beside core's heuristic.
//!
//! `cargo bench -p greenroute-predict --bench expect`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints its figures")]

use greenroute_core::model::{Capability, CapabilityWeights, Privacy, Score, Window};
use greenroute_core::units::Probability;
use greenroute_core::{Expecter, HeuristicExpecter, ModelCard, ModelKey, PromptProfile};
use greenroute_predict::Outlook;
use greenroute_predict::fit::cells::Cells;
use greenroute_predict::fit::prior;
use greenroute_predict::fit::reference::Reference;
use greenroute_predict::latent::{LATENT, TASKS};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let outlook = outlook();
    let cards: Vec<ModelCard> = (0..100).map(card).collect();
    let asked = CapabilityWeights::single(Capability::Math);
    let by_hand = PromptProfile::by_hand(asked, 3.0);
    let mut profile = by_hand.clone();
    profile.latent = vec![1.0 / 40.0; LATENT];
    for (name, expecter, profile) in [
        ("outlook", &outlook as &dyn Expecter, &profile),
        ("outlook, by hand", &outlook, &by_hand),
        ("heuristic", &HeuristicExpecter, &profile),
    ] {
        let all: Vec<&ModelCard> = cards.iter().collect();
        print(&format!("{name}, all at once"), || {
            drop(black_box(expecter.expect_all(black_box(profile), black_box(&all))));
        });
        print(&format!("{name}, one by one"), || {
            for card in &cards {
                black_box(expecter.expect(black_box(profile), black_box(card)));
            }
        });
    }
}

/// Quantiles over many rounds of 100 cards.
fn print(name: &str, round: impl Fn()) {
    let mut nanoseconds: Vec<f64> = (0..5_000)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_secs_f64() * 1e9 / 100.0
        })
        .collect();
    nanoseconds.sort_by(f64::total_cmp);
    let at = |share: usize| nanoseconds.get(nanoseconds.len() * share / 100).copied().unwrap_or_default();
    println!("{name:30} p50 {:6.1} ns a card, p95 {:6.1} ns", at(50), at(95));
}

/// A prior with every task in use: what it says does not matter here.
fn outlook() -> Outlook {
    let references = Reference::shipped().expect("the shipped references are read");
    let models = references.iter().map(|model| model.card.key.model.as_str().into()).collect();
    let mut cells = Cells::empty(models);
    for model in 0..references.len() {
        for task in 0..TASKS {
            for answer in 0..10 {
                let good = (answer * 7 + model + task) % 3 > 0;
                cells.add(model, task, 1.0, f64::from(u8::from(good)), 0.0, None);
            }
        }
    }
    let mix = |task: usize| Capability::ALL.map(|known| f64::from(u8::from(known as usize == task % 8)));
    let named: Vec<_> = (0..TASKS).map(|task| (Arc::from(format!("task {task}")), mix(task))).collect();
    Outlook::new(prior::fit(&cells, &named, &references).expect("it fits").prior, "bench")
}

fn card(number: u32) -> ModelCard {
    let window = Window { context: 8_192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("bench", format!("m{number}")), window, Privacy::Remote);
    let value = Probability::from_fraction(0.4 + f64::from(number % 50) / 100.0);
    card.scores.insert("mmlu".into(), Score { value, source: "bench".into() });
    card
}

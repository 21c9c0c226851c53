//! What a whole decision costs: `Advisor::advise` of a prompt of 42 words over 100 cards, by the brain and, beside it, by
//! the profiler and expecter of core that need no weights; then its parts. p50, p95 and allocations.
//!
//! `cargo bench --package greenroute-predict --bench advise [-- rank]`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../examples/support/still.rs"]
mod still;
mod support;

use greenroute_core::model::{EnergyProfile, Privacy, Score, Size, Span, Speed, Window};
use greenroute_core::units::{CarbonIntensity, Energy, Factor, Probability, Pue};
use greenroute_core::{
    Accountant, Advisor, Basis, Catalog, Estimate, Expecter, GridReading, GridSnapshot, HeuristicExpecter,
    HeuristicProfiler, Ladder, Method, ModelCard, ModelKey, Objective, Overheads, Prompt, PromptProfiler,
    Site, Sites, Task, Zone,
};
use greenroute_predict::Brain;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use still::{FromCard, Still};
use support::{head, row};

const QUESTION: &str = "A small bakery sold forty loaves more on Monday than on Sunday, and the owner wants to know, step \
    by step and without any guessing, how many loaves she should bake next week if the trend goes on like this every day.";

fn main() {
    let brain = Arc::new(Brain::shipped().expect("the weights are sound"));
    let catalog = Arc::new(Catalog::new((0..100).map(card).map(Arc::new)).expect("no key is there twice"));
    println!("{} words, {} cards", QUESTION.split(' ').count(), catalog.snapshot().cards().count());
    head();
    let heuristic = parts("heuristic", &catalog, Arc::new(HeuristicProfiler), Arc::new(HeuristicExpecter));
    let whole = parts("brain", &catalog, brain.clone(), brain);
    if let (Some(whole), Some(heuristic)) = (whole, heuristic) {
        println!("by the brain it takes {:.2} times as long", whole.as_secs_f64() / heuristic.as_secs_f64());
    }
}

/// Prints the whole and its parts; gives the median of the whole, where it is wanted.
fn parts(
    name: &str,
    catalog: &Arc<Catalog>,
    profiler: Arc<dyn PromptProfiler>,
    expecter: Arc<dyn Expecter>,
) -> Option<Duration> {
    let asked = Arc::clone(&expecter);
    let advisor = advisor(Arc::clone(catalog)).profiler(profiler).expecter(expecter);
    let (prompt, objective) = (Prompt::from(QUESTION), Objective::balanced());
    let advise = || drop(black_box(advisor.advise(black_box(&prompt), &objective).expect("a ranking")));
    let whole = row(&format!("{name}: advise"), advise);
    row(&format!("{name}:   profile"), || drop(black_box(advisor.profile(black_box(&prompt)))));
    let task = Task::with_profile(advisor.profile(&prompt)).top(usize::MAX);
    row(&format!("{name}:   rank"), || drop(black_box(advisor.rank(black_box(&task)).expect("a ranking"))));
    let snapshot = catalog.snapshot();
    let cards: Vec<&ModelCard> = snapshot.cards().map(|card| &**card).collect();
    row(&format!("{name}:     expect"), || {
        drop(black_box(asked.expect_all(black_box(&task.profile), black_box(&cards))));
    });
    Some(whole?.median)
}

/// Cards of many sizes with scores, speeds and energies unlike each other.
fn card(number: u32) -> ModelCard {
    let window = Window { context: 131_072, max_output: Some(8_192) };
    let mut card = ModelCard::new(ModelKey::new("bench", format!("model-{number}")), window, Privacy::Remote);
    let billions = 0.5 + f64::from(number % 40) * 1.7;
    let size = Span::known(billions);
    card.size = Some(Size { total: size, active: size, bytes_per_parameter: Some(2.0) });
    let value = Probability::from_fraction(0.3 + f64::from(number % 17) * 0.04);
    for benchmark in ["mmlu", "gsm8k", "humaneval", "ifeval"] {
        card.scores.insert(benchmark.into(), Score { value, source: "bench".into() });
    }
    let tokens_per_second = 20.0 + f64::from(number % 23) * 9.0;
    card.speed = Some(Speed { tokens_per_second, time_to_first_chunk_seconds: 0.4 });
    let per_token = |share: f64| Energy::from_joules(billions * share);
    card.energy_profile = Some(EnergyProfile::new(Energy::ZERO, per_token(0.002), per_token(0.05)));
    card
}

fn advisor(catalog: Arc<Catalog>) -> Advisor {
    let site = Site::new(Overheads {
        server: Estimate::exact(Factor::from_ratio(1.4), Method::Proxy),
        pue: Estimate::exact(Pue::from_ratio(1.2), Method::Proxy),
        source: "bench".into(),
    });
    let accountant = Accountant::new(Ladder::new(vec![Arc::new(FromCard)]), Sites::new(site.clone(), site));
    let intensity = Estimate::exact(CarbonIntensity::from_grams_per_kwh(400.0), Method::Proxy);
    let grid = GridReading::new(Zone::world(), intensity, Basis::Average, "bench", "2026");
    Advisor::new(catalog, Arc::new(accountant), GridSnapshot::new(grid), Arc::new(Still))
}

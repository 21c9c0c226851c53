//! What a forecast on a prepared card costs, for each meter of the ladder and those for comparison, and what preparing
//! it costs; beside them the same products on plain numbers. With the machine's load.
//!
//! `cargo bench --package greenroute-energy --bench forecast`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints its figures")]

use greenroute_core::model::{
    Deployment, EnergyProfile, PriceList, PricePeriod, PriceTier, Pricing, Privacy, Size, Span, Speed, Window,
};
use greenroute_core::units::{Energy, Power, Probability, Quantity, Tokens, Usd};
use greenroute_core::{
    Accountant, Date, EnergyMeter, Estimate, GridSnapshot, Ladder, Method, ModelCard, ModelKey,
};
use greenroute_energy::grid::YearlyAverages;
use greenroute_energy::{Machine, every_meter, sites};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 400;
/// Forecasts of so many prompts, none like another, again and again.
const PROMPTS: u32 = 64;
const PASSES: u32 = 32;

/// Input and output of a prompt.
type Tokenised = (Estimate<Tokens>, Estimate<Tokens>);

fn main() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".into());
    println!("load average {}", load.trim());
    println!("nanoseconds {:30} {:>18} {:>18} {:>8}", "", "whole forecast", "its energy alone", "prepare");
    println!("{:42} {:>9} {:>8} {:>9} {:>8} {:>8}", "", "p50", "p99", "p50", "p99", "p50");
    let machine = Machine::detect();
    let grid = GridSnapshot::new(YearlyAverages::world());
    let prompts = prompts();
    for meter in every_meter(&machine) {
        of_meter(&meter, &grid, &prompts);
    }
    println!("{:42} {}", "the same products on plain numbers", nanos(floor(&prompts)));
}

fn prompts() -> Vec<Tokenised> {
    let tokens = |count, down, up| Estimate::scaled(Tokens::new(count), down, up, Method::Proxy);
    let prompt = |number: u64| (tokens(40 + 9 * number, 0.6, 1.7), tokens(60 + 31 * number, 0.2, 4.0));
    (0..u64::from(PROMPTS)).map(prompt).collect()
}

fn of_meter(meter: &Arc<dyn EnergyMeter>, grid: &GridSnapshot, prompts: &[Tokenised]) {
    let name = meter.id().to_string();
    let cards = cards();
    let Some(card) = cards.iter().find(|card| meter.rate(card).is_ok()) else {
        println!("{name:42} reads finished calls, and forecasts nothing");
        return;
    };
    let accountant = Accountant::new(Ladder::new(vec![Arc::clone(meter)]), sites());
    let prepared = accountant.prepare(card, grid).expect("a card that the meter knows");
    let day: Date = "2026-11-21".parse().expect("a date");
    let success = Estimate::scaled(Probability::from_fraction(0.8), 0.9, 1.1, Method::Proxy);
    let forecasts = times(prompts, |&(input, output)| {
        black_box(&prepared.forecast(success, input, output, day));
    });
    let nothing = Estimate::exact(Tokens::ZERO, Method::Reported);
    let energies = times(prompts, |&(input, output)| {
        black_box(&prepared.rate().energy(input, nothing, output));
    });
    let preparing = times(prompts, |_| {
        black_box(&accountant.prepare(black_box(card), grid));
    });
    println!("{name:42} {} {} {:>8.0}", nanos(forecasts), nanos(energies), preparing.0);
}

/// Median and 99th percentile of the mean time of one piece of work, in nanoseconds.
fn times<T>(prompts: &[T], work: impl Fn(&T)) -> (f64, f64) {
    let mut rounds: Vec<f64> = (0..ROUNDS + ROUNDS / 10)
        .map(|_| {
            let begun = Instant::now();
            (0..PASSES).for_each(|_| black_box(prompts).iter().for_each(&work));
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(PASSES * PROMPTS)
        })
        .skip(ROUNDS / 10)
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| rounds.get(place).copied().unwrap_or(f64::NAN);
    (at(ROUNDS / 2), at(ROUNDS * 99 / 100))
}

fn nanos((p50, p99): (f64, f64)) -> String {
    format!("{p50:>9.1} {p99:>8.1}")
}

/// Energy and emissions with both ends, the price of three counts and three times, without any type.
fn floor(prompts: &[Tokenised]) -> (f64, f64) {
    let ends = |tokens: &Estimate<Tokens>| [tokens.low(), tokens.value(), tokens.high()].map(Quantity::base);
    let prompts: Vec<[[f64; 3]; 2]> =
        prompts.iter().map(|(input, output)| [ends(input), ends(output)]).collect();
    let [per_input, per_output, spread, grid, of_grid] = black_box([0.004, 0.1, 2.0, 480.0 / 3.6e6, 0.9]);
    times(&prompts, |&[input, output]| {
        let [low, joules, high] = sum(input, output, per_input, per_output);
        let [down, up] = [low, high].map(|end| (end / joules).ln().powi(2) + spread);
        let band =
            |value: f64, down: f64, up: f64| [value * (-down.sqrt()).exp(), value, value * up.sqrt().exp()];
        let energy = band(joules, down, up);
        let emissions = band(joules * grid, down + of_grid, up + of_grid);
        let cost = sum(input, output, 1e-6, 4e-6);
        let seconds = output.map(|tokens| 0.4 + tokens / 80.0);
        black_box(&[energy, emissions, cost, seconds]);
    })
}

fn sum([a, b, c]: [f64; 3], [d, e, f]: [f64; 3], of_first: f64, of_second: f64) -> [f64; 3] {
    [(a, d), (b, e), (c, f)].map(|(first, second)| of_first * first + of_second * second)
}

/// Cards, so that every meter which forecasts knows one of them; the first that it knows is timed.
fn cards() -> Vec<ModelCard> {
    let card = |privacy| {
        let window = Window { context: 131_072, max_output: Some(8192) };
        let mut card = ModelCard::new(ModelKey::new("bench", "model"), window, privacy);
        card.speed = Some(Speed { tokens_per_second: 80.0, time_to_first_chunk_seconds: 0.4 });
        let billions = Span::known(8.0);
        card.size = Some(Size { total: billions, active: billions, bytes_per_parameter: Some(2.0) });
        card
    };
    let mut hosted = card(Privacy::Remote);
    hosted.pricing = Pricing::Listed(prices());
    let mut profiled = hosted.clone();
    let [overhead, per_input, per_output] = [3.0, 0.01, 0.4].map(Energy::from_joules);
    profiled.energy_profile = Some(EnergyProfile::new(overhead, per_input, per_output));
    let mut deployed = hosted.clone();
    let watts = |watts| Some(Power::from_watts(watts));
    deployed.deployment = Some(Deployment {
        tdp_watts: watts(700.0),
        mean_power_watts: watts(480.0),
        bandwidth_gb_per_second: Some(3350.0),
        memory_gb: Some(80.0),
        batch: Some(64.0),
        tokens_per_second: Some(3000.0),
        ..Deployment::new("NVIDIA H100 80GB HBM3", 1)
    });
    let mut listed = hosted.clone();
    listed.key = ModelKey::new("openai", "gpt-4o");
    let local = card(Privacy::Local);
    vec![hosted, profiled, local, deployed, listed]
}

fn prices() -> PriceList {
    let tier = |above_input_tokens, input, output| PriceTier {
        above_input_tokens,
        input_usd_per_mtok: Usd::from_usd(input),
        output_usd_per_mtok: Usd::from_usd(output),
        cache_read_usd_per_mtok: None,
        cache_write_5m_usd_per_mtok: None,
        cache_write_1h_usd_per_mtok: None,
    };
    PriceList {
        source: "bench".into(),
        as_of: "2026-11-01".parse().expect("a date"),
        periods: vec![PricePeriod { from: None, tiers: vec![tier(0, 1.0, 4.0), tier(100_000, 2.0, 8.0)] }],
    }
}

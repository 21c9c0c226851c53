//! What a ranking tells beside the order: the floor, trade-offs, the Pareto front, JSON; and that what rankers compare
//! is the forecast that people are shown.

use crate::support::*;
use greenroute_core::model::{Capability, CapabilityWeights, Pricing};
use greenroute_core::rank::{Candidate, Ranked, TradeOffs};
use greenroute_core::units::{Emissions, Energy, Probability, Quantity, Tokens, Usd};
use greenroute_core::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn advisor(cards: Vec<ModelCard>) -> Advisor {
    let catalog = Arc::new(Catalog::new(cards.into_iter().map(Arc::new)).unwrap());
    Advisor::new(catalog, Arc::new(accountant()), GridSnapshot::new(world()), TestRuntime::new())
}

/// Success and its band up and down, joules and factor of their band, dollars, seconds.
type Traits = ((f64, f64), (f64, f64), Option<f64>, f64);

fn candidate(name: &str, (success, energy, usd, seconds): Traits) -> Candidate {
    let band = |value: f64, width: f64| [value - width, value, value + width].map(Probability::from_fraction);
    let [low, middle, high] = band(success.0, success.1);
    let (joules, factor) = energy;
    let forecast = Forecast {
        success: Estimate::banded(low, middle, high, Method::Modelled),
        output: Estimate::exact(Tokens::new(100), Method::Proxy),
        energy: Estimate::scaled(Energy::from_joules(joules), 1.0 / factor, factor, Method::Modelled),
        emissions: Estimate::scaled(
            Emissions::from_grams(joules / 1e3),
            1.0 / factor,
            factor,
            Method::Modelled,
        ),
        cost: usd
            .map_or(Cost::Unpriced, |usd| Cost::Priced(Estimate::exact(Usd::from_usd(usd), Method::Proxy))),
        duration: Estimate::exact(Duration::from_secs_f64(seconds), Method::Proxy),
        meter: MeterId::new("test", 1),
    };
    Candidate::new(Arc::new(card(name, 1.0, 0.5)), forecast)
}

fn knowledge() -> PromptProfile {
    PromptProfile::by_hand(CapabilityWeights::single(Capability::Knowledge), 2.0)
}

fn green(objective: &Objective, candidates: Vec<Candidate>) -> Ranking {
    GreenRanker.rank(&knowledge(), objective, candidates)
}

/// The words of `other` against a best of 100 J (±10 %), 90 % (±2 points), one dollar and one second.
fn words(other: Traits) -> String {
    let best = ((0.9, 0.02), (100.0, 1.1), Some(1.0), 1.0);
    let ranked = [("cloud/best", best), ("cloud/other", other)].map(|(name, traits)| Ranked {
        candidate: candidate(name, traits),
        score: 0.0,
        meets_floor: true,
    });
    Ranking { ranked: ranked.into(), ..Ranking::default() }.tradeoffs(1).unwrap().to_string()
}

#[test]
fn tradeoffs_say_what_the_other_choice_means() {
    let clear = words(((0.98, 0.02), (420.0, 1.1), Some(0.7), 2.0));
    assert_eq!(
        clear,
        "4.2 times the energy; 8.0 points likelier to be right; 30 % cheaper; takes 2.0 times as long"
    );
    let worse = words(((0.7, 0.02), (50.0, 1.1), Some(12.0), 0.5));
    assert_eq!(
        worse,
        "50 % less energy; 20.0 points less likely to be right; 12.0 times the price; takes 50 % less time"
    );
    let equal = words(((0.9, 0.02), (100.0, 1.1), Some(1.0), 1.0));
    assert_eq!(equal, "the same energy; as likely to be right; the same price; as fast");
}

#[test]
fn tradeoffs_are_honest_where_bands_overlap() {
    let alike = words(((0.908, 0.02), (105.0, 1.1), None, 1.2));
    assert_eq!(
        alike,
        "5 % more energy (bands overlap widely); 0.8 points likelier to be right (bands overlap widely); a cost that \
         cannot be compared; takes 20 % more time"
    );
    let touching = words(((0.93, 0.02), (118.0, 1.1), Some(0.0), 1.0));
    assert_eq!(
        touching,
        "18 % more energy (bands overlap); 3.0 points likelier to be right (bands overlap); free; as fast"
    );
}

#[test]
fn the_best_trades_nothing_and_nobody_stands_beyond_the_last() {
    let three = ["cloud/a", "cloud/b", "cloud/c"];
    let traits = |joules: f64| ((0.9, 0.01), (joules, 1.1), Some(1.0), 1.0);
    let candidates = three.iter().zip([1.0, 10.0, 0.0]).map(|(name, joules)| candidate(name, traits(joules)));
    let ranking = green(&anybody(), candidates.collect());
    assert_eq!((ranking.tradeoffs(0), ranking.tradeoffs(3)), (None, None));
    let first = ranking.tradeoffs(1).unwrap();
    // The best takes nothing: no ratio, and no infinity in the JSON.
    assert_eq!(first.energy_ratio.value, None);
    assert!(first.to_string().starts_with("energy where the best takes none"), "{first}");
    let json = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<TradeOffs>(&json).unwrap(), first);
    assert_eq!(Ranking::default().tradeoffs(0), None);
}

#[test]
fn the_floor_says_what_was_asked_and_of_whom() {
    let sure = candidate("cloud/sure", ((0.90, 0.01), (100.0, 1.1), Some(1.0), 1.0));
    let hoped = candidate("cloud/hoped", ((0.95, 0.30), (10.0, 1.1), Some(1.0), 1.0));
    let ranking = green(&Objective::eco(), vec![hoped.clone(), sure.clone()]);
    let floor = ranking.floor.as_ref().unwrap();
    assert_eq!(floor.to_string(), "≥ 80.1 %, 90.0 % of the 89.0 % of cloud/sure");
    assert_eq!(ranking.best().unwrap().candidate, sure, "known to be good enough, not hoped to be");
    for ranked in &ranking.ranked {
        assert_eq!(ranked.meets_floor, floor.is_met_by(&ranked.candidate));
    }
    let json = serde_json::to_value(floor).unwrap();
    assert_eq!(json["success_probability_low"], 0.801);
    assert_eq!(
        (&json["of_best"]["share_fraction"], &json["of_best"]["model"]["model"]),
        (&0.9.into(), &"sure".into())
    );
    assert_eq!(serde_json::from_value::<rank::Threshold>(json).unwrap(), *floor);
    let absolute = green(&Objective::eco().floor(Floor::absolute(0.5)), vec![sure]);
    assert_eq!(absolute.floor.unwrap().to_string(), "≥ 50.0 %");
    assert_eq!(green(&Objective::eco(), Vec::new()).floor, None);
}

#[test]
fn electricity_without_a_price_is_neither_cheap_nor_dear() {
    let weights = |quality, energy, cost| Weights { quality, energy, cost, latency: 0.0, privacy: 0.0 };
    let rank = |weights: Weights, local: Traits| {
        let others = [("cloud/cheap", 0.1), ("cloud/dear", 1.0)];
        let mut all: Vec<_> =
            others.map(|(name, usd)| candidate(name, ((0.9, 0.01), (100.0, 1.1), Some(usd), 1.0))).into();
        all.push(candidate("house/local", local));
        let ranking = WeightedRanker.rank(&knowledge(), &Objective::eco().weights(weights), all);
        let names = ranking.ranked.iter().map(|ranked| ranked.candidate.card().key.model.to_string());
        names.collect::<Vec<_>>()
    };
    let alike = ((0.9, 0.01), (100.0, 1.1), None, 1.0);
    assert_eq!(card("house/local", 1.0, 0.5).pricing, Pricing::Electricity);
    assert_eq!(
        rank(weights(0.0, 0.0, 1.0), alike),
        ["cheap", "local", "dear"],
        "nothing else counts: the middle"
    );
    // It is as good as it is in all else.
    let greener = ((0.9, 0.01), (10.0, 1.1), None, 1.0);
    assert_eq!(rank(weights(0.0, 1.0, 1.0), greener), ["local", "cheap", "dear"]);
    let worse = ((0.5, 0.01), (1000.0, 1.1), None, 1.0);
    assert_eq!(rank(weights(1.0, 1.0, 1.0), worse), ["cheap", "dear", "local"]);
}

#[tokio::test(start_paused = true)]
async fn the_long_form_names_trade_offs_and_the_floor() {
    let ranking = advisor(three()).advise(&"Why is the sky blue?".into(), &anybody()).unwrap();
    insta::assert_snapshot!(format!("{ranking:#}"), @r"
      model                   success            energy (5–95 %)    emissions        cost    time
    1 house/small   90.3 % (≥ 77.5 %)      54.4 J (11.0 J–221 J)  7.25 mgCO2e    unpriced  1.60 s
    2 cloud/medium  96.9 % (≥ 92.0 %)    1.09 kJ (221 J–4.41 kJ)   145 mgCO2e  $0.0000580  1.60 s
      20.0 times the energy (bands overlap); 6.5 points likelier to be right (bands overlap); a cost that cannot be compared; as fast
    3 cloud/large   99.0 % (≥ 97.4 %)  10.9 kJ (2.21 kJ–44.1 kJ)   1.45 gCO2e  $0.0000580  1.60 s
      200 times the energy; 8.7 points likelier to be right; a cost that cannot be compared; as fast
      floor: ≥ 0.0 %
      note: the energy bands of house/small and cloud/medium overlap: their order is a best guess
      note: no zone is known for 3 of 3 candidates: the world average is used
    ");
    insta::assert_snapshot!(format!("\n{}", ranking.pareto()), @r"

     54.4 J  ██████████████████    90.3 %  house/small
    1.09 kJ  ███████████████████▌  96.9 %  cloud/medium
    10.9 kJ  ████████████████████  99.0 %  cloud/large
    ");
}

#[test]
fn a_hundred_rows_stand_in_their_columns() {
    let traits = ((0.9, 0.01), (100.0, 1.1), Some(1.0), 1.0);
    let many = (100..300).map(|number| candidate(&format!("cloud/m{number}"), traits));
    let table = green(&anybody(), many.collect()).to_string();
    let mut lengths: Vec<usize> = table.lines().take(201).map(|line| line.chars().count()).collect();
    lengths.dedup();
    assert_eq!(lengths.len(), 1, "{table}");
}

#[tokio::test(start_paused = true)]
async fn a_ranking_is_json_with_units_in_its_names() {
    let advisor = advisor(three());
    let objective = Objective { exclude: vec!["cloud/large".into()], ..Objective::eco() };
    let json =
        serde_json::to_value(advisor.advise(&"Why is the sky blue?".into(), &objective).unwrap()).unwrap();
    let best = &json["ranked"][0];
    assert_eq!((&best["model"]["provider"], &best["model"]["model"]), (&"cloud".into(), &"medium".into()));
    assert!(best["score"].is_number() && best["meets_floor"].as_bool() == Some(true));
    let forecast: Forecast = serde_json::from_value(best["forecast"].clone()).unwrap();
    assert!(
        forecast.energy.value().as_joules() > 0.0 && best["forecast"]["energy"]["joules_high"].is_number()
    );
    assert_eq!(json["excluded"][0]["rule"], "excluded");
    let excluded: Vec<rank::Excluded> = serde_json::from_value(json["excluded"].clone()).unwrap();
    assert_eq!(excluded[0].model, key("cloud/large"));
    assert!(json["floor"]["success_probability_low"].is_number() && json["notes"].is_array());
}

#[tokio::test(start_paused = true)]
async fn an_answer_survives_json() {
    let (house, cloud) = players();
    let answer = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap();
    let read: Answer = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
    assert_eq!((read.text, read.blocks, read.advice), (answer.text, answer.blocks, answer.advice));
    assert_eq!(read.receipt.id, answer.receipt.id);
}

fn fields() -> impl Strategy<Value = Vec<Candidate>> {
    // Few levels, so that many are equal in something.
    let level = || prop_oneof![Just(1.0), Just(2.0), Just(3.0), 0.5..4.0f64];
    let one = (level(), level(), prop::option::of(level()), level(), any::<bool>());
    prop::collection::vec(one, 0..14).prop_map(|all| {
        let named =
            |(place, (success, joules, usd, seconds, local)): (usize, (f64, f64, Option<f64>, f64, bool))| {
                let name = format!("{}/m{place:02}", if local { "house" } else { "cloud" });
                candidate(&name, ((success / 4.0, 0.01), (joules, 1.5), usd, seconds))
            };
        all.into_iter().enumerate().map(named).collect()
    })
}

fn rankers() -> [Arc<dyn Ranker>; 3] {
    [Arc::new(GreenRanker), Arc::new(WeightedRanker), Arc::new(GreenScore::default())]
}

proptest! {
    #[test]
    fn the_pareto_front_is_whom_nobody_dominates(field in fields()) {
        let ranking = green(&anybody(), field);
        let front: Vec<&Ranked> = ranking.pareto().into_iter().collect();
        for ranked in &ranking.ranked {
            let beaten = ranking.ranked.iter().any(|other| other.candidate.dominates(&ranked.candidate));
            prop_assert_eq!(front.contains(&ranked), !beaten);
        }
        prop_assert_eq!(front.is_empty(), ranking.ranked.is_empty());
        prop_assert!(front.is_sorted_by(|a, b| a.candidate.energy() <= b.candidate.energy()));
        prop_assert_eq!(ranking.pareto().to_string().lines().count(), front.len());
    }

    #[test]
    fn no_ranker_puts_anybody_before_whoever_dominates(
        field in fields(), quality in 0.0..1.0f64, energy in 0.0..1.0f64, cost in 0.0..1.0f64, zero in 0usize..4,
    ) {
        let mut weights = Weights { quality, energy, cost, latency: 0.1, privacy: 0.0 };
        match zero {
            0 => weights.quality = 0.0,
            1 => weights.cost = 0.0,
            2 => (weights.energy, weights.latency) = (0.0, 0.0),
            _ => {}
        }
        for ranker in rankers() {
            let ranking = ranker.rank(&knowledge(), &Objective::eco().weights(weights), field.clone());
            for (place, first) in ranking.ranked.iter().enumerate() {
                for later in ranking.ranked.iter().skip(place + 1) {
                    prop_assert!(!later.candidate.dominates(&first.candidate), "{ranker:?}\n{ranking}");
                }
            }
        }
    }

    #[test]
    fn what_is_ranked_by_is_what_is_shown(
        joules in prop::collection::vec(0.001..1e3f64, 1..6), tokens in 0u64..1 << 20, output in 0u64..1 << 16,
        grams in prop::option::of(0.0..900.0f64),
    ) {
        let mut cards: Vec<_> =
            joules.iter().enumerate().map(|(place, joules)| card(&format!("cloud/m{place}"), *joules, 0.5)).collect();
        cards.push(card("house/unpriced", 1.0, 0.5));
        for card in &mut cards {
            card.window.context = u64::MAX;
        }
        let wide = |count| Estimate::scaled(Tokens::new(count), 0.3, 3.0, Method::Proxy);
        let profile = PromptProfile { input: wide(tokens), output: wide(output), ..knowledge() };
        let advisor = advisor(cards).profiler(Arc::new(Always(profile)));
        let mut prompt = Prompt::from("Why?");
        if let Some(grams) = grams {
            prompt = prompt.carbon_intensity(units::CarbonIntensity::from_grams_per_kwh(grams));
        }
        for Ranked { candidate, .. } in advisor.advise(&prompt, &anybody()).unwrap().ranked {
            let forecast = candidate.forecast();
            prop_assert_eq!(candidate.success(), forecast.success);
            prop_assert_eq!(candidate.energy(), forecast.energy.value());
            prop_assert_eq!(candidate.emissions(), forecast.emissions.value());
            prop_assert_eq!(candidate.usd(), forecast.cost.usd().map(|usd| usd.value()));
            prop_assert_eq!(candidate.duration(), forecast.duration.value());
            // Told instead of worked out, it is the same candidate.
            let told = Candidate::new(Arc::clone(candidate.card()), forecast);
            prop_assert_eq!(told.energy().base(), candidate.energy().base());
            prop_assert_eq!(told, candidate);
        }
    }
}

/// Every prompt and every task is this.
#[derive(Debug)]
struct Always(PromptProfile);

impl PromptProfiler for Always {
    fn profile(&self, _prompt: &Prompt, _history: &[conversation::Turn]) -> PromptProfile {
        self.0.clone()
    }

    fn centroid(&self, _capability: Capability) -> PromptProfile {
        self.0.clone()
    }
}

/// Every prompt is the typical one of a capability.
#[derive(Debug)]
struct Typical(Capability);

impl PromptProfiler for Typical {
    fn profile(&self, _prompt: &Prompt, _history: &[conversation::Turn]) -> PromptProfile {
        HeuristicProfiler.centroid(self.0)
    }

    fn centroid(&self, capability: Capability) -> PromptProfile {
        HeuristicProfiler.centroid(capability)
    }
}

fn objectives() -> impl Strategy<Value = Objective> {
    let preset = prop_oneof![
        Just(Objective::eco()),
        Just(Objective::balanced()),
        Just(Objective::performance()),
        (0.0..=1.0f64).prop_map(|position| Objective::dial(position).unwrap()),
        (0.0..=1.0f64).prop_map(|floor| Objective::eco().floor(Floor::absolute(floor))),
    ];
    let caps = prop_oneof![Just(None), (10.0..1e5f64).prop_map(Some)];
    (preset, caps, any::<bool>()).prop_map(|(objective, joules, private)| {
        let caps = Caps { energy: joules.map(Energy::from_joules), ..Caps::default() };
        let sensitivity = if private { Sensitivity::Private } else { Sensitivity::Public };
        objective.caps(caps).sensitivity(sensitivity)
    })
}

#[test]
fn a_task_takes_presets_the_dial_and_qualities_by_name() {
    let task = || Task::of(Capability::Code);
    assert_eq!(task().preset("eco").unwrap().objective, Objective::eco());
    assert_eq!(task().dial(1.0).unwrap().objective.floor, Objective::performance().floor);
    let floor = |quality: &str| task().quality(quality.parse().unwrap()).unwrap().objective.floor;
    assert_eq!((floor("low"), floor("high")), (Objective::eco().floor, Objective::performance().floor));
    assert_eq!(floor("0.5"), Objective::dial(0.5).unwrap().floor);
    let capped = task().max_cost(Usd::from_usd(1.0)).exclude("cloud/large").prefer("small");
    let preset = capped.preset("eco").unwrap().objective;
    assert_eq!(preset.caps.cost, Some(Usd::from_usd(1.0)), "a preset sets what is weighed, and lifts no cap");
    assert_eq!(
        (&*preset.exclude, &*preset.prefer),
        (&["cloud/large".to_owned()][..], &["small".to_owned()][..])
    );
    for (error, says) in [
        (task().preset("greenest").unwrap_err(), "eco, balanced, performance"),
        (
            "best".parse::<Quality>().unwrap_err(),
            "`quality` must be low, medium, high or between 0 and 1, not best",
        ),
        ("1.5".parse::<Quality>().unwrap_err(), "not 1.5"),
        ("NaN".parse::<Quality>().unwrap_err(), "not NaN"),
        (task().dial(-0.1).unwrap_err(), "`dial` must be between 0 and 1"),
    ] {
        assert_eq!(error.kind(), &ErrorKind::Config);
        assert!(error.to_string().contains(says), "{error}");
    }
}

proptest! {
    #[test]
    fn a_tasks_ranking_is_the_advice_on_its_typical_prompt(objective in objectives(), which in 0usize..3) {
        for capability in Capability::ALL {
            let ranker = Arc::clone(&rankers()[which]);
            let mut cards = three();
            cards[1].capabilities = Some(vec![Capability::Creative, Capability::Code]);
            let advisor = advisor(cards).profiler(Arc::new(Typical(capability))).ranker(ranker);
            let task = Task { objective: objective.clone(), ..advisor.task(capability) };
            let by_task = advisor.rank(&task.top(usize::MAX)).unwrap();
            let by_prompt = advisor.advise(&"Anything".into(), &objective).unwrap();
            prop_assert_eq!(by_task, by_prompt);
        }
    }
}

#[test]
fn energies_that_differ_in_their_last_bit_are_in_order_among_many() {
    let joules = |up: usize| (0..up).fold(100.0f64, |joules, _| joules.next_up());
    // Each energy twice; the cheaper of two equals comes first.
    let given = |at: usize| {
        ((0.9, 0.02), (joules(at / 2), 1.1), Some(if at.is_multiple_of(2) { 1.0 } else { 0.5 }), 1.0)
    };
    for count in [1, 2, 9, 64, 200] {
        let names: Vec<String> = (0..count).map(|at| format!("cloud/m{}", at * 89 % count)).collect();
        let all = (0..count).map(|at| candidate(&names[at], given(at * 89 % count))).collect();
        let ranking = green(&Objective::eco().floor(Floor::absolute(0.0)), all);
        let order: Vec<String> =
            ranking.ranked.iter().map(|ranked| ranked.candidate.card().key.to_string()).collect();
        let expected: Vec<String> =
            (0..count).map(|at| format!("cloud/m{}", if at ^ 1 < count { at ^ 1 } else { at })).collect();
        assert_eq!(order, expected);
    }
}

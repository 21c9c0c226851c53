//! What is expected of prompts of every kind.

use super::*;

#[test]
fn a_task_without_outcomes_is_as_hard_as_the_difficulty_says_and_nothing_else_counts() {
    let mut prior = prior();
    prior.tasks.iter_mut().for_each(|task| task.outcomes = 0.0);
    let outlook = Outlook::new(prior, "0badcafe");
    // A model of which nothing is known is taken for the mean of the reference models.
    let mean_model = card("m", &[], None);
    // Tasks of the sample, and one that it does not have.
    for task in [0, 1, 2, 3, TASKS - 1] {
        for (difficulty, excess) in [(1.0, 0.0), (2.5, -2.0), (3.0, 0.0), (4.0, 2.0), (5.0, 0.5)] {
            let mut profile = PromptProfile { difficulty, ..profile(task, 0.0) };
            profile.latent[TASKS] = excess;
            let success = outlook.expect(&profile, &mean_model).success;
            let logits =
                [success.low(), success.high()].map(|end| end.as_fraction()).map(|p| (p / (1.0 - p)).ln());
            let (middle, says) = (f64::midpoint(logits[0], logits[1]), 1.75 - 1.37 * (difficulty - 3.0));
            assert!((middle - says).abs() < 1e-3, "task {task}: {middle} for {says}");
        }
    }
}

#[test]
fn a_lock_that_a_panic_left_does_not_stop_anybody() {
    let outlook = Arc::new(outlook());
    let model = card("m", &[("mmlu", 0.7)], None);
    let before = success(&outlook, &model, 1);
    let poisoned = Arc::clone(&outlook);
    let poisoner = thread::spawn(move || {
        let _held = poisoned.state.write().unwrap();
        panic!("while it is held");
    });
    assert!(poisoner.join().is_err() && outlook.state.is_poisoned());
    assert_eq!(success(&outlook, &model, 1), before);
    outlook.learn(&told(&model.key, 1, 30, 0.0, 0)).unwrap();
    assert!(success(&outlook, &model, 1) < before);
    outlook.restore(&outlook.snapshot()).unwrap();
    outlook.clear();
    assert_eq!(success(&outlook, &model, 1), before);
}

#[test]
fn what_is_new_widens_the_band() {
    let outlook = outlook();
    let model = card("m", &[("mmlu", 0.8), ("gsm8k", 0.9)], Some(70.0));
    let low = |novelty: f64| outlook.expect(&profile(1, novelty), &model).success.low();
    assert!(low(0.0) > low(0.5) && low(0.5) > low(1.0));
}

/// A model in the ranking, with the energy that it takes.
fn candidate(outlook: &Outlook, profile: &PromptProfile, card: &ModelCard, joules: f64) -> Candidate {
    let Expectation { success, output } = outlook.expect(profile, card);
    let forecast = Forecast {
        success,
        output,
        energy: Estimate::scaled(Energy::from_joules(joules), 0.5, 2.0, Method::Modelled),
        emissions: Estimate::exact(Emissions::from_grams(joules), Method::Modelled),
        cost: Cost::Unpriced,
        duration: Estimate::exact(Duration::from_secs(1), Method::Proxy),
        meter: MeterId::new("test", 1),
    };
    Candidate::new(Arc::new(card.clone()), forecast)
}

#[test]
fn the_small_model_wins_what_is_known_to_be_easy_and_the_strong_one_what_is_new() {
    let outlook = outlook();
    let small = card("small", &[("mmlu", 0.68), ("gsm8k", 0.8)], Some(8.0));
    let large = card("large", &[("mmlu", 0.86), ("gsm8k", 0.95)], Some(70.0));
    let objective = Objective::eco().floor(Floor::of_best(0.95));
    for (novelty, wins) in [(0.0, "small"), (1.0, "large")] {
        let profile = profile(3, novelty);
        let candidates =
            vec![candidate(&outlook, &profile, &small, 10.0), candidate(&outlook, &profile, &large, 100.0)];
        let ranking = GreenRanker.rank(&profile, &objective, candidates);
        assert_eq!(ranking.best().unwrap().candidate.card().key.model.as_str(), wins);
    }
}

#[test]
fn numbers_that_no_profiler_makes_do_no_harm() {
    let outlook = outlook();
    let model = card("m", &[], None);
    for strange in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1e30] {
        let mut profile = profile(1, 0.0);
        profile.latent.iter_mut().for_each(|number| *number = strange);
        let Expectation { success, .. } = outlook.expect(&profile, &model);
        assert!(success.low() <= success.value() && success.value() <= success.high());
        let good = verdict(&model.key, 1, true, 1, None);
        outlook.learn(&[Verdict { profile, ..good }]).unwrap();
        outlook.restore(&outlook.snapshot()).unwrap();
        for task in [0, TASKS] {
            let mut profile = self::profile(1, 0.0);
            profile.latent[task] = strange;
            profile.difficulty = f64::from(strange);
            let Expectation { success, output } = outlook.expect(&profile, &model);
            assert!(success.low() <= success.value() && success.value() <= success.high());
            assert!(output.low() <= output.value() && output.value() <= output.high());
        }
        let by_hand =
            PromptProfile { difficulty: f64::from(strange), latent: Vec::new(), ..self::profile(1, 0.0) };
        let Expectation { success, .. } = outlook.expect(&by_hand, &model);
        assert!(success.low() <= success.value() && success.value() <= success.high());
    }
}

proptest! {
    #[test]
    fn a_better_card_succeeds_no_less_and_a_harder_prompt_no_more(
        a in 0.0..1.0f64, b in 0.0..1.0f64, other in 0.0..1.0f64, d in 1.0..5.0f64, e in 1.0..5.0f64, at in 0..8usize,
        bench in prop_oneof![Just("mmlu"), Just("gsm8k"), Just("humaneval"), Just("ifeval"), Just("math")],
    ) {
        let outlook = outlook();
        let model = |share| card("m", &[(bench, share), ("gpqa", other)], Some(8.0));
        let asked = CapabilityWeights::new([(Capability::ALL[at], 0.6), (Capability::Code, 0.4)]);
        let of = |share: f64, difficulty: f64| {
            outlook.expect(&PromptProfile::by_hand(asked, difficulty), &model(share)).success
        };
        let (better, worse) = (of(a.max(b), d), of(a.min(b), d));
        prop_assert!(better.value() >= worse.value() && better.low() >= worse.low());
        let (easier, harder) = (of(a, d.min(e)), of(a, d.max(e)));
        prop_assert!(easier.value() >= harder.value() && easier.low() >= harder.low());
        for task in 0..3 {
            prop_assert!(success(&outlook, &model(a.max(b)), task) >= success(&outlook, &model(a.min(b)), task));
        }
    }

    #[test]
    fn of_read_prompts_an_easier_one_never_succeeds_less(
        weights in prop::collection::vec(0.0..1.0f32, 6), a in 0.0..6.0f64, b in 0.0..6.0f64,
        excess in -2.0..2.0f32, outcomes in prop_oneof![Just(0.0), 0.0..1e7f64], novelty in 0.0..=1.0f64,
    ) {
        let mut prior = prior();
        prior.tasks.iter_mut().for_each(|task| task.outcomes = outcomes);
        let outlook = Outlook::new(prior, "0badcafe");
        let model = card("m", &[("mmlu", 0.7)], Some(8.0));
        let sum = weights.iter().sum::<f32>().max(1e-3);
        let success = |difficulty: f64| {
            let mut profile = PromptProfile { difficulty, ..profile(0, novelty) };
            profile.latent.fill(0.0);
            profile.latent.iter_mut().zip(&weights).for_each(|(slot, weight)| *slot = weight / sum);
            profile.latent[TASKS] = excess;
            outlook.expect(&profile, &model).success
        };
        let (easier, harder) = (success(a.min(b)), success(a.max(b)));
        prop_assert!(easier.value() >= harder.value());
        prop_assert!(easier.low() >= harder.low() && easier.high() >= harder.high());
    }

    #[test]
    fn whatever_is_learned_probabilities_stay_in_order(
        verdicts in prop::collection::vec((0..3usize, 0.0..=1.0f64, 0..40u128, 0..5u8), 0..200),
    ) {
        let outlook = outlook();
        let model = card("m", &[("mmlu", 0.7)], None);
        for (task, score, receipt, judge) in verdicts {
            let judge = (judge < 4).then(|| Arc::from(format!("judge {judge}")));
            let verdict = Verdict { score: Probability::from_fraction(score), judge, ..verdict(&model.key, task, true, receipt, None) };
            outlook.learn(&[verdict]).unwrap();
        }
        for task in 0..3 {
            let success = outlook.expect(&profile(task, 0.2), &model).success;
            prop_assert!(success.low() <= success.value() && success.value() <= success.high());
        }
        let memory = outlook.snapshot();
        outlook.restore(&memory).unwrap();
        prop_assert_eq!(outlook.snapshot(), memory);
    }
}

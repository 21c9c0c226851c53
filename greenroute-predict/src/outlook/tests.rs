use super::*;
use crate::latent::TASKS;
use crate::learned::{MODELS, MOST};
use crate::prior::sample::{card, prior, profile};
use greenroute_core::conformance::{expecter, run};
use greenroute_core::model::{Capability, CapabilityWeights, Score, Span};
use greenroute_core::rank::Candidate;
use greenroute_core::units::{Emissions, Energy, Probability};
use greenroute_core::{
    Catalog, Cost, ErrorKind, Estimate, Floor, Forecast, GreenRanker, MeterId, Method, ModelKey, Objective,
    Ranker, ReceiptId,
};
use proptest::prelude::*;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn outlook() -> Outlook {
    Outlook::new(prior(), "0badcafe")
}

fn verdict(model: &ModelKey, task: usize, good: bool, receipt: u128, judge: Option<&str>) -> Verdict {
    Verdict {
        receipt: Some(ReceiptId::from_u128(receipt)),
        model: model.clone(),
        profile: profile(task, 0.0),
        score: if good { Probability::ONE } else { Probability::ZERO },
        judge: judge.map(Arc::from),
    }
}

fn logit(outlook: &Outlook, card: &ModelCard, task: usize) -> f64 {
    let state = State { learned: outlook.learned(), ..State::default() };
    let mut stance = outlook.prior.stance(card);
    update(&mut stance, &state.learned.tallies(&card.key, &outlook.prior.tasks));
    stance.logits[task]
}

fn success(outlook: &Outlook, card: &ModelCard, task: usize) -> f64 {
    outlook.expect(&profile(task, 0.0), card).success.value().as_fraction()
}

/// Verdicts by people who are known by their receipts alone, good by this share, spread evenly.
fn told(model: &ModelKey, task: usize, count: u32, share: f64, first: u128) -> Vec<Verdict> {
    (0..count)
        .map(|at| {
            let good = (f64::from(at + 1) * share).floor() > (f64::from(at) * share).floor();
            verdict(model, task, good, first + u128::from(at), None)
        })
        .collect()
}

#[test]
fn it_conforms() {
    let report = run(expecter::ALL, &outlook(), &[]);
    report.conforms().unwrap();
}

#[test]
fn it_conforms_with_a_memory() {
    let outlook = outlook();
    let model = card("a", &[], None).key;
    outlook.learn(&told(&model, 1, 30, 0.7, 0)).unwrap();
    run(expecter::ALL, &outlook, &[]).conforms().unwrap();
}

#[test]
fn thirty_verdicts_halve_an_error_of_a_logit_and_a_half_and_leave_other_models_alone() {
    for up in [true, false] {
        let outlook = outlook();
        let (wrong, other) = (card("wrong", &[("mmlu", 0.7)], None), card("other", &[("mmlu", 0.7)], None));
        let before = logit(&outlook, &wrong, 1);
        let others = success(&outlook, &other, 1);
        let elsewhere = logit(&outlook, &wrong, 2);
        let truth = if up { before + 1.5 } else { before - 1.5 };
        outlook.learn(&told(&wrong.key, 1, 30, 1.0 / (1.0 + (-truth).exp()), 0)).unwrap();
        let left = (logit(&outlook, &wrong, 1) - truth).abs();
        assert!(left <= 0.75, "{left} logits are left of 1.5");
        assert_eq!(success(&outlook, &other, 1), others);
        // The model's other tasks are informed, and less.
        let moved = (logit(&outlook, &wrong, 2) - elsewhere) * if up { 1.0 } else { -1.0 };
        assert!(moved > 0.05 && moved < 0.75, "{moved}");
    }
}

#[test]
fn verdicts_narrow_the_band_of_what_they_judge() {
    let outlook = outlook();
    let model = card("m", &[("mmlu", 0.7)], None);
    let width = |outlook: &Outlook| {
        let success = outlook.expect(&profile(1, 0.0), &model).success;
        success.high().as_fraction() - success.low().as_fraction()
    };
    let before = width(&outlook);
    let share = success(&outlook, &model, 1);
    outlook.learn(&told(&model.key, 1, 60, share, 0)).unwrap();
    assert!(width(&outlook) < 0.7 * before);
}

#[test]
fn a_model_that_becomes_worse_is_followed() {
    let outlook = outlook();
    let model = card("m", &[("mmlu", 0.7)], None);
    outlook.learn(&told(&model.key, 1, 2_000, 0.95, 0)).unwrap();
    assert!(success(&outlook, &model, 1) > 0.88);
    outlook.learn(&told(&model.key, 1, 200, 0.4, 10_000)).unwrap();
    let now = success(&outlook, &model, 1);
    assert!((0.35..0.6).contains(&now), "{now}");
    assert!(outlook.learned().weight(&model.key, "grade-school maths") < 145.0);
}

#[test]
fn one_judge_who_floods_is_worth_twenty_verdicts() {
    let model = card("m", &[("mmlu", 0.7)], None);
    let flood = |outlook: &Outlook| {
        let bad: Vec<Verdict> =
            (0..5_000).map(|at| verdict(&model.key, 1, false, 100_000 + at, Some("mallory"))).collect();
        outlook.learn(&bad).unwrap();
    };
    let alone = outlook();
    flood(&alone);
    let weight = alone.learned().weight(&model.key, "grade-school maths");
    assert!(weight <= MOST + 1e-9, "{weight}");
    // In a cell that others fill he brings a seventh of what it holds: he moves it by no more than fourteen points.
    let busy = outlook();
    for (at, verdict) in told(&model.key, 1, 600, 0.9, 0).into_iter().enumerate() {
        let judge = Some(Arc::from(format!("user {at}")));
        busy.learn(&[Verdict { judge, ..verdict }]).unwrap();
    }
    let before = success(&busy, &model, 1);
    let bad: Vec<Verdict> =
        (0..20).map(|at| verdict(&model.key, 1, false, 100_000 + at, Some("mallory"))).collect();
    busy.learn(&bad).unwrap();
    let after = success(&busy, &model, 1);
    assert!(before - after < 0.15 && before > after, "{before} became {after}");
}

#[test]
fn a_lone_judge_who_changes_his_mind_is_followed() {
    let outlook = outlook();
    let model = card("m", &[("mmlu", 0.7)], None);
    let say = |good: bool, first: u128| -> Vec<Verdict> {
        (0..60).map(|at| verdict(&model.key, 1, good, first + at, Some("ann"))).collect()
    };
    outlook.learn(&say(true, 0)).unwrap();
    let before = success(&outlook, &model, 1);
    outlook.learn(&say(false, 1_000)).unwrap();
    assert!(success(&outlook, &model, 1) < before - 0.3);
}

#[test]
fn the_same_verdict_again_teaches_nothing_and_more_judges_of_one_answer_less_and_less() {
    let outlook = outlook();
    let model = card("m", &[], None);
    let of = |judge| verdict(&model.key, 1, false, 7, judge);
    let weight = |outlook: &Outlook| outlook.learned().weight(&model.key, "grade-school maths");
    outlook.learn(&[of(Some("ann"))]).unwrap();
    let memory = outlook.snapshot();
    outlook.learn(&vec![of(Some("ann")); 50]).unwrap();
    assert_eq!(outlook.snapshot(), memory);
    // Also after a restart.
    outlook.restore(&memory).unwrap();
    outlook.learn(&[of(Some("ann"))]).unwrap();
    assert_eq!(outlook.snapshot(), memory);
    for judge in ["bob", "cid", "dan", "eve"] {
        outlook.learn(&[of(Some(judge))]).unwrap();
    }
    assert!((1.6..=1.75).contains(&weight(&outlook)), "{}", weight(&outlook));
}

#[test]
fn the_prior_comes_back_exactly() {
    let outlook = outlook();
    let cards = [card("a", &[("mmlu", 0.8)], Some(8.0)), card("b", &[], None)];
    let all = |outlook: &Outlook| -> Vec<Expectation> {
        cards.iter().flat_map(|card| (0..3).map(|task| outlook.expect(&profile(task, 0.3), card))).collect()
    };
    let before = all(&outlook);
    outlook.learn(&told(&cards[0].key, 0, 40, 0.2, 0)).unwrap();
    assert_ne!(all(&outlook), before);
    outlook.clear();
    assert_eq!(all(&outlook), before);
    assert!(outlook.snapshot().is_empty());
}

#[test]
fn what_was_learned_outlives_new_weights_by_the_names_of_tasks() {
    let old = outlook();
    let model = card("m", &[("mmlu", 0.7)], None);
    old.learn(&told(&model.key, 1, 30, 0.1, 0)).unwrap();
    old.learn(&told(&model.key, 2, 30, 0.1, 100)).unwrap();
    let mut retrained = prior();
    retrained.tasks.swap(0, 1);
    retrained.tasks[2].name = "something else".into();
    let new = Outlook::new(retrained, "12345678");
    new.restore(&old.snapshot()).unwrap();
    assert!((success(&new, &model, 0) - success(&old, &model, 1)).abs() < 0.1);
    assert_eq!(new.learned().weight(&model.key, "code writing"), 0.0);
    let mut strange = prior();
    strange.tasks.iter_mut().for_each(|task| task.name = format!("x {}", task.name).into());
    let error = Outlook::new(strange, "1").restore(&old.snapshot()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Decode);
}

#[test]
fn a_profile_kept_from_before_the_weights_were_trained_anew_does_not_teach_of_other_tasks() {
    let model = card("m", &[], None).key;
    let capabilities = CapabilityWeights::single(Capability::Code);
    // As the brain writes it: what it names stands in its numbers, too.
    let kept = PromptProfile { capabilities, tasks: vec![("code writing".into(), 1.0)], ..profile(2, 0.0) };
    let learn = |outlook: &Outlook| {
        let verdict = Verdict { profile: kept.clone(), ..verdict(&model, 2, false, 1, None) };
        outlook.learn(&[verdict]).unwrap();
        let learned = outlook.learned();
        prior().tasks().map(|task| learned.weight(&model, task)).collect::<Vec<_>>()
    };
    assert_eq!(learn(&outlook()), [0.0, 0.0, 1.0, 0.0]);
    // The task stands elsewhere now; and what asks for code is that task still.
    let mut retrained = prior();
    retrained.tasks.swap(2, 3);
    assert_eq!(learn(&Outlook::new(retrained, "1")), [0.0, 0.0, 1.0, 0.0]);
    // The task is no more, another one has its place, and nothing asks for code.
    let mut retrained = prior();
    retrained.tasks[2] = prior().tasks.swap_remove(3);
    retrained.tasks.truncate(3);
    let taught = learn(&Outlook::new(retrained, "1"));
    assert!(taught[3] < 0.5 && taught[2] == 0.0, "{taught:?}");
}

#[test]
fn how_new_a_prompt_was_changes_nothing_of_what_verdicts_on_it_teach() {
    let model = card("m", &[], None).key;
    for by_hand in [false, true] {
        let taught = |novelty: f64| {
            let outlook = outlook();
            for mut told in told(&model, 3, 40, 0.9, 0) {
                told.profile.novelty = Probability::from_fraction(novelty);
                told.profile.difficulty = 1.0;
                if by_hand {
                    told.profile.latent.clear();
                }
                outlook.learn(&[told]).unwrap();
            }
            outlook.learned()
        };
        assert_eq!(taught(0.0), taught(0.5));
        assert_eq!(taught(0.0), taught(1.0));
    }
}

#[test]
fn a_snapshot_of_another_layout_or_with_impossible_numbers_is_refused() {
    let outlook = outlook();
    let model = card("m", &[], None).key;
    outlook.learn(&told(&model, 1, 5, 0.5, 0)).unwrap();
    let text = String::from_utf8(outlook.snapshot()).unwrap();
    let memory = outlook.snapshot();
    for (from, to) in
        [("\"format\":1", "\"format\":2"), ("\"tally\":[", "\"tally\":[-"), ("\"clock\":", "\"clock\":-")]
    {
        let bad = text.replace(from, to);
        assert_ne!(bad, text);
        assert_eq!(*outlook.restore(bad.as_bytes()).unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(outlook.snapshot(), memory);
    }
}

#[test]
fn memory_is_bounded_and_the_model_judged_longest_ago_goes_first() {
    let outlook = outlook();
    let key = |at: usize| ModelKey::new("local", format!("m{at}"));
    for at in 0..MODELS + 20 {
        let receipt = u128::try_from(at).unwrap();
        outlook.learn(&[verdict(&key(at), 1, true, receipt, Some("ann"))]).unwrap();
    }
    let learned = outlook.learned();
    assert_eq!(learned.weight(&key(0), "grade-school maths"), 0.0);
    assert!(learned.weight(&key(MODELS + 19), "grade-school maths") > 0.9);
    assert!(outlook.snapshot().len() < 200_000);
}

#[test]
fn many_threads_learn_and_ask_at_once_and_nothing_is_lost() {
    let outlook = Arc::new(outlook());
    let model = card("m", &[("mmlu", 0.7)], None);
    thread::scope(|scope| {
        for thread in 0..4u32 {
            let (outlook, model) = (Arc::clone(&outlook), model.clone());
            scope.spawn(move || {
                for verdict in told(&model.key, 1, 20, 0.0, u128::from(thread) * 1_000) {
                    outlook.learn(&[verdict]).unwrap();
                    let Expectation { success, .. } = outlook.expect(&profile(1, 0.0), &model);
                    assert!(success.low() <= success.value() && success.value() <= success.high());
                }
            });
        }
    });
    let alone = self::outlook();
    alone.learn(&told(&model.key, 1, 80, 0.0, 0)).unwrap();
    assert!((success(&outlook, &model, 1) - success(&alone, &model, 1)).abs() < 1e-6);
}

/// So many cards unlike each other.
fn many(count: u32) -> Vec<ModelCard> {
    let of = |at: u32| {
        let share = 0.3 + f64::from(at % 61) / 100.0;
        card(&format!("m{at}"), &[("mmlu", share), ("gsm8k", 1.0 - share)], Some(1.0 + f64::from(at % 7)))
    };
    (0..count).map(of).collect()
}

fn each(outlook: &Outlook, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
    cards.iter().map(|card| outlook.expect(profile, card)).collect()
}

#[test]
fn many_cards_are_expected_what_each_is_alone_to_the_last_bit_in_whatever_order() {
    let (outlook, cards) = (outlook(), many(37));
    let asked = CapabilityWeights::single(Capability::Math);
    let mut strange = profile(1, 0.5);
    strange.latent.iter_mut().for_each(|number| *number = f32::NAN);
    let mut orders: Vec<Vec<&ModelCard>> = vec![cards.iter().collect(), cards.iter().rev().collect()];
    orders.push(cards.iter().step_by(3).chain(&cards[..5]).collect());
    orders.push(vec![&cards[9]; 20]);
    for profile in [profile(0, 0.0), profile(2, 0.4), strange, PromptProfile::by_hand(asked, 4.0)] {
        for cards in &orders {
            assert_eq!(outlook.expect_all(&profile, cards), each(&outlook, &profile, cards));
            // And where nothing is held yet.
            let new = self::outlook();
            assert_eq!(new.expect_all(&profile, cards), each(&outlook, &profile, cards));
        }
    }
}

#[test]
fn more_cards_than_are_kept_are_all_expected_of() {
    let (outlook, cards) = (outlook(), many(5_000));
    let (all, profile) = (cards.iter().collect::<Vec<_>>(), profile(1, 0.2));
    for _ in 0..2 {
        let found = outlook.expect_all(&profile, &all);
        let few: Vec<Expectation> = found.iter().step_by(500).copied().collect();
        assert_eq!(found.len(), all.len());
        assert_eq!(few, each(&outlook, &profile, &all.iter().step_by(500).copied().collect::<Vec<_>>()));
    }
}

#[test]
fn no_belief_outlives_what_it_was_made_of() {
    let (outlook, cards, profile) = (outlook(), many(20), profile(1, 0.0));
    let all: Vec<&ModelCard> = cards.iter().collect();
    let before = outlook.expect_all(&profile, &all);
    let memory = outlook.snapshot();
    outlook.learn(&told(&cards[7].key, 1, 40, 0.0, 0)).unwrap();
    let after = outlook.expect_all(&profile, &all);
    assert!(after[7].success.value() < before[7].success.value());
    assert_eq!([&after[..7], &after[8..]].concat(), [&before[..7], &before[8..]].concat());
    outlook.restore(&memory).unwrap();
    assert_eq!(outlook.expect_all(&profile, &all), before);
}

#[test]
fn a_changed_card_is_another_card() {
    let outlook = outlook();
    let before = success(&outlook, &card("m", &[("gsm8k", 0.5)], None), 1);
    assert!(success(&outlook, &card("m", &[("gsm8k", 0.9)], None), 1) > before);
}

#[test]
fn a_refreshed_card_is_never_served_an_old_belief() {
    let mut first = card("m", &[("gsm8k", 0.5)], Some(8.0));
    first.aliases = vec!["little".into()];
    let key = first.key.clone();
    let outlook = outlook();
    let catalog = Catalog::new([Arc::new(first.clone())]).unwrap();
    let now = |outlook: &Outlook| {
        let snapshot = catalog.snapshot();
        let card = snapshot.get(&key).unwrap();
        let fresh = self::outlook();
        fresh.restore(&outlook.snapshot()).unwrap();
        let served = outlook.expect(&profile(1, 0.2), card);
        assert_eq!(served, fresh.expect(&profile(1, 0.2), &ModelCard::clone(card)), "an old belief");
        served.success.value()
    };
    let score = |share| Score { value: Probability::from_fraction(share), source: "a test".into() };
    let old = now(&outlook);
    // A change that reads the card before and after.
    let better = |card: &mut ModelCard| {
        let _ = (card.digest(), card.abilities());
        card.scores.insert("gsm8k".into(), score(0.9));
    };
    catalog.revise(&key, better).unwrap();
    let revised = now(&outlook);
    assert!(revised > old);
    // A card that was asked about, and changed since.
    let mut changed = first.clone();
    outlook.expect(&profile(1, 0.2), &changed);
    changed.scores.insert("gsm8k".into(), score(0.7));
    catalog.update(changed.clone()).unwrap();
    let updated = now(&outlook);
    assert!(old < updated && updated < revised);
    // The same under another name, as a reading of a file.
    let json = serde_json::to_string(&changed).unwrap();
    catalog.delete(&key).unwrap();
    catalog.create(serde_json::from_str(&json).unwrap()).unwrap();
    assert_eq!(now(&outlook), updated);
    // And one whose scores are as before is as before.
    catalog.revise(&key, |card| card.scores = first.scores.clone()).unwrap();
    assert_eq!(now(&outlook), old);
    outlook.learn(&told(&key, 1, 30, 0.1, 0)).unwrap();
    assert!(now(&outlook) < old);
}

type Change = fn(&mut ModelCard);

#[test]
fn every_fact_that_beliefs_are_made_of_is_in_the_digest() {
    let outlook = outlook();
    let first = card("m", &[("mmlu", 0.5), ("gsm8k", 0.5)], Some(8.0));
    let score = |share| Score { value: Probability::from_fraction(share), source: "a test".into() };
    let changes: [(&str, Change); 6] = [
        ("another score of a benchmark", |card| {
            card.scores.get_mut("mmlu").unwrap().value = Probability::from_fraction(0.6);
        }),
        ("a benchmark less", |card| {
            card.scores.remove("gsm8k");
        }),
        ("a larger size", |card| card.size.as_mut().unwrap().total = Span::known(70.0)),
        ("a less certain size", |card| card.size.as_mut().unwrap().total = Span { low: 2.0, high: 32.0 }),
        ("no size", |card| card.size = None),
        ("another key", |card| card.key = ModelKey::new("local", "judged")),
    ];
    let judged = ModelKey::new("local", "judged");
    outlook.learn(&told(&judged, 1, 30, 0.1, 0)).unwrap();
    let before = outlook.expect(&profile(1, 0.0), &first);
    for (what, change) in changes {
        let mut other = first.clone();
        change(&mut other);
        assert_ne!(outlook.expect(&profile(1, 0.0), &other), before, "{what}");
        assert_ne!(other.digest(), first.digest(), "{what}");
    }
    let mut more = first.clone();
    more.scores.insert("humaneval".into(), score(0.1));
    assert_ne!(outlook.expect(&profile(1, 0.0), &more), before);
}

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

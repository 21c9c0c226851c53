//! What verdicts teach.

use super::*;

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

//! Many cards, and cards that change.

use super::*;

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

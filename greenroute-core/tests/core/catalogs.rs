//! The catalog in use: names that vendors answer with, cards that age, embedders, files and live listings.

use crate::support::*;
use greenroute_core::model::{CardFile, Pricing, Size, Span, Speed};
use greenroute_core::rank::Rule;
use greenroute_core::units::{Probability, Usd};
use greenroute_core::*;
use std::sync::Arc;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A router that has `cards` and two players.
fn playing(cards: Vec<ModelCard>) -> (Router, Scripted) {
    let (house, cloud) = players();
    let mut builder = Router::builder(accountant(), world(), TestRuntime::new()).objective(anybody());
    builder = builder.provider(house).provider(cloud.clone());
    for card in cards {
        builder = builder.card(card);
    }
    (builder.build().unwrap(), cloud)
}

fn only(name: &str) -> Prompt {
    Prompt::from("Why?").objective(Objective { only: Some(vec![key(name)]), ..anybody() })
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_the_model_that_was_asked_is_no_redirect() {
    let mut cards = three();
    cards[1].aliases = vec!["medium-latest".into()];
    let (router, cloud) = playing(cards);
    for name in ["cloud/medium-20251001", "cloud/medium-2025-10-01", "cloud/medium-latest"] {
        cloud.on("medium", [says("hi").returned(name)]);
        let receipt = router.chat(only("cloud/medium")).await.unwrap().receipt;
        assert!(!receipt.has_note(NoteCode::ModelRedirected), "{name}: {receipt:#}");
        assert_joules(receipt.energy.value(), 420.0);
        assert_eq!(
            receipt.answered().unwrap().returned,
            Some(key(name)),
            "the receipt keeps the name that came"
        );
    }
    // Another provider's model of the same name, and a day that the calendar has not.
    for name in ["house/medium-20251001", "cloud/medium-20251301"] {
        cloud.on("medium", [says("hi").returned(name)]);
        let receipt = router.chat(only("cloud/medium")).await.unwrap().receipt;
        assert!(receipt.has_note(NoteCode::ModelRedirected), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_model_is_accounted_by_that_models_card() {
    let (router, cloud) = playing(three());
    cloud.on("medium", [says("hi").returned("cloud/large-20251001")]);
    let receipt = router.chat(only("cloud/medium")).await.unwrap().receipt;
    assert_joules(receipt.energy.value(), 4200.0);
    let note = receipt.notes.iter().find(|note| note.code == NoteCode::ModelRedirected).unwrap();
    assert_eq!(
        note.text,
        "cloud/medium was asked and cloud/large-20251001 answered: accounted by its own card"
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_with_a_card_of_its_own_is_accounted_by_it() {
    let mut cards = three();
    cards.push(card("cloud/medium-20251001", 50.0, 0.7));
    let (router, cloud) = playing(cards);
    cloud.on("medium", [says("hi").returned("cloud/medium-20251001")]);
    let receipt = router.chat(only("cloud/medium")).await.unwrap().receipt;
    assert_joules(receipt.energy.value(), 2100.0);
    assert!(receipt.has_note(NoteCode::ModelRedirected));
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_said_again_is_no_redirect() {
    let mut north = card("cloud/medium", 1.0, 0.7);
    north.key.region = Some("north".into());
    let asked = north.key.clone();
    let (router, cloud) = playing(three().into_iter().chain([north]).collect());
    let objective = Objective { only: Some(vec![asked.clone()]), ..anybody() };
    cloud.on("medium", [says("hi").returned("cloud/medium")]);
    let receipt = router.chat(Prompt::from("Why?").objective(objective)).await.unwrap().receipt;
    assert_eq!(receipt.answered().unwrap().requested, asked);
    assert!(!receipt.has_note(NoteCode::ModelRedirected), "{receipt:#}");
    assert_joules(receipt.energy.value(), 42.0);
}

#[test]
fn names_are_found_with_and_without_the_date_of_a_snapshot() {
    let mut small = card("cloud/small", 1.0, 0.5);
    small.aliases = vec!["tiny".into()];
    let cards = [small, card("cloud/large-2025-01-01", 1.0, 0.5), card("cloud/large", 2.0, 0.5)];
    let snapshot = Catalog::new(cards.map(Arc::new)).unwrap().snapshot();
    let found = |name: &str| snapshot.find(name).map(|card| card.key.to_string());
    for name in ["small-20250102", "cloud/small-2025-01-02", "tiny-20250102", "tiny"] {
        assert_eq!(found(name).unwrap(), "cloud/small", "{name}");
    }
    assert_eq!(found("cloud/large-2025-01-01").unwrap(), "cloud/large-2025-01-01");
    assert_eq!(found("cloud/large-20250101").unwrap(), "cloud/large");
    let error = found("grand-20250101").unwrap_err();
    assert_eq!(error.message(), "`grand-20250101` is no model of the catalog");
    let resolved = |provider: &str, name: &str| {
        let card = snapshot.resolve(&provider.into(), name);
        card.map(|card| card.key.model.to_string())
    };
    assert_eq!(resolved("cloud", "tiny").as_deref(), Some("small"));
    assert_eq!(resolved("cloud", "large-2025-01-01").as_deref(), Some("large-2025-01-01"));
    assert_eq!(resolved("house", "small"), None);
}

#[tokio::test(start_paused = true)]
async fn an_embedder_is_no_candidate() {
    let mut cards = three();
    cards[0].embeds = true;
    let (router, _) = playing(cards);
    let ranking = router.route("Why?").await.unwrap();
    assert_eq!(ranking.ranked.len(), 2);
    assert_eq!(ranking.excluded[0].rule, Rule::Embeds);
    assert_eq!(ranking.excluded[0].rule.to_string(), "it embeds, it does not chat");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_about_to_retire_is_chosen_with_a_note() {
    let mut cards = three();
    cards[1].retirement = Some(day("2026-12-01"));
    cards[2].retirement = Some(day("2027-06-01"));
    let (router, _) = playing(cards);
    let note = |receipt: &Receipt| {
        let found = receipt.notes.iter().find(|note| note.code == NoteCode::RetiresSoon);
        found.map(|note| note.text.to_string())
    };
    let ranking = router.route(only("cloud/medium")).await.unwrap();
    let text = "cloud/medium retires on 2026-12-01, in 10 days";
    assert!(ranking.notes.iter().any(|note| note.code == NoteCode::RetiresSoon && note.text == text));
    let receipt = router.chat(only("cloud/medium")).await.unwrap().receipt;
    assert_eq!(note(&receipt).as_deref(), Some(text));
    assert_eq!(
        note(&router.chat(only("cloud/large")).await.unwrap().receipt),
        None,
        "that is half a year away"
    );
    assert_eq!(note(&router.chat(only("house/small")).await.unwrap().receipt), None, "it is another model");
}

#[tokio::test(start_paused = true)]
async fn an_old_card_is_noted_where_its_model_is_chosen_and_answers() {
    let mut cards = three();
    cards[0].as_of = Some(day("2026-08-23"));
    cards[1].as_of = Some(day("2026-08-22"));
    let (router, _) = playing(cards);
    let stale = |notes: &[Note]| {
        let found = notes.iter().find(|note| note.code == NoteCode::CatalogStale);
        found.map(|note| note.text.to_string())
    };
    let medium = "the card of cloud/medium is 91 days old: price and retirement may have changed";
    assert_eq!(stale(&router.route(only("cloud/medium")).await.unwrap().notes).as_deref(), Some(medium));
    assert_eq!(
        stale(&router.chat(only("cloud/medium")).await.unwrap().receipt.notes).as_deref(),
        Some(medium)
    );
    // The best is fresh enough at ninety days; that the catalog has older cards is still said of the ranking.
    let catalog = "the catalog is 91 days old: prices and retirements may have changed";
    assert_eq!(stale(&router.route("Why?").await.unwrap().notes).as_deref(), Some(catalog));
    assert_eq!(stale(&router.chat("Why?").await.unwrap().receipt.notes), None);
}

#[tokio::test(start_paused = true)]
async fn abilities_that_no_benchmark_tells_are_said_to_be_guessed() {
    let mut cards = three();
    cards[1].scores.clear();
    let (router, _) = playing(cards);
    let note = |ranking: &Ranking| {
        let found = ranking.notes.iter().find(|note| note.code == NoteCode::AbilityGuessed);
        found.map(|note| note.text.to_string())
    };
    assert_eq!(
        note(&router.route(only("cloud/medium")).await.unwrap()).as_deref(),
        Some("no benchmark of cloud/medium is known for this: how good it is at it is a guess")
    );
    assert_eq!(note(&router.route("Why?").await.unwrap()), None, "the best has benchmarks");
}

#[test]
fn an_old_price_makes_a_card_old() {
    let mut card = card("cloud/medium", 1.0, 0.5);
    card.as_of = Some(day("2026-11-20"));
    assert_eq!(card.read_at(), Some(day("2026-11-01")), "its prices are older");
    card.pricing = Pricing::Electricity;
    assert_eq!(card.read_at(), Some(day("2026-11-20")));
}

#[test]
fn a_file_adds_and_replaces_whole_or_not_at_all() {
    let catalog = Catalog::new(three().into_iter().map(Arc::new)).unwrap();
    let file = |text: &str| serde_json::from_str::<CardFile>(text).unwrap();
    let text = r#"{"source": "mine", "as_of": "2026-11-20", "model": [
        {"key": {"provider": "house", "model": "new"}, "display_name": "New", "aliases": ["n"],
         "privacy": "local", "window": {"context": 512}, "pricing": "electricity"},
        {"key": {"provider": "cloud", "model": "large"}, "display_name": "Larger", "privacy": "remote",
         "window": {"context": 1024, "max_output": 64}}]}"#;
    catalog.load(file(text)).unwrap();
    let snapshot = catalog.snapshot();
    assert_eq!(snapshot.cards().len(), 4);
    let new = snapshot.find("n").unwrap();
    assert_eq!((new.source.as_deref(), new.as_of), (Some("mine"), Some(day("2026-11-20"))));
    let large = snapshot.get(&key("cloud/large")).unwrap();
    assert_eq!((large.window.context, large.pricing.clone()), (1024, Pricing::Unpriced));
    // An exchanged alias is no conflict; one of a card outside the file is, and then nothing is loaded.
    let aliased = |large: &str, new: &str| {
        text.replace(r#"["n"]"#, new).replace(r#""Larger","#, &format!(r#""Larger", "aliases": {large},"#))
    };
    catalog.load(file(&aliased(r#"["n"]"#, r#"["m"]"#))).unwrap();
    assert_eq!(catalog.snapshot().find("n").unwrap().key, key("cloud/large"));
    let mut medium = card("cloud/medium", 1.0, 0.5);
    medium.aliases = vec!["taken".into()];
    catalog.update(medium).unwrap();
    let error = catalog.load(file(&aliased(r#"["taken"]"#, r#"["k"]"#))).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Conflict);
    assert_eq!(catalog.snapshot().find("n").unwrap().key, key("cloud/large"));
    assert!(catalog.snapshot().find("k").is_err());
}

fn tier(input: f64, output: f64) -> model::PriceTier {
    let Pricing::Listed(list) = card("cloud/any", 1.0, 0.5).pricing else { panic!("the cloud lists prices") };
    model::PriceTier {
        input_usd_per_mtok: Usd::from_usd(input),
        output_usd_per_mtok: Usd::from_usd(output),
        ..list.periods[0].tiers[0].clone()
    }
}

fn priced(catalog: &Catalog, name: &str, input: u64, on: &str) -> Option<(f64, Option<f64>)> {
    let snapshot = catalog.snapshot();
    let Pricing::Listed(list) = &snapshot.get(&key(name)).unwrap().pricing else { return None };
    let tier = list.tier(units::Tokens::new(input), day(on))?;
    Some((tier.input_usd_per_mtok.as_usd(), tier.cache_read_usd_per_mtok.map(Usd::as_usd)))
}

#[test]
fn a_listing_refreshes_what_it_tells_and_reports_the_rest() {
    let mut cards = three();
    if let Pricing::Listed(list) = &mut cards[1].pricing {
        let long = model::PriceTier { above_input_tokens: 1000, ..tier(8.0, 8.0) };
        list.periods[0].tiers[0].cache_read_usd_per_mtok = Some(Usd::from_usd(0.1));
        list.periods[0].tiers.push(long);
        list.periods.push(model::PricePeriod { from: Some(day("2027-01-01")), tiers: vec![tier(9.0, 9.0)] });
    }
    cards[1].source = Some("a page".into());
    let catalog = Catalog::new(cards.into_iter().map(Arc::new)).unwrap();
    let today = day("2026-11-21");
    let told = Listing {
        context: Some(16_384),
        max_output: Some(0),
        retirement: Some(day("2027-05-01")),
        price: Some(tier(2.0, 3.0)),
        ..Listing::new(key("cloud/medium-20251001"))
    };
    let stranger = Listing { chats: Some(true), ..Listing::new(key("cloud/stranger")) };
    let listed = [told, stranger.clone()];
    let refreshed = catalog.refresh(&listed, today).unwrap();
    let changed: Vec<String> = refreshed.changed.iter().map(ToString::to_string).collect();
    assert_eq!(
        changed,
        [
            "cloud/medium: window.context was 8192, is 16384",
            "cloud/medium: retirement was unknown, is 2027-05-01",
            "cloud/medium: price was 1 in, cached 0.1, 1 out (USD per million tokens), is 2 in, cached 0.1, 3 out \
             (USD per million tokens)",
        ]
    );
    assert_eq!(refreshed.unknown, [stranger]);
    assert_eq!(refreshed.vanished, [key("cloud/large")], "the house was not asked");
    let snapshot = catalog.snapshot();
    let medium = snapshot.get(&key("cloud/medium")).unwrap();
    assert_eq!((medium.window.context, medium.window.max_output), (16_384, None));
    assert_eq!((medium.source.as_deref(), medium.as_of), (Some("live, cloud; else a page"), Some(today)));
    assert_eq!(medium.read_at(), Some(today));
    assert!(snapshot.get(&key("cloud/large")).unwrap().as_of.is_none(), "nothing was said of it");
    let price = |input, on| priced(&catalog, "cloud/medium", input, on);
    assert_eq!(price(10, "2026-11-20"), Some((1.0, Some(0.1))));
    assert_eq!(price(10, "2026-11-21"), Some((2.0, Some(0.1))));
    assert_eq!(price(2000, "2026-11-21"), Some((8.0, None)));
    assert_eq!(price(10, "2027-01-01"), Some((9.0, None)));
    // The same listing once more changes nothing, on the same day or another.
    for on in [today, day("2026-11-22")] {
        assert_eq!(catalog.refresh(&listed, on).unwrap().changed, []);
    }
    // One that changes something again does not make it forget where the rest was read.
    let dearer = Listing { price: Some(tier(4.0, 5.0)), ..Listing::new(key("cloud/medium")) };
    assert_eq!(catalog.refresh(&[dearer], day("2026-11-23")).unwrap().changed.len(), 1);
    assert_eq!(catalog.snapshot().get(&key("cloud/medium")).unwrap().source, medium.source);
}

#[test]
fn the_undated_id_speaks_before_its_snapshots_and_of_those_the_newest() {
    let catalog = Catalog::new(three().into_iter().map(Arc::new)).unwrap();
    let told = |name: &str, context: u64| Listing { context: Some(context), ..Listing::new(key(name)) };
    let listed = [
        told("cloud/medium-20250101", 1),
        told("cloud/medium", 2),
        told("cloud/medium-20260101", 3),
        told("cloud/large-20260101", 5),
        told("cloud/large-20250101", 4),
    ];
    let refreshed = catalog.refresh(&listed, day("2026-11-21")).unwrap();
    let window = |name: &str| catalog.snapshot().get(&key(name)).unwrap().window.context;
    assert_eq!((window("cloud/medium"), window("cloud/large"), window("house/small")), (2, 5, 8_192));
    assert_eq!((refreshed.unknown, refreshed.vanished), (vec![], vec![]));
}

#[test]
fn a_price_is_learned_and_electricity_stays() {
    let mut cards = three();
    cards[2].pricing = Pricing::Unpriced;
    let catalog = Catalog::new(cards.into_iter().map(Arc::new)).unwrap();
    let told = |name: &str| Listing { price: Some(tier(2.0, 3.0)), ..Listing::new(key(name)) };
    let listed = [told("house/small"), told("cloud/large")];
    let refreshed = catalog.refresh(&listed, day("2026-11-21")).unwrap();
    assert_eq!(refreshed.changed.len(), 1);
    assert_eq!(refreshed.changed[0].before, "unknown");
    assert_eq!(priced(&catalog, "cloud/large", 10, "2026-11-21"), Some((2.0, None)));
    assert_eq!(priced(&catalog, "cloud/large", 10, "2026-11-20"), None, "nobody knows what it cost before");
    assert_eq!(catalog.snapshot().get(&key("house/small")).unwrap().pricing, Pricing::Electricity);
}

#[test]
fn without_a_listing_nothing_is_said() {
    let catalog = Catalog::new(three().into_iter().map(Arc::new)).unwrap();
    assert_eq!(catalog.refresh(&[], day("2026-11-21")).unwrap(), Refreshed::default());
}

type Edit = fn(&mut ModelCard);

#[tokio::test(start_paused = true)]
async fn a_changed_card_is_ranked_by_what_it_says_now() {
    let catalog = Arc::new(Catalog::new(three().into_iter().map(Arc::new)).unwrap());
    let over = |catalog| {
        Advisor::new(catalog, Arc::new(accountant()), GridSnapshot::new(world()), TestRuntime::new())
    };
    let forecast = |advisor: &Advisor| {
        let ranking = advisor.advise(&Prompt::from("Why is the sky blue?"), &anybody()).unwrap();
        let found = ranking.ranked.iter().find(|ranked| ranked.candidate.card().key == key("cloud/medium"));
        found.unwrap().candidate.forecast().clone()
    };
    let edits: [(&str, Edit); 6] = [
        ("scores", |card| card.scores.values_mut().for_each(|score| score.value = Probability::ONE)),
        ("no scores", |card| card.scores.clear()),
        ("size", |card| {
            let (total, active) = (Span::known(400.0), Span::known(400.0));
            card.size = Some(Size { total, active, bytes_per_parameter: None });
        }),
        ("energy", |card| card.energy_profile = self::card("cloud/medium", 20.0, 0.7).energy_profile),
        ("price", |card| card.pricing = Pricing::Electricity),
        ("speed", |card| {
            card.speed = Some(Speed { tokens_per_second: 7.0, time_to_first_chunk_seconds: 1.0 });
        }),
    ];
    let advisor = over(Arc::clone(&catalog));
    for (what, edit) in edits {
        let before = forecast(&advisor);
        // By somebody who reads the card before he changes it.
        let read_and_edit = |card: &mut ModelCard| {
            let _ = (card.abilities(), card.digest());
            edit(card);
        };
        catalog.revise(&key("cloud/medium"), read_and_edit).unwrap();
        let after = forecast(&advisor);
        assert_ne!(after, before, "{what}");
        let cards = catalog.snapshot();
        let copies = cards.cards().map(|card| Arc::new(ModelCard::clone(card)));
        assert_eq!(after, forecast(&over(Arc::new(Catalog::new(copies).unwrap()))), "{what}");
    }
}

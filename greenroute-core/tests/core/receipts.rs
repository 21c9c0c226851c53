use crate::support::*;
use greenroute_core::model::Pricing;
use greenroute_core::receipt::BaselineRule;
use greenroute_core::units::{CarbonIntensity, ElectricityPrice, Energy, Tokens};
use greenroute_core::*;

fn note(receipt: &Receipt, code: NoteCode) -> String {
    let mut found = receipt.notes.iter().filter(|note| note.code == code);
    let text = found.next().unwrap_or_else(|| panic!("no note {code:?} in {receipt:#}")).to_string();
    assert!(found.next().is_none(), "two notes {code:?} in {receipt:#}");
    text
}

#[tokio::test(start_paused = true)]
async fn electricity_is_priced_where_its_price_is_known() {
    let (house, cloud) = players();
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    assert_eq!(receipt.cost, Cost::Unpriced);
    assert_eq!(note(&receipt, NoteCode::Unpriced), "the electricity is unpriced: no price per kWh is set");

    let price = ElectricityPrice::from_usd_per_kwh(3.6);
    let router = router(&house, &cloud).electricity_price(price).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    let cost = receipt.cost.usd().unwrap();
    assert!((cost.value().as_usd() - 21e-6).abs() < 1e-15, "{cost}");
    assert!(cost.low() < cost.value() && cost.value() < cost.high());
    assert!(!receipt.has_note(NoteCode::Unpriced));
}

#[tokio::test(start_paused = true)]
async fn a_list_price_is_what_the_tokens_cost() {
    let (house, cloud) = players();
    let only = Objective { only: Some(vec![key("cloud/medium")]), ..anybody() };
    let router = router(&house, &cloud).objective(only).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    let cost = receipt.cost.usd().unwrap();
    assert!((cost.value().as_usd() - 30e-6).abs() < 1e-18, "{cost}");
    assert_eq!(cost, Estimate::exact(cost.value(), Method::Reported));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_price_is_unpriced_and_never_nothing() {
    let (house, cloud) = players();
    let mut unknown = card("cloud/unknown", 0.1, 0.5);
    unknown.pricing = Pricing::Unpriced;
    let router = router(&house, &cloud).card(unknown).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert_eq!(receipt.cost, Cost::Unpriced);
    assert_eq!(note(&receipt, NoteCode::Unpriced), "no price is known for cloud/unknown");
}

#[tokio::test(start_paused = true)]
async fn no_zone_is_the_world_with_a_note() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::ModelFault).spending(1.0)]);
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    // Two attempts in the same place are one note.
    assert_eq!(receipt.attempts.len(), 2);
    assert_eq!(note(&receipt, NoteCode::ZoneUnknown), "no zone is set: the world average is used");
    assert!(receipt.attempts.iter().all(|attempt| attempt.grid.zone.is_world()));
}

#[tokio::test(start_paused = true)]
async fn a_known_zone_is_the_local_models_and_not_the_clouds() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Decode).spending(36.0)]);
    let france: Zone = "FR".parse().unwrap();
    let router = router(&house, &cloud)
        .zone(france.clone())
        .grid(SetGrid::new(vec![Ok(reading(france.clone(), 50.0))]))
        .build()
        .unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert_eq!(receipt.attempts[0].grid.zone, france);
    assert!((receipt.attempts[0].emissions.unwrap().value().as_grams() - 36.0 / 3.6e6 * 50.0).abs() < 1e-12);
    // Where the cloud is, nobody said.
    assert!(receipt.attempts[1].grid.zone.is_world());
    assert_eq!(note(&receipt, NoteCode::ZoneUnknown), "no zone is set: the world average is used");
}

#[tokio::test(start_paused = true)]
async fn a_cards_zone_is_asked_for_and_used() {
    let (house, cloud) = players();
    let sweden: Zone = "SE".parse().unwrap();
    let mut nordic = card("cloud/nordic", 0.1, 0.5);
    nordic.zone = Some(sweden.clone());
    let router = router(&house, &cloud)
        .card(nordic)
        .grid(SetGrid::new(vec![Ok(reading(sweden.clone(), 20.0))]))
        .build()
        .unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert_eq!(receipt.attempts[0].grid.zone, sweden);
    assert!(!receipt.has_note(NoteCode::ZoneUnknown));
}

#[tokio::test(start_paused = true)]
async fn the_users_intensity_beats_every_source_and_is_named() {
    let (house, cloud) = players();
    let france: Zone = "FR".parse().unwrap();
    for source in [None, Some(SetGrid::new(vec![Ok(reading(france.clone(), 50.0))]))] {
        let mut builder = router(&house, &cloud)
            .zone(france.clone())
            .intensity(france.clone(), CarbonIntensity::from_grams_per_kwh(7.0));
        if let Some(source) = source {
            builder = builder.grid(source);
        }
        let receipt = builder.build().unwrap().chat("Why?").await.unwrap().receipt;
        let grid = &receipt.attempts[0].grid;
        assert_eq!((grid.zone.clone(), grid.source.as_ref()), (france.clone(), "set by the user"));
        assert_eq!(grid.intensity.value(), CarbonIntensity::from_grams_per_kwh(7.0));
        assert!(!receipt.has_note(NoteCode::ZoneUnknown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirected_model_is_accounted_as_itself() {
    let (house, cloud) = players();
    let only = |name: &str| Objective { only: Some(vec![key(name)]), ..anybody() };
    cloud.on("medium", [says("hi").returned("cloud/large"), says("hi").returned("cloud/medium-0613")]);
    let router = router(&house, &cloud).objective(only("cloud/medium")).build().unwrap();

    let receipt = router.chat("Why?").await.unwrap().receipt;
    let attempt = receipt.answered().unwrap();
    assert_eq!(
        (attempt.requested.clone(), attempt.returned.clone()),
        (key("cloud/medium"), Some(key("cloud/large")))
    );
    // 10 · 10 + 20 · 100 at the device, twice that at the facility.
    assert_joules(receipt.energy.value(), 4200.0);
    assert_eq!(
        note(&receipt, NoteCode::ModelRedirected),
        "cloud/medium was asked and cloud/large answered: accounted by its own card"
    );

    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert_joules(receipt.energy.value(), 420.0);
    assert_eq!(
        note(&receipt, NoteCode::ModelRedirected),
        "cloud/medium was asked and cloud/medium-0613 answered: accounted by the card of the one asked"
    );
}

#[tokio::test(start_paused = true)]
async fn approximate_usage_is_noted() {
    let (house, cloud) = players();
    house.on("small", [says("x").usage(Counted::Approximate(Usage::new(Tokens::new(5), Tokens::new(1))))]);
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    note(&receipt, NoteCode::UsageApproximate);
    assert_eq!(receipt.energy.method(), Method::Proxy);
}

#[tokio::test(start_paused = true)]
async fn the_builders_notes_are_on_every_receipt() {
    let (house, cloud) = players();
    let said = Note::new(NoteCode::MeterDegraded, "RAPL cannot be read: permission denied");
    let router = router(&house, &cloud).note(said.clone()).build().unwrap();
    for _ in 0..2 {
        assert!(router.chat("Why?").await.unwrap().receipt.notes.contains(&said));
    }
}

#[tokio::test(start_paused = true)]
async fn the_baseline_is_the_model_most_likely_to_succeed() {
    let (house, cloud) = players();
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    let baseline = receipt.baseline.unwrap();
    assert_eq!(baseline.model, key("cloud/large"));
    assert_eq!(baseline.rule, BaselineRule::MostLikelyToSucceed);
    assert_eq!(baseline.meter, MeterId::new("per-token", 1));
    assert_eq!(baseline.energy, Change::Saved(Energy::from_joules(4200.0 - 21.0)));
    assert!(matches!(baseline.emissions, Change::Saved(grams) if grams.as_grams() > 0.5));
    // Nobody priced the electricity of the house, so nothing is said of money.
    assert_eq!(baseline.cost, None);
    assert!(!baseline.uncertain);
}

#[tokio::test(start_paused = true)]
async fn the_configured_baseline_is_named_whether_it_saves_or_adds() {
    let (house, cloud) = players();
    let price = ElectricityPrice::from_usd_per_kwh(3.6);
    let router =
        router(&house, &cloud).baseline(key("cloud/medium")).electricity_price(price).build().unwrap();
    let baseline = router.chat("Why?").await.unwrap().receipt.baseline.unwrap();
    assert_eq!((baseline.rule, &baseline.model), (BaselineRule::Configured, &key("cloud/medium")));
    assert_eq!(baseline.energy, Change::Saved(Energy::from_joules(399.0)));
    assert!(matches!(baseline.cost, Some(Change::Saved(usd)) if (usd.as_usd() - 9e-6).abs() < 1e-12));

    let large = Objective { only: Some(vec![key("cloud/large")]), ..anybody() };
    let baseline =
        router.chat(Prompt::from("Why?").objective(large)).await.unwrap().receipt.baseline.unwrap();
    assert_eq!(baseline.energy, Change::Added(Energy::from_joules(4200.0 - 420.0)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_against_oneself() {
    let (house, cloud) = players();
    let configured = router(&house, &cloud).baseline(key("house/small")).build().unwrap();
    assert_eq!(configured.chat("Why?").await.unwrap().receipt.baseline, None);
    let only = Objective { only: Some(vec![key("cloud/medium")]), ..anybody() };
    let alone = router(&house, &cloud).objective(only.clone()).build().unwrap();
    assert_eq!(alone.chat("Why?").await.unwrap().receipt.baseline, None);
    // Nor where the provider redirected to the very baseline.
    cloud.on("medium", [says("hi").returned("cloud/large")]);
    let redirected = router(&house, &cloud).objective(only).baseline(key("cloud/large")).build().unwrap();
    assert_eq!(redirected.chat("Why?").await.unwrap().receipt.baseline, None);
}

#[tokio::test(start_paused = true)]
async fn what_no_meter_can_read_is_noted_and_no_zero_is_claimed() {
    let (house, cloud) = players();
    let mut redirected = card("cloud/bare", 1.0, 0.5);
    redirected.energy_profile = None;
    cloud.on("medium", [says("hi").returned("cloud/bare")]);
    let only = Objective { only: Some(vec![key("cloud/medium")]), ..anybody() };
    let router = router(&house, &cloud).card(redirected).objective(only).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert_eq!((receipt.attempts[0].reading.clone(), receipt.attempts[0].emissions), (None, None));
    assert_eq!(note(&receipt, NoteCode::Unmetered), "no meter could read the call to cloud/bare");
}

//! Forecasts of prepared cards are the products that they stand for.

use crate::support::*;
use greenroute_core::model::{EnergyProfile, Pricing, Speed, Window};
use greenroute_core::units::{
    CarbonIntensity, ElectricityPrice, Energy, Factor, Probability, Pue, Quantity, Tokens, Usd,
};
use greenroute_core::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

fn same<T: Quantity>(a: &Estimate<T>, b: &Estimate<T>) -> Result<(), TestCaseError> {
    let ends = |it: &Estimate<T>| [it.low(), it.value(), it.high()].map(Quantity::base);
    let alike = ends(a).into_iter().zip(ends(b)).all(|(a, b)| near(a, b)) && a.method() == b.method();
    prop_assert!(alike, "{a:?} is not {b:?}");
    Ok(())
}

#[derive(Debug, Clone)]
struct Case {
    joules: [f64; 3],
    boundary: Boundary,
    server: (f64, f64),
    pue: (f64, f64),
    grams: (f64, f64),
    input: (u64, f64),
    output: (u64, f64),
}

fn cases() -> impl Strategy<Value = Case> {
    let factor = || (1.0..3.0f64, 1.0..2.0f64);
    let boundary = prop_oneof![Just(Boundary::Device), Just(Boundary::Server), Just(Boundary::Facility)];
    let tokens = || (0u64..1 << 20, 1.0..8.0f64);
    let joules = prop::array::uniform3(0.001..1e3f64);
    (joules, boundary, factor(), factor(), (0.0..2000.0f64, 1.0..3.0f64), tokens(), tokens()).prop_map(
        |(joules, boundary, server, pue, grams, input, output)| Case {
            joules,
            boundary,
            server,
            pue,
            grams,
            input,
            output,
        },
    )
}

/// By the card's profile, at whatever boundary it says.
#[derive(Debug)]
struct ByProfile;

impl EnergyMeter for ByProfile {
    fn id(&self) -> MeterId {
        MeterId::new("by-profile", 1)
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let profile = card.energy_profile.as_ref().ok_or_else(|| Skip("no profile".into()))?;
        Ok(EnergyRate { boundary: profile.boundary, meter: self.id(), ..PerToken.rate(card)? })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

fn estimate<T: Quantity>(value: f64, width: f64) -> Estimate<T> {
    Estimate::scaled(T::from_base(value), 1.0 / width, width, Method::Proxy)
}

impl Case {
    fn overheads(&self) -> Overheads {
        let (server, pue) = (self.server, self.pue);
        Overheads {
            server: estimate::<Factor>(server.0, server.1),
            pue: estimate::<Pue>(pue.0, pue.1),
            source: "test".into(),
        }
    }

    fn card(&self) -> ModelCard {
        let mut card = card("cloud/medium", 1.0, 0.7);
        let [fixed, input, output] = self.joules.map(Energy::from_joules);
        let profile = EnergyProfile::new(fixed, input, output);
        card.energy_profile = Some(EnergyProfile { boundary: self.boundary, ..profile });
        card.speed = Some(Speed { tokens_per_second: 50.0, time_to_first_chunk_seconds: 0.5 });
        card
    }

    fn accountant(&self) -> Accountant {
        let site = Site::new(self.overheads());
        Accountant::new(Ladder::new(vec![Arc::new(ByProfile)]), Sites::new(site.clone(), site))
    }

    fn grid(&self, factor: f64) -> GridReading {
        let intensity = estimate::<CarbonIntensity>(self.grams.0 * factor, self.grams.1);
        GridReading::new(Zone::world(), intensity, Basis::Average, "test", "2025")
    }

    fn tokens(&self) -> [Estimate<Tokens>; 2] {
        [self.input, self.output]
            .map(|(count, width)| Estimate::scaled(Tokens::new(count), 1.0 / width, width, Method::Proxy))
    }

    fn forecast(&self, [input, output]: [Estimate<Tokens>; 2], factor: f64) -> Forecast {
        let prepared =
            self.accountant().prepare(&self.card(), &GridSnapshot::new(self.grid(factor))).unwrap();
        let success = Estimate::exact(Probability::from_fraction(0.5), Method::Proxy);
        prepared.forecast(success, input, output, day())
    }
}

fn day() -> Date {
    "2026-11-21".parse().unwrap()
}

proptest! {
    #[test]
    fn a_prepared_forecast_is_the_reading_of_expected_work_with_pue_once(case in cases()) {
        let (card, [input, output]) = (case.card(), case.tokens());
        let forecast = case.forecast([input, output], 1.0);
        let reading = ByProfile.read(&Work::expected(&card, input, output)).unwrap();
        let reading = reading.to_facility(&case.overheads());
        same(&forecast.energy, &reading.energy)?;
        same(&forecast.emissions, &(reading.energy * case.grid(1.0).intensity))?;
        prop_assert_eq!(&forecast.meter, &reading.meter);
        let Pricing::Listed(list) = &card.pricing else { unreachable!() };
        let usd = |input, output| list.cost(&Usage::new(input, output), day(), Method::Proxy).usd().unwrap().value();
        let usd = Estimate::banded(
            usd(input.low(), output.low()),
            usd(input.value(), output.value()),
            usd(input.high(), output.high()),
            Method::Proxy,
        );
        same(&forecast.cost.usd().unwrap(), &usd)?;
        let speed = card.speed.unwrap();
        prop_assert_eq!(forecast.duration, output.map(|tokens| speed.duration(tokens.base())));
        // A rate that is at the facility already stays there.
        let rate = ByProfile.rate(&card).unwrap().to_facility(&case.overheads());
        prop_assert_eq!(rate.to_facility(&case.overheads()), rate);
    }

    #[test]
    fn quantiles_are_ordered_and_emissions_scale_with_intensity(case in cases(), factor in 1.0..4.0f64) {
        let (once, more) = (case.forecast(case.tokens(), 1.0), case.forecast(case.tokens(), factor));
        same(&once.energy, &more.energy)?;
        let grams = |it: &Forecast| [it.emissions.low(), it.emissions.value(), it.emissions.high()].map(Quantity::base);
        for (once, more) in grams(&once).into_iter().zip(grams(&more)) {
            prop_assert!((once * factor - more).abs() <= 1e-9 * more, "{once} times {factor} is not {more}");
        }
        let joules = [once.energy.low(), once.energy.value(), once.energy.high()].map(Quantity::base);
        prop_assert!(joules.is_sorted() && grams(&once).is_sorted());
    }

    #[test]
    fn energy_never_decreases_with_tokens(case in cases(), more in 0u64..1 << 20, of_input: bool) {
        let exact = |count| Estimate::exact(Tokens::new(count), Method::Reported);
        let (input, output) = (case.input.0, case.output.0);
        let fewer = case.forecast([exact(input), exact(output)], 1.0).energy;
        let tokens = if of_input { [input + more, output] } else { [input, output + more] };
        let more = case.forecast(tokens.map(exact), 1.0).energy;
        for end in [Estimate::low, Estimate::value, Estimate::high] {
            prop_assert!(end(&more).as_joules() >= end(&fewer).as_joules() * (1.0 - 1e-12));
        }
    }
}

#[test]
fn a_grid_that_may_be_clean_is_not_surely_clean() {
    let case = Case {
        joules: [0.0, 0.1, 1.0],
        boundary: Boundary::Facility,
        server: (1.0, 1.0),
        pue: (1.0, 1.0),
        grams: (0.0, 1.0),
        input: (10, 1.0),
        output: (20, 2.0),
    };
    let [none, some] = [0.0, 26.0].map(CarbonIntensity::from_grams_per_kwh);
    let intensity = Estimate::banded(none, none, some, Method::Modelled);
    let grid = GridReading { intensity, ..case.grid(1.0) };
    let prepared = case.accountant().prepare(&case.card(), &GridSnapshot::new(grid)).unwrap();
    let success = Estimate::exact(Probability::from_fraction(0.5), Method::Proxy);
    let [input, output] = case.tokens();
    let forecast = prepared.forecast(success, input, output, day());
    same(&forecast.emissions, &(forecast.energy * intensity)).unwrap();
    assert!(forecast.emissions.high().as_grams() > 0.0);
}

/// Expects a novel of everybody.
#[derive(Debug)]
struct Novelist;

impl Expecter for Novelist {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        let output = Estimate::scaled(Tokens::new(100_000), 0.5, 2.0, Method::Proxy);
        Expectation { output, ..HeuristicExpecter.expect(profile, card) }
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        cards.iter().map(|card| self.expect(profile, card)).collect()
    }

    fn learn(&self, _verdicts: &[Verdict]) -> Result<()> {
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&self, _snapshot: &[u8]) -> Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_expected_to_be_longer_than_the_prompt_or_the_model_allows() {
    let (house, cloud) = players();
    let mut terse = card("house/terse", 1.0, 0.5);
    terse.window = Window { max_output: Some(30), ..terse.window };
    let router = router(&house, &cloud).card(terse).expecter(Novelist).build().unwrap();
    let expected = async |prompt: Prompt| {
        let ranking = router.route(prompt).await.unwrap();
        let of = |name: &str| {
            let ranked = ranking.ranked.iter().find(|ranked| ranked.candidate.card().key == key(name));
            let forecast = &ranked.unwrap().candidate.forecast();
            (forecast.output.high().get(), forecast.energy.value().as_joules())
        };
        (of("house/terse"), of("house/small"))
    };
    let ((terse, _), (small, novel)) = expected("Why?".into()).await;
    assert_eq!((terse, small), (30, 200_000));
    let limited = Prompt { max_output_tokens: Some(50), ..Prompt::from("Why?") };
    let ((terse, _), (small, note)) = expected(limited).await;
    assert_eq!((terse, small), (30, 50));
    assert!(note < novel / 1000.0, "{note} J, and {novel} J for a novel");
}

/// Says nothing of the first of many cards.
#[derive(Debug)]
struct Forgetful;

impl Expecter for Forgetful {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        HeuristicExpecter.expect(profile, card)
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        cards.iter().skip(1).map(|card| self.expect(profile, card)).collect()
    }

    fn learn(&self, _verdicts: &[Verdict]) -> Result<()> {
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&self, _snapshot: &[u8]) -> Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_expecter_that_forgets_a_card_costs_no_model_its_place_and_mixes_none_up() {
    let (house, cloud) = players();
    let ranked = async |expecter: Arc<dyn Expecter>| {
        let router = router(&house, &cloud).expecter(expecter).build().unwrap();
        let ranking = router.route("Why is the sky blue?").await.unwrap();
        ranking.ranked
    };
    let found = ranked(Arc::new(Forgetful)).await;
    assert_eq!(found.len(), 3);
    assert_eq!(found, ranked(Arc::new(HeuristicExpecter)).await);
}

#[tokio::test(start_paused = true)]
async fn a_price_that_begins_at_midnight_counts_from_then_on() {
    let (house, cloud) = players();
    let usd = ElectricityPrice::from_usd_per_kwh;
    let raised =
        DatedPrice { price: usd(0.30), from: Some("2026-11-22".parse().unwrap()), source: "the bill".into() };
    let tariff = ElectricityTariff::default().everywhere(usd(0.20)).with(None, raised);
    let mut raised = card("cloud/medium", 10.0, 0.7);
    let Pricing::Listed(list) = &mut raised.pricing else { unreachable!() };
    let mut dearer = list.periods[0].clone();
    dearer.from = Some("2026-11-22".parse().unwrap());
    dearer.tiers[0].output_usd_per_mtok = Usd::from_usd(2.0);
    dearer.tiers[0].input_usd_per_mtok = Usd::from_usd(2.0);
    list.periods.push(dearer);
    let router = router(&house, &cloud).electricity_tariff(tariff).build().unwrap();
    router.catalog().update(raised).unwrap();
    let costs = async || {
        let ranking = router.route("Why?").await.unwrap();
        let cost = |name: &str| {
            let ranked =
                ranking.ranked.iter().find(|ranked| ranked.candidate.card().key == key(name)).unwrap();
            ranked.candidate.forecast().cost.usd().unwrap().value().as_usd()
        };
        (cost("house/small"), cost("cloud/medium"))
    };
    let (power, tokens) = costs().await;
    tokio::time::sleep(Duration::from_secs(14 * 3600 - 1)).await;
    assert_eq!(costs().await, (power, tokens));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (power_after, tokens_after) = costs().await;
    assert!(near(power_after, 1.5 * power) && near(tokens_after, 2.0 * tokens));
}

#[tokio::test(start_paused = true)]
async fn a_card_or_a_grid_that_changed_is_prepared_anew() {
    let (house, cloud) = players();
    let router = router(&house, &cloud).build().unwrap();
    let small = async || {
        let ranking = router.route("Why?").await.unwrap();
        let small = ranking.ranked.iter().find(|ranked| ranked.candidate.card().key == key("house/small"));
        let forecast = small.unwrap().candidate.forecast();
        (forecast.energy.value().as_joules(), forecast.emissions.value().as_grams())
    };
    let (joules, grams) = small().await;
    assert_eq!(small().await, (joules, grams));
    router.catalog().update(card("house/small", 3.0, 0.5)).unwrap();
    let (more, grams_too) = small().await;
    assert!(near(more, 3.0 * joules) && near(grams_too, 3.0 * grams));
    router.advisor().update_grid(GridSnapshot::new(reading(Zone::world(), 240.0)));
    let (as_much, half) = small().await;
    assert!(near(as_much, more) && near(half, grams_too / 2.0));
    router.catalog().delete(&key("house/small")).unwrap();
    let left = router.route("Why?").await.unwrap();
    assert!(left.ranked.iter().all(|ranked| ranked.candidate.card().key != key("house/small")));
}

//! What must hold for the meters that are here for comparison, for power times time on boards, and for what stands
//! beside energy.

#![cfg(test)]

use greenroute_core::conformance::{meter, run};
use greenroute_core::model::{Deployment, Privacy, Size, Span, Speed, Window};
use greenroute_core::units::{Energy, Power, Tokens, WaterIntensity};
use greenroute_core::{
    Boundary, EnergyMeter, Estimate, ImpactModel, Impacts, MeterId, Method, ModelCard, ModelKey, Placed,
    Reading, ServerTiming, Site, TimingSource, Work, Zone,
};
use greenroute_energy::{
    EcoLogits, Flops, Machine, RuntimePower, TokenProxy, WaterAndHardware, every_meter, hosted_overheads,
    ladder,
};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn machine() -> Machine {
    let watts_per_thread = Estimate::scaled(Power::from_watts(4.0), 0.3, 3.0, Method::Modelled);
    Machine { cpu: "test".into(), threads: 8, tdp: None, is_virtual: false, watts_per_thread }
}

/// A model that EcoLogits knows, of a size that the others can count with.
fn card() -> ModelCard {
    let window = Window { context: 8192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("openai", "gpt-4o-mini"), window, Privacy::Remote);
    card.size =
        Some(Size { total: Span::known(70.0), active: Span::known(12.0), bytes_per_parameter: Some(1.0) });
    card
}

fn on_boards(privacy: Privacy, batch: Option<f64>) -> ModelCard {
    let mut card = card();
    card.privacy = privacy;
    card.deployment = Some(Deployment { batch, ..Deployment::new("NVIDIA H100 80GB HBM3", 2) });
    card.speed = Some(Speed { tokens_per_second: 60.0, time_to_first_chunk_seconds: 0.3 });
    card
}

fn exact(tokens: u64) -> Estimate<Tokens> {
    Estimate::exact(Tokens::new(tokens), Method::Reported)
}

fn computed(time: Duration) -> ServerTiming {
    ServerTiming { elapsed: Some(time), ..ServerTiming::by(TimingSource::ModelCompute) }
}

fn meters() -> [Arc<dyn EnergyMeter>; 3] {
    [Arc::new(EcoLogits), Arc::new(Flops), Arc::new(TokenProxy)]
}

#[test]
fn the_meters_conform() {
    for meter in meters() {
        run(meter::ALL, &meter::Subject::new(meter, card()), &[]).conforms().unwrap();
    }
    let power = || Arc::new(RuntimePower::of(&machine()));
    let own = meter::Subject::new(power(), on_boards(Privacy::Local, None));
    run(meter::ALL, &own, &[]).conforms().unwrap();
    let hosted = on_boards(Privacy::Remote, Some(16.0));
    let timed = meter::Subject {
        timing: Some(computed(Duration::from_secs(2))),
        ..meter::Subject::new(power(), hosted)
    };
    run(meter::ALL, &timed, &[]).conforms().unwrap();
}

#[test]
fn what_is_here_for_comparison_ranks_behind_the_band_that_reads_everything() {
    let names: Vec<_> = every_meter(&machine()).iter().map(|meter| meter.id().name).collect();
    assert_eq!(names[names.len() - 4..], ["blind", "ecologits", "flops", "token_proxy"]);
    // No comparison of two models falls to a rule of thumb.
    let (card, other) = (card(), on_boards(Privacy::Remote, None));
    let works = [&card, &other].map(|card| Work::expected(card, exact(10), exact(100)));
    let (ours, _) = ladder(&machine()).compare(&works[0], &works[1]).unwrap();
    assert_eq!(ours.meter.name, "blind");
}

#[test]
fn a_provider_whose_card_states_its_load_is_read_by_power_times_time() {
    let card = on_boards(Privacy::Remote, Some(16.0));
    let timing = computed(Duration::from_secs(4));
    let work = Work { timing: Some(&timing), ..Work::expected(&card, exact(100), exact(200)) };
    let reading = ladder(&machine()).read(&work).unwrap();
    // 2 · 700 W · 0.7 · 4 s / 16
    assert_eq!(reading.meter.name, "runtime_power");
    assert!((reading.energy.value().as_joules() - 245.0).abs() < 1e-9);
    let unstated = on_boards(Privacy::Remote, None);
    let work = Work { card: &unstated, ..work };
    let (_, skipped) = ladder(&machine()).explain(&work);
    let why = skipped.iter().find(|skipped| skipped.meter.name == "runtime_power").unwrap();
    assert!(why.why.0.contains("how many requests share"), "{why:?}");
}

fn told(card: &ModelCard, kwh: f64, site: &Site, time: Duration) -> Impacts {
    let energy = Estimate::scaled(Energy::from_kwh(kwh), 0.5, 2.0, Method::Modelled);
    let reading = Reading::new(energy, Boundary::Facility, MeterId::new("test", 1));
    let zone: Zone = "FR".parse().unwrap();
    let placed = Placed { site, zone: Some(&zone), assumed: false, unlisted: None };
    let work = Work { duration: Some(time), ..Work::expected(card, exact(10), exact(10)) };
    WaterAndHardware::default().impacts(&work, &reading, &placed)
}

fn site(litres: f64) -> Site {
    let water = WaterIntensity::from_litres_per_kwh(litres);
    Site { water: Some(Estimate::scaled(water, 0.5, 2.0, Method::Reported)), ..Site::new(hosted_overheads()) }
}

proptest! {
    #[test]
    fn more_tokens_never_take_less_and_quantiles_stay_ordered(
        tokens in proptest::array::uniform3(0u64..200_000),
        more in proptest::array::uniform3(0u64..200_000),
        seconds in proptest::option::of(0.001..600.0f64),
    ) {
        let card = card();
        let duration = seconds.map(Duration::from_secs_f64);
        for meter in meters() {
            let joules = |[input, cached, output]: [u64; 3]| {
                let work = Work {
                    cached_input: exact(cached),
                    duration,
                    ..Work::expected(&card, exact(input), exact(output))
                };
                let energy = meter.read(&work).unwrap().energy;
                assert!(energy.low() <= energy.value() && energy.value() <= energy.high());
                energy.value().as_joules()
            };
            let total = [0, 1, 2].map(|at| tokens[at] + more[at]);
            prop_assert!(joules(total) >= joules(tokens) * (1.0 - 1e-12), "{}", meter.id());
        }
    }

    #[test]
    fn a_forecast_is_the_rate_times_the_tokens(input in 0u64..100_000, output in 0u64..100_000) {
        let (known, own) = (card(), on_boards(Privacy::Local, None));
        let power: Arc<dyn EnergyMeter> = Arc::new(RuntimePower::of(&machine()));
        let cards = meters().map(|meter| (meter, &known)).into_iter().chain([(power, &own)]);
        for (meter, card) in cards {
            let work = Work::expected(card, exact(input), exact(output));
            prop_assert_eq!(meter.read(&work).unwrap(), meter.rate(card).unwrap().reading(&work));
        }
    }

    #[test]
    fn ecologits_pue_is_the_only_one(output in 1u64..100_000) {
        let card = card();
        let reading = EcoLogits.read(&Work::expected(&card, exact(10), exact(output))).unwrap();
        prop_assert_eq!(reading.to_facility(&hosted_overheads()), reading);
    }

    #[test]
    fn power_times_time_scales_with_both_and_is_shared(
        seconds in 0.001..1e4f64, longer in 1.0..10.0f64, batch in 1.0..512.0f64, fuller in 1.0..8.0f64,
    ) {
        let power = RuntimePower::of(&machine());
        let joules = |seconds: f64, batch: f64| {
            let card = on_boards(Privacy::Remote, Some(batch));
            let timing = computed(Duration::from_secs_f64(seconds));
            let work = Work { timing: Some(&timing), ..Work::expected(&card, exact(10), exact(10)) };
            power.read(&work).unwrap().energy.value().as_joules()
        };
        let once = joules(seconds, batch);
        prop_assert!(joules(seconds * longer, batch) >= once * (1.0 - 1e-6));
        prop_assert!(joules(seconds, batch * fuller) <= once * (1.0 + 1e-12));
    }

    #[test]
    fn water_scales_with_energy_and_hardware_with_time(
        kwh in 1e-9..1e3f64, litres in 0.0..3.0f64, seconds in 0.001..1e5f64, times in 1.0..100.0f64,
    ) {
        let (card, site) = (card(), site(litres));
        let time = Duration::from_secs_f64(seconds);
        let (once, more) = (told(&card, kwh, &site, time), told(&card, kwh * times, &site, time));
        let water = |impacts: &Impacts| impacts.water.unwrap();
        let ratio = water(&more).value().as_litres() / water(&once).value().as_litres();
        prop_assert!((ratio / times - 1.0).abs() < 1e-9);
        prop_assert_eq!(once.embodied, more.embodied, "hardware does not depend on the energy");
        let longer = told(&card, kwh, &site, Duration::from_secs_f64(seconds * times));
        let grams = |impacts: &Impacts| impacts.embodied.unwrap().value().as_grams();
        prop_assert!((grams(&longer) / grams(&once) / times - 1.0).abs() < 1e-5);
        prop_assert_eq!(longer.water, once.water, "water does not depend on the time");
        let wetter = told(&card, kwh, &self::site(litres + 0.1), time);
        prop_assert!(water(&wetter).value() > water(&once).value());
    }
}

//! What must hold for the meters that model a deployment, whatever the deployment.

#![cfg(test)]

use greenroute_core::conformance::{meter, run};
use greenroute_core::model::{Deployment, LoadOffset, Privacy, Size, Span, Speed, Window};
use greenroute_core::units::{Power, Tokens};
use greenroute_core::{
    EnergyMeter, Estimate, MeterId, Method, ModelCard, ModelKey, Reading, ServerTiming, TimingSource, Work,
};
use greenroute_energy::roofline::{Load, phys5, steps};
use greenroute_energy::{Accelerator, Blind, Machine, Roofline, RuntimePower, Throughput, ladder};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn machine() -> Machine {
    let watts_per_thread = Estimate::scaled(Power::from_watts(4.0), 0.3, 3.0, Method::Modelled);
    Machine { cpu: "test".into(), threads: 8, tdp: None, is_virtual: false, watts_per_thread }
}

fn card(size: Option<Size>, deployment: Option<Deployment>) -> ModelCard {
    let window = Window { context: 8192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("p", "m"), window, Privacy::Remote);
    (card.size, card.deployment) = (size, deployment);
    card
}

fn seventy() -> Size {
    let billions = Span::known(70.0);
    Size { total: billions, active: billions, bytes_per_parameter: Some(1.0) }
}

fn exact(tokens: u64) -> Estimate<Tokens> {
    Estimate::exact(Tokens::new(tokens), Method::Reported)
}

fn expected(card: &ModelCard, [input, cached, output]: [u64; 3]) -> Work<'_> {
    Work { cached_input: exact(cached), ..Work::expected(card, exact(input), exact(output)) }
}

fn ordered(reading: &Reading) -> bool {
    let energy = reading.energy;
    let finite = [energy.low(), energy.value(), energy.high()].iter().all(|end| end.as_joules().is_finite());
    finite && energy.low() <= energy.value() && energy.value() <= energy.high()
}

fn sizes() -> impl Strategy<Value = Size> {
    let bytes = proptest::option::of(0.3..4.0f64);
    (0.1..2000.0f64, 0.02..=1.0f64, 1.0..4.0f64, bytes).prop_map(|(total, share, span, bytes)| {
        let span = |middle: f64| Span { low: middle / span, high: middle };
        Size { total: span(total), active: span(total * share), bytes_per_parameter: bytes }
    })
}

fn offsets() -> impl Strategy<Value = Vec<LoadOffset>> {
    let meter = prop_oneof![Just("roofline"), Just("throughput")];
    let offset = (meter, 1.0..4096.0f64, 0.2..5.0f64, 0.3..=1.0f64, 1.0..3.0f64).prop_map(
        |(meter, batch, factor, low, high)| LoadOffset {
            meter: MeterId::new(meter, 1),
            batch,
            factor,
            low,
            high,
            points: 3,
            as_of: None,
        },
    );
    proptest::collection::vec(offset, 0..4)
}

fn deployments() -> impl Strategy<Value = Deployment> {
    let device =
        prop_oneof![Just("H100"), Just("B200"), Just("H200"), Just("L4"), Just("TPU v5p"), Just("?")];
    let positive = |range| proptest::option::of(range);
    let stated = (positive(50.0..2000.0f64), positive(100.0..10_000.0f64), positive(8.0..400.0f64));
    let load = (positive(1.0..4096.0f64), positive(0.1..1e6f64), positive(20.0..2000.0f64));
    (device, 1u32..64, stated, load, offsets()).prop_map(|(device, count, stated, load, offsets)| {
        Deployment {
            tdp_watts: stated.0.map(Power::from_watts),
            bandwidth_gb_per_second: stated.1,
            memory_gb: stated.2,
            batch: load.0,
            tokens_per_second: load.1,
            mean_power_watts: load.2.map(Power::from_watts),
            offsets,
            ..Deployment::new(device, count)
        }
    })
}

fn meters() -> [Arc<dyn EnergyMeter>; 4] {
    [
        Arc::new(Throughput),
        Arc::new(Roofline::new()),
        Arc::new(Roofline::phys5()),
        Arc::new(Blind::of(&machine())),
    ]
}

proptest! {
    #[test]
    fn whatever_the_deployment_quantiles_are_ordered_and_more_tokens_never_take_less(
        size in proptest::option::of(sizes()),
        deployment in deployments(),
        speed in proptest::option::of(0.5..500.0f64),
        tokens in proptest::array::uniform3(0u64..200_000),
        more in proptest::array::uniform3(0u64..200_000),
    ) {
        let mut card = card(size, Some(deployment));
        card.speed = speed.map(|tokens_per_second| Speed { tokens_per_second, time_to_first_chunk_seconds: 0.1 });
        card.validate().unwrap();
        let [a, b, c] = [0, 1, 2].map(|at| tokens[at] + more[at]);
        for meter in meters() {
            let Ok(rate) = meter.rate(&card) else { continue };
            let few = meter.read(&expected(&card, tokens)).unwrap();
            prop_assert_eq!(&few, &rate.reading(&expected(&card, tokens)), "work that is expected is the rate's");
            prop_assert!(ordered(&few), "{}: {}", meter.id(), few);
            prop_assert_eq!(&few.meter, &meter.id());
            let many = meter.read(&expected(&card, [a, b, c])).unwrap();
            prop_assert!(many.energy.value() >= few.energy.value());
        }
        prop_assert!(ladder(&machine()).rate(&card).is_some(), "the last rung never skips");
    }

    #[test]
    fn the_more_requests_share_a_step_the_less_a_token_takes(
        total in 0.5..1500.0f64,
        share in 0.02..=1.0f64,
        bytes in 0.4..4.0f64,
        batch in 1.0..4096.0f64,
        more in 1.0..16.0f64,
        count in 1u32..32,
    ) {
        for device in Accelerator::all() {
            let (Some(tdp), Some(gb_per_second)) = (device.tdp, device.gb_per_second) else { continue };
            let load = Load {
                total,
                active: total * share,
                bytes,
                batch,
                count: f64::from(count),
                tdp_watts: tdp.as_watts(),
                gb_per_second,
                half_tflops: device.half_tflops,
            };
            let fuller = Load { batch: batch * more, ..load };
            for (alone, shared) in
                [(steps(&load), steps(&fuller)), (phys5(&load, device.name), phys5(&fuller, device.name))]
            {
                prop_assert!(shared.output <= alone.output * (1.0 + 1e-12), "{load:?} and {more}: {alone:?} {shared:?}");
                prop_assert_eq!(shared.input, alone.input);
                prop_assert_eq!(shared.output_squared, alone.output_squared);
            }
            let larger = Load { total: total * 1.5, active: total * share * 1.5, ..load };
            prop_assert!(steps(&larger).output > steps(&load).output);
            let slower = Load { gb_per_second: gb_per_second / 2.0, ..load };
            prop_assert!(steps(&slower).output > steps(&load).output);
        }
    }

    #[test]
    fn in_the_same_time_more_tokens_never_take_less(
        size in proptest::option::of(sizes()),
        deployment in deployments(),
        by_server in any::<bool>(),
        millis in 1u64..1_000_000,
        tokens in proptest::array::uniform3(0u64..20_000),
        more in proptest::array::uniform3(0u64..20_000),
    ) {
        let card = card(size, Some(deployment));
        let time = Duration::from_millis(millis);
        let timing = ServerTiming { decode: Some(time), ..ServerTiming::by(TimingSource::ModelCompute) };
        let read = |meter: &dyn EnergyMeter, tokens| {
            let work = expected(&card, tokens);
            meter.read(&if by_server {
                Work { timing: Some(&timing), ..work }
            } else {
                Work { duration: Some(2 * time), first_chunk: Some(time), ..work }
            })
        };
        let meters: [&dyn EnergyMeter; 2] = [&Throughput, &RuntimePower::of(&machine())];
        for meter in meters {
            let total = [0, 1, 2].map(|at| tokens[at] + more[at]);
            if let (Ok(few), Ok(many)) = (read(meter, tokens), read(meter, total)) {
                prop_assert!(ordered(&few) && ordered(&many));
                let (few, many) = (few.energy.value().as_joules(), many.energy.value().as_joules());
                prop_assert!(many >= few * (1.0 - 1e-12), "{}: {few} {many}", meter.id());
            }
        }
    }

    #[test]
    fn clocks_of_any_kind_are_read_or_skipped(
        batch in 1.0..2048.0f64,
        whole in 0u64..100_000_000_000,
        first in 0u64..100_000_000_000,
        output in 0u64..100_000,
    ) {
        let card = card(Some(seventy()), Some(Deployment { batch: Some(batch), ..Deployment::new("H100", 2) }));
        let clocked = Work {
            duration: Some(Duration::from_nanos(whole)),
            first_chunk: Some(Duration::from_nanos(first)),
            ..expected(&card, [100, 0, output])
        };
        match Throughput.read(&clocked) {
            Ok(reading) => {
                prop_assert!(ordered(&reading));
                prop_assert!(whole > first && output > 1);
            }
            Err(why) => prop_assert!(!why.0.is_empty()),
        }
    }
}

#[test]
fn every_meter_passes_cores_suite() {
    let known = Deployment { batch: Some(64.0), ..Deployment::new("H100", 2) };
    let told = Deployment { tokens_per_second: Some(2000.0), ..known.clone() };
    for (meter, deployment) in meters().into_iter().zip([Some(told), Some(known.clone()), Some(known), None])
    {
        let subject = meter::Subject::new(meter, card(Some(seventy()), deployment));
        run(meter::ALL, &subject, &[]).conforms().unwrap();
    }
}

#[test]
fn the_ladder_takes_the_best_rung_that_knows_enough() {
    let by = |deployment: Deployment| {
        ladder(&machine()).rate(&card(Some(seventy()), Some(deployment))).unwrap().meter.to_string()
    };
    let known = Deployment { batch: Some(64.0), ..Deployment::new("H100", 2) };
    assert_eq!(by(Deployment { tokens_per_second: Some(2000.0), ..known.clone() }), "throughput@1");
    assert_eq!(by(known), "roofline@1");
    assert_eq!(by(Deployment::new("H100", 2)), "blind@2");
}

#[test]
fn a_forecast_and_a_reading_are_by_the_rung_that_is_surest_of_them() {
    let known = Deployment { batch: Some(64.0), ..Deployment::new("H100", 2) };
    let mut card = card(Some(seventy()), Some(known.clone()));
    card.speed = Some(Speed { tokens_per_second: 40.0, time_to_first_chunk_seconds: 0.3 });
    let ladder = ladder(&machine());
    assert_eq!(ladder.rate(&card).unwrap().meter.name, "roofline", "a speed is a guess of a rhythm");
    let whole = Work { duration: Some(Duration::from_secs(10)), ..expected(&card, [100, 0, 200]) };
    assert_eq!(ladder.read(&whole).unwrap().meter.name, "runtime_power");
    let streamed = Work { first_chunk: Some(Duration::from_secs(1)), ..whole };
    assert_eq!(ladder.read(&streamed).unwrap().meter.name, "throughput");
    card.deployment = Some(Deployment { tokens_per_second: Some(2000.0), ..known });
    let whole = Work { duration: Some(Duration::from_secs(10)), ..expected(&card, [100, 0, 200]) };
    assert_eq!(ladder.read(&whole).unwrap().meter.name, "throughput", "most of our time may be waiting");
}

#[test]
fn a_rung_that_knows_more_is_surer() {
    let width = |deployment: Option<Deployment>| {
        let card = card(Some(seventy()), deployment);
        let energy = ladder(&machine()).rate(&card).unwrap().energy(exact(0), exact(0), exact(400));
        energy.high().as_joules() / energy.low().as_joules()
    };
    let known = Deployment { batch: Some(64.0), ..Deployment::new("H100", 2) };
    let told = Deployment { tokens_per_second: Some(2000.0), ..known.clone() };
    let (told, known, bare) = (width(Some(told)), width(Some(known)), width(None));
    assert!(
        told < 2.0 && told < known && known < 3.0 && known < bare && bare > 15.0,
        "{told} {known} {bare}"
    );
}

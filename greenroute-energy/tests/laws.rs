//! What must hold for every card and every number of tokens.

#![cfg(test)]

use greenroute_core::conformance::{grid, meter, run, run_async};
use greenroute_core::model::{Privacy, Size, Span, Speed, Window};
use greenroute_core::units::{Power, Tokens};
use greenroute_core::{
    EnergyMeter, Estimate, Method, ModelCard, ModelKey, Overheads, Reading, ServerTiming, TimingSource, Work,
};
use greenroute_energy::grid::YearlyAverages;
use greenroute_energy::{Blind, Machine, RuntimePower, hosted_overheads, ladder, local_overheads};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

fn machine() -> Machine {
    let watts_per_thread = Estimate::scaled(Power::from_watts(4.0), 0.3, 3.0, Method::Modelled);
    Machine { cpu: "test".into(), threads: 8, tdp: None, is_virtual: false, watts_per_thread }
}

fn blind() -> Blind {
    Blind::of(&machine())
}

fn card(privacy: Privacy, size: Option<Size>) -> ModelCard {
    let window = Window { context: 8192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("p", "m"), window, privacy);
    card.size = size;
    card.speed = Some(Speed { tokens_per_second: 20.0, time_to_first_chunk_seconds: 0.5 });
    card
}

fn exact(tokens: u64) -> Estimate<Tokens> {
    Estimate::exact(Tokens::new(tokens), Method::Reported)
}

fn joules(meter: &impl EnergyMeter, card: &ModelCard, [input, cached, output]: [u64; 3]) -> f64 {
    let work = Work { cached_input: exact(cached), ..Work::expected(card, exact(input), exact(output)) };
    let energy = meter.read(&work).unwrap().energy;
    assert!(energy.low() <= energy.value() && energy.value() <= energy.high());
    energy.value().as_joules()
}

fn sizes() -> impl Strategy<Value = Option<Size>> {
    let bytes = proptest::option::of(0.3..4.0f64);
    let size = (0.1..2000.0f64, 0.02..=1.0f64, 1.0..4.0f64, bytes).prop_map(|(total, share, span, bytes)| {
        let span = |middle: f64| Span { low: middle / span, high: middle };
        Size { total: span(total), active: span(total * share), bytes_per_parameter: bytes }
    });
    proptest::option::of(size)
}

proptest! {
    #[test]
    fn more_tokens_never_take_less(
        size in sizes(),
        local in any::<bool>(),
        tokens in proptest::array::uniform3(0u64..200_000),
        more in proptest::array::uniform3(0u64..200_000),
    ) {
        let card = card(if local { Privacy::Local } else { Privacy::Remote }, size);
        let total = [0, 1, 2].map(|at| tokens[at] + more[at]);
        prop_assert!(joules(&blind(), &card, total) >= joules(&blind(), &card, tokens));
        let [input, cached, output] = tokens;
        // Two products round otherwise than one.
        let in_full = joules(&blind(), &card, [input + cached, 0, output]) * (1.0 + 1e-12);
        prop_assert!(joules(&blind(), &card, [input, cached, output]) <= in_full);
        if local {
            let power = RuntimePower::of(&machine());
            prop_assert!(joules(&power, &card, total) >= joules(&power, &card, tokens));
            if cached > 0 {
                prop_assert!(joules(&power, &card, tokens) < joules(&power, &card, [input + cached, 0, output]));
            }
        }
    }

    #[test]
    fn larger_models_never_take_less(size in 0.1..1000.0f64, larger in 1.0..10.0f64, output in 1u64..100_000) {
        let of = |billions: f64| {
            let size = Size {
                total: Span::known(billions), active: Span::known(billions), bytes_per_parameter: None,
            };
            joules(&blind(), &card(Privacy::Remote, Some(size)), [100, 0, output])
        };
        prop_assert!(of(size * larger) >= of(size));
    }

    #[test]
    fn readings_come_to_the_facility_once(size in sizes(), output in 1u64..100_000) {
        let card = card(Privacy::Remote, size);
        let reading = blind().read(&Work::expected(&card, exact(10), exact(output))).unwrap();
        for overheads in [hosted_overheads(), local_overheads()] {
            let facility = reading.to_facility(&overheads);
            prop_assert_eq!(facility.to_facility(&overheads), facility.clone());
            prop_assert!(facility.energy.value() >= reading.energy.value());
        }
    }
}

#[test]
fn tokens_that_are_only_expected_widen_the_band() {
    let band = |meter: &dyn EnergyMeter, card: &ModelCard, output| {
        let energy = meter.read(&Work::expected(card, exact(0), output)).unwrap().energy;
        energy.high().as_joules() / energy.low().as_joules()
    };
    let unsure = Estimate::scaled(Tokens::new(1000), 0.2, 5.0, Method::Proxy);
    let local = card(Privacy::Local, None);
    let power = RuntimePower::of(&machine());
    let pairs: [(&dyn EnergyMeter, ModelCard); 3] =
        [(&blind(), card(Privacy::Remote, None)), (&blind(), local.clone()), (&power, local)];
    for (meter, card) in pairs {
        let (counted, expected) = (band(meter, &card, exact(1000)), band(meter, &card, unsure));
        assert!(expected > 1.3 * counted, "{expected} {counted} by {}", meter.id());
    }
}

#[test]
fn what_runs_here_and_elsewhere_is_compared_at_what_each_takes() {
    let local = card(
        Privacy::Local,
        Some(Size { total: Span::known(0.27), active: Span::known(0.27), bytes_per_parameter: Some(2.0) }),
    );
    let hosted = card(
        Privacy::Remote,
        Some(Size { total: Span::known(8.0), active: Span::known(8.0), bytes_per_parameter: Some(2.0) }),
    );
    let work = |card| Work::expected(card, exact(50), exact(200));
    let (ours, theirs) = ladder(&machine()).compare(&work(&local), &work(&hosted)).unwrap();
    let forecast = ladder(&machine()).read(&work(&local)).unwrap();
    assert_eq!(ours.energy.value(), forecast.energy.value(), "the comparison claims what the forecast says");
    assert!(ours.energy.value() > theirs.energy.value());
}

/// How many times the device's energy the facility's is.
fn factor(overheads: &Overheads) -> f64 {
    overheads.device_to_facility().value().as_ratio()
}

#[test]
fn a_provider_has_a_facility_and_this_machine_has_none() {
    assert!((factor(&hosted_overheads()) - 1.6 * 1.2).abs() < 1e-12);
    let local = local_overheads();
    assert_eq!(local.pue.value().as_ratio(), 1.0);
    assert_eq!(local.pue.low(), local.pue.high());
}

#[test]
fn the_meters_conform() {
    let (local, remote) = (card(Privacy::Local, None), card(Privacy::Remote, None));
    for card in [remote, local.clone()] {
        run(meter::ALL, &meter::Subject::new(Arc::new(blind()), card), &[]).conforms().unwrap();
    }
    let power: Arc<dyn EnergyMeter> = Arc::new(RuntimePower::of(&machine()));
    run(meter::ALL, &meter::Subject::new(power, local), &[]).conforms().unwrap();
}

#[tokio::test]
async fn the_yearly_averages_conform() {
    for known in ["FR", "US-TX", "SE-SE3"] {
        let (known, at) = (known.parse().unwrap(), SystemTime::UNIX_EPOCH);
        let subject = grid::Subject { grid: Arc::new(YearlyAverages), known, at };
        run_async(grid::ALL, &subject, &[]).await.conforms().unwrap();
    }
}

#[test]
fn a_clock_beats_the_cards_speed_and_an_instrument_beats_both() {
    let (ladder, card) = (ladder(&machine()), card(Privacy::Local, None));
    let mut work = Work::expected(&card, exact(100), exact(200));
    let meter = |work: &Work<'_>| ladder.read(work).unwrap();
    assert_eq!(meter(&work).meter.name, "runtime_power");

    let timing = ServerTiming {
        elapsed: Some(Duration::from_secs(3)),
        ..ServerTiming::by(TimingSource::ModelCompute)
    };
    work.timing = Some(&timing);
    let timed = meter(&work);
    assert_eq!(timed.meter.name, "runtime_power");
    assert!((timed.energy.value().as_joules() - 3.0 * 8.0 * 4.0).abs() < 1e-9);

    let counted = Reading { meter: greenroute_core::MeterId::new("rapl", 1), ..timed.clone() };
    work.reading = Some(&counted);
    assert_eq!(meter(&work), counted);

    let remote = self::card(Privacy::Remote, None);
    let work = Work::expected(&remote, exact(100), exact(200));
    let (reading, skipped) = ladder.explain(&work);
    assert_eq!(reading.unwrap().meter.name, "blind");
    assert_eq!(skipped.len(), 6);
    assert!(skipped.iter().all(|skipped| !skipped.why.0.is_empty()));
}

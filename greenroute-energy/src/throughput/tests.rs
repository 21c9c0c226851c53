use super::*;
use greenroute_core::model::{ModelKey, Privacy, Size, Span, Speed, Window};
use greenroute_core::units::{Energy, Power};
use greenroute_core::{Estimate, Method, ServerTiming, TimingSource};

fn card(deployment: Deployment) -> ModelCard {
    let window = Window { context: 8192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("p", "m"), window, Privacy::Remote);
    let size = Span::known(70.0);
    card.size = Some(Size { total: size, active: size, bytes_per_parameter: Some(2.0) });
    card.deployment = Some(deployment);
    card
}

fn copy(tokens_per_second: f64) -> Deployment {
    Deployment { tokens_per_second: Some(tokens_per_second), ..Deployment::new("H100", 4) }
}

fn batch(batch: f64) -> Deployment {
    Deployment { batch: Some(batch), ..Deployment::new("H100", 4) }
}

fn joules(card: &ModelCard) -> f64 {
    Throughput.rate(card).unwrap().output.as_joules()
}

fn exact(tokens: u64) -> Estimate<Tokens> {
    Estimate::exact(Tokens::new(tokens), Method::Reported)
}

fn decoded(seconds: f64) -> ServerTiming {
    ServerTiming {
        decode: Some(Duration::from_secs_f64(seconds)),
        ..ServerTiming::by(TimingSource::ModelCompute)
    }
}

#[test]
fn every_coefficient_is_in_its_file_and_has_a_number() {
    let kinds = ["copy_tdp", "copy_peak", "copy_roofline", "copy_power", "request_tdp", "request_roofline"];
    for kind in kinds.into_iter().chain(["request_power"]) {
        let (low, high) = FIT.band(kind);
        assert!(FIT.get(kind) > 0.0 && low < 1.0 && high > 1.0, "{kind}");
    }
    for part in ["copy_peak_share", "copy_roofline_share", "request_roofline_share"] {
        assert!((0.0..0.5).contains(&FIT.get(part)), "{part}");
    }
    for part in ["copy_roofline_weight", "request_roofline_weight"] {
        assert!((0.0..1.0).contains(&FIT.get(part)), "{part}");
    }
    assert!(FIT.band("other_device").0 < 1.0);
}

#[test]
fn a_copys_throughput_shares_out_the_power_of_its_boards() {
    // A benchmark run: 70 · 10⁹ parameters on four H100, 64 requests at 25 ms a token: 0.8 J.
    let by_peak = joules(&card(copy(64.0 / 0.025)));
    let full = 2800.0 * 0.025 / 64.0;
    let share = (2e-3_f64 * 70.0 * 64.0 / 0.025 / 4.0 / 989.0).powf(0.100_810_921_9);
    assert!((by_peak / (1.050_236_812 * full * share) - 1.0).abs() < 1e-9);
    assert!((by_peak / 0.8 - 1.0).abs() < 0.2, "{by_peak}");
    let mut both = copy(64.0 / 0.025);
    both.batch = Some(64.0);
    let blended = joules(&card(both));
    assert!((blended / 0.8 - 1.0).abs() < 0.2, "{blended}");
    let mut nameless = card(copy(64.0 / 0.025));
    nameless.size = None;
    assert!((joules(&nameless) / (0.730_604_489 * full) - 1.0).abs() < 1e-9);
}

#[test]
fn the_more_is_known_the_narrower_the_band() {
    let width = |deployment: Deployment| {
        let rate = Throughput.rate(&card(deployment)).unwrap();
        let one = Estimate::with_spread(Energy::from_joules(1.0), rate.spread, Method::Modelled);
        one.high().as_joules() / one.low().as_joules()
    };
    let measured = Deployment { mean_power_watts: Some(Power::from_watts(500.0)), ..copy(2000.0) };
    let other = Deployment { device: "H200".into(), ..copy(2000.0) };
    assert!(width(measured.clone()) < width(copy(2000.0)) && width(copy(2000.0)) < width(other));
    assert!((joules(&card(measured)) - 4.0 * 500.0 / 2000.0).abs() < 1e-12, "power over throughput");
}

#[test]
fn a_rhythm_is_read_from_the_servers_clock_or_ours() {
    let card = card(batch(64.0));
    let timing = decoded(22.0);
    let expected = Work::expected(&card, exact(100), exact(1001));
    let by_server = Throughput.read(&Work { timing: Some(&timing), ..expected }).unwrap();
    let by_us = Throughput
        .read(&Work {
            duration: Some(Duration::from_millis(23_000)),
            first_chunk: Some(Duration::from_secs(1)),
            ..expected
        })
        .unwrap();
    assert_eq!(by_server.energy.value(), by_us.energy.value());
    assert!(by_us.energy.high() > by_server.energy.high(), "thoughts may have come before the first piece");
    // The benchmark's run of 22 ms between tokens, 64 at once: 0.8 J.
    let energy = by_server.energy;
    assert!(energy.low().as_joules() < 800.0 && energy.high().as_joules() > 800.0);
    let slower = decoded(50.0);
    let slow = Throughput.read(&Work { timing: Some(&slower), ..expected }).unwrap();
    assert!(slow.energy.value() > by_server.energy.value());
}

#[test]
fn the_speed_of_the_card_serves_before_the_call() {
    let mut card = card(batch(64.0));
    assert_eq!(Throughput.rate(&card).unwrap_err().0, "neither the throughput nor the speed is known");
    card.speed = Some(Speed { tokens_per_second: 40.0, time_to_first_chunk_seconds: 0.3 });
    assert!(Throughput.rate(&card).unwrap_err().0.contains("the roofline of these boards tells more"));
    card.size = None;
    let forecast = Throughput.rate(&card).unwrap();
    let timing = decoded(25.0);
    let work = Work { timing: Some(&timing), ..Work::expected(&card, exact(0), exact(1001)) };
    let read = Throughput.read(&work).unwrap().energy;
    assert!((read.value().as_joules() / (1000.0 * forecast.output.as_joules()) - 1.0).abs() < 1e-9);
    let foretold = forecast.energy(exact(0), exact(0), exact(1000));
    assert!(foretold.low() < read.low() && foretold.high().as_joules() > 1.5 * read.high().as_joules());
    card.deployment = Some(Deployment::new("H100", 4));
    assert_eq!(Throughput.rate(&card).unwrap_err().0, "how many requests share a step is not known");
}

#[test]
fn a_clock_that_cannot_be_is_skipped_with_its_reason() {
    let card = card(batch(64.0));
    let why = |timing: Option<&ServerTiming>, duration, first_chunk, output| {
        let work = Work { timing, duration, first_chunk, ..Work::expected(&card, exact(10), exact(output)) };
        Throughput.read(&work).unwrap_err().0.into_owned()
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(why(None, seconds(1), seconds(2), 100), "the first piece came after the whole answer");
    assert_eq!(why(None, seconds(2), seconds(2), 100), "the answer took no time by the clock");
    assert_eq!(why(Some(&decoded(1.0)), None, None, 1), "one token has no rhythm");
    assert_eq!(why(Some(&decoded(1.0)), None, None, 0), "one token has no rhythm");
    assert_eq!(why(Some(&decoded(1e-6)), None, None, 101), "0.00000001 s between two tokens cannot be");
    assert_eq!(why(Some(&decoded(1e6)), None, None, 101), "10000 s between two tokens cannot be");
}

#[test]
fn more_than_the_boards_can_compute_is_skipped() {
    let why = Throughput.rate(&card(copy(1e6))).unwrap_err().0;
    assert_eq!(why, "1000000 tokens per second are more than these boards can compute");
    // A stream that somebody held back and let go at once: a thousand tokens in a tenth of a second.
    let card = card(batch(64.0));
    let work = Work {
        duration: Some(Duration::from_millis(5100)),
        first_chunk: Some(Duration::from_millis(5000)),
        ..Work::expected(&card, exact(100), exact(1001))
    };
    assert!(Throughput.read(&work).unwrap_err().0.contains("more than these boards can compute"));
}

#[test]
fn more_tokens_in_the_same_time_never_take_less() {
    let card = card(batch(64.0));
    let timing = decoded(20.0);
    let read = |output| {
        let work = Work { timing: Some(&timing), ..Work::expected(&card, exact(0), exact(output)) };
        Throughput.read(&work).unwrap().energy.value()
    };
    let all: Vec<Energy> = [2, 3, 10, 100, 1000, 10_000].map(read).to_vec();
    assert!(all.is_sorted(), "{all:?}");
}

#[test]
fn a_board_or_a_load_outside_the_fit_never_gets_its_band() {
    let timing = decoded(2000.0);
    let ends = |deployment: Deployment| {
        let card = card(deployment);
        let work = Work { timing: Some(&timing), ..Work::expected(&card, exact(0), exact(1001)) };
        let energy = Throughput.read(&work).unwrap().energy;
        [energy.low(), energy.high()].map(|end| end.as_joules() / energy.value().as_joules())
    };
    let watts = Some(Power::from_watts(300.0));
    for mean_power_watts in [None, watts] {
        let of = |device: &str, batch| Deployment {
            batch: Some(batch),
            mean_power_watts,
            ..Deployment::new(device, 4)
        };
        let fitted = ends(of("H100", 64.0));
        for outside in [of("MI300X", 64.0), of("H100", 1.0), of("H100", 10_000.0)] {
            let found = ends(outside.clone());
            assert!(found[0] < 0.97 * fitted[0] && found[1] > 1.05 * fitted[1], "{outside:?}: {found:?}");
        }
    }
}

#[test]
fn tokens_that_nobody_counted_widen_the_band() {
    let card = card(batch(64.0));
    let timing = decoded(20.0);
    let read = |output| {
        let work = Work { timing: Some(&timing), ..Work::expected(&card, exact(0), output) };
        Throughput.read(&work).unwrap().energy
    };
    let guessed = read(Estimate::scaled(Tokens::new(1001), 0.6, 1.7, Method::Proxy));
    let counted = read(exact(1001));
    assert_eq!(guessed.value(), counted.value());
    assert!(guessed.low() < counted.low() && guessed.high() > counted.high());
}

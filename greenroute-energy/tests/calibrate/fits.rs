//! The robust fit.

use super::{meter, point, prior, today};
use greenroute_core::units::Energy;
use greenroute_core::{Boundary, Estimate, Method};
use greenroute_energy::calibrate::{Fit, PassedOver, Point, Prior, Shape, Unfit};
use proptest::prelude::*;

fn fit(points: &[Point], prior: Option<&Prior>) -> Result<Fit, Unfit> {
    Fit::of(points, prior, &meter(), Boundary::Device, today())
}

/// Overhead, joules per token of input, joules per token of output.
fn coefficients(fit: &Fit) -> [f64; 3] {
    let profile = &fit.profile;
    let [a, c, b] =
        [profile.overhead_joules, profile.joules_per_input_token, profile.joules_per_output_token];
    [a, c, b].map(Energy::as_joules)
}

/// Answers of three lengths and prompts of two, each `repeats` times, with energies of `joules` off by `noise`.
fn plan(repeats: usize, joules: impl Fn(f64, f64) -> f64, noise: impl Fn(usize) -> f64) -> Vec<Point> {
    let sizes = [(20, 10), (20, 200), (20, 2000), (200, 10), (2000, 10)];
    let calls = (0..repeats).flat_map(|_| sizes);
    let off = |(place, (input, output)): (usize, (u64, u64))| {
        point(input, output, joules(input as f64, output as f64) * noise(place))
    };
    calls.enumerate().map(off).collect()
}

/// Some per cent either way, always the same.
fn jitter(share: f64) -> impl Fn(usize) -> f64 {
    move |place| 1.0 + share * ((place * 7919 % 13) as f64 / 6.0 - 1.0)
}

fn near(found: f64, truth: f64, share: f64) -> bool {
    (found / truth - 1.0).abs() <= share
}

#[test]
fn a_plane_is_found_without_any_prior() {
    let points = plan(3, |input, output| 2.0 + 0.01 * input + 0.05 * output, |_| 1.0);
    let fit = fit(&points, None).unwrap();
    let [a, c, b] = coefficients(&fit);
    assert_eq!((fit.shape, fit.set_aside, fit.prior_share), (Shape::Plane, 0, 0.0));
    assert!(near(a, 2.0, 1e-6) && near(c, 0.01, 1e-6) && near(b, 0.05, 1e-6), "{a} {c} {b}");
    assert_eq!(fit.profile.points, 15);
    assert_eq!((fit.profile.meter.as_ref(), fit.profile.as_of), (Some(&meter()), Some(today())));
}

#[test]
fn input_that_hardly_varies_costs_what_the_prior_says_of_it() {
    let points: Vec<_> = [10, 200, 2000, 10, 200, 2000]
        .map(|output| point(20, output, 2.0 + 0.1 * 20.0 + 0.4 * output as f64))
        .into();
    // A fourth of a token of output, at another level.
    let prior = prior(0.0, 1.0, 4.0, 1000.0);
    let fit = fit(&points, Some(&prior)).unwrap();
    let [a, c, b] = coefficients(&fit);
    assert_eq!(fit.shape, Shape::Line);
    assert!(near(a, 2.0, 0.02) && near(c, 0.1, 0.02) && near(b, 0.4, 0.01), "{a} {c} {b}");
}

#[test]
fn calls_of_one_size_move_the_level_and_nothing_else() {
    let points: Vec<_> = (0..6).map(|place| point(50, 100 + place, 30.0)).collect();
    let prior = prior(1.0, 0.02, 0.1, 4.0);
    let fit = fit(&points, Some(&prior)).unwrap();
    assert_eq!(fit.shape, Shape::Level);
    let [a, c, b] = coefficients(&fit);
    assert!(near(b / a, 0.1, 1e-9) && near(c / a, 0.02, 1e-9));
    assert!(near(fit.joules(&points[0]), 30.0, 0.06), "{}", fit.joules(&points[0]));
}

#[test]
fn calls_of_one_size_tell_no_slope_where_there_is_no_prior() {
    let points: Vec<_> = (0..6).map(|place| point(50, 100 + place, 30.0)).collect();
    assert_eq!(fit(&points, None), Err(Unfit::OneSize));
}

#[test]
fn too_few_points_say_how_many_are_missing() {
    let points = plan(1, |_, output| output, |_| 1.0);
    let unfit = fit(&points[..2], Some(&prior(0.0, 0.0, 1.0, 4.0))).unwrap_err();
    assert_eq!((&unfit, unfit.missing()), (&Unfit::TooFewPoints { have: 2, needed: 3 }, Some(1)));
    assert_eq!(fit(&points[..4], None).unwrap_err().missing(), Some(1));
    assert!(unfit.to_string().contains("1 more"), "{unfit}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_few_long_prompts_among_many_short_ones_tell_what_input_takes(
        long in 5usize..12, c in 0.002..0.05f64, noise in 0.0..0.15f64,
    ) {
        let mut calls: Vec<(u64, u64)> = (0..32).map(|place| (10 + place as u64 % 5, [10, 100, 700][place % 3])).collect();
        calls.extend((0..long).map(|place| (2000, [10, 100, 700][place % 3])));
        let off = jitter(noise);
        let truth = |(input, output): (u64, u64)| 2.0 + c * input as f64 + 0.05 * output as f64;
        let points: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(place, &call)| point(call.0, call.1, truth(call) * off(place)))
            .collect();
        let fit = fit(&points, Some(&prior(1.0, 0.05, 0.05, 10.0))).unwrap();
        prop_assert_eq!(fit.set_aside, 0);
        prop_assert!(near(fit.joules(&points[33]), truth(calls[33]), 0.2), "{:?}", fit);
    }
}

#[test]
fn one_absurd_count_of_tokens_moves_nothing() {
    let truth = |input: f64, output: f64| 2.0 + 0.01 * input + 0.05 * output;
    let clean = plan(3, truth, jitter(0.03));
    // A tenth of the truth, so that a fit that falls back to it would show.
    let believed = prior(1.0, 0.05, 0.05, 10.0);
    let before = fit(&clean, Some(&believed)).unwrap();
    for (input, output) in [(u64::MAX / 4, u64::MAX / 4), (u64::MAX / 4, 1), (1, u64::MAX / 4)] {
        let mut spoiled = clean.clone();
        spoiled.push(point(input, output, 5.0));
        let after = fit(&spoiled, Some(&believed)).unwrap();
        assert_eq!((after.shape, after.set_aside), (Shape::Plane, 1), "{input} {output}");
        for (one, other) in coefficients(&before).into_iter().zip(coefficients(&after)) {
            assert!(near(one, other, 0.02), "{before:?} {after:?}");
        }
        assert!(near(before.profile.high, after.profile.high, 0.05));
    }
}

#[test]
fn energies_that_tokens_do_not_decide_are_refused() {
    let scattered: Vec<_> = (0..16)
        .map(|place| point(20, 10 << (place % 4 * 2), [1.0, 30.0, 900.0, 27_000.0][place % 4 * 7 % 3]))
        .collect();
    let error = fit(&scattered, None).unwrap_err();
    assert!(matches!(error, Unfit::Scattered { of: 16, .. }), "{error:?}");
}

#[test]
fn the_meters_own_error_stays_in_the_band() {
    let exact = plan(6, |input, output| 2.0 + 0.01 * input + 0.05 * output, jitter(0.02));
    let unsure: Vec<_> = exact
        .iter()
        .map(|point| Point {
            energy: Estimate::scaled(point.energy.value(), 0.4, 4.0, Method::Modelled),
            ..point.clone()
        })
        .collect();
    let (narrow, wide) = (fit(&exact, None).unwrap().profile, fit(&unsure, None).unwrap().profile);
    assert!(narrow.low > 0.75 && narrow.high < 1.3, "{} {}", narrow.low, narrow.high);
    assert!(wide.low < 0.4 && wide.high > 4.0, "{} {}", wide.low, wide.high);
}

#[test]
fn a_point_that_cannot_be_true_is_refused_with_its_reason() {
    use super::{counted, reading};
    use greenroute_core::{Counted, Usage};
    use std::time::Duration;
    let second = Some(Duration::from_secs(1));
    let new = |counted: Counted, joules: f64, took| {
        Point::new(&counted, &reading(joules), took, today()).unwrap_err()
    };
    assert_eq!(new(counted(10, 0), 5.0, second), PassedOver::NoTokens);
    assert_eq!(new(counted(0, 10), 5.0, second), PassedOver::NoTokens);
    assert_eq!(new(counted(10, 10), 0.0, second), PassedOver::NoEnergy);
    assert_eq!(new(counted(10, 10), f64::NAN, second), PassedOver::NoEnergy);
    assert_eq!(new(counted(10, 10), 1e8, None), PassedOver::NoEnergy);
    assert_eq!(new(counted(10, 10), 30_000.0, second), PassedOver::ImplausiblePower);
    assert_eq!(new(counted(10, 10), 0.01, second), PassedOver::ImplausiblePower);
    let guessed = Counted::Approximate(Usage::new(10_u64.into_tokens(), 10_u64.into_tokens()));
    assert_eq!(new(guessed, 5.0, second), PassedOver::NotCounted);
    assert!(Point::new(&counted(10, 10), &reading(5.0), None, today()).is_ok());
}

trait IntoTokens {
    fn into_tokens(self) -> greenroute_core::units::Tokens;
}

impl IntoTokens for u64 {
    fn into_tokens(self) -> greenroute_core::units::Tokens {
        greenroute_core::units::Tokens::new(self)
    }
}

/// Which of `n` points are bad: a fifth of them, chosen by a number.
fn is_bad(place: usize, n: usize, seed: usize) -> bool {
    // Steps of a number without common factor visit every place once.
    (place * 37 + seed) % n < n / 5
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_fifth_of_absurd_readings_does_not_move_the_line(
        a in 0.1..20.0f64, c in 0.001..0.1f64, b in 0.01..1.0f64,
        seed in 0usize..1000, times in prop_oneof![0.001..0.2f64, 5.0..1000.0f64],
    ) {
        let truth = |input: f64, output: f64| a + c * input + b * output;
        let clean = plan(5, truth, jitter(0.03));
        let n = clean.len();
        let spoiled: Vec<_> = clean.iter().enumerate().map(|(place, good)| {
            let off = if is_bad(place, n, seed) { times } else { 1.0 };
            Point { energy: Estimate::exact(good.energy.value() * off, Method::Measured), ..good.clone() }
        }).collect();
        let fit = fit(&spoiled, None).unwrap();
        prop_assert_eq!(fit.set_aside, 5);
        for (input, output) in [(20.0, 10.0), (20.0, 200.0), (20.0, 2000.0), (2000.0, 10.0)] {
            let call = point(input as u64, output as u64, 1.0);
            prop_assert!(near(fit.joules(&call), truth(input, output), 0.1), "{} {}", fit.joules(&call), truth(input, output));
        }
        // What one bad reading in five was does not become the band of the next forecast.
        prop_assert!(fit.profile.low > 0.7 && fit.profile.high < 1.45, "{:?}", fit.profile);
    }

    #[test]
    fn no_coefficient_is_ever_negative(
        energies in prop::collection::vec(1e-3..1e5f64, 15), with_prior in any::<bool>(),
    ) {
        let points: Vec<_> = plan(3, |_, _| 1.0, |place| energies[place]);
        let believed = prior(1.0, 0.01, 0.1, 4.0);
        if let Ok(fit) = fit(&points, with_prior.then_some(&believed)) {
            prop_assert!(coefficients(&fit).iter().all(|it| it.is_finite() && *it >= 0.0));
            let profile = &fit.profile;
            prop_assert!(0.0 < profile.low && profile.low <= 1.0 && 1.0 <= profile.high && profile.high.is_finite());
            prop_assert!((0.0..=1.0).contains(&fit.prior_share));
        }
    }

    #[test]
    fn another_unit_of_energy_gives_the_same_line_in_that_unit(
        a in 0.1..20.0f64, b in 0.01..1.0f64, times in 0.01..100.0f64, noise in 0.0..0.2f64,
    ) {
        let of = |times: f64| {
            let points = plan(3, |input, output| times * (a + 0.01 * input + b * output), jitter(noise));
            let believed = prior(times, 0.01 * times, 0.1 * times, 4.0);
            fit(&points, Some(&believed)).unwrap()
        };
        let (one, other) = (of(1.0), of(times));
        for (one, other) in coefficients(&one).into_iter().zip(coefficients(&other)) {
            prop_assert!((one * times - other).abs() <= 1e-6 * other.max(times * 1e-3), "{one} {other}");
        }
        prop_assert!(near(one.profile.high, other.profile.high, 1e-6));
    }

    #[test]
    fn more_clean_points_never_widen_the_band(noise in 0.0..0.15f64, fewer in 1usize..6, more in 1usize..6) {
        let width = |repeats| {
            let points = plan(repeats, |input, output| 2.0 + 0.01 * input + 0.05 * output, jitter(noise));
            let profile = fit(&points, Some(&prior(1.0, 0.02, 0.1, 4.0))).unwrap().profile;
            profile.high / profile.low
        };
        prop_assert!(width(fewer + more) <= width(fewer) * 1.03, "{} {}", width(fewer), width(fewer + more));
    }

    #[test]
    fn a_sure_prior_holds_and_an_unsure_one_gives_way(times in 1.5..20.0f64) {
        let points = plan(3, |input, output| times * (1.0 + 0.01 * input + 0.1 * output), jitter(0.02));
        let call = point(100, 300, 1.0);
        let told = |band: f64| {
            let fit = fit(&points, Some(&prior(1.0, 0.01, 0.1, band))).unwrap();
            (fit.joules(&call) / 32.0, fit.prior_share)
        };
        let (unsure, share) = told(100.0);
        prop_assert!(near(unsure, times, 0.03) && share < 0.001, "{unsure} {share}");
        // Nobody is taken to be surer than 20 %, so fifteen points always win; they lean the more the surer it is.
        let (sure, more) = told(1.01);
        prop_assert!(more > share && sure < unsure && sure > 1.0, "{sure} {more}");
    }

    #[test]
    fn few_points_lean_more_than_many(times in 2.0..10.0f64) {
        let share = |calls: usize| {
            let points: Vec<_> = (0..calls).map(|_| point(50, 100, times * 12.0)).collect();
            fit(&points, Some(&prior(1.0, 0.02, 0.1, 2.0))).unwrap().prior_share
        };
        prop_assert!(share(3) > share(6) && share(6) > share(30));
    }
}

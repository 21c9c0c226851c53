//! Offsets keyed by load.

use super::today;
use greenroute_core::model::LoadOffset;
use greenroute_core::units::Energy;
use greenroute_core::{Estimate, MeterId, Method, Spread};
use greenroute_energy::calibrate::{LoadPoint, Unfit, offsets};
use proptest::prelude::*;

fn measured(joules: f64) -> Estimate<Energy> {
    Estimate::exact(Energy::from_joules(joules), Method::Measured)
}

/// Work that took `times` as much as was modelled.
fn off(batch: f64, times: f64) -> LoadPoint {
    LoadPoint::new(Some(batch), measured(10.0 * times), Energy::from_joules(10.0)).unwrap()
}

fn found(meter: &str, points: &[LoadPoint]) -> Vec<LoadOffset> {
    let meter = MeterId { name: meter.to_owned().into(), version: 1 };
    offsets(&meter, points, Spread::of(0.57, 2.08), (0.0, 0.0), today()).unwrap()
}

#[test]
fn without_a_load_there_is_no_offset() {
    for batch in [None, Some(0.5), Some(f64::NAN)] {
        let refused = LoadPoint::new(batch, measured(1.0), Energy::from_joules(1.0));
        assert_eq!(refused, Err(Unfit::NoLoadKey), "{batch:?}");
    }
    let nothing = LoadPoint::new(Some(8.0), measured(1.0), Energy::ZERO);
    assert_eq!(nothing, Err(Unfit::NothingToCorrect));
}

#[test]
fn loads_are_kept_apart_by_doublings() {
    let points: Vec<_> =
        [(1.0, 0.8), (8.0, 1.5), (9.0, 1.5), (64.0, 2.0)].map(|(batch, times)| off(batch, times)).into();
    let found = found("roofline", &points);
    let [alone, eight, many] = found.as_slice() else { panic!("{found:?}") };
    assert!(alone.factor < 1.0 && eight.factor > 1.3 && many.factor > eight.factor);
    assert!((eight.batch - 72f64.sqrt()).abs() < 1e-9);
    assert_eq!((alone.points, eight.points, many.as_of), (1, 2, Some(today())));
}

#[test]
fn one_point_is_shrunk_and_many_are_not() {
    let factor = |count: usize| found("roofline", &vec![off(32.0, 1.5); count])[0].factor;
    // b/(b + w/k), with w = 0.0027 and b + w the square of half the meter's band over 1.645.
    let both = ((2.08_f64 / 0.57).ln() / 2.0 / 1.645).powi(2);
    let expected = (1.5_f64.ln() * (both - 0.0027) / both).exp();
    assert!((factor(1) - expected).abs() < 1e-12, "{} {expected}", factor(1));
    assert!(factor(1) < factor(2) && factor(2) < factor(10) && factor(1000) > 1.4999);
}

#[test]
fn an_absurd_point_moves_nothing() {
    let alone = offsets(
        &MeterId::new("roofline", 1),
        &[off(32.0, 50.0)],
        Spread::of(0.57, 2.08),
        (0.0, 0.0),
        today(),
    );
    assert_eq!(alone, Err(Unfit::TooFewPoints { have: 1, needed: 3 }));
    let with_two = found("roofline", &[off(32.0, 1.2), off(32.0, 50.0)]);
    assert_eq!(
        with_two,
        found("roofline", &[off(32.0, 1.2)])
            .into_iter()
            .map(|offset| LoadOffset { batch: 32.0, ..offset })
            .collect::<Vec<_>>()
    );
    let many: Vec<_> = [1.18, 1.2, 1.22, 1.19, 1.21, 50.0].map(|times| off(32.0, times)).into();
    let factor = found("roofline", &many)[0].factor;
    assert!((factor - 1.2).abs() < 0.03, "{factor}");
}

#[test]
fn what_remains_is_never_less_than_the_study_found() {
    let [offset] = &found("roofline", &vec![off(32.0, 1.5); 50])[..] else { panic!() };
    // 1.645 · √0.0050, the variance one doubling away.
    let least = (1.645 * 0.0050_f64.sqrt()).exp();
    assert!(offset.high >= least && offset.high < 1.01 * least, "{offset:?}");
    assert!((offset.high * offset.low - 1.0).abs() < 1e-9);
    let [one] = &found("roofline", &[off(32.0, 1.5)])[..] else { panic!() };
    assert!(one.high > offset.high);
}

#[test]
fn what_the_measurement_may_be_off_remains_too() {
    let unsure = Estimate::scaled(Energy::from_joules(15.0), 0.5, 2.0, Method::Measured);
    let points = vec![LoadPoint::new(Some(4.0), unsure, Energy::from_joules(10.0)).unwrap(); 5];
    let meter = MeterId::new("roofline", 1);
    let high = |apart| offsets(&meter, &points, Spread::of(0.5, 2.0), apart, today()).unwrap()[0].high;
    assert!(high((0.0, 0.0)) > 2.0);
    // All of it in the factors that widen the forecast again.
    assert!(high((2_f64.ln(), 2_f64.ln())) < 1.2);
}

#[test]
fn a_meter_that_is_surer_of_itself_is_corrected_less() {
    let of = |spread| {
        let meter = MeterId::new("of_a_user", 3);
        offsets(&meter, &[off(8.0, 1.1)], spread, (0.0, 0.0), today()).unwrap()[0].factor
    };
    assert!(of(Spread::of(0.95, 1.05)) < of(Spread::of(0.2, 5.0)));
}

proptest! {
    #[test]
    fn a_factor_lies_between_one_and_what_was_measured(
        times in 0.4..2.5f64, count in 1usize..20, batch in 1.0..512.0f64,
    ) {
        let [offset] = &found("throughput", &vec![off(batch, times.clamp(0.6, 1.7)); count])[..] else { panic!() };
        let most = times.clamp(0.6, 1.7);
        prop_assert!(offset.factor >= most.min(1.0) && offset.factor <= most.max(1.0));
        prop_assert!(0.0 < offset.low && offset.low <= 1.0 && offset.high >= 1.0);
        prop_assert!((offset.batch / batch - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_quarter_of_absurd_points_does_not_move_a_factor(times in 0.6..1.7f64, absurd in prop_oneof![1e-3..0.1f64, 10.0..1e3f64]) {
        let mut points = [off(16.0, times * 0.99), off(16.0, times), off(16.0, times * 1.01)].repeat(3);
        points.extend(vec![off(16.0, absurd); 3]);
        let factor = found("roofline", &points)[0].factor;
        prop_assert!((factor / times - 1.0).abs() < 0.03, "{factor} {times}");
    }
}

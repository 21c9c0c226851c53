use super::*;
use greenroute_core::model::{LoadOffset, ModelKey, Privacy, Size, Span, Window};
use greenroute_core::units::Tokens;
use greenroute_core::{Estimate, Method};

fn card(total: f64, active: f64, bytes: f64, deployment: Deployment) -> ModelCard {
    let window = Window { context: 8192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("p", "m"), window, Privacy::Remote);
    let (total, active) = (Span::known(total), Span::known(active));
    card.size = Some(Size { total, active, bytes_per_parameter: Some(bytes) });
    card.deployment = Some(deployment);
    card
}

fn serving(device: &str, count: u32, batch: f64) -> Deployment {
    Deployment { batch: Some(batch), ..Deployment::new(device, count) }
}

fn rate(card: &ModelCard) -> EnergyRate {
    Roofline::new().rate(card).unwrap()
}

fn ends(rate: &EnergyRate) -> (f64, f64) {
    let one = Estimate::with_spread(Energy::from_joules(1.0), rate.spread, Method::Modelled);
    (one.low().as_joules(), one.high().as_joules())
}

fn why(card: &ModelCard) -> String {
    Roofline::new().rate(card).unwrap_err().0.into_owned()
}

#[test]
fn every_coefficient_is_in_its_file_and_has_a_number() {
    for fit in [phys5::coefficients(), coefficients()] {
        for name in ["band", "other_device", "total", "active", "bytes", "other_size", "batch", "other_load"]
        {
            let (low, high) = fit.band(name);
            assert!(low > 0.0 && low < high, "{name}");
        }
    }
    let terms = [
        "c_compute",
        "c_device",
        "c_weights",
        "c_spread",
        "c_step",
        "c_eight",
        "c_context",
        "prefill",
        "tflops_per_gb",
    ];
    assert!(terms.iter().all(|name| coefficients().get(name) > 0.0));
    let terms = ["c_weights", "c_active", "c_gpu", "c_ctx", "c_moe_sync", "g_B200"];
    assert!(terms.iter().all(|name| phys5::coefficients().get(name) > 0.0));
}

#[test]
fn the_roofline_is_its_formula() {
    let seventy = card(70.0, 70.0, 2.0, serving("H100", 4, 64.0));
    // K = H = 700/3350 on an H100; 70 · 10⁹ · 2 operations at 989 · 10¹² per second.
    let (k, computing) = (700.0 / 3350.0, 2e-3 * 70.0 * 700.0 / 989.0);
    let expected = 1.552_633_343 * computing
        + 1.473_997_447e-5 * 2800.0
        + 0.751_168_641_7 * k * 140.0 / 64.0
        + 0.020_157_809_50 * k * 140.0 / 64f64.powf(0.35)
        + 2.590_839_457e-4 * 2800.0 * 70f64.powf(0.25) / 8.0;
    let rate = rate(&seventy);
    assert!((rate.output.as_joules() / expected - 1.0).abs() < 1e-12);
    let squared = 9.453_117_226e-3 * k * 70f64.powf(0.7) / 1000.0;
    assert!((rate.output_squared.as_joules() / squared - 1.0).abs() < 1e-12);
    // A token of the answer has half of the answer before it, on average, and all of the prompt.
    assert_eq!(rate.context, rate.output_squared * 2.0);
    assert!((rate.input.as_joules() / (2.5 * computing) - 1.0).abs() < 1e-12);
    assert!((rate.cached.as_joules() / (0.25 * computing) - 1.0).abs() < 1e-12);
    // Measured: 0.8 J per token at this batch, with its prompts.
    let energy = rate.energy(
        Estimate::exact(Tokens::ZERO, Method::Reported),
        Estimate::exact(Tokens::ZERO, Method::Reported),
        Estimate::exact(Tokens::new(352), Method::Reported),
    );
    assert!((energy.value().as_joules() / 352.0 / 0.8 - 1.0).abs() < 0.25, "{energy}");
}

#[test]
fn a_board_outside_the_fit_gets_a_wider_band_and_no_gain() {
    let on = |device: &str| rate(&card(8.0, 8.0, 2.0, serving(device, 1, 32.0)));
    let fitted = ends(&on("NVIDIA B200"));
    assert!((fitted.0 - 0.707).abs() < 1e-9 && (fitted.1 - 1.9).abs() < 1e-9);
    let other = ends(&on("H200"));
    assert!(other.0 < 0.8 * fitted.0 && other.1 > 1.2 * fitted.1, "{other:?}");
    let by_sheet = Deployment {
        tdp_watts: Some(Power::from_watts(1000.0)),
        bandwidth_gb_per_second: Some(8000.0),
        ..serving("something new", 1, 32.0)
    };
    let capped = Deployment { tdp_watts: Some(Power::from_watts(450.0)), ..serving("H100", 1, 32.0) };
    for deployment in [by_sheet.clone(), capped] {
        assert_eq!(ends(&rate(&card(8.0, 8.0, 2.0, deployment))), other);
    }
    let frozen = |deployment: Deployment| Roofline::phys5().rate(&card(8.0, 8.0, 2.0, deployment)).unwrap();
    let gain = frozen(serving("B200", 1, 32.0)).output.as_joules() / frozen(by_sheet).output.as_joules();
    assert!((gain.ln() - 0.496_973_873_060_227_17).abs() < 1e-12);
}

#[test]
fn a_load_outside_the_fit_gets_a_wider_band() {
    let at = |batch| ends(&rate(&card(8.0, 8.0, 2.0, serving("H100", 1, batch))));
    let (alone, shared) = (at(1.0), at(64.0));
    assert!(alone.0 < 0.9 * shared.0 && alone.1 > 1.1 * shared.1, "{alone:?} {shared:?}");
}

#[test]
fn what_is_not_known_is_said() {
    let mut bare = card(8.0, 8.0, 2.0, serving("H100", 1, 8.0));
    bare.deployment = None;
    assert_eq!(why(&bare), "what the model runs on is not known");
    assert_eq!(
        why(&card(8.0, 8.0, 2.0, Deployment::new("H100", 1))),
        "how many requests share a step is not known"
    );
    assert_eq!(
        why(&card(8.0, 8.0, 2.0, serving("RTX 4090 Laptop", 1, 8.0))),
        "the power of `RTX 4090 Laptop` is not known"
    );
    assert_eq!(
        why(&card(405.0, 405.0, 2.0, serving("H100", 8, 8.0))),
        "810 GB of weights do not fit the 640 GB of 8 × H100"
    );
    let processor = Deployment { processor: true, ..serving("H100", 1, 8.0) };
    assert_eq!(why(&card(8.0, 8.0, 2.0, processor)), "the model runs on a processor, not on a board");
    let mut unknown = card(8.0, 8.0, 2.0, serving("H100", 1, 8.0));
    unknown.size = None;
    assert_eq!(why(&unknown), "the size of the model is not known");
}

#[test]
fn sizes_that_are_only_bounded_widen_the_band() {
    let known = card(70.0, 70.0, 2.0, serving("H100", 4, 64.0));
    let mut bounded = known.clone();
    let span = Span { low: 35.0, high: 140.0 };
    bounded.size = Some(Size { total: span, active: span, bytes_per_parameter: Some(2.0) });
    let mut nameless = known.clone();
    nameless.size = nameless.size.map(|size| Size { bytes_per_parameter: None, ..size });
    let width = |card: &ModelCard| {
        let (low, high) = ends(&rate(card));
        high / low
    };
    assert!(width(&bounded) > 1.5 * width(&known));
    assert!(width(&nameless) > 1.1 * width(&known));
    assert_eq!(rate(&bounded).output, rate(&known).output, "the geometric middle");
    let small = card(0.5, 0.5, 2.0, serving("H100", 1, 64.0));
    assert!(width(&small) > 1.5 * width(&known), "no model of the fit is as small");
    for bytes in [0.07, 4.0] {
        let odd = card(70.0, 70.0, bytes, serving("H100", 8, 64.0));
        assert!(width(&odd) > 1.5 * width(&known), "no weights of the fit have {bytes} bytes");
    }
    let giant = card(5000.0, 200.0, 1.0, serving("B200", 64, 64.0));
    assert!(width(&giant) > 1.5 * width(&known), "nor is any as large");
}

#[test]
fn calibration_of_this_meter_and_version_counts() {
    let offset = |version| LoadOffset {
        meter: MeterId::new("roofline", version),
        batch: 64.0,
        factor: 1.5,
        low: 0.9,
        high: 1.1,
        points: 3,
        as_of: None,
    };
    let plain = rate(&card(8.0, 8.0, 2.0, serving("H200", 1, 64.0)));
    let with = |version| {
        let offsets = vec![offset(version)];
        rate(&card(8.0, 8.0, 2.0, Deployment { offsets, ..serving("H200", 1, 64.0) }))
    };
    assert!((with(1).output.as_joules() / plain.output.as_joules() - 1.5).abs() < 1e-12);
    let (low, high) = ends(&with(1));
    assert!((low - 0.9).abs() < 1e-9 && (high - 1.1).abs() < 1e-9);
    assert_eq!(with(99), plain);
}

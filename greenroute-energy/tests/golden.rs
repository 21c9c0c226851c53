//! Against what EcoLogits 0.11.3 and codecarbon 3.3.2 answer, and the roofline's frozen fit: the cases of the `golden`
//! example, held at every build.

#![cfg(test)]

#[path = "../examples/golden/check.rs"]
mod check;
#[path = "../examples/golden/codecarbon.rs"]
mod codecarbon;
#[path = "../examples/golden/compare.rs"]
mod compare;
#[path = "../examples/golden/ecologits.rs"]
mod ecologits;
#[path = "../examples/golden/phys5.rs"]
mod phys5;

use check::{Tally, check_file};
use greenroute_core::{ErrorKind, GridIntensity};
use greenroute_energy::codecarbon::{Answer, Place, intensity};
use greenroute_energy::grid::YearlyAverages;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::SystemTime;

const CODECARBON: &str = include_str!("fixtures/golden/codecarbon.json");
const ECOLOGITS: &str = include_str!("fixtures/golden/ecologits.json");
const PHYS5: &str = include_str!("fixtures/golden/phys5.json");

fn failures(kinds: &BTreeMap<String, Tally>) -> Vec<&String> {
    kinds.values().flat_map(|tally| &tally.failures).collect()
}

#[test]
fn every_case_agrees() {
    for (text, expected) in [(CODECARBON, 380), (ECOLOGITS, 119), (PHYS5, 27)] {
        let kinds = check_file(text).unwrap();
        assert_eq!(failures(&kinds), Vec::<&String>::new());
        assert_eq!(kinds.values().map(|tally| tally.passed).sum::<usize>(), expected);
    }
}

/// Every number of the answers, changed by a hundred thousandth.
fn bend(answer: &mut Value) {
    match answer {
        Value::Number(number) => *answer = json!(number.as_f64().unwrap() * 1.00001 + 1e-5),
        Value::Object(fields) => fields.values_mut().for_each(bend),
        Value::Array(items) => items.iter_mut().for_each(bend),
        _ => {}
    }
}

#[test]
fn a_case_that_differs_a_little_fails_in_every_kind() {
    for text in [CODECARBON, ECOLOGITS, PHYS5] {
        let mut file: Value = serde_json::from_str(text).unwrap();
        for case in file["cases"].as_array_mut().unwrap() {
            let answers = if case["expect"].is_null() { "predicted_j_per_token" } else { "expect" };
            bend(&mut case[answers]);
        }
        for (kind, tally) in check_file(&file.to_string()).unwrap() {
            assert!(tally.failures.len() > tally.passed, "{kind}: {tally}");
        }
    }
}

#[test]
fn what_is_malformed_is_named_and_counted_as_failed() {
    for (case, says) in [
        (json!({}), "case 0: of an unknown kind"),
        (json!(7), "of an unknown kind"),
        (json!({"id": "a", "kind": "telepathy"}), "a: of an unknown kind"),
        (json!({"id": "a", "kind": 5}), "of an unknown kind"),
        (json!({"id": "a", "kind": "dag"}), "a: malformed: no `inputs`"),
        (
            json!({"kind": "dag", "inputs": {"model_active_parameter_count": "8"}, "expect": {}}),
            "case 0: malformed: no",
        ),
        (
            json!({"kind": "ram_power", "inputs": {"gb": 8, "arm": false}, "expect": {}}),
            "nothing to compare with",
        ),
        (
            json!({"kind": "ram_power", "inputs": {"gb": 8, "arm": false}, "expect": {"slots": 2}}),
            "expect.slots: no such answer",
        ),
        (
            json!({"kind": "power_time", "inputs": {"watts": -1, "seconds": 1, "pue": 1, "wue": 0}, "expect": {"energy_kwh": 0}}),
            "malformed: power in watts must be",
        ),
        (
            json!({"kind": "power_time", "inputs": {"watts": 1, "seconds": 1e300, "pue": 1, "wue": 0}, "expect": {"energy_kwh": 0}}),
            "malformed: `seconds`",
        ),
        (
            json!({"kind": "gpu_counter_sequence", "inputs": {"counter_mj": [-1], "interval_s": 1}, "expect": {}}),
            "holds -1",
        ),
        (json!({"predicted_j_per_token": 1.0, "inputs": {"gpu": "Voodoo 2"}}), "no known accelerator"),
    ] {
        let kinds = check_file(&json!([case]).to_string()).unwrap();
        let failures = failures(&kinds);
        assert!(failures.len() == 1 && failures[0].contains(says), "{case}: {failures:?}");
    }
    for (text, says) in [
        ("<html>", "no JSON"),
        ("", "no JSON"),
        ("{}", "no list"),
        (r#"{"cases": 1}"#, "no list"),
        (r#"{"cases": []}"#, "no case"),
        ("[]", "no case"),
    ] {
        assert!(check_file(text).unwrap_err().contains(says), "{text}");
    }
    assert!(check_file(&format!("\u{feff}{PHYS5}")).is_ok(), "as some editors begin a file");
    let video = check_file(r#"[{"kind": "video_impacts"}]"#).unwrap();
    assert_eq!(video["video_impacts"].to_string(), "1 skipped, not ours");
}

#[tokio::test]
async fn a_place_that_codecarbon_takes_for_the_world_is_an_error_of_our_own_grid() {
    for unknown in ["XXX", "ATA", "ZZ"] {
        let place = Place { country: Some(unknown), region: None };
        assert!(matches!(intensity(place), Answer::World(_)));
        let error =
            YearlyAverages.intensity(&unknown.parse().unwrap(), SystemTime::UNIX_EPOCH).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
    }
}

//! Which case is compared how, and what came of it.

use super::compare::{Comparison, Fault};
use super::{codecarbon, ecologits, phys5};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// How cases of one kind are compared.
struct Kind {
    name: &'static str,
    /// Relative difference that is allowed.
    tolerance: f64,
    compare: fn(&Value, &mut Comparison) -> Result<(), Fault>,
}

const EXACT: f64 = 1e-12;
const CLOSE: f64 = 1e-9;
/// Codecarbon's kilowatt-hour has 8 · 10⁻⁷ joules more than there are.
const COUNTER: f64 = 1e-6;

const KINDS: &[Kind] = &[
    Kind { name: "llm_impacts", tolerance: EXACT, compare: ecologits::impacts },
    Kind { name: "dag", tolerance: EXACT, compare: ecologits::dag },
    Kind { name: "country_emissions", tolerance: CLOSE, compare: codecarbon::country },
    Kind { name: "region_emissions", tolerance: CLOSE, compare: codecarbon::region },
    Kind { name: "cloud_emissions", tolerance: CLOSE, compare: codecarbon::cloud },
    Kind { name: "cpu_tdp", tolerance: CLOSE, compare: codecarbon::processor },
    Kind { name: "cpu_load_power", tolerance: CLOSE, compare: codecarbon::load },
    Kind { name: "ram_power", tolerance: CLOSE, compare: codecarbon::memory },
    Kind { name: "rapl_sequence", tolerance: COUNTER, compare: codecarbon::rapl },
    Kind { name: "gpu_counter_sequence", tolerance: COUNTER, compare: codecarbon::gpu },
    Kind { name: "power_time", tolerance: CLOSE, compare: codecarbon::power_time },
    Kind { name: "phys5", tolerance: CLOSE, compare: phys5::per_token },
];

/// Kinds of the same files that are another product's.
const NOT_OURS: &[&str] = &["video_impacts"];

/// What came of the cases of one kind.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many agree.
    pub(crate) passed: usize,
    /// How many are of a kind that is not ours.
    pub(crate) skipped: usize,
    /// The case and why it failed.
    pub(crate) failures: Vec<String>,
    /// The worst relative difference of any number, those that failed included.
    pub(crate) worst: f64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skipped > 0 {
            return write!(f, "{} skipped, not ours", self.skipped);
        }
        let (passed, failed) = (self.passed, self.failures.len());
        write!(f, "{passed:>4} passed, {failed} failed, worst relative difference ")?;
        if self.worst == 0.0 { f.write_str("0") } else { write!(f, "{:.1e}", self.worst) }
    }
}

/// The cases of a file by their kind.
///
/// # Errors
/// The text is no JSON, or holds no case.
pub(crate) fn check_file(text: &str) -> Result<BTreeMap<String, Tally>, String> {
    let file: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("no JSON: {error}"))?;
    let cases = file.get("cases").unwrap_or(&file);
    let cases = cases.as_array().ok_or("no list of cases in it")?;
    if cases.is_empty() {
        return Err("no case in it".to_owned());
    }
    let mut kinds = BTreeMap::<String, Tally>::new();
    for (at, case) in cases.iter().enumerate() {
        let name = match (case.get("kind"), case.get("predicted_j_per_token")) {
            (Some(kind), _) => kind.as_str().unwrap_or("kind is no text"),
            (None, Some(_)) => "phys5",
            (None, None) => "no kind",
        };
        let id = case.get("id").and_then(Value::as_str).map_or_else(|| format!("case {at}"), str::to_owned);
        let tally = kinds.entry(name.to_owned()).or_default();
        if NOT_OURS.contains(&name) {
            tally.skipped += 1;
            continue;
        }
        let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
            tally.failures.push(format!("{id}: of an unknown kind"));
            continue;
        };
        let mut comparison = Comparison::new(kind.tolerance);
        match (kind.compare)(case, &mut comparison) {
            Err(fault) => tally.failures.push(format!("{id}: malformed: {fault}")),
            Ok(()) if comparison.compared() == 0 && comparison.failures().is_empty() => {
                tally.failures.push(format!("{id}: malformed: nothing to compare with"));
            }
            Ok(()) => match comparison.failures() {
                [] => tally.passed += 1,
                failures => tally.failures.push(format!("{id}: {}", failures.join("; "))),
            },
        }
        tally.worst = tally.worst.max(comparison.worst());
    }
    Ok(kinds)
}

//! Numbers against numbers, with names for what differs.

use greenroute_core::units::{Quantity, Tokens};
use serde_json::{Map, Value};

/// What is wrong with a case.
pub(crate) type Fault = String;

/// A comparison of one case's answers.
#[derive(Debug)]
pub(crate) struct Comparison {
    tolerance: f64,
    floors: Vec<(&'static str, f64)>,
    compared: usize,
    worst: f64,
    failures: Vec<String>,
}

impl Comparison {
    /// Numbers may differ by `tolerance` of the expected one.
    pub(crate) fn new(tolerance: f64) -> Self {
        Self { tolerance, floors: Vec::new(), compared: 0, worst: 0.0, failures: Vec::new() }
    }

    /// Numbers whose name ends so may also differ by `floor`: differences of large floating-point numbers.
    pub(crate) fn floor(&mut self, ending: &'static str, floor: f64) {
        self.floors.push((ending, floor));
    }

    /// How many answers were compared.
    pub(crate) fn compared(&self) -> usize {
        self.compared
    }

    /// The worst relative difference.
    pub(crate) fn worst(&self) -> f64 {
        self.worst
    }

    /// What differs.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Everything that `theirs` has must be in `ours` and agree: numbers within the tolerance, all else exactly. One
    /// number stands for a range without width.
    pub(crate) fn tree(&mut self, name: &str, ours: &Value, theirs: &Value) {
        match (ours, theirs) {
            (_, Value::Object(theirs)) => {
                for (field, theirs) in theirs {
                    let path = format!("{name}.{field}");
                    match ours.get(field) {
                        Some(ours) => self.tree(&path, ours, theirs),
                        None if ours.is_number() => self.tree(&path, ours, theirs),
                        None => self.fail(format!("{path}: no such answer")),
                    }
                }
            }
            (Value::Object(ends), Value::Number(_)) => {
                for (end, ours) in ends {
                    self.tree(&format!("{name}.{end}"), ours, theirs);
                }
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                    self.tree(&format!("{name}[{at}]"), ours, theirs);
                }
            }
            _ => match (ours.as_f64(), theirs.as_f64()) {
                (Some(ours), Some(theirs)) => self.number(name, ours, theirs),
                _ => self.same(name, ours, theirs),
            },
        }
    }

    fn number(&mut self, name: &str, ours: f64, theirs: f64) {
        self.compared += 1;
        let difference = (ours - theirs).abs();
        if self.floors.iter().any(|(ending, floor)| name.ends_with(ending) && difference <= *floor) {
            return;
        }
        let relative = if difference == 0.0 { 0.0 } else { difference / theirs.abs() };
        self.worst = self.worst.max(relative);
        // A number that is none must fail too.
        if relative.is_nan() || relative > self.tolerance {
            self.fail(format!("{name} is {ours}, not {theirs}"));
        }
    }

    fn same(&mut self, name: &str, ours: &Value, theirs: &Value) {
        self.compared += 1;
        if ours != theirs {
            self.fail(format!("{name} is {ours}, not {theirs}"));
        }
    }

    fn fail(&mut self, why: String) {
        self.failures.push(why);
    }
}

/// A field that must be there.
pub(crate) fn field<'a>(of: &'a Value, name: &str) -> Result<&'a Value, Fault> {
    of.get(name).ok_or_else(|| format!("no `{name}`"))
}

/// An object that must be there.
pub(crate) fn object<'a>(of: &'a Value, name: &str) -> Result<&'a Map<String, Value>, Fault> {
    field(of, name)?.as_object().ok_or_else(|| format!("`{name}` is no object"))
}

/// A number that must be there.
pub(crate) fn number(of: &Value, name: &str) -> Result<f64, Fault> {
    field(of, name)?.as_f64().ok_or_else(|| format!("`{name}` is no number"))
}

/// A number, or `None` where it is missing or null.
pub(crate) fn optional(of: &Value, name: &str) -> Result<Option<f64>, Fault> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => number(of, name).map(Some),
    }
}

/// A text that must be there.
pub(crate) fn text<'a>(of: &'a Value, name: &str) -> Result<&'a str, Fault> {
    field(of, name)?.as_str().ok_or_else(|| format!("`{name}` is no text"))
}

/// A text, or `None` where it is missing or null.
pub(crate) fn optional_text<'a>(of: &'a Value, name: &str) -> Result<Option<&'a str>, Fault> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => text(of, name).map(Some),
    }
}

/// A list of whole numbers, some of them missing.
pub(crate) fn counts(of: &Value, name: &str) -> Result<Vec<Option<u64>>, Fault> {
    let list = field(of, name)?.as_array().ok_or_else(|| format!("`{name}` is no list"))?;
    let one = |item: &Value| match item {
        Value::Null => Ok(None),
        item => whole(item).map(Some).ok_or_else(|| format!("`{name}` holds {item}, no whole number")),
    };
    list.iter().map(one).collect()
}

/// A whole number, also where it is written as `5.0`.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    let written = || value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0);
    value.as_u64().or_else(|| written().map(|number| Tokens::from_base(number).get()))
}

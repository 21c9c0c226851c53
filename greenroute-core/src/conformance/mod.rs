//! Suites over the seams, for everybody who implements one: what greenroute relies on, written as functions.
//!
//! Each module holds the demands on one seam, a function each, and lists them all in its `ALL`. [`run`] and
//! [`run_async`] go through such a list and give a [`Report`]: every scenario has passed, was skipped with a
//! reason, or failed with one.
//!
//! ```
//! use greenroute_core::GreenRanker;
//! use greenroute_core::conformance::{ranker, run};
//! run(ranker::ALL, &GreenRanker, &[]).conforms()?;
//! # Ok::<(), greenroute_core::conformance::Report>(())
//! ```
//!
//! What an implementation cannot do is skipped by name. A name that no scenario has is a failure, so that no skip
//! outlives its scenario; a suite with one test per scenario shows with [`complete`] that none is missing.

pub mod embedder;
pub mod expecter;
pub mod grid;
pub mod impact;
pub mod ledger;
pub mod marginal;
pub mod meter;
pub mod profiler;
pub mod provider;
pub mod ranker;
mod report;
pub mod runtime;
mod sample;
pub mod store;
mod table;

use crate::error::Error;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use std::any::Any;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use report::{Report, Verdict};
pub use table::table;

/// One demand on an implementation: a name to skip it by, and the function that checks it.
#[derive(Debug, Clone, Copy)]
pub struct Scenario<C> {
    /// The function's name.
    pub name: &'static str,
    /// The function.
    pub check: C,
}

/// A check of a seam that answers at once.
pub type Check<S> = fn(&S) -> Outcome;

/// A check of a seam that is waited for.
pub type AsyncCheck<S> = for<'a> fn(&'a S) -> BoxFuture<'a, Outcome>;

/// What a check gives: nothing where the demand is met.
pub type Outcome = Result<(), Finding>;

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The demand is not met.
    Failed(String),
    /// The demand is not made on this implementation, such as to refuse the images that it takes.
    DoesNotApply(String),
}

/// An error where none was expected.
impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        Self::Failed(format!("unexpected {} error: {error}", error.kind().name()))
    }
}

/// Checks every scenario of `all` but the skipped ones, each given as its name and a reason.
pub fn run<S: ?Sized>(all: &[Scenario<Check<S>>], subject: &S, skips: &[(&str, &str)]) -> Report {
    let mut report = Report::new(all, skips);
    for Scenario { name, check } in all {
        let outcome = match skipped(name, skips) {
            Some(outcome) => outcome,
            None => {
                catch_unwind(AssertUnwindSafe(|| check(subject))).unwrap_or_else(|cause| panicked(&*cause))
            }
        };
        report.add(name, outcome);
    }
    report
}

/// The same for a seam that is waited for; one scenario after the other.
pub async fn run_async<S: ?Sized>(
    all: &[Scenario<AsyncCheck<S>>],
    subject: &S,
    skips: &[(&str, &str)],
) -> Report {
    let mut report = Report::new(all, skips);
    for Scenario { name, check } in all {
        let outcome = match skipped(name, skips) {
            Some(outcome) => outcome,
            None => {
                let checked = AssertUnwindSafe(async { check(subject).await }).catch_unwind().await;
                checked.unwrap_or_else(|cause| panicked(&*cause))
            }
        };
        report.add(name, outcome);
    }
    report
}

/// Whether `named` has every scenario of `all` once and nothing else: for suites with one test per scenario.
///
/// # Errors
/// The names that are missing, unknown or given twice.
pub fn complete<C>(all: &[Scenario<C>], named: &[&str]) -> Outcome {
    let count = |name: &str| named.iter().filter(|known| **known == name).count();
    let mut faults: Vec<String> = Vec::new();
    for Scenario { name, .. } in all {
        match count(name) {
            0 => faults.push(format!("`{name}` is missing")),
            1 => {}
            more => faults.push(format!("`{name}` is named {more} times")),
        }
    }
    let unknown = named.iter().filter(|name| all.iter().all(|scenario| scenario.name != **name));
    faults.extend(unknown.map(|name| format!("there is no scenario `{name}`")));
    demand(faults.is_empty(), || faults.join("; "))
}

/// What becomes of a scenario that the caller skips.
fn skipped(name: &str, skips: &[(&str, &str)]) -> Option<Outcome> {
    let (_, reason) = skips.iter().find(|(skip, _)| *skip == name)?;
    Some(Err(Finding::DoesNotApply((*reason).to_owned())))
}

fn panicked(cause: &(dyn Any + Send)) -> Outcome {
    let text = cause.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    Err(Finding::Failed(format!("it panicked: {text}")))
}

fn fail<T>(message: impl Into<String>) -> Result<T, Finding> {
    Err(Finding::Failed(message.into()))
}

fn demand(met: bool, message: impl FnOnce() -> String) -> Outcome {
    if met { Ok(()) } else { fail(message()) }
}

fn same<T: PartialEq + Debug>(what: &str, expected: &T, found: &T) -> Outcome {
    demand(expected == found, || format!("{what}: expected {expected:?}, found {found:?}"))
}

/// A list of scenarios: name and function are one word, so that they cannot differ.
macro_rules! scenarios {
    (async $($name:ident),+ $(,)?) => {
        &[$($crate::conformance::Scenario {
            name: stringify!($name),
            check: |subject| Box::pin($name(subject)),
        }),+]
    };
    ($($name:ident),+ $(,)?) => {
        &[$($crate::conformance::Scenario { name: stringify!($name), check: |subject| $name(subject) }),+]
    };
}
use scenarios;

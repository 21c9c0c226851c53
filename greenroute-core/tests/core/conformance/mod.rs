//! The suites over everything that core has, over trait objects and shared pointers, and over implementations
//! with one flaw each: a suite that cannot fail proves nothing.

mod deciding;
mod embedding;
mod parrot;
mod runner;
mod storing;
mod world;

use greenroute_core::conformance::{AsyncCheck, Check, Scenario, complete, run, run_async};

/// Each flaw fails the scenario that it is named with, and every scenario has its flaw.
fn catches<S: ?Sized, F>(all: &[Scenario<Check<S>>], flaws: &[(&str, F)], with: impl Fn(&F) -> Box<S>) {
    complete(all, &flaws.iter().map(|(name, _)| *name).collect::<Vec<_>>()).unwrap();
    for (name, flaw) in flaws {
        let report = run(all, &*with(flaw), &[]);
        assert!(report.failed().any(|failed| failed == *name), "`{name}` did not fail:\n{report}");
    }
}

async fn catches_async<S: ?Sized, F>(
    all: &[Scenario<AsyncCheck<S>>],
    flaws: &[(&str, F)],
    with: impl Fn(&F) -> Box<S>,
) {
    complete(all, &flaws.iter().map(|(name, _)| *name).collect::<Vec<_>>()).unwrap();
    for (name, flaw) in flaws {
        let report = run_async(all, &*with(flaw), &[]).await;
        assert!(report.failed().any(|failed| failed == *name), "`{name}` did not fail:\n{report}");
    }
}

use super::{Finding, Outcome, Scenario};
use std::error::Error;
use std::fmt;

/// How an implementation did in a suite. `{}` is a table, and so is `{:?}`, for `unwrap` in tests.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    verdicts: Vec<(&'static str, Verdict)>,
    faults: Vec<String>,
}

/// How one scenario ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The demand is met.
    Passed,
    /// The caller skipped it, or it does not apply; with the reason.
    Skipped(String),
    /// The demand is not met; with what was found.
    Failed(String),
}

impl Report {
    /// A report of nothing yet, that knows which skips are wrong.
    pub(super) fn new<C>(all: &[Scenario<C>], skips: &[(&str, &str)]) -> Self {
        let mut faults = Vec::new();
        if all.is_empty() {
            faults.push("the suite is empty".to_owned());
        }
        for (name, reason) in skips {
            if all.iter().all(|scenario| scenario.name != *name) {
                faults.push(format!("there is no scenario `{name}` to skip"));
            } else if reason.trim().is_empty() {
                faults.push(format!("the skip of `{name}` has no reason"));
            }
        }
        Self { verdicts: Vec::new(), faults }
    }

    pub(super) fn add(&mut self, name: &'static str, outcome: Outcome) {
        let verdict = match outcome {
            Ok(()) => Verdict::Passed,
            Err(Finding::DoesNotApply(why)) => Verdict::Skipped(why),
            Err(Finding::Failed(why)) => Verdict::Failed(why),
        };
        self.verdicts.push((name, verdict));
    }

    /// How each scenario ended, in the suite's order.
    #[must_use]
    pub fn verdicts(&self) -> &[(&'static str, Verdict)] {
        &self.verdicts
    }

    /// How the scenario of this name ended.
    #[must_use]
    pub fn verdict(&self, name: &str) -> Option<&Verdict> {
        self.verdicts.iter().find(|(known, _)| *known == name).map(|(_, verdict)| verdict)
    }

    /// What is wrong with the suite or the skips themselves.
    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The names of the scenarios that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> + '_ {
        let failed = |(name, verdict): &(&'static str, Verdict)| {
            matches!(verdict, Verdict::Failed(_)).then_some(*name)
        };
        self.verdicts.iter().filter_map(failed)
    }

    /// The report, where nothing failed and every skip names a scenario.
    ///
    /// # Errors
    /// The report, where something did.
    pub fn conforms(self) -> Result<Self, Self> {
        if self.faults.is_empty() && self.failed().next().is_none() { Ok(self) } else { Err(self) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.verdicts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, verdict) in &self.verdicts {
            match verdict {
                Verdict::Passed => writeln!(f, "passed   {name}")?,
                Verdict::Skipped(why) => writeln!(f, "skipped  {name:width$}  {why}")?,
                Verdict::Failed(why) => writeln!(f, "FAILED   {name:width$}  {why}")?,
            }
        }
        for fault in &self.faults {
            writeln!(f, "FAILED   {fault}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl Error for Report {}

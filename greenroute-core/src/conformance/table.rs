use super::{Report, Verdict};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Several implementations of one seam side by side, as a Markdown table: a row for each scenario, a column for each
/// report. Why something was skipped, does not apply or failed stands below it.
///
/// ```
/// use greenroute_core::GreenRanker;
/// use greenroute_core::conformance::{ranker, run, table};
/// let green = run(ranker::ALL, &GreenRanker, &[]);
/// assert!(table(&[("green", &green)]).to_string().starts_with("| scenario | green |\n|---|---|\n"));
/// ```
pub fn table<'a>(reports: &'a [(&'a str, &'a Report)]) -> impl fmt::Display + 'a {
    Table(reports)
}

struct Table<'a>(&'a [(&'a str, &'a Report)]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reports) = self;
        f.write_str("| scenario |")?;
        reports.iter().try_for_each(|(name, _)| write!(f, " {} |", cell(name)))?;
        f.write_str("\n|---|")?;
        reports.iter().try_for_each(|_| f.write_str("---|"))?;
        f.write_char('\n')?;
        for scenario in self.scenarios() {
            write!(f, "| {} |", cell(scenario))?;
            for (_, report) in *reports {
                f.write_str(match report.verdict(scenario) {
                    Some(Verdict::Passed) => " passed |",
                    Some(Verdict::Skipped(_)) => " – |",
                    Some(Verdict::Failed(_)) => " **failed** |",
                    None => "  |",
                })?;
            }
            f.write_char('\n')?;
        }
        self.reasons(f)
    }
}

impl Table<'_> {
    /// Every scenario once, in the order of the first report that has it.
    fn scenarios(&self) -> Vec<&'static str> {
        let mut scenarios = Vec::new();
        for (name, _) in self.0.iter().flat_map(|(_, report)| report.verdicts()) {
            if !scenarios.contains(name) {
                scenarios.push(*name);
            }
        }
        scenarios
    }

    /// One line for each report and reason.
    fn reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = String::new();
        for (name, report) in self.0 {
            let mut skipped: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (scenario, verdict) in report.verdicts() {
                match verdict {
                    Verdict::Passed => {}
                    Verdict::Skipped(why) => skipped.entry(why).or_default().push(scenario),
                    Verdict::Failed(why) => {
                        writeln!(lines, "- {name}, `{scenario}` failed: {}", cell(why))?;
                    }
                }
            }
            for (why, scenarios) in skipped {
                writeln!(lines, "- {name}, {}: `{}`", cell(why), scenarios.join("`, `"))?;
            }
            for fault in report.faults() {
                writeln!(lines, "- {name} failed: {}", cell(fault))?;
            }
        }
        if lines.is_empty() { Ok(()) } else { write!(f, "\n{lines}") }
    }
}

/// Text that ends neither its cell nor its line.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

//! How far the modelled meters are off, on measured runs: the accuracy study, from the file that it was made on.
//!
//! `cargo run --release -p greenroute-energy --example accuracy -- llm_configs.csv`
//!
//! Everything fitted is fitted without the family that it then predicts; bands are the 5 % and 95 % quantiles of the
//! other families' errors. Whatever file of this format is given, the meters as shipped are held against it too.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod calibration;
mod existing;
mod features;
mod fit;
mod methods;
mod pairs;
mod report;
mod runs;
mod shipped;
mod stats;

use std::collections::BTreeSet;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: accuracy PATH.csv");
        return ExitCode::FAILURE;
    };
    // What is no text in a row is that row's fault alone.
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let sheet = match runs::read(&text) {
        Ok(sheet) => sheet,
        Err(why) => {
            eprintln!("{path}: {why}");
            return ExitCode::FAILURE;
        }
    };
    for fault in &sheet.faults {
        eprintln!("{path}: {fault}; left out");
    }
    let families: BTreeSet<&str> = sheet.runs.iter().map(|run| run.family.as_str()).collect();
    let models: BTreeSet<&str> = sheet.runs.iter().map(|run| run.model.as_str()).collect();
    println!(
        "{} text runs of {} rows ({}), {} models of {} families; truth: GPU joules per output token",
        sheet.runs.len(),
        sheet.rows,
        runs::TASKS.join(", "),
        models.len(),
        families.len(),
    );
    if sheet.runs.is_empty() {
        eprintln!("{path}: no run can be used");
        return ExitCode::FAILURE;
    }
    report::existing(&sheet.runs);
    if families.len() < 3 {
        println!(
            "\nfewer than three families: nothing can be fitted and held out; only the shipped meters follow"
        );
        report::shipped(&sheet.runs, None);
        return ExitCode::SUCCESS;
    }
    report::fitted(&sheet.runs);
    ExitCode::SUCCESS
}

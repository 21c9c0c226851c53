//! Holds this crate against cases of other tools, and its roofline against its frozen fit.
//!
//! `cargo run --release -p greenroute-energy --example golden -- PATH…`
//!
//! A file is `{"cases": […]}`, or the list alone. Every case has a `kind` (those of the roofline have none), its inputs
//! and the answers to compare with. Printed are, per file and kind, how many passed and failed and the worst relative
//! difference; the exit code is 1 where anything failed or could not be read.
#![expect(clippy::print_stdout, reason = "a program for people")]

mod check;
mod codecarbon;
mod compare;
mod ecologits;
mod phys5;

use check::check_file;
use std::process::ExitCode;

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        println!("golden PATH…: files of cases to compare with");
        return ExitCode::FAILURE;
    }
    let mut sound = true;
    for path in paths {
        println!("{path}");
        match std::fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| check_file(&text))
        {
            Ok(kinds) => {
                for (kind, tally) in kinds {
                    println!("  {kind:<21} {tally}");
                    for failure in &tally.failures {
                        println!("      {failure}");
                    }
                    sound &= tally.failures.is_empty();
                }
            }
            Err(why) => {
                println!("  cannot be read: {why}");
                sound = false;
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

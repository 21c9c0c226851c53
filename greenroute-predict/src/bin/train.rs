//! Fits the brain to your own outcomes:
//!
//! `cargo run --release -p greenroute-predict --bin train -- --data DIR --out FILE [--seed N]`
//!
//! The text features stay as they are; everything that is learned from outcomes is fitted anew, in a closed form or by a
//! fixed number of steps, so that the same folder and seed give the same file.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use greenroute_core::{Date, Error, ErrorKind, Result};
use greenroute_predict::Brain;
use greenroute_predict::fit::brain::train;
use greenroute_predict::fit::data::Outcomes;
use greenroute_predict::fit::heads::Step;
use greenroute_predict::weights::{About, Weights};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const USAGE: &str = "\
train --data DIR --out FILE [options]

  --data DIR        prompts.jsonl and outcomes.jsonl, plain or .gz
                    a prompt:  {\"id\", \"source\", \"text\"}, and where known \"caps\", \"group\", \"group_id\"
                    an outcome: {\"p\": prompt's id, \"m\": model, \"s\": score 0 to 1}, and where known \"oc\", the
                    characters of the answer
  --out FILE        where to write the weights
  --seed N          what chance is drawn from; 1 unless given
  --without SOURCE  leaves the prompts of a source out; may be given again
  --source TEXT     what the file says that it was fitted on; the sources' names unless given
  --as-of DATE      the date that the file says; that of the text features unless given
  --licence TEXT    the licence that the file says; that of the text features unless given";

#[derive(Debug, Default)]
struct Options {
    data: PathBuf,
    out: PathBuf,
    seed: u64,
    without: BTreeSet<String>,
    source: Option<String>,
    as_of: Option<String>,
    licence: Option<String>,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1))
        .and_then(|options| options.map_or(Ok(()), |options| run(&options)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What was asked for; `None` where that was how to ask.
fn options(mut words: impl Iterator<Item = String>) -> Result<Option<Options>> {
    let wrong = |what: String| Error::new(ErrorKind::Config, "train", format!("{what}\n\n{USAGE}"));
    let mut options = Options { seed: 1, ..Options::default() };
    while let Some(name) = words.next() {
        if matches!(name.as_str(), "-h" | "--help") {
            println!("{USAGE}");
            return Ok(None);
        }
        let mut value = || words.next().ok_or_else(|| wrong(format!("`{name}` wants a value")));
        match name.as_str() {
            "--data" => options.data = value()?.into(),
            "--out" => options.out = value()?.into(),
            "--seed" => {
                let seed = value()?;
                options.seed =
                    seed.parse().map_err(|_| wrong(format!("`--seed` is a whole number, not `{seed}`")))?;
            }
            "--without" => drop(options.without.insert(value()?)),
            "--source" => options.source = Some(value()?),
            "--as-of" => {
                let date = value()?;
                let date: Date = date
                    .parse()
                    .map_err(|_| wrong(format!("`--as-of` is a date like 2026-11-21, not `{date}`")))?;
                options.as_of = Some(date.to_string());
            }
            "--licence" => options.licence = Some(value()?),
            _ => return Err(wrong(format!("`{name}` is no option"))),
        }
    }
    for (name, path) in [("--data", &options.data), ("--out", &options.out)] {
        if path.as_os_str().is_empty() {
            return Err(wrong(format!("`{name}` is missing")));
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let outcomes = Outcomes::read(&options.data)?.without(&options.without)?;
    if outcomes.strays > 0 {
        println!("{} outcomes are of prompts that the folder lacks: left out", outcomes.strays);
    }
    let base = Weights::shipped()?;
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg:32} {bar:40} {pos}/{len} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let trained = train(&outcomes, &base, options.seed, &|step| match step {
        Step::Reading(texts) => {
            // What follows the reading takes about as long.
            bar.set_length(u64::try_from(2 * texts).unwrap_or(u64::MAX));
            bar.set_message("reading texts");
        }
        Step::Read => bar.inc(1),
        Step::Next(what) => {
            bar.set_message(what);
            bar.inc(bar.length().unwrap_or(0) / 2 / u64::try_from(Step::COUNT).unwrap_or(1));
        }
    })?;
    bar.finish_and_clear();
    println!("{}", trained.heads);
    match trained.prior {
        Some(report) => println!(
            "{} models placed by their published scores; each left out, success is off by {:.3} in the mean, AUC {:.3}",
            report.models, report.left_out.error, report.left_out.auc
        ),
        None => println!(
            "Fewer than three of these models have published scores in this package: models are placed as before"
        ),
    }

    let draft = trained.draft.about(about(options, &outcomes, base.about()));
    // A file that this version cannot decide with is never written.
    let weights = Arc::new(Weights::from_bytes(draft.to_bytes()?, options.out.display().to_string())?);
    Brain::new(Arc::clone(&weights))?;
    draft.write(&options.out)?;
    let (path, print) = (options.out.display(), &weights.about().fingerprint);
    println!("{path}: fingerprint {print}, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// What the new file says about itself.
fn about(options: &Options, outcomes: &Outcomes, base: &About) -> About {
    let features = base.source.split(FITTED).next().unwrap_or_default();
    let names: BTreeSet<&str> = outcomes.prompts.iter().map(|prompt| &*prompt.source).collect();
    let names = || names.iter().copied().collect::<Vec<_>>().join(", ");
    let source = options.source.clone().unwrap_or_else(|| format!("outcomes of {}", names()));
    About {
        source: format!("{features}{FITTED}{source}, and this package's own prompts"),
        as_of: options.as_of.clone().unwrap_or_else(|| base.as_of.clone()),
        licence: options.licence.clone().unwrap_or_else(|| base.licence.clone()),
        ..base.clone()
    }
}

/// What stands between the source of the text features and that of the rest.
const FITTED: &str = "; fitted on ";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Option<Options>> {
        options(words.iter().map(ToString::to_string))
    }

    #[test]
    fn what_is_asked_for_is_understood() {
        let words = ["--data", "d", "--out", "o", "--seed", "7", "--without", "a", "--without", "b"];
        let options = parsed(&words).unwrap().unwrap();
        assert_eq!((options.seed, options.without.len()), (7, 2));
        assert!(parsed(&["--help"]).unwrap().is_none());
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_would_be() {
        for (words, named) in [
            (vec!["--data", "d"], "--out"),
            (vec!["--data"], "wants a value"),
            (vec!["--sed", "1"], "--sed"),
            (vec!["--seed", "x"], "whole number"),
            (vec!["--as-of", "yesterday"], "yesterday"),
        ] {
            let error = parsed(&words).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("prompts.jsonl"), "{error}");
        }
    }
}

//! How well it decides, on outcomes that it was not fitted to:
//!
//! ```text
//! cargo run --release -p greenroute-predict --example evaluate -- --fit DIR [--test DIR] [--model FILE] [--horizon PROMPTS] --report OUT.json
//! ```
//!
//! `DIR` holds `prompts.jsonl[.gz]`, `outcomes.jsonl[.gz]` and, in `--fit`, `pools.json`. The weights (`--model`, else the
//! shipped ones) only turn texts into features; tables, dial and calibration are fitted to `--fit` alone, and scored on
//! `--test`. Without it, five folds are scored in turn, with all variants of a question in one fold. A floor is to hold on
//! average over all prompts to come or, with `--horizon`, by itself on so many.

mod arguments;
mod leave_task_out;
mod mmlu;
#[expect(clippy::needless_pass_by_value, reason = "a view of a matrix is a reference")]
mod pools;
mod report;
mod scores;
mod tables;
mod world;

use arguments::Arguments;
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_predict::fit::pool::{Pool, Pools};
use greenroute_predict::text::Reader;
use greenroute_predict::weights::Weights;
use indicatif::{ProgressBar, ProgressStyle};
use report::Report;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use world::World;

/// The pool on which tasks are left out.
const LADDER: &str = "ulab_ladder";
/// What the report calls that.
const LEAVE_TASK_OUT: &str = "ulab_leave_task_out";
/// The pair of models that RouteLLM's protocol is for.
const DUEL: &str = "mmlu";

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "evaluate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let weights = match &arguments.model {
        Some(path) => Arc::new(Weights::open(path)?),
        None => Weights::shipped()?,
    };
    let reader = Reader::new(weights)?;
    let pools = Pools::read(&arguments.fit)?;
    let fit = World::read(&arguments.fit, &reader)?;
    let test = arguments.test.as_ref().map(|folder| World::read(folder, &reader)).transpose()?;
    let steps = u64::try_from(pools.pools.len()).unwrap_or_default() + 2;
    let style =
        ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps).with_style(style);
    let scored_on = if test.is_some() { "held out" } else { "cross-validated" };
    let mut report = Report { scored_on, ..Report::default() };
    for (name, pool) in &pools.pools {
        bar.set_message(name.clone());
        let scores = pools::evaluate(&fit, test.as_ref(), pool, arguments.horizon)?;
        report.add(name, scores, || missing(&fit, test.as_ref(), pool));
        bar.inc(1);
    }
    if let Some(pool) = pools.pools.get(LADDER) {
        bar.set_message("leaving tasks out");
        let scores = leave_task_out::evaluate(&fit, test.as_ref(), pool, arguments.horizon)?;
        report.add(LEAVE_TASK_OUT, scores, || missing(&fit, test.as_ref(), pool));
        bar.inc(1);
    }
    if let Some(duel) = pools.duels.get(DUEL) {
        bar.set_message("RouteLLM's protocol");
        report.mmlu = mmlu::measure(&fit, test.as_ref(), duel)?;
    }
    bar.finish_and_clear();
    let failed = |what: &str| Error::new(ErrorKind::Config, arguments.report.display().to_string(), what);
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| failed("cannot be written").with_source(error))?;
    std::fs::write(&arguments.report, text + "\n")
        .map_err(|error| failed("cannot be written").with_source(error))?;
    let _ = write!(std::io::stdout(), "{report}");
    Ok(())
}

/// Why nothing can be said of a pool.
fn missing(fit: &World, test: Option<&World>, pool: &Pool) -> String {
    let worlds = [("fit", Some(fit)), ("test", test)];
    let unknown =
        worlds.into_iter().filter_map(|(name, world)| Some((name, world?))).flat_map(|(name, world)| {
            let gone = pool.models.iter().filter(|member| world.outcomes.model(&member.model).is_none());
            gone.map(move |member| format!(", and none of `{}` in --{name}", member.model))
        });
    format!("there is no prompt that all its models answered{}", unknown.collect::<String>())
}

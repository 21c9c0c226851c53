//! Calibrates the model on this machine: makes the calls of a plan, prints what they took, what was fitted and whether
//! the readings hang together, and what that changes in a forecast.
//!
//! `cargo run --release --features local --example calibrate -- [--model PATH] [--rounds N] [--longest N] [--out FILE]`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

#[path = "../quickstart/fetch.rs"]
mod fetch;
mod options;

use greenroute::energy::calibrate::{self, CalibrationBook, Load, Trial, Verdict};
use greenroute::energy::counter::{self, Sources};
use greenroute::energy::{Machine, Metered, ladder, sites};
use greenroute::providers::local::LocalProvider;
use greenroute::units::Tokens;
use greenroute::{
    Accountant, Catalog, Date, Estimate, Method, ModelCard, ModelProvider, Reading, Runtime, TokioRuntime,
    Work,
};
use options::{Options, USAGE};
use std::error::Error;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("A check failed: do not rely on this profile before you know why.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether no check failed.
async fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse(std::env::args_os().skip(1))?;
    if options.help {
        println!("{USAGE}");
        return Ok(true);
    }
    options.plan.validate()?;
    let path = match options.model {
        Some(path) => path,
        None => fetch::weights()?,
    };

    let machine = Machine::detect();
    // This provider's models compute on the processor.
    let sources = Sources { gpus: None, ..Sources::default() };
    let detected = counter::detect_in(&machine, &sources)?;
    for note in &detected.notes {
        eprintln!("note: {note}");
    }
    let runtime = TokioRuntime::current()?;
    let mut builder = LocalProvider::builder(path);
    if let Some(&longest) = options.plan.answers.iter().max() {
        builder = builder.max_output_tokens(longest);
    }
    let (provider, load) = Load::of(&detected.counter, &runtime, || builder.build());
    let provider = Metered::new(provider?, detected.counter);
    let card = provider.models().into_iter().next().ok_or("the provider has no model")?;
    let accountant = Accountant::new(ladder(&machine), sites());

    eprintln!(
        "Calibrating {}. Leave the machine alone meanwhile: what else it does is measured too.",
        card.key
    );
    let report =
        calibrate::run(&provider, &card.key, &options.plan, &accountant, &runtime, &mut tell).await?;
    let report = report.with_load(load);
    println!("{report}");
    if report.checks().iter().any(|check| check.verdict == Verdict::Warned) {
        eprintln!("The readings scatter: run it again while the machine does nothing else.");
    }

    let catalog = Catalog::new([card.clone()])?;
    let mut book = CalibrationBook::new();
    book.insert(report.series().clone());
    let applied = book.apply(&catalog, &accountant, Date::of(runtime.now()));
    for (model, unfit) in &applied.unfit {
        eprintln!("{model}: {unfit}");
    }
    println!("forecast of 100 tokens in and 200 out, at the facility");
    show("before", forecast(&accountant, &card));
    if let Some(card) = catalog.snapshot().get(&card.key) {
        show("after", forecast(&accountant, card));
    }
    if let Some(out) = options.out {
        let series = book.series().next().ok_or("nothing was learned")?;
        std::fs::write(&out, series.export()?).map_err(|error| format!("{}: {error}", out.display()))?;
        println!("\nwritten to {}", out.display());
    }
    Ok(report.is_sound())
}

fn tell(trial: &Trial) {
    eprintln!("{trial}");
}

fn forecast(accountant: &Accountant, card: &ModelCard) -> Option<Reading> {
    let tokens = |count| Estimate::exact(Tokens::new(count), Method::Reported);
    let reading = accountant.ladder().rate(card)?.reading(&Work::expected(card, tokens(100), tokens(200)));
    Some(reading.to_facility(&accountant.sites().of(card, None).site.overheads))
}

fn show(when: &str, reading: Option<Reading>) {
    match reading {
        Some(reading) => println!("  {when:<8}{} by {}", reading.energy, reading.meter),
        None => println!("  {when:<8}none"),
    }
}

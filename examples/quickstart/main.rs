//! Asks a real model on this machine, and prints what the answer took.
//!
//! `cargo run --release --features local --example quickstart -- "What is the capital of France?"`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod fetch;
mod options;

use futures_util::StreamExt;
use greenroute::{AnswerEvent, Objective, presets};
use options::{Options, USAGE};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// How many models of a ranking are shown.
const SHOWN: usize = 8;

const BASE_MODEL: &str = "Answering with Gemma 3 270M, a small base model that was never tuned to chat: your prompt \
    is wrapped as a question and its answer, and many answers will be wrong.";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(receipt) =
                error.downcast_ref::<greenroute::Error>().and_then(greenroute::Error::receipt)
            {
                eprintln!("\n{receipt:#}\n");
            }
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args_os().skip(1))?;
    if options.help {
        println!("{USAGE}");
        return Ok(());
    }
    if options.fetch {
        println!("{}", fetch::weights()?.display());
        return Ok(());
    }
    if options.rank {
        // Ranking needs cards, not weights: nobody is called and nothing is fetched.
        let router = options.settings(presets::catalog()?).build()?;
        router.refresh_grid().await;
        let mut ranking = router.advisor().advise(&options.prompt, &Objective::balanced())?;
        let more = ranking.ranked.len().saturating_sub(SHOWN);
        ranking.ranked.truncate(SHOWN);
        let excluded = std::mem::take(&mut ranking.excluded).len();
        println!("{ranking}\n   and {more} more; {excluded} may not answer this prompt");
        return Ok(());
    }

    options.prompt.validate()?;
    let path = match options.model.clone() {
        Some(path) => path,
        None => {
            let path = fetch::weights()?;
            eprintln!("{BASE_MODEL}\n");
            path
        }
    };
    let router = options.settings(presets::local(path)?).build()?;
    let mut stream = router.chat_stream(options.prompt).await?;
    while let Some(event) = stream.next().await {
        match event? {
            AnswerEvent::Text(text) => {
                print!("{text}");
                io::stdout().flush()?;
            }
            AnswerEvent::Done(answer) => println!("\n\n{}\n\n{:#}", answer.receipt, answer.receipt),
            _ => {}
        }
    }
    router.close().await;
    Ok(())
}

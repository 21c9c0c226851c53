//! Asks every provider whose key is in the environment for one short answer, and prints what each took.
//!
//! `GROQ_API_KEY=… cargo run --release --example providers -- "Why is the sky blue?"`
#![expect(clippy::print_stdout, reason = "a program for people")]

use greenroute::providers::FromEnv;
use greenroute::{Objective, Prompt, Result, presets};

#[tokio::main]
async fn main() -> Result<()> {
    let question = std::env::args().nth(1).unwrap_or_else(|| "Why is the sky blue? One sentence.".into());
    let found = FromEnv::read()?;
    println!("{} providers; more with {}\n", found.providers.len(), found.unset.join(", "));
    for provider in found.providers {
        let name = provider.name();
        let router = presets::bare()?.provider(provider).objective(Objective::eco()).build()?;
        // A limit that leaves a model which thinks first some room to answer.
        match router.chat(Prompt::from(question.as_str()).max_output_tokens(400)).await {
            Ok(answer) => println!("{}\n{}\n", answer.text.trim(), answer.receipt),
            Err(error) => println!("{name} failed: {error}\n"),
        }
    }
    Ok(())
}

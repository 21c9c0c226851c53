//! A closure as a provider: any function that answers becomes a model with forecasts and receipts.
//!
//! `cargo run --example custom_provider`
#![expect(clippy::print_stdout, reason = "a program for people")]

use greenroute::chat::{Block, ChatRequest, ChatResponse, FinishReason};
use greenroute::model::{ModelCard, ModelKey, Privacy, Size, Span, Window};
use greenroute::profile::estimate_tokens;
use greenroute::usage::{Counted, Usage};
use greenroute::{completion_fn, presets};

#[tokio::main]
async fn main() -> greenroute::Result<()> {
    let window = Window { context: 4096, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("house", "shouter"), window, Privacy::Local);
    // What is known of the model decides how it is ranked and what its energy is forecast to be.
    let size = Span::known(0.1);
    card.size = Some(Size { total: size, active: size, bytes_per_parameter: Some(2.0) });

    let router = presets::bare()?.provider(completion_fn(card, shout)).zone("FR".parse()?).build()?;
    let answer = router.chat("Why is the sky blue?").await?;
    println!("{}\n{}", answer.text, answer.receipt);
    Ok(())
}

/// Where a real provider would call its model.
async fn shout(request: ChatRequest) -> greenroute::Result<ChatResponse> {
    let said = request.messages.last().map(|message| message.plain_text()).unwrap_or_default();
    let shouted = said.to_uppercase();
    let (read, written) = (estimate_tokens(&said).value(), estimate_tokens(&shouted).value());
    let usage = Counted::Approximate(Usage::new(read, written));
    Ok(ChatResponse::new(request.model, vec![Block::text(shouted)], FinishReason::Stop, usage))
}

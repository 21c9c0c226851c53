//! What deciding and a whole chat cost, without any model's own time: p50 and p99, with the machine's load.
//!
//! `cargo bench --bench decide`
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and stops where it cannot go on"
)]

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use greenroute::chat::{Block, ChatEvent, ChatRequest, ChatResponse, FinishReason};
use greenroute::model::{Privacy, ProviderName, Score, Size, Span, Speed, Window};
use greenroute::units::{Probability, Tokens};
use greenroute::{
    Counted, ModelCard, ModelKey, ModelProvider, Objective, Prompt, Result, Router, Usage, presets,
};
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROMPT: &str = "Compare the energy that two language models of different size need to answer the same \
    question, explain step by step why the larger one is not always the better choice, and name three cases \
    in which it is worth its price.";

/// Answers at once.
#[derive(Debug)]
struct Instantly(Vec<Arc<ModelCard>>);

impl fmt::Display for Instantly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("instantly")
    }
}

impl Instantly {
    fn serving(count: u32) -> Self {
        Self((0..count).map(|number| Arc::new(card(number))).collect())
    }

    fn answer(request: &ChatRequest) -> ChatResponse {
        let usage = Counted::Reported(Usage::new(Tokens::new(48), Tokens::new(4)));
        ChatResponse::new(request.model.clone(), vec![Block::text("Forty-two.")], FinishReason::Stop, usage)
    }
}

#[async_trait]
impl ModelProvider for Instantly {
    fn name(&self) -> ProviderName {
        ProviderName::new("bench")
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.0.clone()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        Ok(Self::answer(&request))
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let done = ChatEvent::Done(Box::new(Self::answer(&request)));
        Ok(stream::iter([Ok(ChatEvent::Text("Forty-two.".into())), Ok(done)]).boxed())
    }
}

/// Cards of many sizes with scores, speeds and zones unlike each other.
fn card(number: u32) -> ModelCard {
    let window = Window { context: 131_072, max_output: Some(8192) };
    let mut card = ModelCard::new(ModelKey::new("bench", format!("model-{number}")), window, Privacy::Remote);
    let billions = Span::known(0.5 + f64::from(number % 40) * 1.7);
    card.size = Some(Size { total: billions, active: billions, bytes_per_parameter: Some(2.0) });
    let value = Probability::from_fraction(0.3 + f64::from(number % 17) * 0.04);
    for benchmark in ["mmlu", "gsm8k", "humaneval", "ifeval"] {
        card.scores.insert(benchmark.into(), Score { value, source: "bench".into() });
    }
    let tokens_per_second = 20.0 + f64::from(number % 23) * 9.0;
    card.speed = Some(Speed { tokens_per_second, time_to_first_chunk_seconds: 0.4 });
    card
}

fn router(models: u32) -> Router {
    presets::bare()
        .and_then(|builder| builder.provider(Instantly::serving(models)).build())
        .expect("a router")
}

fn percentile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let place = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[place]
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let [p50, p99] = [0.50, 0.99].map(|share| percentile(&times, share));
    println!("{name:32} p50 {:>9.2} µs   p99 {:>9.2} µs   ({} runs)", micros(p50), micros(p99), times.len());
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn main() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".into());
    println!("load average {}", load.trim());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a tokio runtime");
    let _entered = runtime.enter();

    let prompt = Prompt::from(PROMPT);
    for models in [10, 100, 1000] {
        let router = router(models);
        let task = greenroute::Task::with_profile(router.advisor().profile(&prompt)).top(usize::MAX);
        let rank = || black_box(router.advisor().rank(black_box(&task)).expect("a ranking"));
        let runs = 300_000 / models;
        let times = (0..runs + 100).map(|_| timed(rank)).skip(100).collect();
        report(&format!("Advisor::rank, {models} cards"), times);
    }
    let router = router(100);
    let objective = Objective::balanced();
    let advise = || black_box(router.advisor().advise(black_box(&prompt), &objective).expect("a ranking"));
    report("Advisor::advise, 100 cards", (0..3100).map(|_| timed(advise)).skip(100).collect());

    for models in [1, 10, 100] {
        let router = self::router(models);
        let chat = || runtime.block_on(router.chat(prompt.clone())).expect("an answer");
        let times = (0..5100).map(|_| timed(|| black_box(chat()))).skip(100).collect();
        report(&format!("router.chat, {models} cards, no store"), times);
    }
}

/// The time of the work alone: what it made is dropped after the clock has stopped.
fn timed<T>(work: impl Fn() -> T) -> Duration {
    let begun = Instant::now();
    let made = work();
    let took = begun.elapsed();
    drop(made);
    took
}

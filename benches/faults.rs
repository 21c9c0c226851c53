//! A hundred thousand chats, a thousand at once, through the router to fake vendors that break in every way that a
//! wire can break: `make faults`.
//!
//! It fails unless every call ended in an answer or an error of a known kind, every call that asked a model left one receipt, every
//! request that the vendors saw stands on one of them, no task is left over, and the memory stays flat.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for people; what fails here ends it"
)]

mod fakes;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use greenroute::http::Timeouts;
use greenroute::providers::{claude::Claude, dialects::groq, gemini::Gemini, ollama::Ollama, openai::OpenAi};
use greenroute::receipt::{Outcome, Receipt, ReceiptId};
use greenroute::units::Energy;
use greenroute::{
    AnswerEvent, Breaker, Error, Ledger, ModelKey, Objective, Policy, Prompt, Result, Router, RouterBuilder,
    presets,
};
use greenroute_testkit::{FakeServer, Fault, Faults, Model};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// A model of each kind of wire, the thriftiest first.
const MODELS: [(&str, &str); 5] = [
    ("ollama", "bench"),
    ("groq", "bench"),
    ("openai", "bench"),
    ("gemini", "bench"),
    ("anthropic", "bench"),
];

const AT_ONCE: usize = 1000;
const CALLS: usize = 100_000;
/// Of all requests, on a bad day.
const SHARE: f64 = 0.05;

/// What the receipts add up to.
#[derive(Debug, Default)]
struct Totals {
    receipts: u64,
    attempts: BTreeMap<String, u64>,
    energy: f64,
    unsound: u64,
}

#[derive(Debug, Default, Clone)]
struct Books(Arc<Mutex<Totals>>);

#[async_trait]
impl Ledger for Books {
    async fn record(&self, receipt: &Receipt) -> Result<()> {
        let mut totals = self.0.lock().expect("nobody panics with it");
        totals.receipts += 1;
        totals.energy += receipt.energy.value().as_joules();
        let mut parts = receipt.deciding.energy.value();
        for attempt in &receipt.attempts {
            let ended = match &attempt.outcome {
                Outcome::Answered { .. } => "answered".to_owned(),
                Outcome::Failed { kind, .. } => kind.clone(),
                other => format!("{other:?}").to_lowercase(),
            };
            *totals.attempts.entry(ended).or_default() += 1;
            parts = parts + attempt.reading.as_ref().map_or(Energy::ZERO, |reading| reading.energy.value());
        }
        let off = (parts.as_joules() - receipt.energy.value().as_joules()).abs();
        totals.unsound += u64::from(off > 1e-6 * (1.0 + parts.as_joules()));
        Ok(())
    }

    async fn receipt(&self, _id: &ReceiptId) -> Result<Option<Receipt>> {
        Ok(None)
    }

    async fn recent(&self, _limit: usize) -> Result<Vec<Receipt>> {
        Ok(Vec::new())
    }
}

/// How a call ended, in one word.
async fn call(router: &Router, number: usize) -> String {
    let prompt = Prompt {
        restart: number % 4 == 1,
        ..Prompt::from(format!("Question {number}: why is the sky blue?"))
    };
    let ended = |result: Result<(), Error>| match result {
        Ok(()) => "answered".to_owned(),
        Err(error) if error.receipt().is_some() => error.kind().name().to_owned(),
        Err(error) => format!("{} without a receipt", error.kind().name()),
    };
    match number % 20 {
        // Given up early.
        7 => match tokio::time::timeout(Duration::from_millis(3), router.chat(prompt)).await {
            Ok(result) => ended(result.map(drop)),
            Err(_) => "dropped".to_owned(),
        },
        number if number % 2 == 1 => match router.chat_stream(prompt).await {
            Err(error) => ended(Err(error)),
            Ok(mut stream) => loop {
                match stream.next().await {
                    Some(Ok(AnswerEvent::Done(_))) => break "answered".to_owned(),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break ended(Err(error)),
                    None => break "ended without an end".to_owned(),
                }
            },
        },
        _ => ended(router.chat(prompt).await.map(drop)),
    }
}

async fn calls(router: &Router, count: usize) -> BTreeMap<String, u64> {
    let mut ended = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    let mut begun = 0;
    while begun < count || !running.is_empty() {
        while begun < count && running.len() < AT_ONCE {
            let router = router.clone();
            let number = begun;
            running.push(tokio::spawn(async move { call(&router, number).await }));
            begun += 1;
        }
        if let Some(end) = running.next().await {
            let end = end.unwrap_or_else(|panic| format!("panicked: {panic}"));
            *ended.entry(end).or_default() += 1;
        }
    }
    ended
}

/// A router over all of [`MODELS`], and nothing of the shipped catalog.
fn router(server: &FakeServer, timeouts: Timeouts) -> Result<RouterBuilder> {
    let key = server.key();
    let mut cards = (1..)
        .zip(MODELS)
        .map(|(rank, (provider, model))| fakes::card(provider, model, 0.1 * f64::from(rank)));
    let mut card = || cards.next().map(|card| vec![card]).unwrap_or_default();
    let ollama = Ollama::builder().base_url(server.url("ollama")).timeouts(timeouts).key(key).models(card());
    let groq =
        OpenAi::of(&groq::DIALECT).base_url(server.url("groq")).timeouts(timeouts).key(key).models(card());
    let openai = OpenAi::builder().base_url(server.url("openai")).timeouts(timeouts).key(key).models(card());
    let gemini = Gemini::builder().base_url(server.url("gemini")).timeouts(timeouts).key(key).models(card());
    let claude =
        Claude::builder().base_url(server.url("anthropic")).timeouts(timeouts).key(key).models(card());
    Ok(presets::bare()?
        .provider(ollama.build()?)
        .provider(groq.build()?)
        .provider(openai.build()?)
        .provider(gemini.build()?)
        .provider(claude.build()?))
}

fn resident_megabytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(f64::NAN);
    pages * 4096.0 / 1e6
}

fn show(title: &str, totals: &BTreeMap<String, u64>) {
    let parts: Vec<String> = totals.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("{title:14} {} = {}", totals.values().sum::<u64>(), parts.join(", "));
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a tokio runtime")
}

fn main() -> ExitCode {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.trim());
    // The vendors live on a runtime of their own, so that the tasks of the calls can be counted.
    let (vendors, callers) = (runtime(), runtime());
    let server = vendors.block_on(async {
        let models = MODELS.iter();
        let builder = FakeServer::builder().recording(false);
        models
            .fold(builder, |builder, (vendor, model)| builder.model(*vendor, Model::chat(model)))
            .start()
            .await
    });
    let server = server.expect("a server");
    let sound = callers.block_on(async {
        // An ordinary bad day, as a router is set up. A key that is withdrawn or a quota that is used up would end it
        // for that vendor: they are left to the storm, in which every request meets with a fault and nobody is spared.
        let day = Faults::rate(42, SHARE).without([Fault::Unauthorized, Fault::QuotaExhausted]);
        let day = run(&server, "a bad day", CALLS / 10, Some(Breaker::default()), SHARE, day).await;
        run(&server, "a storm", CALLS, None, 1.0, Faults::rate(42, 1.0)).await && day
    });
    drop(server);
    drop(vendors);
    // Connections end when their server is gone.
    std::thread::sleep(Duration::from_millis(500));
    let left = callers.metrics().num_alive_tasks();
    // hyper-util's pool of connections keeps one task that closes idle ones.
    println!("\ntasks alive at the end: {left}, one of them the connection pool's");
    if sound && left <= 1 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(
    server: &FakeServer,
    title: &str,
    count: usize,
    breaker: Option<Breaker>,
    share: f64,
    faults: Faults,
) -> bool {
    let books = Books::default();
    let timeouts = Timeouts {
        first_byte: Some(Duration::from_secs(3)),
        idle: Duration::from_secs(3),
        ..Timeouts::default()
    };
    let only = MODELS.iter().map(|(provider, model)| ModelKey::new(*provider, *model)).collect();
    let router = router(server, timeouts)
        .and_then(|builder| {
            let policy = Policy { deadline: Duration::from_secs(30), breaker, ..Policy::default() };
            let objective = Objective { only: Some(only), ..Objective::balanced() };
            builder.policy(policy).objective(objective).ledger(books.clone()).build()
        })
        .expect("a router");
    // Pools, queues and the allocator's arenas fill before the memory is looked at.
    let at_first = resident_megabytes();
    server.faults(faults.clone());
    calls(&router, count / 5).await;
    router.close().await;
    *books.0.lock().expect("nobody panics with it") = Totals::default();
    server.clear();
    server.faults(faults.clone());
    let seen_before = server.seen();
    let (begun, before) = (Instant::now(), resident_megabytes());
    println!(
        "\n{title}: {count} calls, {AT_ONCE} at once; {:.0} % of all requests meet with a fault, of {} kinds equally often",
        100.0 * share,
        faults.kinds().len()
    );
    let mut ended = BTreeMap::new();
    for tenth in 1..=10 {
        for (end, times) in calls(&router, count / 10).await {
            *ended.entry(end).or_default() += times;
        }
        print!("{}{:.0} MB", if tenth == 1 { "memory         " } else { ", " }, resident_megabytes());
    }
    println!();
    router.close().await;
    let after = resident_megabytes();
    let seconds = begun.elapsed().as_secs_f64();
    let totals = books.0.lock().expect("nobody panics with it");
    show("calls", &ended);
    show("attempts", &totals.attempts);
    show("faults", &server.tally());
    let attempts: u64 = totals.attempts.values().sum();
    let seen = server.seen() - seen_before;
    println!(
        "receipts       {}, {:.0} J, {} that do not add up",
        totals.receipts, totals.energy, totals.unsound
    );
    println!("requests       {seen} seen by the vendors, {attempts} on receipts");
    println!(
        "memory         {at_first:.0} MB at first, {before:.0} MB after a fifth more calls, {after:.0} MB at the end; {seconds:.1} s"
    );
    let known = ended.keys().all(|end| !end.contains("without") && !end.contains("panicked"));
    // Who gives up before a model was asked has spent nothing, and leaves no receipt.
    let (count, dropped) = (u64::try_from(count).unwrap_or(0), ended.get("dropped").copied().unwrap_or(0));
    let receipts = (count - dropped..=count).contains(&totals.receipts);
    let booked = receipts && totals.unsound == 0 && attempts >= seen;
    let flat = after < before * 1.15 + 8.0;
    println!("{}", if known && booked && flat { "sound" } else { "NOT SOUND" });
    known && booked && flat
}

//! How fast a local model loads, reads and writes, alone and with eight requests at once, and how much memory it
//! takes.
//!
//! ```text
//! cargo run --release -p greenroute-providers --features local --example local_speed -- MODEL
//!     [--threads N] [--precision stored|eight|four|floats] [--prompt TOKENS] [--answer TOKENS] [--together N] [--json]
//! ```

use greenroute_core::chat::{ChatRequest, Message, Role};
use greenroute_core::{Counted, ModelProvider};
use greenroute_providers::local::{LoadOptions, LocalModel, LocalProvider, Precision, PromptStyle};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROUNDS: usize = 3;
const TEXT: &str = "The keeper wound the clockwork, cleaned the glass and wrote the weather into a book. ";

struct Arguments {
    path: String,
    load: LoadOptions,
    prompt: usize,
    answer: u32,
    together: Option<usize>,
    json: bool,
}

impl Arguments {
    fn read() -> Fallible<Self> {
        let mut found = Self {
            path: String::new(),
            load: LoadOptions::default(),
            prompt: 472,
            answer: 64,
            together: None,
            json: false,
        };
        let mut rest = std::env::args().skip(1);
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} wants a value"));
            match argument.as_str() {
                "--threads" => found.load.threads = Some(value()?.parse::<NonZeroUsize>()?),
                "--prompt" => found.prompt = value()?.parse()?,
                "--answer" => found.answer = value()?.parse()?,
                "--together" => found.together = Some(value()?.parse()?),
                "--json" => found.json = true,
                "--precision" => {
                    found.load.precision = match value()?.as_str() {
                        "stored" => Precision::Stored,
                        "eight" => Precision::Eight,
                        "four" => Precision::Four,
                        "floats" => Precision::Floats,
                        other => {
                            Err(format!("--precision must be stored, eight, four or floats, not {other}"))?
                        }
                    }
                }
                path => path.clone_into(&mut found.path),
            }
        }
        if found.path.is_empty() { Err("the path of a model is missing")? } else { Ok(found) }
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let arguments = Arguments::read()?;
    let started = Instant::now();
    let model = LocalModel::open(&arguments.path, arguments.load)?;
    let load = started.elapsed().as_secs_f64();
    let mut figures = serde_json::Map::from_iter([("load_seconds".to_owned(), load.into())]);
    match arguments.together {
        Some(requests) => {
            drop(model);
            let one = together(&arguments, 1).await?;
            let all = together(&arguments, requests).await?;
            say(
                &arguments,
                &format!("{requests} at once: {all:.1} tokens/s, one alone {one:.1}: {:.2}", all / one),
            );
            let together = serde_json::json!({
                "requests": requests, "one_tokens_per_second": one, "all_tokens_per_second": all,
            });
            figures.insert("together".into(), together);
        }
        None => {
            alone(&model, &arguments)?; // Warm.
            let rounds = (0..ROUNDS).map(|_| alone(&model, &arguments)).collect::<Fallible<Vec<_>>>()?;
            for (read, write) in &rounds {
                say(&arguments, &format!("prompt {read:.0} tokens/s, answer {write:.1} tokens/s"));
            }
            let round = |(read, write)| serde_json::json!({ "prompt_tokens_per_second": read, "answer_tokens_per_second": write });
            figures.insert("rounds".into(), rounds.into_iter().map(round).collect());
        }
    }
    figures.insert("peak_bytes".into(), peak_bytes().into());
    let peak = peak_bytes().map_or_else(|| "?".to_owned(), |bytes| (bytes / 1_000_000).to_string());
    say(&arguments, &format!("load {load:.2} s, at most {peak} MB"));
    if arguments.json {
        line(&format!("FIGURES {}", serde_json::Value::Object(figures)));
    }
    Ok(())
}

/// Tokens per second of a prompt and of the answer to it, greedily, whatever the model would like to end at. The
/// prompt's time goes to the answer's first token.
fn alone(model: &LocalModel, arguments: &Arguments) -> Fallible<(f64, f64)> {
    let ids: Vec<u32> = model.encode(&TEXT.repeat(60)).into_iter().take(arguments.prompt).collect();
    let mut session = model.session();
    let started = Instant::now();
    let mut logits = session.read(&ids)?;
    let read = per_second(ids.len(), started.elapsed());
    let started = Instant::now();
    for _ in 1..arguments.answer {
        let best = (0..).zip(&logits).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(id, _)| id);
        logits = session.read(&[best])?;
    }
    Ok((read, per_second(usize::try_from(arguments.answer - 1)?, started.elapsed())))
}

/// What `requests` chats write per second together, as a caller sees it: the prompts' time counts.
async fn together(arguments: &Arguments, requests: usize) -> Fallible<f64> {
    let mut builder = LocalProvider::builder(&arguments.path)
        .style(PromptStyle::Raw)
        .precision(arguments.load.precision)
        .concurrency(NonZeroUsize::new(requests).ok_or("--together must be at least 1")?);
    if let Some(threads) = arguments.load.threads {
        builder = builder.threads(threads);
    }
    let provider = builder.build()?;
    let key = provider.models().first().ok_or("no model")?.key.clone();
    let chat = |number: usize| {
        let text = format!("{}Number {number}:", TEXT.repeat(1 + number % 2));
        let mut request = ChatRequest::new(key.clone(), vec![Message::text(Role::User, text)]);
        request.max_output_tokens = Some(arguments.answer.into());
        provider.chat(request)
    };
    chat(0).await?; // Warm.
    let mut speeds = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let responses = futures_util::future::join_all((0..requests).map(chat)).await;
        let mut tokens = 0;
        for response in responses {
            let (Counted::Reported(usage) | Counted::Approximate(usage)) = response?.usage;
            tokens += usize::try_from(usage.output_tokens().get())?;
        }
        speeds.push(per_second(tokens, started.elapsed()));
    }
    speeds.sort_by(f64::total_cmp);
    speeds.get(ROUNDS / 2).copied().ok_or_else(|| "no rounds".into())
}

fn per_second(tokens: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(tokens).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

/// The most memory that the process has held, where Linux tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// For people; programs read the line at the end.
fn say(arguments: &Arguments, text: &str) {
    if !arguments.json {
        line(text);
    }
}

#[expect(clippy::print_stdout, reason = "an example's output is what it is for")]
fn line(text: &str) {
    println!("{text}");
}

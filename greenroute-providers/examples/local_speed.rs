//! How fast a local model loads, reads and writes, and how much memory it takes.
//!
//! ```text
//! cargo run --release -p greenroute-providers --features local --example local_speed -- model.gguf
//! ```

use greenroute_providers::local::{LocalModel, Precision};
use std::time::{Duration, Instant};

const PROMPT: usize = 472;
const ANSWER: u32 = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the path of a GGUF file is missing")?;
    let started = Instant::now();
    let model = LocalModel::open(&path, Precision::Stored)?;
    say(&format!("load {:.2} s, {}", started.elapsed().as_secs_f64(), memory()));
    let text =
        "The keeper wound the clockwork, cleaned the glass and wrote the weather into a book. ".repeat(60);
    let ids: Vec<u32> = model.encode(&text).into_iter().take(PROMPT).collect();
    for _ in 0..3 {
        let mut session = model.session();
        let started = Instant::now();
        let mut logits = session.read(&ids)?;
        let prefill = started.elapsed();
        let started = Instant::now();
        for _ in 0..ANSWER {
            let best = (0..).zip(&logits).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(id, _)| id);
            logits = session.read(&[best])?;
        }
        let decode = started.elapsed();
        let read = u32::try_from(ids.len())?;
        say(&format!(
            "prefill {read} tokens: {:.0}/s, decode {ANSWER} tokens: {:.1}/s, {}",
            per_second(read, prefill),
            per_second(ANSWER, decode),
            memory()
        ));
    }
    Ok(())
}

fn per_second(tokens: u32, time: Duration) -> f64 {
    f64::from(tokens) / time.as_secs_f64()
}

/// The process's memory now and at its largest, where Linux tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").trim().to_owned();
    format!("resident {}, at most {}", line("VmRSS:"), line("VmHWM:"))
}

#[expect(clippy::print_stdout, reason = "an example's output is what it is for")]
fn say(line: &str) {
    println!("{line}");
}

//! What reading a prompt costs: p50 and p95 of one reading, and its allocations; then what loading costs.
//!
//! `cargo bench --package greenroute-predict --bench text [-- English]`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use greenroute_predict::text::{Features, Reader, Scratch};
use greenroute_predict::weights::Weights;
use std::fs;
use std::hint::black_box;
use std::time::Instant;
use support::{head, load, measured, row};

const ENGLISH: &str = "A small bakery sells bread, rolls and cakes in the old town. On Monday it sold forty loaves more \
    than on Sunday, and the owner wants to know, step by step and without any guessing, how many loaves she should \
    prepare for next week if the trend continues. Please explain every assumption, mention what could go wrong with \
    the forecast, and finish with a short table that her two employees can read at a glance before the shop opens.";
const CODE: &str = "fn longest<'a>(lines: &'a [String], limit: usize) -> Option<&'a str> {\n    let mut best: \
    Option<&str> = None;\n    for line in lines.iter().filter(|line| line.len() <= limit) {\n        if \
    best.map_or(true, |b| b.len() < line.len()) {\n            best = Some(line.as_str());\n        }\n    }\n    \
    best // what if `limit` is 0?\n}\n";
const RUSSIAN: &str = "Маленькая пекарня продаёт хлеб и булочки в старом городе. В понедельник она продала на сорок \
    буханок больше, чем в воскресенье, и хозяйка хочет знать, сколько хлеба ей приготовить на следующую неделю, если \
    спрос не изменится. Объясните, пожалуйста, каждое предположение и что может пойти не так.";
const CHINESE: &str = "老城区有一家小面包店，卖面包、小圆面包和蛋糕。星期一比星期天多卖了四十个面包，店主想知道如果趋势\
    继续下去，下周应该准备多少面包。请一步一步地解释每一个假设，并说明预测可能会在哪里出错，最后给出一个简短的表格。";

/// The first `words` words of the text over and over; Chinese by its characters, two to a word.
fn prompt(text: &str, words: usize) -> String {
    if text == CHINESE {
        return text.chars().cycle().take(words * 2).collect();
    }
    text.split_inclusive(' ').cycle().take(words).collect()
}

/// Resident memory in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}

fn main() {
    let (resident_before, start) = (resident(), Instant::now());
    let weights = Weights::shipped().expect("the weights are sound");
    let (opened, reader) = (start.elapsed(), Reader::new(weights).expect("the weights are sound"));
    let (loaded, resident_after) = (start.elapsed(), resident());
    load();
    println!("load: weights {opened:.1?}, all {loaded:.1?}");
    if let (Some(before), Some(after)) = (resident_before, resident_after) {
        println!("resident: {before} KiB before, {after} KiB after");
    }
    println!(
        "{:<9}{:>6}{:>8}{:>8}{:>11}{:>11}{:>11}{:>13}",
        "text", "words", "bytes", "tokens", "least", "p50", "p95", "allocations"
    );
    // One of the texts, where it is named.
    let wanted = std::env::args().nth(1).filter(|name| !name.starts_with('-'));
    let (mut scratch, mut features) = (Scratch::default(), Features::default());
    for (name, text) in [("English", ENGLISH), ("code", CODE), ("Russian", RUSSIAN), ("Chinese", CHINESE)] {
        if wanted.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        for words in [10, 40, 200, 2000] {
            let prompt = prompt(text, words);
            let again =
                measured(|| reader.read_into(black_box(&prompt), &mut scratch, black_box(&mut features)));
            let fresh = measured(|| drop(black_box(reader.read(black_box(&prompt)))));
            println!(
                "{name:<9}{words:>6}{:>8}{:>8}{:>11.2?}{:>11.2?}{:>11.2?}{:>13}   fresh memory: {:.2?}, {}",
                prompt.len(),
                features.tokens,
                again.least,
                again.median,
                again.high,
                again.allocations,
                fresh.median,
                fresh.allocations,
            );
        }
    }
    let megabyte = prompt(ENGLISH, 170_000);
    head();
    row(&format!("English, {} bytes", megabyte.len()), || {
        reader.read_into(black_box(&megabyte), &mut scratch, black_box(&mut features));
    });
    let short = prompt(ENGLISH, 40);
    row("40 English words, the ids alone", || drop(black_box(reader.tokens(black_box(&short)))));
}

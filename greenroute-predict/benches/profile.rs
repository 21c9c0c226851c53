//! What profiling a prompt costs, beside reading alone: p50, p95 and allocations.
//!
//! `cargo bench --package greenroute-predict --bench profile`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use greenroute_core::chat::{Block, Message, Role};
use greenroute_core::profile::Load;
use greenroute_core::{HeuristicProfiler, Prompt, PromptProfiler};
use greenroute_predict::Brain;
use greenroute_predict::heads::Heads;
use greenroute_predict::text::{Features, Scratch};
use std::hint::black_box;
use std::time::Instant;
use support::{head, row};

/// Forty-two words.
const QUESTION: &str = "A small bakery sold forty loaves more on Monday than on Sunday, and the owner wants to know, step \
    by step and without any guessing, how many loaves she should bake next week if the trend goes on like this every day.";

fn main() {
    let start = Instant::now();
    let brain = Brain::shipped().expect("the weights are sound");
    println!("load: {:.1?}; {} words", start.elapsed(), QUESTION.split(' ').count());
    head();
    let heads = Heads::read(brain.reader().weights()).expect("the weights are sound");
    let (mut scratch, mut features) = (Scratch::default(), Features::default());
    row("reading", || {
        brain.reader().read_into(black_box(QUESTION), &mut scratch, black_box(&mut features));
    });
    row("heads", || {
        black_box(heads.impression(black_box(&features.embedding), black_box(&features.cues)));
    });
    let prompt = Prompt::from(QUESTION);
    row("counting", || {
        black_box(Load::of(black_box(&prompt), &[]));
    });
    row("profile", || drop(black_box(brain.profile(black_box(&prompt), &[]))));
    let message = Message { role: Role::User, blocks: vec![Block::Text { text: QUESTION.into() }] };
    let follow = Prompt { history: vec![message], ..Prompt::from("and for two weeks?") };
    row("profile of a follow-up", || drop(black_box(brain.profile(black_box(&follow), &[]))));
    row("the heuristic profiler of core", || {
        drop(black_box(HeuristicProfiler.profile(black_box(&prompt), &[])));
    });
}

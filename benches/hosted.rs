//! What the wire costs beside a bare HTTP client, in the same run: `cargo bench --bench hosted`.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for people; what fails here ends it"
)]

mod fakes;

use futures_util::StreamExt;
use greenroute::chat::{ChatEvent, ChatRequest, Message, Role};
use greenroute::http::{SseReader, Timeouts};
use greenroute::providers::openai::OpenAi;
use greenroute::{ModelProvider, Objective, presets};
use greenroute_testkit::{FakeServer, Reply};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::{Duration, Instant};

const RUNS: usize = 3000;

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

fn percentile_99(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

/// An answer of so many words, in OpenAI's form.
fn answer(words: usize) -> Value {
    let text: Vec<String> = (0..words).map(|word| format!("word{word}")).collect();
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_000_000, "model": "bench",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text.join(" "), "refusal": null}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": words, "total_tokens": 12 + words,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}},
    })
}

/// Frames of a streamed answer, as they come over the wire.
fn frames(count: usize) -> Vec<u8> {
    let frame = |number: usize| {
        let delta = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_795_000_000,
            "model": "bench", "choices": [{"index": 0, "delta": {"content": format!(" word{number}")},
            "finish_reason": null}], "usage": null});
        format!("data: {delta}\n\n")
    };
    (0..count).map(frame).collect::<String>().into_bytes()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--against").skip(1);
    if let (Some(url), Some(key)) = (arguments.next(), arguments.next()) {
        return against(&url, &key).await;
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.trim());

    // The server has a thread of its own.
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = FakeServer::builder().recording(false).start().await.expect("a server");
            send.send(server).expect("a receiver");
            std::future::pending::<()>().await;
        });
    });
    let server = receive.recv().expect("a server");
    for (title, words) in [("a short answer", 12), ("an answer of 10 kB", 1250)] {
        server.reply_always("openai", Reply::json(200, answer(words)));
        overhead(&server, title).await;
    }
    parse_frames();
    stream_frames(&server).await;
}

/// `--against URL KEY`: as many chats as each line of the input says, and how long each took: for
/// `scripts/hosted/litellm_ratio.py`.
async fn against(url: &str, key: &str) {
    let card = fakes::card("openai", "gpt-4.1-mini", 0.1);
    let objective = Objective { only: Some([card.key.clone()].into()), ..Objective::balanced() };
    let provider = OpenAi::builder().base_url(url).key(key).model(card).build().expect("a provider");
    let router = presets::bare().expect("a builder").provider(provider).objective(objective);
    let router = router.build().expect("a router");
    println!("{}", json!({"ready": true}));
    for line in std::io::stdin().lines() {
        let count: usize = line.expect("a line").trim().parse().expect("a number");
        let mut micros = Vec::with_capacity(count);
        for _ in 0..count {
            let begun = Instant::now();
            black_box(router.chat("Why is the sky blue?").await.expect("an answer"));
            micros.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        println!("{}", json!({"micros": micros}));
    }
}

/// The same request by a bare client, by the provider and by the router, in turns.
async fn overhead(server: &FakeServer, title: &str) {
    let card = fakes::card("openai", "bench", 0.1);
    let key = card.key.clone();
    let provider = OpenAi::builder().base_url(server.url("openai")).key(server.key()).model(card);
    let provider = provider.build().expect("a provider");
    let objective = Objective { only: Some([key.clone()].into()), ..Objective::balanced() };
    let router = presets::bare().expect("a builder").provider(provider.clone()).objective(objective);
    let router = router.build().expect("a router");
    let bare = reqwest::Client::builder().build().expect("a client");
    let (url, authorization) =
        (format!("{}/chat/completions", server.url("openai")), format!("Bearer {}", server.key()));
    let body = json!({"model": "bench", "messages": [{"role": "user", "content": "Why is the sky blue?"}]});
    let [mut by_client, mut by_provider, mut by_router] = [const { Vec::new() }; 3];
    for run in 0..RUNS + 200 {
        let begun = Instant::now();
        let sent = bare
            .post(&url)
            .header("authorization", &authorization)
            .header("content-type", "application/json");
        let response = sent.body(body.to_string()).send().await.expect("an answer");
        let parsed: Value = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
        black_box(parsed);
        let client = begun.elapsed();

        let request = ChatRequest::new(key.clone(), vec![Message::text(Role::User, "Why is the sky blue?")]);
        let begun = Instant::now();
        black_box(provider.chat(request).await.expect("an answer"));
        let provided = begun.elapsed();

        let begun = Instant::now();
        black_box(router.chat("Why is the sky blue?").await.expect("an answer"));
        let routed = begun.elapsed();
        if run >= 200 {
            by_client.push(client);
            by_provider.push(provided);
            by_router.push(routed);
        }
    }
    println!("\n{title}, over loopback, {RUNS} in turns");
    let floor = median(by_client.clone());
    for (name, times) in
        [("bare reqwest", by_client), ("provider.chat", by_provider), ("router.chat", by_router)]
    {
        let (middle, late) = (median(times.clone()), percentile_99(times));
        println!(
            "  {name:14} p50 {middle:>7.1} µs   p99 {late:>7.1} µs   over bare {:>+7.1} µs",
            middle - floor
        );
    }
}

/// Reading alone: bytes in chunks of a network packet, events out.
fn parse_frames() {
    const FRAMES: usize = 10_000;
    let bytes = frames(FRAMES);
    let times: Vec<Duration> = (0..50)
        .map(|_| {
            let begun = Instant::now();
            let mut reader = SseReader::new();
            let mut seen = 0;
            for chunk in bytes.chunks(1400) {
                reader.push(chunk);
                while let Some(item) = reader.pull().expect("no fault") {
                    black_box(&item);
                    seen += 1;
                }
            }
            assert_eq!(seen, FRAMES);
            begun.elapsed()
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
    let each = median(times) / FRAMES as f64;
    println!("\nSSE reader        {each:.3} µs a frame of {} bytes", bytes.len() / FRAMES);
}

/// A whole stream through the provider: read, understood, handed on.
async fn stream_frames(server: &FakeServer) {
    const FRAMES: usize = 2000;
    let mut body = frames(FRAMES);
    let last = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": "bench",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": FRAMES, "total_tokens": 12 + FRAMES}});
    body.extend_from_slice(format!("data: {last}\n\ndata: [DONE]\n\n").as_bytes());
    server.reply_always("openai", Reply::raw(200, "text/event-stream", body));
    let card = fakes::card("openai", "bench", 0.1);
    let key = card.key.clone();
    let timeouts = Timeouts::default();
    let provider =
        OpenAi::builder().base_url(server.url("openai")).key(server.key()).timeouts(timeouts).model(card);
    let provider = provider.build().expect("a provider");
    let mut times = Vec::new();
    for _ in 0..50 {
        let request = ChatRequest::new(key.clone(), vec![Message::text(Role::User, "Count.")]);
        let begun = Instant::now();
        let mut events = provider.chat_stream(request).await.expect("a stream");
        let mut pieces = 0;
        while let Some(event) = events.next().await {
            pieces += usize::from(matches!(event.expect("an event"), ChatEvent::Text(_)));
        }
        assert_eq!(pieces, FRAMES);
        times.push(begun.elapsed());
    }
    #[expect(clippy::cast_precision_loss, reason = "two thousand")]
    let each = median(times) / FRAMES as f64;
    println!("provider's stream {each:.3} µs a frame, the loopback included");
}

use crate::world::*;
use futures_util::StreamExt;
use futures_util::future::join_all;
use greenroute::providers::openai::OpenAi;
use greenroute::receipt::{Outcome, Purpose};
use greenroute::units::Energy;
use greenroute::{
    AnswerEvent, Breaker, ErrorKind, Ledger, Limited, Limits, MemoryStore, ModelProvider, NoteCode, Policy,
    Prompt, Receipt, TokioRuntime,
};
use greenroute_testkit::{FakeServer, Fault, Model, RetryAfter};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn outcomes(receipt: &Receipt) -> Vec<String> {
    let told = |outcome: &Outcome| match outcome {
        Outcome::Failed { kind, .. } => kind.clone(),
        Outcome::Answered { .. } => "answered".to_owned(),
        other => format!("{other:?}"),
    };
    receipt
        .attempts
        .iter()
        .map(|attempt| format!("{} {}", attempt.requested, told(&attempt.outcome)))
        .collect()
}

/// The totals are the parts.
fn assert_adds_up(receipt: &Receipt) {
    let parts = receipt.attempts.iter().filter_map(|attempt| attempt.reading.as_ref());
    let sum: Energy = parts.map(|reading| reading.energy.value()).sum();
    let (total, deciding) = (receipt.energy.value(), receipt.deciding.energy.value());
    let off = (total.as_joules() - sum.as_joules() - deciding.as_joules()).abs();
    assert!(off <= 1e-9 * total.as_joules(), "{receipt:#}");
}

#[tokio::test]
async fn a_busy_vendor_is_asked_again_and_then_the_next_answers() {
    let server = server().await;
    server.fault_times("openai", Fault::Overloaded529, 2);
    let policy = Policy { max_retries: 1, ..Policy::default() };
    let router = router(&server).policy(policy).build().unwrap();
    let answer = router.chat("Why is the sky blue?").await.unwrap();
    assert_eq!(
        outcomes(&answer.receipt),
        ["openai/small overloaded", "openai/small overloaded", "gemini/medium answered"]
    );
    let purposes: Vec<_> = answer.receipt.attempts.iter().map(|attempt| attempt.purpose).collect();
    assert_eq!(purposes, [Purpose::Answer, Purpose::Retry, Purpose::FallBack]);
    assert_eq!(asked(&server), [2, 1, 0]);
    assert!(answer.receipt.has_note(NoteCode::FellBack));
    assert!(answer.receipt.attempts[0].reading.is_none(), "a full server did no work");
    assert_adds_up(&answer.receipt);
}

#[tokio::test]
async fn the_delay_that_a_vendor_asks_for_is_kept() {
    for (after, least) in [(RetryAfter::Millis(150), 150), (RetryAfter::Seconds(1), 1000)] {
        let server = server().await;
        server.fault_next("openai", Fault::RateLimited(after));
        let answer = router(&server).build().unwrap().chat("Why?").await.unwrap();
        assert_eq!(outcomes(&answer.receipt), ["openai/small rate_limited", "openai/small answered"]);
        let [first, second] = &answer.receipt.attempts[..] else { panic!("{:#}", answer.receipt) };
        let waited = second.started_at.duration_since(first.started_at).unwrap();
        assert!(waited >= Duration::from_millis(least), "{waited:?}");
    }
    // One that does not fit the deadline is not waited for.
    let server = server().await;
    server.fault_next("openai", Fault::RateLimited(RetryAfter::Seconds(60)));
    let begun = Instant::now();
    let answer = router(&server).build().unwrap().chat("Why?").await.unwrap();
    assert_eq!(outcomes(&answer.receipt), ["openai/small rate_limited", "gemini/medium answered"]);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_vendor_that_is_down_is_left_alone() {
    let server = server().await;
    server.fault_times("openai", Fault::Server500, 99);
    let breaker = Some(Breaker { failures: 3, ..Breaker::default() });
    let policy = Policy { max_retries: 0, breaker, ..Policy::default() };
    let router = router(&server).policy(policy).build().unwrap();
    for _ in 0..8 {
        router.chat("Why?").await.unwrap();
    }
    assert_eq!(asked(&server), [3, 8, 0]);
    assert_eq!(router.paused()[0].model.to_string(), "openai/small");
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert!(receipt.has_note(NoteCode::Paused), "{receipt:#}");
}

#[tokio::test]
async fn one_deadline_holds_for_all_models() {
    let server = server().await;
    for vendor in ["openai", "gemini", "anthropic"] {
        server.fault_times(vendor, Fault::StallBeforeHeaders, 9);
    }
    let router = router(&server).build().unwrap();
    let begun = Instant::now();
    let error = router.chat(Prompt::from("Why?").deadline(Duration::from_millis(500))).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let receipt = error.receipt().unwrap();
    assert!(receipt.energy.high() > receipt.deciding.energy.high(), "it may have run: {receipt:#}");
    assert_adds_up(receipt);
}

#[tokio::test]
async fn what_came_of_a_broken_stream_is_accounted_for() {
    for (fault, kind) in [(Fault::Truncated, "stream_truncated"), (Fault::ErrorMidway, "stream_error")] {
        let server = server().await;
        server.fault_times("openai", fault, 9);
        let router = router(&server).build().unwrap();
        let mut stream = router.chat_stream("Count to thirty in words, please.").await.unwrap();
        let (mut text, mut end) = (String::new(), None);
        while let Some(event) = stream.next().await {
            match event {
                Ok(AnswerEvent::Text(piece)) => text.push_str(&piece),
                Ok(other) => panic!("{other:?}"),
                Err(error) => end = Some(error),
            }
        }
        let error = end.unwrap();
        assert_eq!(error.kind().name(), kind);
        assert!(!text.is_empty());
        let receipt = error.receipt().unwrap();
        let attempt = &receipt.attempts[0];
        assert!(attempt.usage.unwrap().usage().output_tokens().get() > 0, "{receipt:#}");
        assert!(attempt.reading.is_some());
        assert_adds_up(receipt);
    }
}

#[tokio::test]
async fn a_broken_stream_begins_anew_at_the_next_vendor_where_that_is_wanted() {
    let server = server().await;
    server.fault_next("openai", Fault::DropAfterFrames(5));
    let router = router(&server).build().unwrap();
    let prompt = Prompt { restart: true, ..Prompt::from("Count to thirty in words, please.") };
    let mut stream = router.chat_stream(prompt).await.unwrap();
    let (mut restarts, mut text, mut answer) = (0, String::new(), None);
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            AnswerEvent::Text(piece) => text.push_str(&piece),
            AnswerEvent::Restarted { .. } => (restarts, text) = (restarts + 1, String::new()),
            AnswerEvent::Done(done) => answer = Some(done),
            other => panic!("{other:?}"),
        }
    }
    let answer = answer.unwrap();
    assert_eq!((restarts, text.as_str()), (1, answer.text.as_str()));
    assert_eq!(answer.receipt.attempts.len(), 2);
    assert_adds_up(&answer.receipt);
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_and_still_recorded() {
    let server = server().await;
    server.fault_times("openai", Fault::StallBeforeHeaders, 9);
    server.fault_times("openai", Fault::StallAfterFrames(4), 9);
    let store = Arc::new(MemoryStore::new());
    let router = router(&server).ledger(Arc::clone(&store)).build().unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(200), router.chat("Why?")).await;
    assert!(dropped.is_err());
    router.close().await;
    let receipts = store.recent(9).await.unwrap();
    assert_eq!(outcomes(&receipts[0]), ["openai/small Cancelled"]);
    assert!(receipts[0].energy.high() > receipts[0].deciding.energy.high(), "it may have run");
    // A vendor sees that nobody listens any more: the connection is gone, and the next call is served.
    assert_eq!(asked(&server), [1, 0, 0]);
}

#[tokio::test]
async fn limits_hold_over_the_wire() {
    let server = FakeServer::builder().key(CANARY).latency(Duration::from_millis(100));
    let server = server.model("openai", Model::chat("small")).start().await.unwrap();
    let openai = OpenAi::builder().key(CANARY).base_url(server.url("openai"));
    let openai = openai.model(card("openai/small", 1.0));
    let limits = Limits { concurrent: 2.try_into().ok(), per_minute: None };
    let runtime = Arc::new(TokioRuntime::current().unwrap());
    let limited = Arc::new(Limited::new(openai.build().unwrap(), limits, runtime));
    let begun = Instant::now();
    let answers = join_all((0..6).map(|_| {
        let messages = vec![greenroute::chat::Message::text(greenroute::chat::Role::User, "Why?")];
        limited.chat(greenroute::chat::ChatRequest::new(card("openai/small", 1.0).key, messages))
    }));
    let answers = answers.await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300), "three rounds of two: {:?}", begun.elapsed());
}

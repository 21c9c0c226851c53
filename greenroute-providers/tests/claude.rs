//! Claude over real HTTP, against a server as strict and as nasty as the real one.
#![cfg(test)]
#![cfg(feature = "hosted")]

use futures_util::StreamExt;
use greenroute_core::batch::{BatchId, BatchItem, BatchState};
use greenroute_core::chat::{
    Block, CacheFor, ChatEvent, ChatRequest, ChatResponse, Effort, FinishReason, Message, Role, Sampling,
    Tool, ToolChoice,
};
use greenroute_core::model::{Accepts, ModelKey, Privacy, Window};
use greenroute_core::units::Tokens;
use greenroute_core::{
    BatchProvider, Error, ErrorKind, ModelCard, ModelLister, ModelProvider, NoteCode, Result, TimingSource,
    TokenCounter,
};
use greenroute_http::Timeouts;
use greenroute_providers::claude::{Claude, ClaudeBuilder};
use greenroute_testkit::{FakeServer, Fault, Fixture, Reply, RetryAfter};
use serde_json::{Value, json};
use std::error::Error as _;
use std::time::Duration;

const VENDOR: &str = "anthropic";
const HAIKU: &str = "claude-haiku-4-5";
const SONNET: &str = "claude-sonnet-4-6";
const KEY: &str = "canary-3b1f";
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async fn server() -> FakeServer {
    FakeServer::builder().key(KEY).start().await.unwrap()
}

fn builder(server: &FakeServer) -> ClaudeBuilder {
    let all = Accepts { images: true, tools: true, schema: true };
    Claude::builder()
        .key(KEY)
        .base_url(server.url(VENDOR))
        .models([HAIKU, SONNET, "claude-opus-5-5"].map(|model| card(model, 4096, all)))
        .model(card("tiny-window", 512, Accepts::default()))
}

fn claude(server: &FakeServer) -> Claude {
    builder(server).build().unwrap()
}

fn card(model: &str, context: u64, accepts: Accepts) -> ModelCard {
    let window = Window { context, max_output: Some(1024) };
    let mut card = ModelCard::new(key(model), window, Privacy::Remote);
    card.accepts = accepts;
    card
}

fn key(model: &str) -> ModelKey {
    ModelKey::new(VENDOR, model)
}

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

fn asking(model: &str, text: &str) -> ChatRequest {
    ChatRequest::new(key(model), vec![user(text)])
}

fn weather() -> Tool {
    Tool {
        name: "get_weather".into(),
        description: "The weather of a city.".into(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }
}

/// The pieces of text, and how the stream ended.
async fn streamed(claude: &Claude, request: ChatRequest) -> (String, Result<ChatResponse>) {
    let mut pieces = String::new();
    let mut events = match claude.chat_stream(request).await {
        Ok(events) => events,
        Err(error) => return (pieces, Err(error)),
    };
    let mut end = None;
    while let Some(event) = events.next().await {
        assert!(end.is_none(), "after the end came {event:?}");
        match event {
            Ok(ChatEvent::Text(text)) => pieces.push_str(&text),
            Ok(ChatEvent::Done(done)) => end = Some(Ok(*done)),
            Ok(_) => {}
            Err(error) => end = Some(Err(error)),
        }
    }
    (pieces, end.expect("the stream has an end"))
}

/// The answer, which is the same whole and in pieces.
async fn answer(claude: &Claude, request: ChatRequest) -> ChatResponse {
    let whole = claude.chat(request.clone()).await.unwrap();
    let (pieces, done) = streamed(claude, request).await;
    let done = done.unwrap();
    assert_eq!((&done.blocks, pieces), (&whole.blocks, whole.text()));
    assert_eq!((&done.finish_reason, &done.notes), (&whole.finish_reason, &whole.notes));
    whole
}

async fn refusal(claude: &Claude, request: ChatRequest) -> Error {
    let whole = claude.chat(request.clone()).await.unwrap_err();
    let (_, streamed) = streamed(claude, request).await;
    assert_eq!(streamed.unwrap_err().to_string(), whole.to_string());
    whole
}

/// The first request's answer, replayed with what the tool gave.
fn after_tool(request: &ChatRequest, answer: &ChatResponse) -> ChatRequest {
    let mut next = request.clone();
    let calls = answer.blocks.iter().filter_map(|block| match block {
        Block::ToolCall { id, .. } => Some(id.clone()),
        _ => None,
    });
    let results =
        calls.map(|id| Block::ToolResult { id, content: "4C and rain".into(), is_error: false }).collect();
    next.messages.push(Message { role: Role::Assistant, blocks: answer.blocks.clone() });
    next.messages.push(Message { role: Role::User, blocks: results });
    next
}

#[tokio::test]
async fn an_answer_tells_under_which_names_and_where_it_was_served() {
    let server = server().await;
    let claude = claude(&server);
    let whole = claude.chat(asking(HAIKU, "Why is the sky blue?")).await.unwrap();
    assert_eq!(whole.returned, key("claude-haiku-4-5-20251001"));
    assert!(whole.served.request_id.as_deref().unwrap().starts_with("req_011FAKE"));
    assert_eq!(whole.served.region.as_deref(), Some("global"));
    let timing = whole.timing.unwrap();
    assert_eq!(
        (timing.source, timing.elapsed),
        (TimingSource::FrontendElapsed, Some(Duration::from_millis(1)))
    );
    let (_, done) = streamed(&claude, asking(HAIKU, "Why is the sky blue?")).await;
    let done = done.unwrap();
    assert_ne!(done.served.response_id, whole.served.response_id);
    assert_eq!(
        (&done.served.service_tier, &done.served.region),
        (&whole.served.service_tier, &whole.served.region)
    );
    assert!(done.served.request_id.is_some());
    assert_eq!(
        (done.timing, done.usage),
        (None, whole.usage),
        "a stream's headers leave before the model begins"
    );
    let sent = &server.requests()[0];
    let header = |name: &str| sent.header(name).map(str::to_owned);
    assert_eq!(header("x-api-key").as_deref(), Some(KEY));
    assert_eq!(header("anthropic-version").as_deref(), Some("2023-06-01"));
    assert_eq!((sent.path.as_str(), &sent.body["max_tokens"]), ("/v1/messages", &json!(1024)));
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_is_answered() {
    let server = server().await;
    let claude = claude(&server);
    let request = ChatRequest { tools: vec![weather()], ..asking(HAIKU, "How is the weather in Oslo?") };
    let called = answer(&claude, request.clone()).await;
    assert_eq!(called.finish_reason, FinishReason::ToolCalls);
    assert!(
        matches!(&called.blocks[..], [Block::ToolCall { name, .. }] if name == "get_weather"),
        "{called:?}"
    );
    let told = answer(&claude, after_tool(&request, &called)).await;
    assert!(told.text().contains("4C and rain"), "{}", told.text());
    let never = ChatRequest { tool_choice: ToolChoice::Never, ..request };
    assert_eq!(answer(&claude, never).await.finish_reason, FinishReason::Stop);
}

#[tokio::test]
async fn thinking_is_replayed_as_it_was_sealed_and_a_broken_seal_is_refused() {
    let server = server().await;
    let claude = claude(&server);
    for model in [HAIKU, SONNET, "claude-opus-5-5"] {
        let mut request =
            ChatRequest { tools: vec![weather()], ..asking(model, "How is the weather in Oslo?") };
        request.effort = Some(Effort::Medium);
        request.max_output_tokens = Some(4000);
        let roomy = builder(&server).models([roomy(model)]).build().unwrap();
        let called = answer(&roomy, request.clone()).await;
        assert!(matches!(called.blocks[0], Block::Opaque { .. }), "{called:?}");
        assert!(called.usage.usage().output_reasoning > Tokens::ZERO);
        let next = after_tool(&request, &called);
        assert!(answer(&roomy, next.clone()).await.text().contains("4C and rain"));

        let mut forged = next;
        let Block::Opaque { content, .. } = &mut forged.messages[1].blocks[0] else { unreachable!() };
        content["thinking"] = json!("I never thought so.");
        let error = refusal(&roomy, forged).await;
        assert_eq!(*error.kind(), ErrorKind::InvalidRequest);
        assert!(error.message().contains("Invalid `signature` in `thinking` block"), "{error}");
    }
    // A model that cannot read it gets the rest.
    let thought =
        ChatRequest { effort: Some(Effort::Low), max_output_tokens: Some(4000), ..asking(HAIKU, "Why?") };
    let roomy = builder(&server).models([roomy(HAIKU)]).build().unwrap();
    let thought = roomy.chat(thought).await.unwrap();
    let mut next = asking(SONNET, "Why?");
    next.messages.push(Message { role: Role::Assistant, blocks: thought.blocks });
    next.messages.push(user("And now?"));
    assert_eq!(answer(&claude, next).await.notes[0].code, NoteCode::OpaqueDropped);
}

/// A card with room for a budget of thinking.
fn roomy(model: &str) -> ModelCard {
    let mut card = card(model, 4096, Accepts { images: true, tools: true, schema: true });
    card.window.max_output = Some(8192);
    card
}

#[tokio::test]
async fn a_model_that_called_tools_without_thinking_is_not_made_to_think_before_it_answers() {
    let server = server().await;
    let claude = builder(&server).models([roomy(HAIKU)]).build().unwrap();
    let request = ChatRequest { tools: vec![weather()], ..asking(HAIKU, "How is the weather in Oslo?") };
    let called = answer(&claude, request.clone()).await;
    let hard = ChatRequest { effort: Some(Effort::High), ..after_tool(&request, &called) };
    let told = answer(&claude, hard).await;
    assert!(told.notes[0].text.contains("`effort`"), "{:?}", told.notes);
}

#[tokio::test]
async fn what_is_cached_is_written_once_and_read_afterwards() {
    let server = server().await;
    let claude = claude(&server);
    for (cache, hour) in [(CacheFor::OneHour, true), (CacheFor::FiveMinutes, false)] {
        let mut request = asking(HAIKU, "Why is the sky blue?");
        request.messages.insert(0, Message::text(Role::System, format!("You are a poet of {cache:?}.")));
        let plain = *claude.chat(request.clone()).await.unwrap().usage.usage();
        request.cache = Some(cache);
        let first = *claude.chat(request.clone()).await.unwrap().usage.usage();
        let written = if hour { first.cache_write_1h } else { first.cache_write_5m };
        assert!(written > Tokens::ZERO && first.cache_read == Tokens::ZERO, "{first:?}");
        let again = *claude.chat(request.clone()).await.unwrap().usage.usage();
        assert_eq!((again.cache_read, again.cache_write_1h + again.cache_write_5m), (written, Tokens::ZERO));
        let (_, done) = streamed(&claude, request).await;
        assert_eq!(*done.unwrap().usage.usage(), again);
        assert_eq!([first, again].map(|usage| usage.input_tokens()), [plain.input_tokens(); 2]);
    }
}

#[tokio::test]
async fn a_schema_is_answered_and_an_image_is_seen() {
    let server = server().await;
    let claude = claude(&server);
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let request = ChatRequest { schema: Some(schema), ..asking(HAIKU, "Name a city.") };
    let city: Value = serde_json::from_str(&answer(&claude, request).await.text()).unwrap();
    assert!(city["city"].is_string(), "{city}");

    let picture = |base64: &str| {
        let image = Block::Image { media_type: "image/png".into(), base64: base64.into() };
        let blocks = vec![image, Block::text("What colour is this?")];
        ChatRequest::new(key(HAIKU), vec![Message { role: Role::User, blocks }])
    };
    let seen = *answer(&claude, picture(PIXEL)).await.usage.usage();
    let text = *answer(&claude, asking(HAIKU, "What colour is this?")).await.usage.usage();
    assert!(seen.input_tokens() > text.input_tokens());
    assert_eq!(*refusal(&claude, picture("no base64!")).await.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn the_newer_version_of_the_api_is_spoken_too() {
    let server = server().await;
    let claude = builder(&server).api_version("2026-10-21").build().unwrap();
    let sampling = Sampling { temperature: Some(0.0), ..Sampling::default() };
    let told = answer(&claude, ChatRequest { sampling, ..asking(HAIKU, "Why?") }).await;
    assert!(told.notes[0].text.contains("`temperature`"), "{:?}", told.notes);
    assert_eq!(server.requests()[0].header("anthropic-version"), Some("2026-10-21"));
}

#[tokio::test]
async fn a_prompt_is_counted_as_it_will_be_read() {
    let server = server().await;
    let claude = claude(&server);
    let request = ChatRequest { tools: vec![weather()], ..asking(HAIKU, "How is the weather in Oslo?") };
    let counted = claude.count(&request).await.unwrap();
    assert_eq!(counted, claude.chat(request).await.unwrap().usage.usage().input_tokens());
    let unknown = claude.count(&asking("no-such-model", "Hi.")).await.unwrap_err();
    assert_eq!(*unknown.kind(), ErrorKind::ModelNotFound);
}

#[tokio::test]
async fn models_are_listed_page_by_page() {
    let server = server().await;
    let claude = claude(&server);
    let all = claude.list().await.unwrap();
    let haiku = all.iter().find(|listing| listing.key == key(HAIKU)).unwrap();
    assert_eq!((haiku.context, haiku.max_output, haiku.chats), (Some(4096), Some(8192), Some(true)));
    let page = json!({"data": [{"type": "model", "id": "claude-first", "display_name": "First",
        "retires_at": "2027-02-03T00:00:00Z"}], "has_more": true, "last_id": SONNET});
    server.reply_with(VENDOR, Reply::json(200, page));
    let paged = claude.list().await.unwrap();
    let place = all.iter().position(|listing| listing.key == key(SONNET)).unwrap();
    assert_eq!(paged[0].retirement.map(|day| day.to_string()).as_deref(), Some("2027-02-03"));
    assert_eq!(paged[1..], all[place + 1..]);
    let recorded = Fixture::named("anthropic_models");
    server.reply_with(VENDOR, recorded.reply);
    assert_eq!(claude.list().await.unwrap()[0].context, Some(200_000));
}

#[tokio::test]
async fn a_batch_is_handed_over_and_its_results_are_fetched() {
    let server = server().await;
    let claude = claude(&server);
    let item = |id: &str, request| BatchItem { id: id.into(), request };
    let long = "river ".repeat(5000);
    let items = vec![
        item("one", asking(HAIKU, "Why?")),
        item("two", asking(HAIKU, &long)),
        item("three", asking("gone", "Hi.")),
    ];
    let refused = claude.submit(items.clone()).await.unwrap_err();
    assert!(
        refused.message().contains("`max_output_tokens`"),
        "a model without a card has no limit: {refused}"
    );
    let mut items = items;
    items[2].request.max_output_tokens = Some(99);
    let batch = claude.submit(items).await.unwrap();
    let early = claude.results(&BatchId(batch.0.clone())).await;
    // The fake is done with a batch once it was asked for.
    assert_eq!(early.unwrap().len(), 3);
    let status = claude.status(&batch).await.unwrap();
    assert_eq!(
        (status.state, status.total, status.answered, status.failed),
        (BatchState::Done, Some(3), 1, 2)
    );
    assert!(status.expires_at.is_some());
    let mut results = claude.results(&batch).await.unwrap();
    results.sort_by(|one, other| one.0.cmp(&other.0));
    let kinds: Vec<_> =
        results.iter().map(|(id, result)| (id.as_str(), result.as_ref().err().map(Error::kind))).collect();
    assert_eq!(
        kinds,
        [
            ("one", None),
            ("three", Some(&ErrorKind::ModelNotFound)),
            ("two", Some(&ErrorKind::ContextOverflow))
        ]
    );
    let whole = claude.chat(asking(HAIKU, "Why?")).await.unwrap();
    assert_eq!(results[0].1.as_ref().unwrap().blocks, whole.blocks);

    let batch = claude.submit(vec![item("one", asking(HAIKU, "Why?"))]).await.unwrap();
    claude.cancel(&batch).await.unwrap();
    assert_eq!(claude.status(&batch).await.unwrap().state, BatchState::Cancelled);
    let cancelled = claude.results(&batch).await.unwrap().remove(0).1.unwrap_err();
    assert_eq!(*cancelled.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn results_that_were_cut_off_are_an_error() {
    let server = server().await;
    let claude = claude(&server);
    let counts = json!({"processing": 0, "succeeded": 0, "errored": 0, "canceled": 2, "expired": 0});
    let batch = json!({"id": "msgbatch_1", "processing_status": "ended", "request_counts": counts});
    let line = |id: &str| json!({"custom_id": id, "result": {"type": "canceled"}}).to_string();
    let (one, two) = (line("one"), line("two"));
    for (body, read) in [(format!("{one}\n{two}\n"), Some(2)), (format!("{one}\n{}", &two[..20]), None)] {
        server.reply_with(VENDOR, Reply::json(200, batch.clone()));
        server.reply_with(VENDOR, Reply::raw(200, "application/x-jsonl", body));
        let results = claude.results(&BatchId("msgbatch_1".into())).await;
        assert_eq!(results.as_ref().ok().map(Vec::len), read, "{results:?}");
    }
}

#[tokio::test]
async fn a_bad_batch_is_refused_before_it_is_sent() {
    let server = server().await;
    let claude = claude(&server);
    let item = |id: &str| BatchItem { id: id.into(), request: asking(HAIKU, "Why?") };
    let long = "x".repeat(65);
    for ids in [vec![], vec![""], vec!["a b"], vec![long.as_str()], vec!["one", "one"]] {
        let error = claude.submit(ids.iter().map(|id| item(id)).collect()).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidRequest, "{ids:?}");
    }
    let mut seeded = item("one");
    seeded.request.sampling.seed = Some(7);
    let error = claude.submit(vec![seeded]).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("`seed`"), "{error}");
    for id in ["", "../messages", "a/b"] {
        let error = claude.status(&BatchId(id.into())).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidRequest, "{id}");
    }
    assert!(server.requests().is_empty());
    let error = claude.status(&BatchId("msgbatch_none".into())).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::InvalidRequest, "it is no model that is not found");
}

#[tokio::test]
async fn every_recorded_error_has_its_kind() {
    let server = server().await;
    let claude = claude(&server);
    let quota = |kind: &ErrorKind| matches!(kind, ErrorKind::QuotaExhausted { .. });
    for (name, expected) in [
        ("400", ErrorKind::InvalidRequest),
        ("400_sampling_removed", ErrorKind::InvalidRequest),
        ("401", ErrorKind::Authentication),
        ("402", ErrorKind::QuotaExhausted { until: None }),
        ("403", ErrorKind::PermissionDenied),
        ("404", ErrorKind::ModelNotFound),
        ("413", ErrorKind::ContextOverflow),
        ("429_rate", ErrorKind::RateLimited { after: Some(Duration::from_secs(59)) }),
        ("429_spend", ErrorKind::QuotaExhausted { until: None }),
        ("500", ErrorKind::Server),
        ("504", ErrorKind::Timeout),
        ("529", ErrorKind::Overloaded),
    ] {
        let name = format!("anthropic_error_{name}");
        for _ in 0..2 {
            server.reply_with(VENDOR, Reply::fixture(&name));
        }
        let error = refusal(&claude, asking(HAIKU, "Hi.")).await;
        let said = match Fixture::named(&name).reply.body {
            greenroute_testkit::Body::Json(body) => body["error"]["message"].as_str().unwrap().to_owned(),
            other => panic!("{other:?}"),
        };
        assert!(error.message().ends_with(&said), "{name}: {error}");
        assert_eq!(error.origin(), "anthropic/claude-haiku-4-5");
        match error.kind() {
            kind if quota(kind) => assert!(quota(&expected), "{name}"),
            kind => assert_eq!(*kind, expected, "{name}"),
        }
        assert_eq!(
            error.is_retryable(),
            ["429_rate", "500", "529"].iter().any(|kind| name.ends_with(kind)),
            "{name}"
        );
    }
    // A tier's limit is one of the calendar month.
    server.reply_with(VENDOR, Reply::fixture("anthropic_error_429_spend"));
    let spent = claude.chat(asking(HAIKU, "Hi.")).await.unwrap_err();
    let ErrorKind::QuotaExhausted { until: Some(until) } = spent.kind() else { panic!("{spent:?}") };
    assert!(*until > std::time::SystemTime::now());
}

/// How a whole answer and a stream end under a fault; `None` where nothing is noticed.
fn expected(fault: Fault) -> (Option<&'static str>, Option<&'static str>) {
    match fault {
        fault if fault.is_harmless() => (None, None),
        Fault::DropBeforeHeaders | Fault::CloseBeforeHeaders | Fault::StallBeforeHeaders => {
            (Some("timeout"), Some("timeout"))
        }
        Fault::DropAfterFrames(_) | Fault::StallAfterFrames(_) => (Some("timeout"), Some("stream_error")),
        Fault::Truncated => (Some("decode"), Some("stream_truncated")),
        Fault::ErrorMidway | Fault::GarbageFrame => (None, Some("stream_error")),
        Fault::WrongContentType | Fault::InvalidJson => (Some("decode"), Some("decode")),
        Fault::EmptyBody => (Some("decode"), Some("stream_truncated")),
        Fault::RateLimited(_) => (Some("rate_limited"), Some("rate_limited")),
        Fault::QuotaExhausted => (Some("quota_exhausted"), Some("quota_exhausted")),
        Fault::Unauthorized => (Some("authentication"), Some("authentication")),
        Fault::Overloaded529 | Fault::Unavailable503 => (Some("overloaded"), Some("overloaded")),
        Fault::Server500 => (Some("server"), Some("server")),
        other => panic!("{other}: nobody has said how it ends"),
    }
}

fn is_of_streams(fault: Fault) -> bool {
    let of_frames =
        [Fault::ErrorMidway, Fault::GarbageFrame, Fault::Bom, Fault::CommentLines, Fault::CrlfLines];
    of_frames.contains(&fault) || matches!(fault, Fault::DuplicateUsage | Fault::SlowFrames(_))
}

#[tokio::test]
async fn every_fault_of_the_wire_has_its_kind_and_the_harmless_ones_are_not_noticed() {
    let server = server().await;
    let patient = claude(&server);
    let soon = Duration::from_millis(300);
    let timeouts = Timeouts { first_byte: Some(soon), idle: soon, ..Timeouts::default() };
    let hasty = builder(&server).timeouts(timeouts).build().unwrap();
    let request = || asking(HAIKU, "Repeat 👩‍👩‍👧‍👦 请 and say why.");
    let good = patient.chat(request()).await.unwrap();
    for fault in Fault::ALL {
        let stalls = matches!(fault, Fault::StallBeforeHeaders | Fault::StallAfterFrames(_));
        let claude = if stalls { &hasty } else { &patient };
        let (whole, in_pieces) = expected(*fault);
        if !is_of_streams(*fault) {
            server.fault_next(VENDOR, *fault);
        }
        let answer = claude.chat(request()).await;
        assert_eq!(answer.as_ref().err().map(|error| error.kind().name()), whole, "{fault}: {answer:?}");
        if let Ok(answer) = answer {
            assert_eq!((answer.blocks, answer.usage), (good.blocks.clone(), good.usage), "{fault}");
        }
        server.fault_next(VENDOR, *fault);
        let (pieces, done) = streamed(claude, request()).await;
        assert_eq!(done.as_ref().err().map(|error| error.kind().name()), in_pieces, "{fault}: {done:?}");
        match done {
            Ok(done) => assert_eq!((done.blocks, done.usage), (good.blocks.clone(), good.usage), "{fault}"),
            Err(error) => {
                assert!(good.text().starts_with(&pieces), "{fault}: {pieces}");
                if let ErrorKind::StreamTruncated { partial } = error.kind() {
                    assert_eq!(*partial, pieces, "{fault}");
                }
                no_secret(&error);
            }
        }
        server.clear();
    }
}

#[tokio::test]
async fn the_time_that_it_asks_to_wait_is_heard() {
    let server = server().await;
    let claude = claude(&server);
    for (told, least, most) in [
        (RetryAfter::Own(1500), 1500, 1500),
        (RetryAfter::Seconds(1), 1000, 1000),
        (RetryAfter::Date(2), 0, 2000),
        (RetryAfter::Millis(20), 20, 20),
    ] {
        server.fault_next(VENDOR, Fault::RateLimited(told));
        let error = claude.chat(asking(HAIKU, "Hi.")).await.unwrap_err();
        let after = error.retry_after().expect("a time").as_millis();
        assert!((least..=most).contains(&after), "{told:?}: {after} ms");
    }
    server.fault_next(VENDOR, Fault::RateLimited(RetryAfter::Absent));
    assert_eq!(claude.chat(asking(HAIKU, "Hi.")).await.unwrap_err().retry_after(), None);
}

fn no_secret(error: &Error) {
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn no_error_shows_the_key_even_where_the_server_repeats_it() {
    let server = server().await;
    let claude = claude(&server);
    assert!(!format!("{claude} {claude:?} {:?}", builder(&server)).contains("canary"));
    let told = |status, kind: &str| {
        let error = json!({"type": kind, "message": format!("bad key {KEY}")});
        Reply::json(status, json!({"type": "error", "error": error}))
    };
    let midway = format!(
        "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"api_error\",\"message\":\"{KEY}\"}}}}\n\n"
    );
    let garbage = format!("event: message_start\ndata: {KEY}\n\n");
    for reply in [
        told(401, "authentication_error"),
        told(400, "invalid_request_error"),
        told(500, "api_error"),
        Reply::raw(200, "text/html", format!("<p>{KEY}")),
        Reply::json(200, json!({"content": KEY})),
        Reply::sse([midway]),
        Reply::sse([garbage]),
    ] {
        server.reply_with(VENDOR, reply.clone());
        no_secret(&claude.chat(asking(HAIKU, "Hi.")).await.unwrap_err());
        server.reply_with(VENDOR, reply);
        no_secret(&streamed(&claude, asking(HAIKU, "Hi.")).await.1.unwrap_err());
    }
}

#[test]
fn a_setting_that_is_missing_or_wrong_is_named() {
    let error = Claude::builder().key_variable("GREENROUTE_NO_SUCH_KEY").build().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Config);
    assert!(error.message().contains("GREENROUTE_NO_SUCH_KEY is not set"), "{error}");
    let url = Claude::builder().key(KEY).base_url("ftp://x").build().unwrap_err();
    assert!(url.message().contains("`base_url`"), "{url}");
    let window = Window { context: 1, max_output: None };
    let other = ModelCard::new(ModelKey::new("groq", "x"), window, Privacy::Remote);
    let card = Claude::builder().key(KEY).model(other).build().unwrap_err();
    assert!(card.message().contains("groq/x"), "{card}");
}

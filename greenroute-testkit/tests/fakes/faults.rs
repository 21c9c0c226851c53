//! Every fault does what its name says.

use crate::client::{Answer, End, chat, events, post, send, streamed, try_post};
use flate2::read::GzDecoder;
use futures_util::future::{join, join_all};
use greenroute_testkit::{FakeServer, Fault, Faults, Reply, RetryAfter};
use serde_json::Value;
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant, SystemTime};

const CHAT: &str = "/chat/completions";

async fn whole(fault: Fault) -> Answer {
    let server = FakeServer::start().await.unwrap();
    server.fault_next("openai", fault);
    let answer = post(&server, "openai", CHAT, &[], &chat("Why is the sky blue?")).await;
    assert_eq!(server.tally().values().sum::<u64>(), 1, "{fault} befell it");
    answer
}

async fn stream(fault: Option<Fault>) -> Answer {
    let server = FakeServer::start().await.unwrap();
    if let Some(fault) = fault {
        server.fault_next("openai", fault);
    }
    let answer = post(&server, "openai", CHAT, &[], &streamed("Why is the sky blue?")).await;
    assert_eq!(server.tally().len(), usize::from(fault.is_some()), "{fault:?} befell it");
    answer
}

async fn plain_stream() -> String {
    stream(None).await.text()
}

async fn no_answer(fault: Fault) -> ErrorKind {
    let server = FakeServer::start().await.unwrap();
    server.fault_next("openai", fault);
    let error = try_post(&server, "openai", CHAT, &[], &chat("Why?")).await.unwrap_err();
    // The next one is served.
    assert_eq!(post(&server, "openai", CHAT, &[], &chat("Why?")).await.status, 200);
    error.kind()
}

#[tokio::test]
async fn a_connection_is_reset_or_closed_or_silent_before_an_answer() {
    assert_eq!(no_answer(Fault::DropBeforeHeaders).await, ErrorKind::ConnectionReset);
    assert_eq!(no_answer(Fault::CloseBeforeHeaders).await, ErrorKind::UnexpectedEof);
    assert_eq!(no_answer(Fault::StallBeforeHeaders).await, ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_body_breaks_or_stalls_after_so_many_frames() {
    let case = async |fault: Fault, frames: usize, end: End| {
        let (streamed, whole) = join(stream(Some(fault)), whole(fault)).await;
        assert_eq!((streamed.status, streamed.chunks.len()), (200, frames), "{fault}");
        assert_eq!(whole.chunks.len(), frames, "{fault}");
        assert_eq!((streamed.end, whole.end == End::Whole), (end, false), "{fault}");
    };
    join_all([
        case(Fault::DropAfterFrames(2), 2, End::Broken),
        case(Fault::StallAfterFrames(2), 2, End::Silent),
        case(Fault::DropAfterFrames(0), 0, End::Broken),
        case(Fault::StallAfterFrames(0), 0, End::Silent),
    ])
    .await;
}

#[tokio::test]
async fn a_truncated_body_ends_in_due_form_and_is_not_complete() {
    let streamed = stream(Some(Fault::Truncated)).await;
    let text = streamed.text();
    assert_eq!(streamed.end, End::Whole);
    assert!(plain_stream().await.starts_with(&text) && text.contains("blue"));
    assert!(
        !text.contains("[DONE]") && !text.contains("\"finish_reason\":\"") && !text.contains("\"usage\":{")
    );
    let whole = whole(Fault::Truncated).await;
    assert_eq!(whole.end, End::Whole);
    assert!(serde_json::from_slice::<Value>(&whole.bytes()).is_err() && !whole.bytes().is_empty());
}

#[tokio::test]
async fn the_shortest_body_is_truncated_too() {
    let server = FakeServer::start().await.unwrap();
    for body in ["1", "12", "{}1", "12345", "123456", "123456789"] {
        server.reply_with("openai", Reply::raw(200, "application/json", body));
        server.fault_next("openai", Fault::Truncated);
        let cut = post(&server, "openai", CHAT, &[], &chat("Why?")).await;
        assert!(cut.end == End::Whole && cut.bytes().len() < body.len(), "{body}: {}", cut.text());
    }
}

#[tokio::test]
async fn what_befalls_streams_alone_leaves_a_whole_answer_as_it_is() {
    let server = FakeServer::start().await.unwrap();
    for fault in Fault::ALL.iter().filter(|fault| fault.is_harmless()) {
        server.fault_next("openai", *fault);
        let mut body = chat("Why?");
        body["model"] = "gpt-4o-mini".into();
        let url = server.url("openai");
        let key = format!("Bearer {}", server.key());
        let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
        let answer =
            send("POST", &format!("{url}{CHAT}"), &headers, body.to_string().as_bytes()).await.unwrap();
        if *fault != Fault::Gzip {
            assert!(answer.json()["choices"].is_array(), "{fault}");
        }
    }
    let befell = server.tally();
    for stream_only in [Fault::Bom, Fault::CommentLines, Fault::CrlfLines, Fault::DuplicateUsage] {
        assert!(!befell.contains_key(&stream_only.to_string()), "{stream_only}");
    }
    assert!(befell.contains_key("gzip"), "{befell:?}");
}

#[tokio::test]
async fn an_error_comes_in_the_middle_of_a_stream() {
    let answer = stream(Some(Fault::ErrorMidway)).await;
    let events = events(&answer.text());
    let (last, before) = events.split_last().unwrap();
    assert_eq!((answer.status, answer.end), (200, End::Whole));
    assert_eq!(last["error"]["type"], "server_error");
    assert!(before.len() > 2 && before.iter().all(|event| event["choices"][0]["finish_reason"].is_null()));
}

#[tokio::test]
async fn every_write_splits_a_code_point() {
    for answer in [stream(Some(Fault::SplitCodePoint)).await, whole(Fault::SplitCodePoint).await] {
        let (last, writes) = answer.chunks.split_last().unwrap();
        assert!(writes.len() >= 2);
        assert!(writes.iter().all(|write| std::str::from_utf8(write).is_err()));
        assert!(!last.is_empty() && answer.text().contains('“'));
    }
    assert_eq!(stream(Some(Fault::SplitCodePoint)).await.text(), plain_stream().await);
}

#[tokio::test]
async fn a_body_comes_a_few_bytes_at_a_time() {
    let answer = stream(Some(Fault::SplitFrames(3))).await;
    let (last, writes) = answer.chunks.split_last().unwrap();
    assert!(writes.iter().all(|write| write.len() == 3) && last.len() <= 3);
    assert_eq!(answer.text(), plain_stream().await);
    assert_eq!(whole(Fault::SplitFrames(0)).await.chunks.iter().map(Vec::len).max(), Some(1));
}

#[tokio::test]
async fn harmless_frames_and_marks_leave_the_events_as_they_are() {
    let plain = plain_stream().await;
    let crlf = stream(Some(Fault::CrlfLines)).await.text();
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
    assert_eq!(crlf.replace("\r\n", "\n"), plain);
    let bom = stream(Some(Fault::Bom)).await.text();
    assert_eq!(bom.strip_prefix('\u{feff}'), Some(plain.as_str()));
    let comments = stream(Some(Fault::CommentLines)).await.text();
    assert!(comments.starts_with(": ping\n\ndata: "));
    assert_eq!(comments.replace(": ping\n\n", "").replace(":\n", ""), plain.replace(":\n", ""));
}

#[tokio::test]
async fn a_frame_of_garbage_stands_among_good_ones() {
    let (plain, text) = (plain_stream().await, stream(Some(Fault::GarbageFrame)).await.text());
    let at = text.find("data: {garbage\n\n").unwrap();
    assert!(at > 0 && at < text.len() - 20);
    assert_eq!(text.replace("data: {garbage\n\n", ""), plain);
}

#[tokio::test]
async fn usage_comes_twice() {
    let usages = |text: &str| events(text).iter().filter(|event| event["usage"].is_object()).count();
    assert_eq!(usages(&plain_stream().await), 1);
    assert_eq!(usages(&stream(Some(Fault::DuplicateUsage)).await.text()), 2);
}

#[tokio::test]
async fn frames_come_slowly() {
    let begun = Instant::now();
    let answer = stream(Some(Fault::SlowFrames(5))).await;
    assert!(begun.elapsed() >= Duration::from_millis(5) * u32::try_from(answer.chunks.len()).unwrap());
    assert_eq!(answer.text(), plain_stream().await);
}

#[tokio::test]
async fn a_body_is_compressed_frame_by_frame() {
    let plain = plain_stream().await;
    let answer = stream(Some(Fault::Gzip)).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(answer.bytes().as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain);
    // The first chunks alone can be read.
    let mut first = [0; 64];
    GzDecoder::new(answer.chunks[..2].concat().as_slice()).read_exact(&mut first).unwrap();
    assert_eq!(first, plain.as_bytes()[..64]);
    let mut body = String::new();
    GzDecoder::new(whole(Fault::Gzip).await.bytes().as_slice()).read_to_string(&mut body).unwrap();
    assert!(body.contains("chat.completion"));
}

#[tokio::test]
async fn a_body_is_not_what_it_should_be() {
    let page = whole(Fault::WrongContentType).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().starts_with("<!doctype html>"));
    for empty in [whole(Fault::EmptyBody).await, stream(Some(Fault::EmptyBody)).await] {
        assert_eq!((empty.status, empty.bytes().len(), empty.end), (200, 0, End::Whole));
    }
    let wrong = whole(Fault::InvalidJson).await;
    assert_eq!((wrong.status, wrong.header("content-type")), (200, Some("application/json")));
    assert!(serde_json::from_slice::<Value>(&wrong.bytes()).is_err());
    assert!(stream(Some(Fault::InvalidJson)).await.text().starts_with("data: <"));
}

#[tokio::test]
async fn a_header_is_huge() {
    let answer = whole(Fault::HugeHeader(64)).await;
    assert_eq!(answer.header("x-huge").map(str::len), Some(64_000));
    assert_eq!(answer.json()["object"], "chat.completion");
}

#[tokio::test]
async fn a_rate_limit_says_in_every_way_when_to_come_again() {
    let limited = |after| whole(Fault::RateLimited(after));
    let header = |answer: &Answer, name: &str| answer.header(name).map(str::to_owned);
    let absent = limited(RetryAfter::Absent).await;
    assert_eq!(
        (absent.status, header(&absent, "retry-after"), header(&absent, "retry-after-ms")),
        (429, None, None)
    );
    assert_eq!(absent.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(header(&limited(RetryAfter::Seconds(7)).await, "retry-after").as_deref(), Some("7"));
    assert_eq!(header(&limited(RetryAfter::Millis(7)).await, "retry-after-ms").as_deref(), Some("7"));
    assert_eq!(header(&limited(RetryAfter::Own(7)).await, "retry-after-ms").as_deref(), Some("7"));
    let date = header(&limited(RetryAfter::Date(90)).await, "retry-after").unwrap();
    let wait = httpdate::parse_http_date(&date).unwrap().duration_since(SystemTime::now()).unwrap();
    assert!((85..=90).contains(&wait.as_secs()), "{date}");
}

#[tokio::test]
async fn every_vendor_says_in_its_own_words_what_is_wrong() {
    let server = FakeServer::start().await.unwrap();
    for vendor in server.vendors() {
        for (fault, statuses) in [
            (Fault::RateLimited(RetryAfter::Own(1000)), 429..=429),
            (Fault::QuotaExhausted, 402..=429),
            (Fault::Unauthorized, 400..=401),
            (Fault::Overloaded529, 498..=529),
            (Fault::Unavailable503, 503..=529),
            (Fault::Server500, 500..=500),
        ] {
            server.fault_next(vendor, fault);
            let answer = post(&server, vendor, "/", &[], &Value::Null).await;
            assert!(statuses.contains(&answer.status), "{vendor}: {fault} is {}", answer.status);
            assert!(!answer.json()["error"].is_null(), "{vendor}: {fault}");
        }
    }
}

#[tokio::test]
async fn a_fault_can_be_asked_for_in_a_header() {
    let server = FakeServer::start().await.unwrap();
    let asking = |fault: &'static str| {
        let server = &server;
        async move { post(server, "openai", CHAT, &[("x-fake-fault", fault)], &streamed("Why?")).await }
    };
    assert_eq!(asking("drop_after_frames=3").await.chunks.len(), 3);
    assert_eq!(asking("rate_limited_seconds=9").await.header("retry-after"), Some("9"));
    let wrong = asking("drop_after_farmes=3").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("drop_after_frames=2"), "{}", wrong.text());
}

#[tokio::test]
async fn a_fault_befalls_as_many_requests_as_it_is_told_to() {
    let server = FakeServer::start().await.unwrap();
    server.fault_times("openai", Fault::Server500, 2);
    server.fault_next("openai", Fault::Unavailable503);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(post(&server, "openai", CHAT, &[], &chat("Why?")).await.status);
    }
    assert_eq!(statuses, [500, 500, 503, 200]);
    assert_eq!(
        server.tally().into_iter().collect::<Vec<_>>(),
        [("server500".to_owned(), 2), ("unavailable503".to_owned(), 1)]
    );
}

#[tokio::test]
async fn a_reply_waits_for_a_request_that_gets_an_answer() {
    let server = FakeServer::start().await.unwrap();
    server.reply_with("openai", Reply::fixture("openai_chat"));
    server.fault_next("openai", Fault::Server500);
    assert_eq!(post(&server, "openai", CHAT, &[], &chat("Why?")).await.status, 500);
    let answer = post(&server, "openai", CHAT, &[], &chat("Why?")).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Hi!");
}

#[tokio::test]
async fn faults_by_share_are_the_same_for_the_same_seed() {
    let server = FakeServer::start().await.unwrap();
    let stalls = [Fault::StallBeforeHeaders, Fault::StallAfterFrames(2)];
    let mut tallies = Vec::new();
    for _ in 0..2 {
        server.clear();
        server.faults(Faults::rate(5, 0.5).without(stalls));
        for _ in 0..100 {
            let _ = try_post(&server, "openai", CHAT, &[], &chat("Why?")).await;
        }
        tallies.push(server.tally());
    }
    assert_eq!(tallies[0], tallies[1]);
    assert!((35..=65).contains(&tallies[0].values().sum::<u64>()), "{:?}", tallies[0]);
    // What only befalls streams did not befall these.
    assert!(!tallies[0].contains_key("bom") && tallies[0].len() > 5);
    server.clear();
    assert_eq!(post(&server, "openai", CHAT, &[], &chat("Why?")).await.status, 200);
    assert!(server.tally().is_empty());
}

#[tokio::test]
async fn a_health_check_of_a_vendor_without_a_key_meets_faults_too() {
    let server = FakeServer::start().await.unwrap();
    let url = server.url("llamacpp").replace("/v1", "/health");
    assert_eq!(send("GET", &url, &[], b"").await.unwrap().json()["status"], "ok");
    server.fault_next("llamacpp", Fault::Unavailable503);
    let loading = send("GET", &url, &[], b"").await.unwrap();
    assert_eq!((loading.status, loading.json()["error"]["code"].as_u64()), (503, Some(503)));
}

//! The server itself: keys, records, replies, models, its end.

use crate::client::{chat, on, post, send};
use greenroute_testkit::{FakeServer, Fixture, Model, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const CHAT: &str = "/chat/completions";

#[tokio::test]
async fn a_wrong_key_is_refused_in_the_vendors_words() {
    let server = FakeServer::builder().key("sk-mine").start().await.unwrap();
    let url = format!("{}/models", server.url("openai"));
    assert_eq!(send("GET", &url, &[("authorization", "Bearer sk-mine")], b"").await.unwrap().status, 200);
    for header in [("authorization", "Bearer sk-other"), ("authorization", "sk-mine"), ("x-none", "")] {
        let answer = send("GET", &url, &[header], b"").await.unwrap();
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (401, &json!("invalid_api_key")),
            "{header:?}"
        );
    }
}

#[tokio::test]
async fn every_vendor_with_a_key_refuses_a_wrong_one() {
    let server = FakeServer::start().await.unwrap();
    for vendor in server.vendors().filter(|vendor| !["llamacpp", "ollama"].contains(vendor)) {
        let wrong = [("authorization", "Bearer wrong"), ("x-api-key", "wrong"), ("x-goog-api-key", "wrong")];
        let answer = send("POST", &format!("{}/x", server.url(vendor)), &wrong, b"{}").await.unwrap();
        assert!([400, 401].contains(&answer.status), "{vendor}: {}", answer.status);
        assert!(answer.json()["error"]["message"].is_string(), "{vendor}");
    }
}

#[tokio::test]
async fn requests_are_recorded_as_they_came() {
    let server = FakeServer::start().await.unwrap();
    let url = format!("{}/models?after=a%20b+c&limit=2", server.url("openai"));
    send("GET", &url, &[("X-One", "1"), ("x-one", "2")], b"").await.unwrap();
    post(&server, "openai", CHAT, &[], &chat("Why?")).await;
    let [listed, asked] = server.requests().try_into().unwrap();
    assert_eq!(
        (listed.vendor, listed.method.as_str(), listed.path.as_str()),
        ("openai", "GET", "/v1/models")
    );
    assert_eq!((listed.query["after"].as_str(), listed.query["limit"].as_str()), ("a b c", "2"));
    assert_eq!((listed.header("x-one"), &listed.body), (Some("1, 2"), &Value::Null));
    assert_eq!(asked.body, chat("Why?"));
    server.clear();
    assert!(server.requests().is_empty());
    let quiet = FakeServer::builder().recording(false).start().await.unwrap();
    post(&quiet, "openai", CHAT, &[], &chat("Why?")).await;
    assert!(quiet.requests().is_empty());
}

#[tokio::test]
async fn replies_come_in_the_order_in_which_they_were_laid_down() {
    let server = FakeServer::start().await.unwrap();
    server.reply_with("openai", Reply::fixture("openai_error_500"));
    server.reply_with("openai", Reply::json(418, json!({"tea": true})).header("x-pot", "brown"));
    assert_eq!(post(&server, "openai", CHAT, &[], &json!({"anything": 1})).await.status, 500);
    let tea = post(&server, "openai", CHAT, &[], &chat("Tea?")).await;
    assert_eq!((tea.status, tea.header("x-pot"), tea.json()), (418, Some("brown"), json!({"tea": true})));
    assert_eq!(post(&server, "openai", CHAT, &[], &chat("Why?")).await.status, 200);
    let named = [("x-fake-reply", "openai_stream_cut")];
    assert!(post(&server, "openai", CHAT, &named, &chat("Why?")).await.text().contains("Half an ans"));
    assert_eq!(post(&server, "openai", CHAT, &[("x-fake-reply", "nope")], &chat("Why?")).await.status, 400);
}

#[tokio::test]
async fn a_standing_reply_is_given_to_whatever_comes() {
    let server = FakeServer::start().await.unwrap();
    server.reply_always("openai", Reply::fixture("openai_chat"));
    let url = format!("{}/nowhere", server.url("openai"));
    for _ in 0..2 {
        assert_eq!(send("PUT", &url, &[], b"no json").await.unwrap().json()["id"], "chatcmpl-test");
    }
    assert!(server.requests().is_empty());
    server.clear();
    assert_eq!(send("PUT", &url, &[], b"no json").await.unwrap().status, 401);
}

#[tokio::test]
async fn a_model_of_ones_own_is_served_and_listed() {
    let mine = Model { window: 8, ..Model::chat("").named("my-model") };
    let server = FakeServer::builder().model("openai", mine).start().await.unwrap();
    let asked = |text: &str| json!({"model": "my-model", "messages": [{"role": "user", "content": text}]});
    assert_eq!(post(&server, "openai", CHAT, &[], &asked("Why?")).await.status, 200);
    let long = post(&server, "openai", CHAT, &[], &asked("a b c d e f g h i j")).await;
    assert_eq!((long.status, &long.json()["error"]["code"]), (400, &json!("context_length_exceeded")));
    let key = format!("Bearer {}", server.key());
    let url = format!("{}/models/my-model", server.url("openai"));
    assert_eq!(send("GET", &url, &[("authorization", &key)], b"").await.unwrap().json()["id"], "my-model");
}

#[tokio::test]
async fn latency_and_pace_pass() {
    let (latency, pace) = (Duration::from_millis(30), Duration::from_millis(3));
    let server = FakeServer::builder().latency(latency).pace(pace).start().await.unwrap();
    let begun = Instant::now();
    post(&server, "openai", CHAT, &[], &chat("Why?")).await;
    assert!(begun.elapsed() >= latency);
    let begun = Instant::now();
    let answer = post(&server, "openai", CHAT, &[], &crate::client::streamed("Why?")).await;
    assert!(begun.elapsed() >= latency + pace * u32::try_from(answer.chunks.len()).unwrap());
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections_and_its_port() {
    let server = FakeServer::start().await.unwrap();
    let url = server.url("llamacpp");
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let mut kept = TcpStream::connect(&host).await.unwrap();
    assert_eq!(on(&mut kept, "GET", "/llamacpp/health", &[], b"").await.unwrap().status, 200);
    assert_eq!(on(&mut kept, "GET", "/llamacpp/health", &[], b"").await.unwrap().status, 200, "kept alive");
    drop(server);
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(2), kept.read_to_end(&mut rest)).await;
    assert!(read.is_ok() && rest.is_empty());
    assert!(TcpStream::connect(&host).await.is_err());
}

#[tokio::test]
async fn who_is_not_played_is_told_who_is() {
    let server = FakeServer::start().await.unwrap();
    let url = server.url("openai").replace("openai", "openia");
    let answer = send("GET", &url, &[], b"").await.unwrap();
    assert!(answer.status == 404 && answer.text().contains("openai"), "{}", answer.text());
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.url("openia"))).unwrap_err();
    assert!(panicked.downcast_ref::<String>().unwrap().contains("openai"));
    assert!(std::panic::catch_unwind(|| Reply::fixture("openai_chta")).is_err());
}

/// The recorded requests are good ones: what vendors accept, the fakes accept.
#[tokio::test]
async fn recorded_requests_are_accepted() {
    let server = FakeServer::start().await.unwrap();
    for (vendor, path, names) in [
        (
            "openai",
            CHAT,
            &["openai_chat", "openai_stream", "openai_tool_call", "openai_stream_tool_call"][..],
        ),
        ("openai", "/embeddings", &["openai_embeddings"]),
        ("groq", CHAT, &["groq_chat", "groq_stream", "groq_tool_call", "groq_json_schema"]),
        ("llamacpp", CHAT, &["llamacpp_chat", "llamacpp_stream"]),
    ] {
        for name in names {
            let fixture = Fixture::named(name);
            let answer = post(&server, vendor, path, &[], &fixture.request).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            assert_eq!(
                answer.header("content-type").unwrap().split(';').next().unwrap(),
                fixture.reply.media()
            );
        }
    }
}

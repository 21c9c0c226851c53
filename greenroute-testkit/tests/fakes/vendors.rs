//! What holds for every vendor, and a vendor of one's own.

use crate::client::{Answer, End, send};
use greenroute_testkit::{
    Asked, AskedChat, FakeServer, Fault, Fields, Fixture, Model, Recorded, Reply, SaidChat, Trouble, Turn,
    Vendor,
};
use serde_json::{Value, json};

/// Where each streams, beside the path that its base URL has, and the fixture of such a request.
const STREAMS: [(&str, &str, &str); 6] = [
    ("anthropic", "/v1/messages", "anthropic_stream"),
    ("gemini", "/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse", "gemini_stream"),
    ("groq", "/chat/completions", "groq_stream"),
    ("llamacpp", "/chat/completions", "llamacpp_stream"),
    ("ollama", "/api/chat", "ollama_stream"),
    ("openai", "/chat/completions", "openai_stream"),
];

async fn stream(server: &FakeServer, (vendor, path, fixture): (&str, &str, &str), fault: &str) -> Answer {
    let bearer = format!("Bearer {}", server.key());
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
        ("x-api-key", server.key()),
        ("x-goog-api-key", server.key()),
        ("anthropic-version", "2023-06-01"),
        ("x-fake-fault", fault),
    ];
    let headers = if fault.is_empty() { &headers[..5] } else { &headers[..] };
    let body = Fixture::named(fixture).request.to_string();
    let url = format!("{}{path}", server.url(vendor));
    let answer = send("POST", &url, headers, body.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 200, "{vendor} {fault}: {}", String::from_utf8_lossy(&answer.bytes()));
    answer
}

#[tokio::test]
async fn every_vendor_streams_what_was_recorded_as_asked() {
    let server = FakeServer::start().await.unwrap();
    assert_eq!(server.vendors().collect::<Vec<_>>(), STREAMS.map(|(vendor, _, _)| vendor));
    for vendor in STREAMS {
        let answer = stream(&server, vendor, "").await;
        let recorded = Fixture::named(vendor.2).reply;
        assert_eq!(
            answer.header("content-type").unwrap().split(';').next(),
            Some(recorded.media()),
            "{vendor:?}"
        );
        assert!(answer.chunks.len() > 5 && answer.end == End::Whole, "{vendor:?}");
        assert!(!answer.text().is_ascii(), "{vendor:?}: there is something to split");
    }
}

#[tokio::test]
async fn harmless_faults_leave_every_vendors_bytes_as_they_are() {
    let server = FakeServer::start().await.unwrap();
    // Some vendors tell the time, or give every answer a name of its own.
    let steady = |text: &str| {
        let mut digits = text.to_owned();
        digits.retain(|letter| !letter.is_ascii_digit());
        digits
    };
    for vendor in STREAMS {
        let plain = steady(&stream(&server, vendor, "").await.text());
        for fault in ["split_code_point", "split_frames=5", "slow_frames=1"] {
            assert_eq!(steady(&stream(&server, vendor, fault).await.text()), plain, "{vendor:?} {fault}");
        }
        let crlf = steady(&stream(&server, vendor, "crlf_lines").await.text());
        assert_eq!(crlf.replace("\r\n", "\n"), plain, "{vendor:?}");
        assert_eq!(server.tally().len(), 4, "{vendor:?}");
        server.clear();
    }
}

#[tokio::test]
async fn half_a_stream_of_any_vendor_has_no_end() {
    let server = FakeServer::start().await.unwrap();
    for vendor in STREAMS {
        let whole = stream(&server, vendor, "").await;
        let cut = stream(&server, vendor, "truncated").await;
        assert_eq!(cut.end, End::Whole, "{vendor:?}");
        assert!((2..whole.chunks.len()).contains(&cut.chunks.len()), "{vendor:?}: {}", cut.text());
        for mark in ["[DONE]", "\"finish_reason\":\"", "message_stop", "finishReason", "\"done\":true"] {
            assert!(!cut.text().contains(mark), "{vendor:?}: {mark}");
        }
        let failed = stream(&server, vendor, "error_midway").await;
        assert!(failed.text().contains("\"error\""), "{vendor:?}: {}", failed.text());
    }
}

/// One of the questions that a vendor of one's own must answer: the rest is the server's.
#[derive(Debug)]
struct Echo;

impl Vendor for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("x-echo-key", "")]
    }

    fn models(&self) -> &'static [Model] {
        const { &[Model::chat("echo-1"), Model::tiny_window()] }
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        let read = || {
            let mut fields = Fields::of(&request.body, "")?;
            let mut turn = Turn::new(greenroute_core::chat::Role::User);
            fields.need_text("say")?.clone_into(&mut turn.text);
            let model = fields.need_text("model")?.to_owned();
            fields.done()?;
            Ok(AskedChat { model, turns: vec![turn], ..AskedChat::default() })
        };
        let asked = read()
            .map_err(|wrong: greenroute_testkit::Wrong| self.error(&Trouble::Invalid(wrong.to_string())));
        asked.map(|asked| Asked::Chat(Box::new(asked)))
    }

    fn chat(&self, _asked: &AskedChat, said: &SaidChat) -> Reply {
        Reply::json(200, json!({"said": said.text}))
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        Reply::json(400, json!({"error": format!("{trouble:?}")}))
    }

    fn midway(&self) -> String {
        String::new()
    }

    fn ends(&self, _frame: &str) -> bool {
        false
    }

    fn tells_usage(&self, _frame: &str) -> bool {
        false
    }
}

#[tokio::test]
async fn a_vendor_of_ones_own_is_played_with_keys_models_windows_and_faults() {
    let server = FakeServer::builder().vendor(Echo).key("k").start().await.unwrap();
    let ask = |key: &'static str, body: Value| {
        let url = server.url("echo");
        async move { send("POST", &format!("{url}/"), &[("x-echo-key", key)], body.to_string().as_bytes()).await }
    };
    let good = || json!({"model": "echo-1", "say": "Hello."});
    assert!(ask("k", good()).await.unwrap().text().contains("Hello."));
    for (key, body, told) in [
        ("wrong", good(), "Key"),
        ("k", json!({"model": "echo-2", "say": "Hello."}), "NoSuchModel"),
        ("k", json!({"model": "tiny-window", "say": "river ".repeat(600)}), "TooLong"),
        ("k", json!({"model": "echo-1", "say": "Hello.", "loud": true}), "loud is not a known field"),
    ] {
        let answer = ask(key, body).await.unwrap();
        assert!(answer.status == 400 && answer.text().contains(told), "{told}: {}", answer.text());
    }
    server.fault_next("echo", Fault::Server500);
    assert!(ask("k", good()).await.unwrap().text().contains("Server"));
}

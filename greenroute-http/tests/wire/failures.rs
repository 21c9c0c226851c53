//! What goes wrong before and within an answer that is read whole.

use crate::server::{Server, Step, answer, short};
use greenroute_core::{Error, ErrorKind};
use greenroute_http::{Classified, Client, Failure, Timeouts};
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

const JSON: &str = "content-type: application/json\r\n";

async fn refused(status: &str, headers: &str, body: &str) -> Error {
    let server = Server::saying(answer(status, headers, body)).await;
    server.client().post("x").origin("acme/m".to_owned()).json(&1).send().await.unwrap_err()
}

async fn unread(bytes: impl Into<Vec<u8>>) -> Error {
    let server = Server::saying(bytes).await;
    server.client().post("x").send().await.unwrap().json::<Vec<u32>>().await.unwrap_err()
}

#[tokio::test]
async fn a_status_says_what_to_do_next() {
    let table = [
        ("400", ErrorKind::InvalidRequest),
        ("401", ErrorKind::Authentication),
        ("402", ErrorKind::QuotaExhausted { until: None }),
        ("403", ErrorKind::PermissionDenied),
        ("404", ErrorKind::ModelNotFound),
        ("408", ErrorKind::Timeout),
        ("409", ErrorKind::Server),
        ("410", ErrorKind::ModelNotFound),
        ("413", ErrorKind::InvalidRequest),
        ("422", ErrorKind::InvalidRequest),
        ("429", ErrorKind::RateLimited { after: None }),
        ("500", ErrorKind::Server),
        ("501", ErrorKind::Unsupported),
        ("502", ErrorKind::Server),
        ("503", ErrorKind::Overloaded),
        ("504", ErrorKind::Timeout),
        ("524", ErrorKind::Timeout),
        ("529", ErrorKind::Overloaded),
        ("599", ErrorKind::Server),
    ];
    for (status, kind) in table {
        let error = refused(&format!("{status} X"), JSON, r#"{"error":{"message":"why"}}"#).await;
        assert_eq!(*error.kind(), kind, "{status}");
        assert_eq!(error.to_string(), format!("acme/m: HTTP {status}: why"));
        assert_eq!(error.retry_after(), None);
    }
}

#[tokio::test]
async fn every_form_of_a_message_is_found() {
    let table = [
        (r#"{"error":"a bare string"}"#, "a bare string"),
        (r#"{"error":{"message":"within","code":null}}"#, "within"),
        (r#"[{"error":{"code":429,"message":"in an array"}}]"#, "in an array"),
        (r#"{"error":[{"message":"an array within"}]}"#, "an array within"),
        (r#"{"message":"at the top"}"#, "at the top"),
        (r#"{"detail":"a detail"}"#, "a detail"),
        (r#"{"errors":[{"code":1,"message":"the first"}]}"#, "the first"),
        (r#"{"detail":[{"msg":"no text"}]}"#, r#"{"detail":[{"msg":"no text"}]}"#),
        ("<html>\n  <b>Bad gateway</b>\n</html>", "application/json: <html> <b>Bad gateway</b> </html>"),
        ("", "nothing was said"),
    ];
    for (body, message) in table {
        assert_eq!(refused("400 X", JSON, body).await.message(), format!("HTTP 400: {message}"));
    }
    let long = refused("400 X", JSON, &format!(r#"{{"error":"{}"}}"#, "word ".repeat(400_000))).await;
    assert!(long.message().chars().count() <= 520, "{}", long.message().len());
}

#[tokio::test]
async fn a_server_says_how_long_to_wait_in_many_ways() {
    let table = [
        ("retry-after: 3\r\n", "", Some(3_000)),
        ("retry-after: 0.25\r\n", "", Some(250)),
        ("retry-after: 7\r\nretry-after-ms: 644.0\r\n", "", Some(644)),
        (
            "retry-after: Sat, 21 Nov 2026 10:00:30 GMT\r\ndate: Sat, 21 Nov 2026 10:00:00 GMT\r\n",
            "",
            Some(30_000),
        ),
        ("", r#"{"error":{"details":[{"a":1},{"retryDelay":"31s"}]}}"#, Some(31_000)),
        ("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 2m59.56s\r\n", "", Some(179_560)),
        ("x-ratelimit-remaining-tokens: 9\r\nx-ratelimit-reset-tokens: 7.66s\r\n", "", None),
        ("retry-after: soon\r\n", "", None),
    ];
    for (headers, body, millis) in table {
        let error = refused("429 X", headers, body).await;
        let wait = millis.map(Duration::from_millis);
        assert_eq!(error.retry_after(), wait, "{headers}{body}");
        assert_eq!(*error.kind(), ErrorKind::RateLimited { after: wait }, "{headers}{body}");
    }
    let overloaded = refused("529 X", "retry-after: 3\r\n", "").await;
    assert_eq!(overloaded.retry_after(), Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn a_spent_quota_is_not_filled_by_a_wait() {
    let spent = refused("402 X", "retry-after: 3\r\nx-should-retry: true\r\n", "").await;
    assert_eq!((spent.retry_after(), spent.is_retryable()), (None, false));
}

#[tokio::test]
async fn the_server_has_the_last_word_on_sending_again() {
    assert!(refused("400 X", "x-should-retry: true\r\n", "").await.is_retryable());
    assert!(!refused("500 X", "x-should-retry: false\r\n", "").await.is_retryable());
    assert!(refused("500 X", "x-should-retry: maybe\r\n", "").await.is_retryable());
}

#[tokio::test]
async fn a_vendors_own_reading_comes_first() {
    fn classify(failure: &Failure<'_>) -> Option<Classified> {
        let spent = failure.code()? == "insufficient_quota";
        spent.then(|| Classified {
            kind: ErrorKind::QuotaExhausted { until: Some(SystemTime::UNIX_EPOCH) },
            message: format!("{} at {}", failure.message().unwrap_or(""), failure.status),
            retry_after: Some(Duration::from_secs(9)),
        })
    }
    let spent = r#"{"error":{"code":"insufficient_quota","message":"spent"}}"#;
    let script = [spent, r#"{"error":{"code":7,"message":"slow"}}"#]
        .map(|body| vec![Step::Request, Step::Send(answer("429 X", JSON, body))]);
    let server = Server::playing(script.into()).await;
    let client = server.client().classifier(classify);
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::QuotaExhausted { until: Some(SystemTime::UNIX_EPOCH) });
    assert_eq!((error.message(), error.retry_after()), ("spent at 429", Some(Duration::from_secs(9))));
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        *error.kind(),
        ErrorKind::RateLimited { after: None },
        "where the vendor has no word, the status has"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = refused("307 X", "location: https://evil.example/steal?x=1\r\n", "").await;
    assert_eq!(*error.kind(), ErrorKind::Decode);
    assert!(error.message().contains("redirected to evil.example, which is not followed"), "{error}");
    assert!(
        refused("302 X", "location: /login\r\n", "").await.message().contains("redirected to another path")
    );
}

#[tokio::test]
async fn what_never_left_is_a_connection_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    drop(listener);
    for url in [format!("http://{nobody}"), format!("https://{nobody}")] {
        let client = Client::new("acme", &url, Timeouts::default()).unwrap();
        let error = client.post("x").json(&1).send().await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Connection, "{error:?}");
        assert!(error.message().starts_with("no connection to 127.0.0.1: Connection refused"), "{error}");
        assert!(error.is_retryable() && !error.may_have_run());
    }
    let timeouts = Timeouts { connect: Duration::from_millis(200), ..Timeouts::default() };
    let client = Client::new("acme", "http://greenroute.invalid", timeouts).unwrap();
    assert_eq!(*client.get("x").send().await.unwrap_err().kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_never_sent_the_request() {
    let script = vec![Step::Send(answer("400 Bad Request", "", "plain"))];
    let server = Server::playing(vec![script]).await;
    let client = Client::new("acme", &server.url.replace("http:", "https:"), Timeouts::default()).unwrap();
    let error = client.post("x").json(&1).send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Connection, "{error:?}");
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up() {
    let mut server = Server::playing(vec![vec![Step::Hang]]).await;
    let timeouts = Timeouts { connect: Duration::from_millis(80), ..Timeouts::default() };
    let client = Client::new("acme", &server.url.replace("http:", "https:"), timeouts).unwrap();
    let error = client.post("x").json(&1).send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Connection, "{error:?}");
    server.until_closed().await;
}

#[tokio::test]
async fn a_connection_lost_after_sending_may_have_run() {
    for last in [Step::Pause(0), Step::Reset] {
        let server = Server::playing(vec![vec![Step::Request, last]]).await;
        let error = server.client().post("x").json(&1).send().await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Timeout, "{error:?}");
        assert!(error.may_have_run() && !error.is_retryable());
        assert_eq!(server.requests().len(), 1, "sent once");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_none() {
    let server = Server::saying("SSH-2.0-OpenSSH_9.6\r\n").await;
    let error = server.client().post("x").json(&1).send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout, "{error:?}");
}

#[tokio::test]
async fn a_body_cut_off_may_have_run() {
    let whole = answer("200 OK", JSON, "[1,2,3]");
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\n[1,2";
    for bytes in [whole[..whole.len() - 3].to_vec(), chunked.into()] {
        for last in [Step::Pause(0), Step::Reset] {
            let script = vec![Step::Request, Step::Send(bytes.clone()), Step::Pause(20), last];
            let server = Server::playing(vec![script]).await;
            let response = server.client().post("x").send().await.unwrap();
            let error = response.json::<Value>().await.unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Timeout, "{error:?}");
            assert_eq!(error.message(), "the connection was lost within the answer");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}

#[tokio::test]
async fn what_is_not_the_json_asked_for_is_named_and_shown() {
    let html = "content-type: text/html; charset=utf-8\r\n";
    let error = unread(answer("200 OK", html, "<h1>Sign\n in</h1>")).await;
    assert_eq!(*error.kind(), ErrorKind::Decode);
    assert_eq!(error.message(), "expected JSON, got text/html: <h1>Sign in</h1>");
    let error = unread(answer("200 OK", "", "[1,")).await;
    assert_eq!(error.message(), "expected JSON, got no content type: [1,");
    let error = unread(answer("200 OK", JSON, r#"["one"]"#)).await;
    assert!(error.message().starts_with("expected other JSON (invalid type: string"), "{error}");
    assert!(error.message().ends_with(r#"got application/json: ["one"]"#), "{error}");
    let deep = "[".repeat(100_000);
    assert_eq!(*unread(answer("200 OK", JSON, deep)).await.kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn an_error_sent_as_a_success_is_that_error() {
    let body = r#"{"error":{"code":429,"message":"slow down"}}"#;
    let error = unread(answer("200 OK", JSON, body)).await;
    assert_eq!(*error.kind(), ErrorKind::RateLimited { after: None });
    let error = unread(answer("200 OK", JSON, r#"{"error":"no"}"#)).await;
    assert_eq!((error.kind(), error.message()), (&ErrorKind::Server, "no"));
}

#[tokio::test]
async fn a_body_whose_compression_is_broken_cannot_be_read() {
    let gzip = "content-encoding: gzip\r\n";
    let error = unread(answer("200 OK", gzip, "no gzip at all, but long enough")).await;
    assert_eq!(*error.kind(), ErrorKind::Decode, "{error:?}");
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let mebibyte = vec![b' '; 1024 * 1024];
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let mut script = vec![Step::Request, Step::Send(head)];
    script.extend(std::iter::repeat_n(Step::Send(mebibyte), 66));
    let server = Server::playing(vec![script]).await;
    let error = server.client().get("x").send().await.unwrap().text().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Decode);
    assert!(error.message().contains("larger than"), "{error}");
}

#[tokio::test]
async fn each_timeout_has_its_own_error() {
    let slow = vec![Step::Request, Step::Hang];
    let mut server = Server::playing(vec![slow.clone(), slow.clone()]).await;
    let timeouts = Timeouts { first_byte: Some(Duration::from_millis(60)), ..Timeouts::default() };
    let error = server.client_within(timeouts).get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (&ErrorKind::Timeout, "127.0.0.1 did not answer within 60ms")
    );
    server.until_closed().await;
    let left = Some(Duration::from_millis(50));
    let error = server.client().get("x").timeout(left).send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (&ErrorKind::Timeout, "127.0.0.1 did not answer within 50ms")
    );
    server.until_closed().await;

    let head = answer("200 OK", JSON, "[1]").split_last().unwrap().1.to_vec();
    let stalled = vec![Step::Request, Step::Send(head), Step::Hang];
    let server = Server::playing(vec![stalled.clone(), stalled]).await;
    let response = server.client_within(short()).get("x").send().await.unwrap();
    let error = response.json::<Value>().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    assert_eq!(error.message(), "nothing came for 200ms within the answer");
    let response = server.client().get("x").timeout(Some(Duration::from_millis(100))).send().await.unwrap();
    let error = response.text().await.unwrap_err();
    assert_eq!(error.message(), "the answer was not complete after 100ms");
}

#[tokio::test]
async fn without_time_left_nothing_is_sent() {
    let server = Server::playing(vec![vec![Step::Request]]).await;
    let error = server.client().get("x").timeout(Some(Duration::ZERO)).send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    assert_eq!(error.message(), "no time was left to send the request");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_replaced_unseen() {
    let script = vec![Step::Request, Step::Send(answer("200 OK", JSON, "1"))];
    let server = Server::playing(vec![script.clone(), script]).await;
    let client = server.client();
    for _ in 0..2 {
        assert_eq!(client.get("x").send().await.unwrap().json::<u32>().await.unwrap(), 1);
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_error_whose_body_stalls_is_told_by_its_status() {
    let head = b"HTTP/1.1 429 X\r\nretry-after: 3\r\ncontent-length: 100\r\n\r\n{\"error\":".to_vec();
    let server = Server::playing(vec![vec![Step::Request, Step::Send(head), Step::Hang]]).await;
    let error = server.client_within(short()).get("x").send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RateLimited { after: Some(Duration::from_secs(3)) });
}

#[tokio::test]
async fn a_client_may_read_less_than_is_sent() {
    for (most, read) in [(6, true), (5, false)] {
        let server = Server::saying(answer("200 OK", "", "[1, 2]")).await;
        let text = server.client().largest(most).get("x").send().await.unwrap().text().await;
        assert_eq!(text.is_ok(), read);
        let told = text.err().map(|error| error.message().to_owned());
        assert_eq!(told, (!read).then(|| "the answer is larger than 5 bytes".to_owned()));
    }
}

//! A key goes to its server and nowhere else.

use crate::server::{STREAM, Server, Step, answer, chunk};
use futures_util::StreamExt;
use greenroute_core::Error;
use greenroute_http::{Client, Secret, Timeouts};
use serde_json::{Value, json};
use std::error::Error as _;

/// With what JSON may escape, so that a canary in disguise is caught as well.
const CANARY: &str = "sk-canary/4711\"+=";

/// What an error shows, by itself and by its causes, must not hold the canary; it must hold `told`.
fn assert_mute(error: &Error, told: &str) {
    let mut shown = format!("{error} {error:?} {error:#?} {}", error.message());
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!(" {cause} {cause:?} {cause:#?}"));
        source = cause.source();
    }
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains(told), "{told} in {shown}");
}

fn keyed(url: &str) -> Client {
    Client::new("acme", url, Timeouts::default())
        .unwrap()
        .secret_header("authorization", "Bearer ", &Secret::new(CANARY))
        .unwrap()
}

#[tokio::test]
async fn nothing_but_the_server_sees_the_key() {
    let server = Server::saying(answer("200 OK", &format!("x-echo: {CANARY}\r\n"), "1")).await;
    let client = keyed(&server.url);
    let request = client.post("x").json(&json!({"secret": 1}));
    for shown in [format!("{client:?} {client:#?}"), format!("{request:?} {request:#?}")] {
        assert!(!shown.contains("canary"), "{shown}");
    }
    let response = request.send().await.unwrap();
    let shown = format!("{response:?} {:?}", response.headers());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(server.requests()[0].contains(&format!("authorization: Bearer {CANARY}\r\n")));
    let stream = response.sse();
    assert!(!format!("{stream:?}").contains("canary"));
}

#[tokio::test]
async fn an_error_that_echoes_the_key_is_redacted() {
    let bodies = [
        json!({"error": {"message": format!("no such key: {CANARY}")}}).to_string(),
        json!({"error": {"reasons": [format!("no such key: {CANARY}")]}}).to_string(),
        format!(r#"{{"error":"no such key: {}"}}"#, CANARY.replace('/', "\\/").replace('"', "\\u0022")),
        format!("no such key: {CANARY}"),
    ];
    for body in bodies {
        let server = Server::saying(answer("401 X", "", &body)).await;
        let error = keyed(&server.url).get("x").send().await.unwrap_err();
        assert_mute(&error, "no such key: [secret]");
    }
    let location = format!("location: https://evil.example/{CANARY}\r\n");
    let server = Server::saying(answer("302 X", &location, "")).await;
    assert_mute(&keyed(&server.url).get("x").send().await.unwrap_err(), "evil.example");
}

#[tokio::test]
async fn a_key_at_the_end_of_an_excerpt_is_redacted_too() {
    for before in 480..=500 {
        let body = format!("{}{CANARY}", "x".repeat(before));
        let server = Server::saying(answer("401 X", "", body)).await;
        let error = keyed(&server.url).get("x").send().await.unwrap_err();
        assert!(!error.message().contains("sk-"), "{error}");
    }
}

#[tokio::test]
async fn a_success_that_echoes_the_key_is_redacted_in_errors() {
    let escaped = CANARY.replace('/', "\\/").replace('"', "\\\"");
    let bodies =
        [format!("<h1>{CANARY}</h1>"), format!("[\"{escaped}\"]"), format!(r#"{{"error":"{escaped}"}}"#)];
    for body in bodies {
        let reply = answer("200 OK", "content-type: text/html\r\n", &body);
        let scripts = vec![vec![Step::Request, Step::Send(reply)]; 2];
        let server = Server::playing(scripts).await;
        let client = keyed(&server.url);
        let error = client.get("x").send().await.unwrap().json::<Vec<u32>>().await.unwrap_err();
        assert_mute(&error, "[secret]");
        let mut stream = client.get("x").send().await.unwrap().sse();
        assert_mute(&stream.next().await.unwrap().unwrap_err(), "[secret]");
    }
}

#[tokio::test]
async fn lost_connections_do_not_show_the_key() {
    let refused = keyed("http://127.0.0.1:1").get(CANARY).query("key", CANARY).send().await.unwrap_err();
    assert_mute(&refused, "refused");
    let scripts = vec![
        vec![Step::Request, Step::Reset],
        vec![Step::Request, Step::Send(STREAM.into()), Step::Send(chunk("data: 1\n\n")), Step::Reset],
    ];
    let server = Server::playing(scripts).await;
    let client = keyed(&server.url);
    assert_mute(&client.get(CANARY).query("key", CANARY).send().await.unwrap_err(), "lost");
    let mut stream = client.get("x").query("key", CANARY).send().await.unwrap().sse();
    while let Some(item) = stream.next().await {
        if let Err(error) = item {
            return assert_mute(&error, "lost");
        }
    }
    panic!("the stream was reset")
}

#[test]
fn an_error_event_that_echoes_the_key_is_redacted() {
    let body: Value = json!({"error": {"code": 401, "message": format!("no such key: {CANARY}")}});
    let error = keyed("http://127.0.0.1:1").error_in(&body, "acme/m");
    assert_mute(&error, "no such key: [secret]");
    assert_eq!(error.origin(), "acme/m");
    assert_eq!(*error.kind(), greenroute_core::ErrorKind::Authentication);
}

#[tokio::test]
async fn a_key_in_the_query_reaches_the_server_and_no_error() {
    let body = json!({"error": {"message": format!("bad api_key={CANARY}, or sk-canary%2F4711%22%2B%3D")}});
    let server = Server::saying(answer("403 X", "", body.to_string())).await;
    let client = Client::new("acme", &server.url, Timeouts::default()).unwrap();
    let client = client.secret_query("api_key", &Secret::new(CANARY)).unwrap();
    let request = client.get("x").query("a", 1);
    assert!(!format!("{client:?} {request:?} {request:#?}").contains("canary"));
    assert_mute(&request.send().await.unwrap_err(), "bad api_key=[secret], or [secret]");
    assert!(server.requests()[0].starts_with("GET /v1/x?api_key=sk-canary%2F4711%22%2B%3D&a=1 HTTP/1.1\r\n"));
    let nowhere = Client::new("acme", "http://127.0.0.1:1", Timeouts::default()).unwrap();
    let nowhere = nowhere.secret_query("api_key", &Secret::new(CANARY)).unwrap();
    assert_mute(&nowhere.get("x").send().await.unwrap_err(), "no connection");
    assert!(client.secret_query("key", &Secret::new("")).is_err());
}

#[tokio::test]
async fn a_key_is_also_found_as_a_form_writes_it() {
    let server = Server::saying(answer("403 X", "", "no: /v1/x?api_key=sk-canary%7E4711+*0815")).await;
    let client = Client::new("acme", &server.url, Timeouts::default()).unwrap();
    let client = client.secret_query("api_key", &Secret::new("sk-canary~4711 *0815")).unwrap();
    assert_mute(&client.get("x").send().await.unwrap_err(), "api_key=[secret]");
    assert!(server.requests()[0].starts_with("GET /v1/x?api_key=sk-canary%7E4711+*0815 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_password_reaches_the_server_and_no_error() {
    let echo = "sk-canary/4711\"+= YWNtZTpzay1jYW5hcnkvNDcxMSIrPQ==";
    let server = Server::saying(answer("401 X", "", echo)).await;
    let client = Client::new("acme", &server.url, Timeouts::default()).unwrap();
    let client = client.basic_auth("acme", &Secret::new(CANARY)).unwrap();
    let error = client.get("x").send().await.unwrap_err();
    assert_mute(&error, "[secret] [secret]");
    assert!(server.requests()[0].contains("authorization: Basic YWNtZTpzay1jYW5hcnkvNDcxMSIrPQ==\r\n"));
    assert!(
        client.basic_auth("a:b", &Secret::new(CANARY)).is_err(),
        "the server would cut at the first colon"
    );
}

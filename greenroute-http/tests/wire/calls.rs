//! What goes out, and what comes back when all is well.

use crate::server::{LAST_CHUNK, STREAM, Server, Step, answer, chunk, short};
use futures_util::StreamExt;
use greenroute_core::ErrorKind;
use greenroute_http::{Client, Part, Secret, Timeouts};
use serde_json::{Value, json};
use std::time::Duration;

const JSON: &str = "content-type: application/json\r\n";

#[tokio::test]
async fn a_request_goes_out_as_told() {
    let server = Server::saying(answer("200 OK", JSON, r#"{"a":1}"#)).await;
    let client = server
        .client()
        .header("x-version", "2023-06-01")
        .unwrap()
        .header("x-beta", "one")
        .unwrap()
        .secret_header("authorization", "Bearer ", &Secret::new("canary-4711"))
        .unwrap();
    let request = client
        .post("/models/gemini 3?:generate")
        .query("alt", "sse")
        .query("pageSize", 1000)
        .query("token", "a&b")
        .header("x-beta", "two")
        .json(&json!({"text": "ü"}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("Content-Type"), Some("application/json"));
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"a": 1}));
    let sent = &server.requests()[0];
    let line = "POST /v1/models/gemini%203%3F:generate?alt=sse&pageSize=1000&token=a%26b HTTP/1.1\r\n";
    assert!(sent.starts_with(line), "{sent}");
    for header in [
        "\r\nauthorization: Bearer canary-4711\r\n",
        "\r\ncontent-type: application/json\r\n",
        "\r\nx-version: 2023-06-01\r\n",
        "\r\nx-beta: two\r\n",
        concat!("\r\nuser-agent: greenroute/", env!("CARGO_PKG_VERSION"), "\r\n"),
    ] {
        assert!(sent.contains(header), "{header:?} in {sent}");
    }
    assert!(!sent.contains("x-beta: one"), "the request's own header counts: {sent}");
    assert!(sent.ends_with("\r\n\r\n{\"text\":\"ü\"}"), "{sent}");
}

#[tokio::test]
async fn a_path_cannot_climb_out_of_the_base_url() {
    let server = Server::saying(answer("200 OK", JSON, "1")).await;
    server.client().get("../admin/./%2e%2e/x#y").send().await.unwrap();
    let sent = server.requests().remove(0);
    assert!(sent.starts_with("GET /v1/admin/%252e%252e/x%23y HTTP/1.1\r\n"), "{sent}");
}

#[tokio::test]
async fn a_form_goes_out_in_parts() {
    let server = Server::saying(answer("200 OK", JSON, "1")).await;
    let parts = vec![
        Part::text("purpose", "batch"),
        Part::file("file", "batch.jsonl", "application/jsonl", b"{}\n".to_vec()),
    ];
    assert!(!format!("{parts:?}").contains("123"), "bytes are counted, not shown");
    server.client().post("files").multipart(parts).send().await.unwrap();
    let sent = server.requests().remove(0);
    for part in [
        "content-type: multipart/form-data; boundary=",
        "name=\"purpose\"\r\n\r\nbatch\r\n",
        "name=\"file\"; filename=\"batch.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n{}\n",
    ] {
        assert!(sent.contains(part), "{part:?} in {sent}");
    }
}

#[tokio::test]
async fn a_part_whose_content_type_is_none_is_refused_unsent() {
    let server = Server::playing(vec![]).await;
    let parts = vec![Part::file("file", "x", "no type", Vec::new())];
    let error = server.client().post("files").multipart(parts).send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn a_body_without_content_is_text_but_no_json() {
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    let server = Server::playing(vec![vec![
        Step::Request,
        Step::Send(empty.into()),
        Step::Request,
        Step::Send(empty.into()),
    ]])
    .await;
    let client = server.client();
    assert_eq!(client.delete("batches/1").send().await.unwrap().text().await.unwrap(), "");
    let error = client.delete("batches/1").send().await.unwrap().json::<Value>().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Decode);
    assert_eq!(error.message(), "expected JSON, got nothing (HTTP 204)");
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_skipped() {
    let server = Server::saying(answer("200 OK", "", "\u{feff}[1]")).await;
    let value: Value = server.client().get("x").send().await.unwrap().json().await.unwrap();
    assert_eq!(value, json!([1]));
}

#[tokio::test]
async fn compressed_events_do_not_wait_for_one_another() {
    let (first, second) = gzipped("data: one\n\n", "data: two\n\n");
    let head = STREAM.replace("transfer-encoding", "content-encoding: gzip\r\ntransfer-encoding");
    let start = [Step::Request, Step::Send(head.into_bytes()), Step::Send(chunk(&first))];
    let unfinished = [&start[..], &[Step::Hang]].concat();
    let finished = [&start[..], &[Step::Send(chunk(&second)), Step::Send(LAST_CHUNK.into())]].concat();
    let server = Server::playing(vec![unfinished, finished]).await;
    let client = server.client_within(short());
    let mut stream = client.get("x").send().await.unwrap().sse();
    assert!(format!("{:?}", stream.next().await.unwrap().unwrap()).contains("one"));
    drop(stream);
    let items: Vec<_> = client.get("x").send().await.unwrap().sse().map(Result::unwrap).collect().await;
    assert!(items.len() == 2 && format!("{items:?}").contains("two"), "{items:?}");
    assert!(server.requests()[0].contains("\r\naccept-encoding: gzip\r\n"));
}

/// Two stored deflate blocks in one gzip member, the second with its trailer: nothing is squeezed, so that the bytes
/// can be written by hand.
fn gzipped(first: &str, second: &str) -> (Vec<u8>, Vec<u8>) {
    fn block(last: u8, text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap();
        let mut block = vec![last];
        block.extend(length.to_le_bytes());
        block.extend((!length).to_le_bytes());
        block.extend(text.bytes());
        block
    }
    let whole = format!("{first}{second}");
    let crc = whole.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    let mut start = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    start.extend(block(0, first));
    let mut rest = block(1, second);
    rest.extend((!crc).to_le_bytes());
    rest.extend(u32::try_from(whole.len()).unwrap().to_le_bytes());
    (start, rest)
}

/// A client, and the thread that answers two connections of its, each once; it ends when both are closed.
fn served_elsewhere() -> (Client, std::thread::JoinHandle<()>) {
    let (tell, told) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        runtime().block_on(async {
            let script = vec![Step::Request, Step::Send(answer("200 OK", JSON, "1")), Step::Hang];
            let mut server = Server::playing(vec![script.clone(), script]).await;
            tell.send(server.client()).unwrap();
            server.until_closed().await;
            server.until_closed().await;
        });
    });
    (told.recv().unwrap(), serving)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn called(client: &Client) -> u32 {
    let sent = client.get("x").timeout(Some(Duration::from_secs(2))).send().await;
    let value = sent.unwrap().json().await.unwrap();
    // Until the connection is free for the next call.
    tokio::time::sleep(Duration::from_millis(20)).await;
    value
}

#[test]
fn a_client_outlives_the_runtime_of_its_first_call() {
    let (client, serving) = served_elsewhere();
    for _ in 0..2 {
        assert_eq!(runtime().block_on(called(&client)), 1);
    }
    drop(client);
    serving.join().unwrap();
}

#[test]
fn a_runtime_at_rest_does_not_hold_up_anothers_call() {
    let (client, serving) = served_elsewhere();
    let runtimes = [runtime(), runtime()];
    for runtime in &runtimes {
        assert_eq!(runtime.block_on(called(&client)), 1);
    }
    drop(runtimes);
    serving.join().unwrap();
}

#[test]
fn outside_a_runtime_a_call_is_an_error_and_no_panic() {
    let client = Client::new("acme", "http://127.0.0.1:9", Timeouts::default()).unwrap();
    let waker = std::task::Waker::noop();
    let mut call = std::pin::pin!(client.get("x").send());
    let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut std::task::Context::from_waker(waker))
    else {
        panic!("nothing to wait for")
    };
    assert_eq!(*error.kind(), ErrorKind::Config);
}

#[test]
fn a_setting_that_cannot_work_is_refused_by_name() {
    let message = |url: &str| {
        let error = Client::new("acme", url, Timeouts::default()).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Config);
        assert!(!error.to_string().contains("canary"), "{error}");
        error.to_string()
    };
    assert_eq!(message("api.acme.com/canary"), "acme: `base_url` is no URL");
    assert_eq!(message("ftp://acme.com"), "acme: `base_url` must begin with http:// or https://");
    assert_eq!(message("https://u:canary@acme.com"), "acme: `base_url` must not hold a user or a password");
    assert_eq!(
        message("https://acme.com?key=canary"),
        "acme: `base_url` must not have a query or a fragment"
    );
    let timeouts = Timeouts { idle: Duration::ZERO, ..Timeouts::default() };
    let error = Client::new("acme", "https://acme.com", timeouts).unwrap_err();
    assert_eq!(error.to_string(), "acme: `timeouts.idle` is zero");
    let client = Client::new("acme", " https://acme.com/v1/ ", Timeouts::default()).unwrap();
    assert_eq!(client.base_url(), "https://acme.com/v1");
    let error = client.clone().header("x-a", "line\nbreak").unwrap_err();
    assert_eq!(error.to_string(), "acme: the header `x-a` cannot be sent");
    let error = client.clone().secret_header("x-key", "", &Secret::new(" ")).unwrap_err();
    assert_eq!(error.to_string(), "acme: the key for the header `x-key` is empty");
    let error = client.secret_header("x-key", "", &Secret::new("can\u{7f}ary")).unwrap_err();
    assert_eq!(error.to_string(), "acme: the key for the header `x-key` is not printable ASCII");
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_fails_the_request_that_has_it() {
    let server = Server::playing(vec![]).await;
    let error = server.client().get("x").header("x-a", "\n").origin("acme/m").send().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Config);
}

#[test]
fn a_stream_can_be_moved_to_any_task() {
    fn held<T: Send + Unpin + 'static>() {}
    held::<greenroute_http::SseStream>();
    held::<greenroute_http::LineStream>();
    held::<greenroute_http::Response>();
    held::<Client>();
}

//! Answers that come piece by piece.

use crate::server::{LAST_CHUNK, STREAM, Server, Step, answer, chunk, short};
use futures_util::StreamExt;
use greenroute_core::{ErrorKind, Result};
use greenroute_http::SseItem;
use std::time::Duration;

fn event(data: &str) -> SseItem {
    SseItem::Event { name: "message".to_owned(), data: data.to_owned() }
}

/// Whole items, then the kind of the error if one came.
fn parts<T>(items: Vec<Result<T>>) -> (Vec<T>, Option<ErrorKind>) {
    let mut whole = Vec::new();
    for item in items {
        match item {
            Ok(item) => whole.push(item),
            Err(error) => return (whole, Some(error.kind().clone())),
        }
    }
    (whole, None)
}

async fn streamed(steps: Vec<Step>) -> (Vec<SseItem>, Option<ErrorKind>) {
    let mut script = vec![Step::Request];
    script.extend(steps);
    let server = Server::playing(vec![script]).await;
    let response = server.client_within(short()).post("x").json(&1).send().await.unwrap();
    parts(response.sse().collect().await)
}

fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

#[tokio::test]
async fn events_come_whole_however_the_bytes_are_cut() {
    let body = "event: a\r\ndata: {\"t\":\"grün\"}\r\n\r\n: energy {\"j\":1}\n\ndata: [DONE]\n\n";
    let cut = body.find('ü').unwrap() + 1;
    let steps = vec![
        send(STREAM),
        send(chunk(&body.as_bytes()[..cut])),
        Step::Pause(10),
        send(chunk(&body.as_bytes()[cut..])),
        send(LAST_CHUNK),
    ];
    let named = SseItem::Event { name: "a".to_owned(), data: "{\"t\":\"grün\"}".to_owned() };
    let comment = SseItem::Comment("energy {\"j\":1}".to_owned());
    assert_eq!(streamed(steps).await, (vec![named, comment, event("[DONE]")], None));
}

#[tokio::test]
async fn a_stream_that_is_lost_after_an_event_is_a_broken_stream() {
    for last in [vec![], vec![Step::Reset], vec![send("no chunk")], vec![Step::Hang]] {
        let mut steps = vec![send(STREAM), send(chunk("data: 1\n\ndata: 2")), Step::Pause(20)];
        steps.extend(last);
        assert_eq!(streamed(steps).await, (vec![event("1")], Some(ErrorKind::StreamError)));
    }
}

#[tokio::test]
async fn a_stream_that_is_lost_before_an_event_timed_out() {
    for last in [vec![], vec![Step::Reset], vec![Step::Hang]] {
        let mut steps = vec![send(STREAM), send(chunk(": ping\n\n")), Step::Pause(20)];
        steps.extend(last);
        let comment = SseItem::Comment("ping".to_owned());
        assert_eq!(streamed(steps).await, (vec![comment], Some(ErrorKind::Timeout)));
    }
}

#[tokio::test]
async fn pings_keep_a_stream_alive() {
    let mut steps = vec![send(STREAM)];
    for _ in 0..4 {
        steps.extend([Step::Pause(60), send(chunk(": ping\n\n"))]);
    }
    steps.extend([send(chunk("data: 1\n\n")), send(LAST_CHUNK)]);
    let (items, error) = streamed(steps).await;
    assert_eq!((items.len(), items.last(), error), (5, Some(&event("1")), None));
}

#[tokio::test]
async fn the_total_time_ends_a_stream_too() {
    let script = vec![Step::Request, send(STREAM), send(chunk("data: 1\n\n")), Step::Hang];
    let mut server = Server::playing(vec![script]).await;
    let left = Some(Duration::from_millis(100));
    let response = server.client().get("x").timeout(left).send().await.unwrap();
    let mut stream = response.sse();
    assert_eq!(stream.next().await.unwrap().unwrap(), event("1"));
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    assert!(stream.next().await.is_none(), "an error is the last item");
    drop(stream);
    server.until_closed().await;
}

#[tokio::test]
async fn a_dropped_stream_closes_its_connection() {
    let script = vec![Step::Request, send(STREAM), send(chunk("data: 1\n\n")), Step::Hang];
    let mut server = Server::playing(vec![script]).await;
    let client = server.client();
    let mut stream = client.get("x").send().await.unwrap().sse();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.until_closed().await;
}

#[tokio::test]
async fn a_last_event_counts_without_its_blank_line_if_it_is_whole() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let whole = streamed(vec![send(head), send("data: 1\n\ndata: {\"a\":2}")]).await;
    assert_eq!(whole, (vec![event("1"), event("{\"a\":2}")], None));
    let cut = streamed(vec![send(head), send("data: 1\n\ndata: {\"a\":")]).await;
    assert_eq!(cut, (vec![event("1")], None));
}

#[tokio::test]
async fn a_body_that_is_no_event_stream_is_named_and_shown() {
    let html = answer("200 OK", "content-type: text/html\r\n", "<h1>Sign in</h1>\n");
    let server = Server::saying(html).await;
    let items: Vec<_> = server.client().get("x").send().await.unwrap().sse().collect().await;
    let [Err(error)] = &items[..] else { panic!("{items:?}") };
    assert_eq!(*error.kind(), ErrorKind::Decode);
    assert_eq!(error.message(), "expected an event stream, got text/html: <h1>Sign in</h1>");

    let json = answer("200 OK", "content-type: application/json\r\n", r#"[{"error":{"code":503}}]"#);
    let (items, kind) = streamed(vec![send(json)]).await;
    assert_eq!((items.len(), kind), (0, Some(ErrorKind::Overloaded)));
    assert_eq!(streamed(vec![send(answer("200 OK", "", "\n"))]).await, (vec![], None));
}

#[tokio::test]
async fn what_comes_instead_of_events_is_read_for_its_error() {
    let error = async |media: &str, body: &str| {
        let server = Server::saying(answer("200 OK", &format!("content-type: {media}\r\n"), body)).await;
        server.client().get("x").send().await.unwrap().events().await.map(drop).map_err(|e| e.kind().clone())
    };
    assert_eq!(error("Text/Event-Stream; charset=utf-8", "data: 1\n\n").await, Ok(()));
    assert_eq!(error("application/json", r#"{"error":{"code":503}}"#).await, Err(ErrorKind::Overloaded));
    assert_eq!(error("text/html", "data: 1\n\n").await, Err(ErrorKind::Decode));
}

#[tokio::test]
async fn an_event_without_an_end_is_not_read_to_its_end() {
    let mebibyte = vec![b'x'; 1024 * 1024];
    let mut steps = vec![send("HTTP/1.1 200 OK\r\n\r\ndata: ")];
    steps.extend(std::iter::repeat_n(Step::Send(mebibyte), 18));
    assert_eq!(streamed(steps).await, (vec![], Some(ErrorKind::Decode)));
}

#[tokio::test]
async fn lines_come_whole_and_a_cut_one_is_dropped() {
    async fn lines(body: &str, length: usize) -> (Vec<String>, Option<ErrorKind>) {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let cut = body.len() / 2;
        let script = vec![
            Step::Request,
            send(head),
            send(&body.as_bytes()[..cut]),
            Step::Pause(10),
            send(&body.as_bytes()[cut..]),
        ];
        let server = Server::playing(vec![script]).await;
        parts(server.client().post("x").send().await.unwrap().lines().collect().await)
    }
    let body = "{\"a\":\"grün\"}\r\n\n{\"b\":2}\n{\"done\":true}";
    let expected = ["{\"a\":\"grün\"}", "{\"b\":2}", "{\"done\":true}"].map(str::to_owned).to_vec();
    assert_eq!(lines(body, body.len()).await, (expected.clone(), None));
    let cut = &body[..body.len() - 1];
    assert_eq!(lines(cut, cut.len()).await, (expected[..2].to_vec(), None));
    assert_eq!(lines(cut, body.len()).await, (expected[..2].to_vec(), Some(ErrorKind::StreamError)));
    assert_eq!(lines("", 9).await, (vec![], Some(ErrorKind::Timeout)));
}

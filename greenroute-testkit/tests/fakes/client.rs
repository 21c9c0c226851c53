//! A small client that sees what comes over the wire as it comes: chunk by chunk, and how it ends.

use greenroute_testkit::FakeServer;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long silence lasts before it counts as such.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In due form.
    Whole,
    /// The connection broke.
    Broken,
    /// Nothing came any more.
    Silent,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The chunks of a chunked body; a body of known length is one.
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await?;
    on(&mut stream, method, &format!("/{path}"), headers, body).await
}

/// Sends one request on this connection.
pub(crate) async fn on(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: fake\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    stream.write_all(body).await?;
    let mut reader = Reader { stream, bytes: Vec::new() };
    let head = reader.until(b"\r\n\r\n").await?;
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut answer = Answer { status, headers, chunks: Vec::new(), end: End::Whole };
    answer.end = match reader.body(&mut answer).await {
        Ok(()) => End::Whole,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => End::Silent,
        Err(_) => End::Broken,
    };
    Ok(answer)
}

struct Reader<'a> {
    stream: &'a mut TcpStream,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    async fn more(&mut self) -> io::Result<()> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.bytes)).await;
        match read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.bytes.windows(end.len()).position(|window| window == end) {
                return Ok(self.bytes.drain(..at + end.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.bytes.len() < length {
            self.more().await?;
        }
        Ok(self.bytes.drain(..length).collect())
    }

    async fn body(&mut self, answer: &mut Answer) -> io::Result<()> {
        if let Some(length) = answer.header("content-length") {
            let whole = self.take(length.parse().unwrap()).await?;
            answer.chunks.push(whole);
            return Ok(());
        }
        loop {
            let size = self.until(b"\r\n").await?;
            let size = usize::from_str_radix(String::from_utf8(size).unwrap().trim(), 16).unwrap();
            let mut chunk = self.take(size + 2).await?;
            chunk.truncate(size);
            if size == 0 {
                return Ok(());
            }
            answer.chunks.push(chunk);
        }
    }
}

/// Posts JSON with OpenAI's headers and these.
pub(crate) async fn post(
    server: &FakeServer,
    vendor: &str,
    path: &str,
    more: &[(&str, &str)],
    body: &Value,
) -> Answer {
    try_post(server, vendor, path, more, body).await.unwrap()
}

pub(crate) async fn try_post(
    server: &FakeServer,
    vendor: &str,
    path: &str,
    more: &[(&str, &str)],
    body: &Value,
) -> io::Result<Answer> {
    let key = format!("Bearer {}", server.key());
    let mut headers = vec![("content-type", "application/json"), ("authorization", key.as_str())];
    headers.extend(more);
    let url = format!("{}{path}", server.url(vendor));
    send("POST", &url, &headers, body.to_string().as_bytes()).await
}

/// A chat in OpenAI's form.
pub(crate) fn chat(text: &str) -> Value {
    json!({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}]})
}

/// With more fields, or with others.
pub(crate) fn with(mut body: Value, mut more: Value) -> Value {
    body.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    body
}

/// A streamed chat in OpenAI's form, with usage.
pub(crate) fn streamed(text: &str) -> Value {
    with(chat(text), json!({"stream": true, "stream_options": {"include_usage": true}}))
}

/// The values of the events of a stream, but for the last, which is no JSON.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let events = text.split("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
    events.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

//! As much of HTTP/1.1 as a hub needs: one request a connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    headers: BTreeMap<String, String>,
}

pub(crate) fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers })
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).cloned()
    }

    pub(crate) fn range(&self, length: usize) -> Option<Range<usize>> {
        let range = self.header("range")?;
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        let to = to.parse::<usize>().map_or(length, |last| length.min(last + 1));
        Some(from.parse().ok()?..to)
    }
}

pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn json(self, body: &serde_json::Value) -> Self {
        self.with("Content-Type", "application/json").body(body.to_string().into_bytes())
    }

    pub(crate) fn part(mut self, whole: &[u8], range: Range<usize>) -> Self {
        let Some(part) = whole.get(range.clone()).filter(|part| !part.is_empty()) else {
            self.status = 416;
            return self;
        };
        self.status = 206;
        let place = format!("bytes {}-{}/{}", range.start, range.end - 1, whole.len());
        self.with("Content-Range", &place).body(part.to_vec())
    }

    /// Whether all of it was written: with `stop` the body ends early, though its length says otherwise.
    pub(crate) fn write(&self, stream: &mut TcpStream, head: bool, stop: Option<usize>) -> bool {
        let mut text = format!("HTTP/1.1 {} As-It-Is\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        let end = stop.unwrap_or(usize::MAX).min(self.body.len());
        let body: &[u8] = if head { &[] } else { &self.body[..end] };
        stream.write_all(&[text.as_bytes(), body].concat()).and_then(|()| stream.flush()).ok();
        head || end == self.body.len()
    }
}

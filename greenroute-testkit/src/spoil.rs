//! A reply on its way out, and what a fault does to it.

use crate::fault::{Fault, RetryAfter};
use crate::reply::{Body, Reply};
use crate::vendor::{Trouble, Vendor};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// What leaves the server: chunks, and how they end.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    status: StatusCode,
    headers: HeaderMap,
    chunks: Vec<Bytes>,
    framed: bool,
    end: End,
    pace: Duration,
    /// Whether every chunk is a write of its own.
    apart: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Cut,
    Stall,
}

impl Sending {
    /// A reply as it is; `pace` passes before every frame of a stream. What HTTP cannot carry becomes a 500 that says
    /// so.
    pub(crate) fn new(reply: Reply, pace: Duration) -> Self {
        let (status, headers, body) = match head(&reply) {
            Ok((status, headers)) => (status, headers, reply.body),
            Err(told) => (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), Body::Raw(told.into())),
        };
        let (chunks, framed) = match body {
            Body::Json(value) => (vec![Bytes::from(value.to_string())], false),
            Body::Raw(bytes) => (vec![bytes], false),
            Body::Frames(frames) => (frames, true),
        };
        let pace = if framed { pace } else { Duration::ZERO };
        Self { status, headers, chunks, framed, end: End::Whole, pace, apart: false }
    }

    /// With what the fault does to it.
    pub(crate) fn spoilt(mut self, fault: Fault, vendor: &dyn Vendor) -> Self {
        match fault {
            Fault::DropAfterFrames(frames) => self.stop_after(frames, End::Cut),
            Fault::StallAfterFrames(frames) => self.stop_after(frames, End::Stall),
            Fault::Truncated if self.framed => {
                let ends = |frame: &Bytes| vendor.ends(&String::from_utf8_lossy(frame));
                let rest = self.chunks.iter().position(ends).unwrap_or(self.chunks.len());
                self.chunks.truncate(rest);
            }
            Fault::Truncated => {
                self.quarter();
                self.chunks.pop();
            }
            Fault::ErrorMidway => {
                self.chunks.truncate(self.middle());
                self.chunks.push(vendor.midway().into());
            }
            Fault::SplitCodePoint => self.recut(|bytes| {
                bytes.iter().enumerate().filter(|(_, byte)| **byte >= 0xC0).map(|(at, _)| at + 1).collect()
            }),
            Fault::SplitFrames(size) => self.recut(|bytes| (0..bytes.len()).step_by(size.max(1)).collect()),
            Fault::CrlfLines => self.each(|frame| frame.replace('\n', "\r\n")),
            Fault::Bom => self.chunks.insert(0, Bytes::from_static(b"\xEF\xBB\xBF")),
            Fault::CommentLines => self.each(|frame| format!(": ping\n\n{frame}:\n")),
            Fault::GarbageFrame => {
                let garbage: &[u8] = if self.is_sse() { b"data: {garbage\n\n" } else { b"{garbage\n" };
                self.chunks.insert(self.middle(), Bytes::from_static(garbage));
            }
            Fault::DuplicateUsage => {
                self.each(|frame| if vendor.tells_usage(&frame) { frame.repeat(2) } else { frame });
            }
            Fault::SlowFrames(millis) => self.pace = Duration::from_millis(millis),
            Fault::Gzip => self.compress(),
            Fault::EmptyBody => self.chunks.clear(),
            Fault::InvalidJson => self.each(|frame| frame.replace(['{', '['], "<")),
            Fault::HugeHeader(thousands) => {
                let value = HeaderValue::try_from("x".repeat(thousands.min(1024) * 1000));
                self.headers.extend(value.ok().map(|value| (HeaderName::from_static("x-huge"), value)));
            }
            _ => {}
        }
        self
    }

    fn is_sse(&self) -> bool {
        let media = self.headers.get(CONTENT_TYPE);
        self.framed && media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"))
    }

    /// The place of the middle frame, so that something was heard before and something is to come.
    fn middle(&self) -> usize {
        self.chunks.len().div_ceil(2)
    }

    fn stop_after(&mut self, frames: usize, end: End) {
        if !self.framed {
            self.quarter();
        }
        self.chunks.truncate(frames);
        self.end = end;
        self.apart = true;
    }

    /// In quarters, or fewer where there are too few bytes.
    fn quarter(&mut self) {
        let whole = self.chunks.concat();
        let quarter = whole.len().div_ceil(4).max(1);
        self.chunks = whole.chunks(quarter).map(Bytes::copy_from_slice).collect();
    }

    /// The same bytes, cut at other places.
    fn recut(&mut self, places: impl FnOnce(&[u8]) -> Vec<usize>) {
        let mut rest = Bytes::from(self.chunks.concat());
        let places = places(&rest);
        let mut begin = 0;
        let mut chunks = Vec::with_capacity(places.len() + 1);
        for place in places.into_iter().filter(|place| *place > 0) {
            chunks.push(rest.split_to(place - begin));
            begin = place;
        }
        chunks.push(rest);
        chunks.retain(|chunk| !chunk.is_empty());
        self.chunks = chunks;
        self.apart = true;
    }

    fn each(&mut self, change: impl Fn(String) -> String) {
        for chunk in &mut self.chunks {
            *chunk = change(String::from_utf8_lossy(chunk).into_owned()).into();
        }
    }

    /// Writing into memory does not fail; if it did, the chunk would be missing, and a test would see that.
    fn compress(&mut self) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut packed = Vec::with_capacity(self.chunks.len() + 1);
        for chunk in &self.chunks {
            if encoder.write_all(chunk).and_then(|()| encoder.flush()).is_ok() {
                packed.push(Bytes::from(std::mem::take(encoder.get_mut())));
            }
        }
        packed.extend(encoder.finish().map(Bytes::from));
        self.chunks = packed;
        self.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }

    pub(crate) fn into_response(self) -> Response<axum::body::Body> {
        let simple = !self.framed && self.end == End::Whole && !self.apart && self.pace.is_zero();
        let Self { status, headers, mut chunks, end, pace, apart, .. } = self;
        let body = if simple && chunks.len() <= 1 {
            chunks.pop().unwrap_or_default().into()
        } else {
            axum::body::Body::from_stream(flow(chunks, end, pace, apart))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// # Errors
/// What a test laid down and HTTP cannot carry.
fn head(reply: &Reply) -> Result<(StatusCode, HeaderMap), String> {
    let told = |what: &str| format!("the fake server was given a bad {what}");
    let status = StatusCode::from_u16(reply.status).map_err(|_| told(&format!("status {}", reply.status)))?;
    let header = |(name, value): &(String, String)| {
        let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
        header.ok_or_else(|| told(&format!("header {name}")))
    };
    Ok((status, reply.headers.iter().map(header).collect::<Result<_, _>>()?))
}

/// The chunks as a body. Where they are apart, the task gives way between two, which makes hyper write what it has.
fn flow(
    chunks: Vec<Bytes>,
    end: End,
    pace: Duration,
    apart: bool,
) -> impl futures_core::Stream<Item = io::Result<Bytes>> {
    stream::unfold(chunks.into_iter(), move |mut chunks| async move {
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
        } else if apart {
            tokio::task::yield_now().await;
        }
        let next = match (chunks.next(), end) {
            (Some(chunk), _) => Ok(chunk),
            (None, End::Whole) => return None,
            (None, End::Cut) => Err(io::ErrorKind::ConnectionAborted.into()),
            (None, End::Stall) => std::future::pending().await,
        };
        Some((next, chunks))
    })
}

impl Fault {
    /// The vendor's answer where the fault lets it answer something else than what it was asked for.
    pub(crate) fn instead(self, vendor: &dyn Vendor) -> Option<Reply> {
        let trouble = match self {
            Self::RateLimited(after) => {
                return Some(rate_limited(vendor.error(&Trouble::RateLimited(after.own())), after));
            }
            Self::WrongContentType => {
                let page =
                    "<!doctype html><html><body><h1>Sign in to the wireless network</h1></body></html>";
                return Some(Reply::raw(200, "text/html; charset=utf-8", page));
            }
            Self::QuotaExhausted => Trouble::QuotaExhausted,
            Self::Unauthorized => Trouble::Key,
            Self::Overloaded529 => Trouble::Overloaded,
            Self::Unavailable503 => Trouble::Unavailable,
            Self::Server500 => Trouble::Server,
            _ => return None,
        };
        Some(vendor.error(&trouble))
    }

    /// Whether it changes how a reply comes, rather than taking its place.
    pub(crate) const fn spoils(self) -> bool {
        !matches!(
            self,
            Self::DropBeforeHeaders
                | Self::CloseBeforeHeaders
                | Self::StallBeforeHeaders
                | Self::WrongContentType
                | Self::RateLimited(_)
                | Self::QuotaExhausted
                | Self::Unauthorized
                | Self::Overloaded529
                | Self::Unavailable503
                | Self::Server500
        )
    }

    /// Whether it can befall this reply at all.
    pub(crate) fn befalls(self, reply: &Reply, vendor: &dyn Vendor) -> bool {
        let frames: &[Bytes] = if let Body::Frames(frames) = &reply.body { frames } else { &[] };
        match self {
            Self::Bom | Self::CommentLines => reply.media() == "text/event-stream",
            Self::ErrorMidway | Self::GarbageFrame | Self::CrlfLines | Self::SlowFrames(_) => {
                !frames.is_empty()
            }
            Self::DuplicateUsage => {
                frames.iter().any(|frame| vendor.tells_usage(&String::from_utf8_lossy(frame)))
            }
            Self::SplitCodePoint => match &reply.body {
                Body::Json(value) => !value.to_string().is_ascii(),
                Body::Raw(bytes) => !bytes.is_ascii(),
                Body::Frames(frames) => !frames.iter().all(|frame| frame.is_ascii()),
            },
            _ => true,
        }
    }
}

fn rate_limited(reply: Reply, after: RetryAfter) -> Reply {
    if let RetryAfter::Own(_) = after {
        return reply;
    }
    let reply = reply.without_header("retry-after").without_header("retry-after-ms");
    match after {
        RetryAfter::Absent | RetryAfter::Own(_) => reply,
        RetryAfter::Seconds(seconds) => reply.header("retry-after", seconds.to_string()),
        RetryAfter::Date(seconds) => {
            let date = SystemTime::now() + Duration::from_secs(seconds);
            reply.header("retry-after", httpdate::fmt_http_date(date))
        }
        RetryAfter::Millis(millis) => reply.header("retry-after-ms", millis.to_string()),
    }
}

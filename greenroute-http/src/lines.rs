use crate::body::Body;
use futures_core::Stream;
use greenroute_core::{Error, ErrorKind, Result};
use serde::de::IgnoredAny;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Larger is no event and no line of any provider's.
pub(crate) const LARGEST: usize = 16 * 1024 * 1024;

/// Cuts bytes into lines that end in CRLF, LF or CR, however the bytes are chunked.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no line end is.
    searched: usize,
    /// A CR ended the last line: an LF that follows belongs to it.
    after_cr: bool,
}

impl LineBuffer {
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// The next whole line, without its end.
    pub(crate) fn next_line(&mut self) -> Option<&[u8]> {
        if self.after_cr && self.bytes.len() > self.start {
            self.after_cr = false;
            if self.bytes.get(self.start) == Some(&b'\n') {
                self.start += 1;
                self.searched = self.searched.max(self.start);
            }
        }
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(length) = unsearched.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.searched = self.bytes.len();
            return None;
        };
        let (start, end) = (self.start, self.searched + length);
        self.after_cr = self.bytes.get(end) == Some(&b'\r');
        self.start = end + 1;
        self.searched = self.start;
        self.bytes.get(start..end)
    }

    /// How long the line is that has not ended.
    pub(crate) fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// What follows the last line end.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.start);
        *self = Self::default();
        rest
    }
}

/// Whether a text that nothing ended is whole all the same.
pub(crate) fn is_whole(text: &str) -> bool {
    text.trim() == "[DONE]" || serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The non-empty lines of an answer, as of newline-delimited JSON.
///
/// A last line without a line end counts if it is whole JSON; else it was cut off and is dropped, so that the marker
/// that should have come last is missed. What is not UTF-8 becomes U+FFFD. An error is the last item: `Timeout`
/// (the total time, or lost or idle before the first line), `StreamError` (lost or idle later), `Decode` (a line
/// above 16 MiB).
#[derive(Debug)]
pub struct LineStream {
    body: Body,
    lines: LineBuffer,
    heard: bool,
    state: State,
}

#[derive(Debug, PartialEq)]
pub(crate) enum State {
    Reading,
    /// The body is read; items may be left.
    Ended,
    Done,
}

impl LineStream {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, lines: LineBuffer::default(), heard: false, state: State::Reading }
    }

    fn next_line(&mut self) -> Option<String> {
        while let Some(line) = self.lines.next_line() {
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Some(String::from_utf8_lossy(line).into_owned());
            }
        }
        None
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<String>>> {
        self.state = State::Done;
        Poll::Ready(Some(Err(error)))
    }
}

impl Stream for LineStream {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.state == State::Reading {
            if let Some(line) = this.next_line() {
                this.heard = true;
                return Poll::Ready(Some(Ok(line)));
            }
            if this.lines.pending() > LARGEST {
                let message = format!("a line is longer than {LARGEST} bytes");
                let error = this.body.call.error(ErrorKind::Decode, &message);
                return this.fail(error);
            }
            match ready!(this.body.poll_chunk(cx)) {
                Some(Ok(chunk)) => this.lines.push(&chunk),
                Some(Err(interruption)) => {
                    let error = this.body.call.interrupted(interruption, this.heard);
                    return this.fail(error);
                }
                None => this.state = State::Ended,
            }
        }
        if this.state == State::Ended {
            this.state = State::Done;
            let rest = String::from_utf8_lossy(&this.lines.take_rest()).into_owned();
            if is_whole(&rest) {
                return Poll::Ready(Some(Ok(rest)));
            }
        }
        Poll::Ready(None)
    }
}

use crate::body::Body;
use crate::headers::Headers;
use crate::lines::State;
use crate::sse::{SseItem, SseReader};
use futures_core::Stream;
use greenroute_core::{Error, ErrorKind, Result};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Of a body that is no event stream so much is kept, to say what it is.
const KEPT: usize = 256 * 1024;

/// The events of an answer as they come.
///
/// It ends when the body does: whether the last event was the one that should come last, only the provider knows. An
/// error is the last item: `Timeout` (the total time, or lost or idle before the first event), `StreamError` (lost or
/// idle later), `Decode` (an event above 16 MiB, or a body that is no event stream at all). A body that is one JSON
/// with an `error` in it is classified as if the status had said so.
#[derive(Debug)]
pub struct SseStream {
    body: Body,
    headers: Headers,
    reader: SseReader,
    /// What came before the first item.
    kept: Vec<u8>,
    /// An item came.
    begun: bool,
    /// An event came.
    heard: bool,
    state: State,
}

impl SseStream {
    pub(crate) fn new(body: Body, headers: Headers) -> Self {
        let reader = SseReader::new();
        Self { body, headers, reader, kept: Vec::new(), begun: false, heard: false, state: State::Reading }
    }

    fn take(&mut self, chunk: &[u8]) {
        if !self.begun {
            self.kept.extend(chunk.iter().take(KEPT.saturating_sub(self.kept.len())));
        }
        self.reader.push(chunk);
    }

    fn give(&mut self, item: SseItem) -> Poll<Option<Result<SseItem>>> {
        if !mem::replace(&mut self.begun, true) {
            self.kept = Vec::new();
        }
        self.heard |= matches!(item, SseItem::Event { .. });
        Poll::Ready(Some(Ok(item)))
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<SseItem>>> {
        self.state = State::Done;
        Poll::Ready(Some(Err(error)))
    }
}

impl Stream for SseStream {
    type Item = Result<SseItem>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.state == State::Reading {
            match this.reader.pull() {
                Ok(Some(item)) => return this.give(item),
                Ok(None) => {}
                Err(too_large) => {
                    let error = this.body.call.error(ErrorKind::Decode, &too_large.to_string());
                    return this.fail(error);
                }
            }
            match ready!(this.body.poll_chunk(cx)) {
                Some(Ok(chunk)) => this.take(&chunk),
                Some(Err(interruption)) => {
                    let error = this.body.call.interrupted(interruption, this.heard);
                    return this.fail(error);
                }
                None => this.state = State::Ended,
            }
        }
        if this.state == State::Done {
            return Poll::Ready(None);
        }
        this.state = State::Done;
        match this.reader.finish() {
            Some(item) => this.give(item),
            None if this.kept.iter().all(u8::is_ascii_whitespace) => Poll::Ready(None),
            None => {
                let error = this.body.call.unexpected("an event stream", &this.headers, &this.kept);
                this.fail(error)
            }
        }
    }
}

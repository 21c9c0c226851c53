use crate::body::Body;
use crate::lines::State;
use crate::sse::{SseItem, SseReader, TooLarge};
use futures_core::Stream;
use greenroute_core::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The events of an answer as they come.
///
/// It ends when the body does: whether the last event was the one that should come last, only the provider knows. An
/// error is the last item: `Timeout` (the total time, or lost or idle before the first event), `StreamError` (lost or
/// idle later), `Decode` (an event above 16 MiB).
#[derive(Debug)]
pub struct SseStream {
    body: Body,
    reader: SseReader,
    heard: bool,
    state: State,
}

impl SseStream {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, reader: SseReader::new(), heard: false, state: State::Reading }
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
                Ok(Some(item)) => {
                    this.heard |= matches!(item, SseItem::Event { .. });
                    return Poll::Ready(Some(Ok(item)));
                }
                Ok(None) => {}
                Err(TooLarge) => {
                    let error =
                        Error::new(ErrorKind::Decode, this.body.origin.as_str(), TooLarge.to_string());
                    return this.fail(error);
                }
            }
            match ready!(this.body.poll_chunk(cx)) {
                Some(Ok(chunk)) => this.reader.push(&chunk),
                Some(Err(interruption)) => {
                    let error = this.body.error(interruption, this.heard);
                    return this.fail(error);
                }
                None => this.state = State::Ended,
            }
        }
        if this.state == State::Ended {
            this.state = State::Done;
            return Poll::Ready(this.reader.finish().map(Ok));
        }
        Poll::Ready(None)
    }
}

use super::act::{Acted, Events, Mode, truncated, within};
use super::answer::AnswerEvent;
use super::call::Call;
use crate::chat::ChatEvent;
use crate::error::{Error, ErrorKind, Result};
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An answer piece by piece. Ends in exactly one [`AnswerEvent::Done`], or in an error that carries the receipt.
///
/// Dropping it cancels the call; what was spent is recorded by a task that [`Router::close`](crate::Router::close)
/// waits for.
#[must_use = "a stream does nothing until it is read"]
pub struct AnswerStream(BoxStream<'static, Result<AnswerEvent>>);

struct Streaming {
    /// Before the call, because fields are dropped in order: a meter leaves what a dropped stream had spent, and
    /// then the call books it.
    events: Events,
    call: Call,
    origin: String,
    text: String,
}

impl AnswerStream {
    pub(super) fn new(mut call: Call, events: Events) -> Self {
        call.give();
        let origin = call.origin();
        let streaming = Streaming { events, call, origin, text: String::new() };
        let events = stream::unfold(Some(streaming), |state| async move { Some(state?.step().await) });
        Self(events.fuse().boxed())
    }
}

impl Streaming {
    /// The next event, and the stream that remains: nothing after the last.
    async fn step(mut self) -> (Result<AnswerEvent>, Option<Self>) {
        self.call.asked_on();
        let event = match self.events.first.take() {
            Some(first) => Ok(first),
            None => {
                let left = self.call.left();
                let next = self.events.rest.next();
                let next = async { next.await.unwrap_or_else(|| Err(truncated(&self.origin, &self.text))) };
                let next = within(&*self.call.inner.runtime, left, &self.origin, next).await;
                if matches!(&next, Ok(ChatEvent::Text(_) | ChatEvent::Thinking(_))) {
                    self.call.piece_came();
                }
                next
            }
        };
        match event {
            Ok(ChatEvent::Text(text)) => {
                self.call.heard(&text);
                self.call.give();
                self.text.push_str(&text);
                (Ok(AnswerEvent::Text(text)), Some(self))
            }
            Ok(ChatEvent::Thinking(text)) => {
                self.call.heard(&text);
                self.call.give();
                (Ok(AnswerEvent::Thinking(text)), Some(self))
            }
            Ok(ChatEvent::Done(response)) => {
                let Self { call, events, .. } = self;
                // Nothing more is read of it, and the stores may take their time.
                drop(events);
                let answer = call.account(*response).remember().await;
                (Ok(AnswerEvent::Done(Box::new(answer))), None)
            }
            Err(error) => self.broken(error).await,
        }
    }
}

impl Streaming {
    /// The stream broke: another model begins anew where the caller wants that, else it ends here.
    async fn broken(self, error: Error) -> (Result<AnswerEvent>, Option<Self>) {
        let Self { mut call, events, .. } = self;
        // Dropped before the books are closed, so that a meter can leave what the stream had spent.
        drop(events);
        let broke = matches!(error.kind(), ErrorKind::StreamTruncated { .. } | ErrorKind::StreamError);
        if !(broke && call.prompt.restart && call.attempts_left() > 0 && !call.left().is_zero()) {
            return (Err(call.fail(error).await), None);
        }
        call.book_failure(&error);
        if call.place >= call.ranking.ranked.len() {
            // Nobody is left but the one that broke.
            call.place = call.place.saturating_sub(1);
        }
        let why = error.to_string();
        match call.act(Mode::Stream, Some(error)).await.and_then(Acted::into_stream) {
            Ok(events) => {
                call.give();
                let origin = call.origin();
                let restarted = AnswerEvent::Restarted { why };
                (Ok(restarted), Some(Self { events, call, origin, text: String::new() }))
            }
            Err(error) => (Err(call.fail(error).await), None),
        }
    }
}

impl Stream for AnswerStream {
    type Item = Result<AnswerEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream").finish_non_exhaustive()
    }
}

use crate::secret::Redaction;
use crate::transport::Cause;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use greenroute_core::{Error, ErrorKind};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The bytes of an answer as they come, under the idle and the total timeout.
pub(crate) struct Body {
    pub(crate) origin: String,
    pub(crate) redaction: Arc<Redaction>,
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    total: Duration,
    end: Pin<Box<Sleep>>,
}

/// Why a body ended before its end.
#[derive(Debug)]
pub(crate) enum Interruption {
    /// The total time is over.
    Total(Duration),
    /// Nothing came for so long.
    Idle(Duration),
    /// The connection is lost, or what it brought is no body.
    Lost { garbled: bool, cause: Cause },
}

impl Body {
    pub(crate) fn new(
        chunks: BoxStream<'static, reqwest::Result<Bytes>>,
        origin: String,
        redaction: Arc<Redaction>,
        idle: Duration,
        total: Duration,
        end: Pin<Box<Sleep>>,
    ) -> Self {
        Self { origin, redaction, chunks, idle, silence: Box::pin(sleep(idle)), total, end }
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interruption>>> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Interruption::Total(self.total))));
        }
        match self.chunks.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                let later = Instant::now().checked_add(self.idle);
                if let Some(later) = later {
                    self.silence.as_mut().reset(later);
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = error.without_url();
                let cause = Cause::of(&error, &self.redaction);
                Poll::Ready(Some(Err(Interruption::Lost { garbled: garbled(&error), cause })))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.silence.as_mut().poll(cx).is_ready() => {
                Poll::Ready(Some(Err(Interruption::Idle(self.idle))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Reads to the end; of more than `most` bytes `None`.
    pub(crate) async fn whole(&mut self, most: usize) -> Result<Option<Vec<u8>>, Interruption> {
        let mut bytes = Vec::new();
        while let Some(chunk) = poll_fn(|cx| self.poll_chunk(cx)).await {
            let chunk = chunk?;
            if bytes.len() + chunk.len() > most {
                return Ok(None);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }

    /// Reads what comes within `patience`, of at most `most` bytes: of an error's body any part will do.
    pub(crate) async fn some(&mut self, most: usize, patience: Duration) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = async {
            while let Some(Ok(chunk)) = poll_fn(|cx| self.poll_chunk(cx)).await {
                let room = most.saturating_sub(bytes.len());
                bytes.extend(chunk.iter().take(room));
                if chunk.len() >= room {
                    break;
                }
            }
        };
        // What came is kept either way.
        let _ = tokio::time::timeout(patience, read).await;
        bytes
    }

    /// The error of an interruption; `heard`: events had come before it.
    pub(crate) fn error(&self, interruption: Interruption, heard: bool) -> Error {
        let lost = if heard { ErrorKind::StreamError } else { ErrorKind::Timeout };
        let (kind, message, cause) = match interruption {
            Interruption::Total(total) => {
                (ErrorKind::Timeout, format!("the answer was not complete after {total:?}"), None)
            }
            Interruption::Idle(idle) => (lost, format!("nothing came for {idle:?} within the answer"), None),
            Interruption::Lost { garbled: true, cause } => {
                (ErrorKind::Decode, "the answer's encoding is broken".to_owned(), Some(cause))
            }
            Interruption::Lost { garbled: false, cause } => {
                (lost, "the connection was lost within the answer".to_owned(), Some(cause))
            }
        };
        let error = Error::new(kind, self.origin.as_str(), message);
        match cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Whether bytes came that their own encoding forbids, rather than too few.
fn garbled(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return matches!(io.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput);
        }
        source = cause.source();
    }
    false
}

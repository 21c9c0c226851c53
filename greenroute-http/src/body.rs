use crate::call::{Call, Interruption};
use bytes::Bytes;
use futures_core::stream::BoxStream;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// The bytes of an answer as they come, under the idle and the total timeout.
pub(crate) struct Body {
    pub(crate) call: Call,
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    idle: Duration,
    /// Runs only while somebody waits: a reader that takes its time is no silence of the server's.
    silence: Option<Pin<Box<Sleep>>>,
    deadline: Deadline,
}

/// When a call must be over; it runs from the sending on.
pub(crate) struct Deadline {
    pub(crate) total: Duration,
    pub(crate) over: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(crate) fn after(total: Duration) -> Self {
        Self { total, over: Box::pin(sleep(total)) }
    }
}

impl Body {
    pub(crate) fn new(
        call: Call,
        chunks: BoxStream<'static, reqwest::Result<Bytes>>,
        idle: Duration,
        deadline: Deadline,
    ) -> Self {
        Self { call, chunks, idle, silence: None, deadline }
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interruption>>> {
        if self.deadline.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Interruption::Total(self.deadline.total))));
        }
        if let Poll::Ready(chunk) = self.chunks.as_mut().poll_next(cx) {
            self.silence = None;
            return Poll::Ready(chunk.map(|chunk| chunk.map_err(Interruption::Lost)));
        }
        let idle = self.idle;
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(idle)));
        silence.as_mut().poll(cx).map(|()| Some(Err(Interruption::Idle(idle))))
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
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("origin", &self.call.origin).finish_non_exhaustive()
    }
}

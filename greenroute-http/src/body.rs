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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use futures_util::stream;
    use std::sync::Arc;

    const SECOND: Duration = Duration::from_secs(1);

    /// A body whose chunks come after these silences, and which then never ends.
    fn body(silences: Vec<u32>, idle: u32, total: u32) -> Body {
        let call = Call {
            origin: "acme".to_owned(),
            host: "acme.example".to_owned(),
            redaction: Arc::default(),
            classifier: None,
        };
        let chunks = stream::iter(silences).then(|silence| async move {
            sleep(SECOND * silence).await;
            Ok(Bytes::from_static(b"x"))
        });
        let chunks = chunks.chain(stream::pending()).boxed();
        Body::new(call, chunks, SECOND * idle, Deadline::after(SECOND * total))
    }

    async fn next(body: &mut Body) -> Result<Bytes, Interruption> {
        poll_fn(|cx| body.poll_chunk(cx)).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn every_chunk_starts_the_silence_anew() {
        let mut body = body(vec![59, 59, 59, 61], 60, 600);
        for _ in 0..3 {
            assert!(next(&mut body).await.is_ok());
        }
        assert!(matches!(next(&mut body).await, Err(Interruption::Idle(idle)) if idle == SECOND * 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_its_time_is_no_silence() {
        let mut body = body(vec![0, 10], 60, 600);
        assert!(next(&mut body).await.is_ok());
        sleep(SECOND * 120).await;
        assert!(next(&mut body).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_ends_a_body_that_never_falls_silent() {
        let mut body = body(vec![1; 100], 60, 10);
        let mut heard = 0;
        let interruption = loop {
            match next(&mut body).await {
                Ok(_) => heard += 1,
                Err(interruption) => break interruption,
            }
        };
        assert!(
            matches!(interruption, Interruption::Total(total) if total == SECOND * 10),
            "{interruption:?}"
        );
        assert!((9..=10).contains(&heard), "{heard}");
    }

    #[tokio::test(start_paused = true)]
    async fn of_an_errors_body_what_came_in_time_is_kept() {
        let mut body = body(vec![0, 0, 1, 9], 60, 600);
        assert_eq!(body.some(1000, SECOND * 5).await, b"xxx");
        let mut body = self::body(vec![0; 9], 60, 600);
        assert_eq!(body.some(4, SECOND * 5).await, b"xxxx");
    }

    #[tokio::test(start_paused = true)]
    async fn times_beyond_all_reckoning_are_no_panic() {
        let mut body = body(vec![1], u32::MAX, u32::MAX);
        body.idle = Duration::MAX;
        body.deadline = Deadline::after(Duration::MAX);
        assert!(next(&mut body).await.is_ok());
    }
}

use super::call::Call;
use crate::chat::{ChatEvent, ChatRequest, ChatResponse};
use crate::compose::compose;
use crate::error::{Error, ErrorKind, Result};
use crate::note::NoteCode;
use crate::provider::ModelProvider;
use crate::receipt::Purpose;
use crate::runtime::Runtime;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How the answer is wanted.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    Whole,
    Stream,
}

/// A model that has begun to answer, or is done.
pub(super) enum Acted {
    Whole(Box<ChatResponse>),
    Stream(Events),
}

/// The events of an answer, the first of which has come already.
pub(super) struct Events {
    pub(super) first: Option<ChatEvent>,
    pub(super) rest: BoxStream<'static, Result<ChatEvent>>,
}

impl Acted {
    pub(super) fn into_response(self) -> Result<ChatResponse> {
        match self {
            Self::Whole(response) => Ok(*response),
            Self::Stream(_) => Err(wrong_mode()),
        }
    }

    pub(super) fn into_stream(self) -> Result<Events> {
        match self {
            Self::Stream(events) => Ok(events),
            Self::Whole(_) => Err(wrong_mode()),
        }
    }
}

fn wrong_mode() -> Error {
    Error::new(ErrorKind::Internal, "router", "an attempt came back in another mode than it was made in")
}

/// What to do after a failure.
enum Next {
    /// The same model, after this time.
    Again(Duration),
    /// The next candidate, at once.
    FallBack,
    GiveUp,
}

impl Call {
    /// Asks one candidate after the other until one answers, the deadline passes or the attempts are used up.
    ///
    /// This is the only place that waits, retries and counts.
    pub(super) async fn act(&mut self, mode: Mode) -> Result<Acted> {
        let candidates: Vec<_> = self.ranking.ranked.iter().map(|ranked| ranked.candidate.clone()).collect();
        let mut left_to_try = self.inner.policy.max_attempts;
        let mut failure = None;
        for candidate in candidates {
            let Some(provider) = self.inner.registry.serving(&candidate.card.key).cloned() else { continue };
            let mut purpose = if failure.is_none() { Purpose::Answer } else { Purpose::FallBack };
            let mut retries = 0;
            while left_to_try > 0 {
                left_to_try -= 1;
                let left = self.left();
                if left.is_zero() {
                    return Err(failure.unwrap_or_else(|| deadline_passed("router")));
                }
                let composed = compose(&self.prompt, &self.history, &candidate.card, left);
                if composed.opaque_dropped > 0 {
                    let text = format!(
                        "{} blocks that only another model can read were left out",
                        composed.opaque_dropped
                    );
                    self.note(NoteCode::OpaqueDropped, text);
                }
                self.begin(candidate.clone(), purpose, composed.request.spent.clone());
                let sent = send(provider.clone(), composed.request, mode);
                let error =
                    match within(&*self.inner.runtime, left, &candidate.card.key.to_string(), sent).await {
                        Ok(acted) => return Ok(acted),
                        Err(error) => error,
                    };
                self.book_failure(&error);
                let next = self.next(&error, retries, left_to_try);
                match next {
                    Next::Again(wait) => {
                        self.inner.runtime.sleep(wait).await;
                        retries += 1;
                        purpose = Purpose::Retry;
                        failure = Some(error);
                    }
                    Next::FallBack => {
                        failure = Some(error);
                        break;
                    }
                    Next::GiveUp => return Err(error),
                }
            }
        }
        Err(failure.unwrap_or_else(|| self.no_candidate()))
    }

    fn next(&self, error: &Error, retries: u32, left_to_try: u32) -> Next {
        let random = self.inner.runtime.unique_id();
        let wait = self.inner.policy.backoff(error, retries, random);
        match wait.filter(|wait| *wait < self.left() && left_to_try > 0) {
            Some(wait) => Next::Again(wait),
            None if error.can_fall_back() || unheard(error) => Next::FallBack,
            None => Next::GiveUp,
        }
    }

    fn no_candidate(&self) -> Error {
        let rules =
            self.ranking.excluded.iter().map(|excluded| format!("{}: {}", excluded.model, excluded.rule));
        let mut rules: Vec<String> = rules.collect();
        if rules.is_empty() {
            rules.push("the catalog is empty".into());
        }
        let message = format!("no model may answer this prompt ({})", rules.join("; "));
        Error::new(ErrorKind::NoCandidate, "router", message)
    }
}

/// `work`, or a timeout where it takes longer than `left`. What times out is dropped, and so cancelled.
pub(super) async fn within<T>(
    runtime: &dyn Runtime,
    left: Duration,
    origin: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let sleep = runtime.sleep(left);
    match select(pin!(work), sleep).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(deadline_passed(origin)),
    }
}

async fn send(provider: Arc<dyn ModelProvider>, request: ChatRequest, mode: Mode) -> Result<Acted> {
    match mode {
        Mode::Whole => Ok(Acted::Whole(Box::new(provider.chat(request).await?))),
        Mode::Stream => {
            let origin = request.model.to_string();
            let mut rest = provider.chat_stream(request).await?;
            let first = rest.next().await.unwrap_or_else(|| Err(truncated(&origin, "")))?;
            Ok(Acted::Stream(Events { first: Some(first), rest }))
        }
    }
}

/// A stream that broke before the caller has heard any of it: to them, it never began.
fn unheard(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StreamTruncated { .. } | ErrorKind::StreamError)
}

pub(super) fn truncated(origin: &str, partial: &str) -> Error {
    let kind = ErrorKind::StreamTruncated { partial: partial.to_owned() };
    Error::new(kind, origin, "the stream ended without saying that it was complete")
}

fn deadline_passed(origin: &str) -> Error {
    Error::new(ErrorKind::Timeout, origin, "the call's deadline passed")
}

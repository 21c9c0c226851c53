use crate::chat::{ChatEvent, ChatRequest, ChatResponse};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ModelCard, ModelKey, ProviderName};
use crate::provider::ModelProvider;
use crate::runtime::Runtime;
use async_trait::async_trait;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use permits::{Permit, Permits};
use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

mod permits;

/// How much of a provider is used at once and per minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Calls on their way at the same time; `None` for any number. A stream counts until it ends or is dropped.
    pub concurrent: Option<NonZeroU32>,
    /// Calls that begin per minute in the long run; `None` for any number. After a quiet minute a minute's worth may
    /// begin at once, and then one for each that the time has earned again: no minute sees more than twice as many.
    pub per_minute: Option<NonZeroU32>,
}

/// A provider that is used no more than its [`Limits`] allow. Calls above them wait for their turn, first come, first
/// served, as long as their own time allows.
///
/// A meter belongs inside, around what computes: around this it would count the wait.
///
/// A call whose turn does not come in time fails with [`ErrorKind::RateLimited`], without having been sent: at once
/// where the rate tells that it cannot, else shortly before its time is over.
#[derive(Debug)]
pub struct Limited<P> {
    provider: P,
    limits: Limits,
    runtime: Arc<dyn Runtime>,
    permits: Option<Permits>,
    starts: Mutex<Starts>,
}

/// When the next call may begin, by the generic cell rate algorithm (ITU-T I.371, annex A): one number, no queue.
#[derive(Debug, Default)]
struct Starts {
    /// The moment at which all that has begun is paid for.
    paid: Duration,
}

/// A start that was taken; dropped before it is used, it is given back.
struct Start<'a> {
    starts: &'a Mutex<Starts>,
    each: Duration,
    wait: Duration,
    used: bool,
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        if !self.used {
            let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
            starts.paid = starts.paid.saturating_sub(self.each);
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

impl<P: ModelProvider> Limited<P> {
    /// `provider` within `limits`, by the clock of `runtime`.
    #[must_use]
    pub fn new(provider: P, limits: Limits, runtime: Arc<dyn Runtime>) -> Self {
        let permits = limits.concurrent.map(Permits::new);
        Self { provider, limits, runtime, permits, starts: Mutex::default() }
    }

    /// Waits for this call's turn; what it gives must be held until the call is over. The request's time is less the
    /// wait afterwards.
    async fn turn(&self, request: &mut ChatRequest) -> Result<Option<Permit>> {
        let begun = self.runtime.elapsed();
        let spent = || self.runtime.elapsed().saturating_sub(begun);
        let left = request.timeout;
        // Whoever waited to the very end could not tell anybody that it was never sent.
        let patience = left.map(|left| left.saturating_sub(left / 100));
        let permit = match (&self.permits, patience) {
            (None, _) => None,
            (Some(permits), None) => Some(permits.acquire().await),
            (Some(permits), Some(patience)) => {
                match select(permits.acquire(), self.runtime.sleep(patience)).await {
                    Either::Left((permit, _)) => Some(permit),
                    Either::Right(_) => return Err(busy(&request.model, None)),
                }
            }
        };
        if let Some(per_minute) = self.limits.per_minute {
            let patience = patience.map(|patience| patience.saturating_sub(spent()));
            let start = self.start(per_minute, patience);
            let mut start = start.map_err(|wait| busy(&request.model, Some(wait)))?;
            if !start.wait.is_zero() {
                self.runtime.sleep(start.wait).await;
            }
            start.used = true;
        }
        request.timeout = left.map(|left| left.saturating_sub(spent()));
        Ok(permit)
    }

    /// A start, or as an error how long the wait for it would be where that is no less than `patience`.
    fn start(&self, per_minute: NonZeroU32, patience: Option<Duration>) -> Result<Start<'_>, Duration> {
        let each = MINUTE / per_minute.get();
        let now = self.runtime.elapsed();
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = starts.paid.max(now).saturating_add(each);
        let wait = paid.saturating_sub(now).saturating_sub(MINUTE);
        if patience.is_some_and(|patience| wait >= patience && !wait.is_zero()) {
            return Err(wait);
        }
        starts.paid = paid;
        Ok(Start { starts: &self.starts, each, wait, used: false })
    }
}

fn busy(model: &ModelKey, after: Option<Duration>) -> Error {
    let message = "the limits set for its provider leave no room in the time that this call has";
    Error::new(ErrorKind::RateLimited { after }, model.to_string(), message)
}

impl<P: ModelProvider> fmt::Display for Limited<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, limited", self.provider)?;
        if let Some(concurrent) = self.limits.concurrent {
            write!(f, " to {concurrent} at once")?;
        }
        if let Some(per_minute) = self.limits.per_minute {
            write!(f, " to {per_minute} a minute")?;
        }
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: ModelProvider> ModelProvider for Limited<P> {
    fn name(&self) -> ProviderName {
        self.provider.name()
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.provider.models()
    }

    async fn chat(&self, mut request: ChatRequest) -> Result<ChatResponse> {
        let _permit = self.turn(&mut request).await?;
        self.provider.chat(request).await
    }

    async fn chat_stream(&self, mut request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let permit = self.turn(&mut request).await?;
        let events = self.provider.chat_stream(request).await?;
        Ok(Held { events: Some(events), permit }.boxed())
    }
}

/// A stream that holds its permit until it ends.
struct Held {
    events: Option<BoxStream<'static, Result<ChatEvent>>>,
    permit: Option<Permit>,
}

impl Stream for Held {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        let Poll::Ready(event) = events.poll_next_unpin(context) else { return Poll::Pending };
        if matches!(event, None | Some(Err(_) | Ok(ChatEvent::Done(_)))) {
            self.permit = None;
        }
        if event.is_none() {
            self.events = None;
        }
        Poll::Ready(event)
    }
}

use crate::counter::{Bracket, Brackets, Counter, Missed};
use async_trait::async_trait;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use greenroute_core::chat::{ChatEvent, ChatRequest, ChatResponse, Spent};
use greenroute_core::model::ProviderName;
use greenroute_core::units::Energy;
use greenroute_core::{Error, MeterId, ModelCard, ModelProvider, Note, NoteCode, Reading, Result};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A provider whose models run in this process, with a counter around every call. A server of models beside it is another
/// process: of what that one draws a counter shows nothing, unless it [counts everybody](crate::counter::NvmlSettings::everybody).
///
/// The reading stands on the answer, on the stream's last event, or on the error; a call that is dropped leaves it
/// in [`ChatRequest::spent`]. A counter that fails, or has not moved, costs the reading, never the call, and the answer's
/// notes say why.
/// Concurrent calls share what the counter shows: by their [compute time](ChatRequest::compute_time) where the provider tracks it, else equally.
#[derive(Debug)]
pub struct Metered<P> {
    provider: P,
    brackets: Brackets,
}

impl<P: ModelProvider> Metered<P> {
    /// `provider` with `counter` around its calls.
    #[must_use]
    pub fn new(provider: P, counter: Arc<dyn Counter>) -> Self {
        Self { provider, brackets: Brackets::new(counter) }
    }

    /// Another provider on the same counter: its calls and this one's share what the counter shows. Two of
    /// [`Metered::new`] with one counter would each count all of it.
    #[must_use]
    pub fn beside<Q: ModelProvider>(&self, provider: Q) -> Metered<Q> {
        Metered { provider, brackets: self.brackets.clone() }
    }
}

impl<P: ModelProvider> fmt::Display for Metered<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, metered by {}", self.provider, self.brackets.meter())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: ModelProvider> ModelProvider for Metered<P> {
    fn name(&self) -> ProviderName {
        self.provider.name()
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.provider.models()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        let call = Metering::begin(&self.brackets, &request);
        match self.provider.chat(request).await {
            Ok(response) => Ok(call.answered(response)),
            Err(error) => Err(call.failed(error)),
        }
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let call = Metering::begin(&self.brackets, &request);
        match self.provider.chat_stream(request).await {
            Ok(events) => Ok(MeteredStream { events: Some(events), call: Some(call) }.boxed()),
            Err(error) => Err(call.failed(error)),
        }
    }
}

/// A call being metered. Dropped before its end, it leaves its reading where the caller finds it.
struct Metering {
    bracket: Option<Bracket>,
    meter: MeterId,
    spent: Spent,
}

impl Metering {
    fn begin(brackets: &Brackets, request: &ChatRequest) -> Self {
        Self {
            bracket: Some(brackets.open(request.compute_time.clone())),
            meter: brackets.meter(),
            spent: request.spent.clone(),
        }
    }

    /// What was bracketed nearer to the work stays.
    fn answered(mut self, mut response: ChatResponse) -> ChatResponse {
        match self.close() {
            _ if response.reading.is_some() => {}
            Ok(reading) => response.reading = Some(reading),
            Err(why) => {
                let text = format!("the call was not counted by {}: {why}", self.meter);
                response.notes.push(Note::new(NoteCode::MeterDegraded, text));
            }
        }
        response
    }

    /// Without a reading, what may have run is booked by its forecast, and what was refused as nothing.
    fn failed(mut self, error: Error) -> Error {
        match self.close() {
            Ok(reading) => error.with_spent(reading),
            Err(_) => error,
        }
    }

    /// No work costs nothing: a counter that has not moved is too coarse for it, and has nothing to say.
    fn close(&mut self) -> std::result::Result<Reading, Missed> {
        let bracket = self.bracket.take().ok_or_else(|| Missed::from("it was closed before"))?;
        let reading = bracket.close()?;
        match reading.energy.value() > Energy::ZERO {
            true => Ok(reading),
            false => Err("it did not move during the call".into()),
        }
    }
}

impl Drop for Metering {
    fn drop(&mut self) {
        if let Ok(reading) = self.close() {
            self.spent.leave(reading);
        }
    }
}

/// The events of a metered call. The inner stream is dropped first, so that its work has ended when the bracket
/// closes.
struct MeteredStream {
    events: Option<BoxStream<'static, Result<ChatEvent>>>,
    call: Option<Metering>,
}

impl Stream for MeteredStream {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        let Poll::Ready(event) = events.poll_next_unpin(context) else { return Poll::Pending };
        Poll::Ready(match (event, self.call.take()) {
            (Some(Ok(ChatEvent::Done(response))), Some(call)) => {
                Some(Ok(ChatEvent::Done(Box::new(call.answered(*response)))))
            }
            (Some(Err(error)), Some(call)) => Some(Err(call.failed(error))),
            (None, call) => {
                self.events = None;
                drop(call);
                None
            }
            (event, call) => {
                self.call = call;
                event
            }
        })
    }
}

impl Drop for MeteredStream {
    fn drop(&mut self) {
        self.events = None;
        self.call = None;
    }
}

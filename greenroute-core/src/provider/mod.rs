mod closure;

pub use closure::{CompletionFn, completion_fn};

use crate::chat::{ChatEvent, ChatRequest, ChatResponse};
use crate::error::Result;
use crate::model::{ModelCard, ProviderName};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use std::fmt::{Debug, Display};
use std::sync::Arc;

/// Whoever serves models: an API, a server in the house, weights in this process.
///
/// A provider sends once. Waiting, retrying and falling back belong to the [`Router`](crate::Router), which
/// asks the error for what to do: so every failure must carry the [`ErrorKind`](crate::ErrorKind) that fits.
#[async_trait]
pub trait ModelProvider: Debug + Display + Send + Sync + 'static {
    /// Its name, the first part of every [`ModelKey`](crate::ModelKey) it serves.
    fn name(&self) -> ProviderName;

    /// The models it can serve, with what it knows of them. They seed the catalog, which is the truth afterwards.
    fn models(&self) -> Vec<Arc<ModelCard>>;

    /// Sends the request and waits for the whole answer. Dropping the future cancels the work.
    ///
    /// # Errors
    /// Any kind; it decides what the Router does next.
    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse>;

    /// Sends the request and streams the answer, ending in exactly one [`ChatEvent::Done`] or one error.
    /// Dropping the stream cancels the work.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`]; what fails after the first event comes as the stream's last item.
    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>>;
}

const _: Option<&dyn ModelProvider> = None;

#[async_trait]
impl<T: ModelProvider + ?Sized> ModelProvider for Arc<T> {
    fn name(&self) -> ProviderName {
        (**self).name()
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        (**self).models()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        (**self).chat(request).await
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        (**self).chat_stream(request).await
    }
}

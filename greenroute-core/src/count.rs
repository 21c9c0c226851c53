use crate::chat::ChatRequest;
use crate::error::Result;
use crate::units::Tokens;
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;

/// Counts a request's input with the model's own tokenizer, before anything is sent to be answered.
#[async_trait]
pub trait TokenCounter: Debug + Send + Sync + 'static {
    /// The input tokens of `request` as its model will read them, templates included.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`](crate::ErrorKind::ModelNotFound) for a model that it does not know, and
    /// whatever its transport gives.
    async fn count(&self, request: &ChatRequest) -> Result<Tokens>;
}

const _: Option<&dyn TokenCounter> = None;

#[async_trait]
impl<T: TokenCounter + ?Sized> TokenCounter for Arc<T> {
    async fn count(&self, request: &ChatRequest) -> Result<Tokens> {
        (**self).count(request).await
    }
}

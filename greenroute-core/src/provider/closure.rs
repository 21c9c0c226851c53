use super::ModelProvider;
use crate::chat::{ChatEvent, ChatRequest, ChatResponse};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ModelCard, ProviderName};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// A closure as a provider of one model: [`completion_fn`] makes it.
pub struct CompletionFn<F> {
    card: Arc<ModelCard>,
    answer: F,
}

/// A provider of the one model of `card` whose answers `answer` makes, for models that greenroute does not know and
/// for tests.
///
/// The closure only ever sees requests for its model that [`ChatRequest::check`] lets pass. A stream is its answer in
/// one piece.
///
/// ```
/// use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason};
/// use greenroute_core::model::{ModelCard, ModelKey, Privacy, Window};
/// use greenroute_core::usage::{Counted, Usage};
/// use greenroute_core::{ModelProvider, completion_fn};
///
/// let window = Window { context: 4096, max_output: None };
/// let card = ModelCard::new(ModelKey::new("mine", "echo"), window, Privacy::Local);
/// let provider = completion_fn(card, async |request: ChatRequest| {
///     let said = request.messages.iter().map(|message| message.plain_text()).collect();
///     let usage = Counted::Approximate(Usage::default());
///     Ok(ChatResponse::new(request.model, vec![Block::Text { text: said }], FinishReason::Stop, usage))
/// });
/// assert_eq!(provider.to_string(), "mine (echo)");
/// ```
pub fn completion_fn<F, Answer>(card: ModelCard, answer: F) -> CompletionFn<F>
where
    F: Fn(ChatRequest) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<ChatResponse>> + Send + 'static,
{
    CompletionFn { card: Arc::new(card), answer }
}

#[async_trait]
impl<F, Answer> ModelProvider for CompletionFn<F>
where
    F: Fn(ChatRequest) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<ChatResponse>> + Send + 'static,
{
    fn name(&self) -> ProviderName {
        self.card.key.provider.clone()
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        vec![Arc::clone(&self.card)]
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        if request.model != self.card.key {
            let message = format!("there is no `{}` here, only `{}`", request.model, self.card.key);
            return Err(Error::new(ErrorKind::ModelNotFound, self.card.key.provider.as_str(), message));
        }
        request.check(Some(&self.card))?;
        (self.answer)(request).await
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let response = self.chat(request).await?;
        let text = Some(response.text()).filter(|text| !text.is_empty());
        let events = text.map(ChatEvent::Text).into_iter().chain([ChatEvent::Done(Box::new(response))]);
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

impl<F> fmt::Debug for CompletionFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionFn").field("card", &self.card).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for CompletionFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.card.key.provider, self.card.display_name)
    }
}

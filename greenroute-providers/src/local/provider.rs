use super::engine::Engine;
use super::lane::{Asked, Job};
use super::model::LocalModel;
use super::sample::Sampler;
use super::writer::Style;
use super::{LocalProviderBuilder, NAME, PromptStyle};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use greenroute_core::chat::{ChatEvent, ChatRequest, ChatResponse, FinishReason};
use greenroute_core::model::{ModelCard, ProviderName};
use greenroute_core::units::Tokens;
use greenroute_core::{Error, ErrorKind, ModelProvider, Note, NoteCode, Result, TokenCounter};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Serves one model from a GGUF file or a folder, in this process.
///
/// ```no_run
/// use greenroute_providers::local::LocalProvider;
/// let provider = LocalProvider::open("gemma-3-270m-q4_k_m.gguf")?;
/// assert_eq!(provider.to_string(), "local (Gemma 3 270M)");
/// # Ok::<(), greenroute_core::Error>(())
/// ```
///
/// Answers are greedy unless a request sets a temperature; then a `top_k` of 64 and a `top_p` of 0.95, Google's advice
/// for Gemma, hold where it sets no others. Counts are exact. Prefill and decode are the time computed for this
/// request; where steps were shared with others, its part of them.
#[derive(Debug)]
pub struct LocalProvider {
    model: LocalModel,
    card: Arc<ModelCard>,
    style: PromptStyle,
    engine: Engine,
}

impl LocalProvider {
    /// Serves the model in the file at `path`, with default settings. Loading blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the file and what is wrong with it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(path).build()
    }

    /// Settings for the model in the file at `path`.
    #[must_use]
    pub fn builder(path: impl Into<PathBuf>) -> LocalProviderBuilder {
        LocalProviderBuilder::new(path.into())
    }

    pub(super) fn new(model: LocalModel, card: ModelCard, style: PromptStyle, engine: Engine) -> Self {
        Self { model, card: Arc::new(card), style, engine }
    }

    /// The model itself, shared with the provider.
    #[must_use]
    pub fn model(&self) -> &LocalModel {
        &self.model
    }

    /// What the model is prompted with.
    fn prompt(&self, request: &ChatRequest) -> Result<Vec<u32>> {
        if request.model != self.card.key {
            let message = format!("there is no `{}` here, only `{}`", request.model, self.card.key);
            return Err(Error::new(ErrorKind::ModelNotFound, NAME, message));
        }
        self.style.render(&request.messages, self.model.vocabulary())
    }

    fn start(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let arrived = Instant::now();
        let fault = |kind, message: String| Error::new(kind, self.card.key.to_string(), message);
        let prompt = self.prompt(&request)?;
        if !request.tools.is_empty() {
            return Err(fault(ErrorKind::Unsupported, "tools are more than this model can use".into()));
        }
        if request.schema.is_some() {
            return Err(fault(ErrorKind::Unsupported, "a schema is more than this model can keep to".into()));
        }
        request.sampling.validate()?;
        if request.max_output_tokens == Some(0) {
            return Err(fault(ErrorKind::InvalidRequest, "`max_output_tokens` must be at least 1".into()));
        }
        let window = self.card.window;
        let read = u64::try_from(prompt.len()).unwrap_or(u64::MAX);
        let wanted = request.max_output_tokens.map(|asked| asked.min(window.max_output.unwrap_or(asked)));
        let least = wanted.unwrap_or(1);
        let room = window.context.saturating_sub(read);
        if room < least {
            let tokens = if least == 1 { "token" } else { "tokens" };
            let message = format!(
                "a prompt of {read} tokens and an answer of {least} {tokens} do not fit the window of {}",
                window.context
            );
            return Err(fault(ErrorKind::ContextOverflow, message));
        }
        let longest = wanted.or(window.max_output).unwrap_or(room);
        let at_limit = if longest > room { FinishReason::ContextOverflow } else { FinishReason::Length };
        let mut stops = request.stop;
        stops.extend(self.style.stops().iter().map(|stop| (*stop).to_owned()));
        let mut sampler = Sampler::new(request.sampling);
        // As transformers has it: to a model with an encoder, what was asked is not what it has written.
        if self.model.network().continues_the_prompt() {
            sampler.see(&prompt);
        }
        let style = Style {
            max_output: usize::try_from(longest.min(room)).unwrap_or(usize::MAX),
            at_limit,
            sampler,
            stops,
            trim: self.style.trims(),
            log_probabilities: request.log_probabilities,
        };
        let effort = request.effort.is_some();
        let unheard =
            || Note::new(NoteCode::Setting, "`effort` was not heard: this model does not think first");
        let notes = effort.then(unheard).into_iter().collect();
        let ChatRequest { model: key, timeout, compute_time, .. } = request;
        let asked = |events| Asked { arrived, timeout, compute_time, notes, events };
        let job = |events| Job { key, prompt, style, asked: asked(events) };
        Ok(self.engine.submit(job)?.boxed())
    }
}

impl fmt::Display for LocalProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME} ({})", self.card.display_name)
    }
}

#[async_trait]
impl ModelProvider for LocalProvider {
    fn name(&self) -> ProviderName {
        ProviderName::new(NAME)
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        vec![Arc::clone(&self.card)]
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        let origin = request.model.to_string();
        let mut events = self.start(request)?;
        while let Some(event) = events.next().await {
            if let ChatEvent::Done(response) = event? {
                return Ok(*response);
            }
        }
        Err(Error::new(ErrorKind::Internal, origin, "the answer broke off without a word"))
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        self.start(request)
    }
}

#[async_trait]
impl TokenCounter for LocalProvider {
    async fn count(&self, request: &ChatRequest) -> Result<Tokens> {
        self.prompt(request).map(|prompt| Tokens::from(prompt.len()))
    }
}

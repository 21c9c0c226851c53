use super::card::card;
use super::engine::Engine;
use super::model::{LoadOptions, LocalModel};
use super::provider::LocalProvider;
use super::{Device, NAME, Precision, PromptStyle};
use greenroute_core::model::{ModelCard, ModelId};
use greenroute_core::{Error, ErrorKind, Result};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Settings of a [`LocalProvider`]; all but the file have a default.
///
/// Every model computes on threads of its own, one per core unless [`threads`](Self::threads) says otherwise.
#[derive(Debug, Clone)]
pub struct LocalProviderBuilder {
    path: PathBuf,
    model_id: Option<ModelId>,
    display_name: Option<String>,
    context_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    style: Option<PromptStyle>,
    load: LoadOptions,
    concurrency: NonZeroUsize,
}

impl LocalProviderBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            model_id: None,
            display_name: None,
            context_tokens: None,
            max_output_tokens: None,
            style: None,
            load: LoadOptions::default(),
            concurrency: NonZeroUsize::MIN.saturating_add(7),
        }
    }

    /// Under what id the model is asked for; by default that of the model's card, or the file's name.
    #[must_use]
    pub fn model_id(mut self, id: impl AsRef<str>) -> Self {
        self.model_id = Some(ModelId::new(id));
        self
    }

    /// The model's name for people.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// The most tokens that a prompt and its answer may have together, at most what the file says. A request
    /// of Gemma 3 270M takes about 6 kB per token, and 30 kB for each of the last 512.
    #[must_use]
    pub fn context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// The longest answer, also where a request sets no limit.
    #[must_use]
    pub fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// How conversations are written for the model; by default as its file suggests.
    #[must_use]
    pub fn style(mut self, style: PromptStyle) -> Self {
        self.style = Some(style);
        self
    }

    /// How weights are held; by default as they are stored.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.load.precision = precision;
        self
    }

    /// How many requests are computed together, each with its own memory; others wait. Eight by default.
    #[must_use]
    pub fn concurrency(mut self, requests: NonZeroUsize) -> Self {
        self.concurrency = requests;
        self
    }

    /// With how many threads the model computes, for all its requests together; one per core by default. What a
    /// model says does not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.load.threads = Some(threads);
        self
    }

    /// The most bytes that the model's weights may take while they are loaded: [`LoadOptions::memory_limit`].
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.load.memory_limit = Some(bytes);
        self
    }

    /// Where the model's matrix products are computed; by default on the processor.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.load.device = device;
        self
    }

    /// Loads the file. It takes about two seconds per gigabyte, and blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the file and what is wrong with it, or the setting and what is allowed, or
    /// the device that is not there.
    pub fn build(self) -> Result<LocalProvider> {
        let model = LocalModel::open(&self.path, self.load)?;
        let card = self.card(&model)?;
        let engine = Engine::start(model.clone(), self.concurrency)?;
        let style = self.style.unwrap_or(model.style());
        Ok(LocalProvider::new(model, card, style, engine))
    }

    fn card(&self, model: &LocalModel) -> Result<ModelCard> {
        let mut card = card(model, &self.path)?;
        let fault = |message: String| Err(Error::new(ErrorKind::Config, NAME, message));
        let most = card.window.context;
        if let Some(asked) = self.context_tokens {
            if !(2..=most).contains(&asked) {
                return fault(format!(
                    "`context_tokens` must be between 2 and the file's {most}, not {asked}"
                ));
            }
            card.window.context = asked;
        }
        if self.max_output_tokens == Some(0) {
            return fault("`max_output_tokens` must be at least 1".into());
        }
        card.window.max_output = self.max_output_tokens.or(card.window.max_output);
        if let Some(id) = &self.model_id {
            card.key.model = id.clone();
        }
        if let Some(name) = &self.display_name {
            card.display_name.clone_from(name);
        }
        card.validate()?;
        Ok(card)
    }
}

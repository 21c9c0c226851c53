use super::dialect::{Counting, Dialect, variable};
use super::effort::{Efforts, Words};
use super::{Inner, OpenAi, fault};
use crate::hosted::cards::cards_of;
use greenroute_core::model::ProviderName;
use greenroute_core::{Error, ErrorKind, ModelCard, Result};
use greenroute_http::{Client, Secret, Timeouts};
use std::sync::Arc;

/// Settings of an [`OpenAi`] provider; what is not set comes from the dialect and the environment.
#[derive(Debug, Clone)]
pub struct OpenAiBuilder {
    dialect: Dialect,
    name: ProviderName,
    key: Option<Secret>,
    key_variable: String,
    base_url: Option<String>,
    timeouts: Timeouts,
    models: Vec<ModelCard>,
    efforts: Vec<Words>,
}

impl OpenAiBuilder {
    pub(super) fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: *dialect,
            name: ProviderName::new(dialect.name),
            key: None,
            key_variable: dialect.key_variable.to_owned(),
            base_url: None,
            timeouts: Timeouts::default(),
            models: Vec::new(),
            efforts: Vec::new(),
        }
    }

    /// Under what name its models are asked for, where two servers speak one dialect.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.name = ProviderName::new(name);
        self
    }

    /// The key; by default that of the dialect's environment variable.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key));
        self
    }

    /// The environment variable of the key.
    #[must_use]
    pub fn key_variable(mut self, name: impl Into<String>) -> Self {
        self.key_variable = name.into();
        self
    }

    /// Where the server is, up to what stands before `/chat/completions`; by default where the dialect's environment
    /// variable says, or else the vendor.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// How long to wait for what.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Cards of more of its models, each in place of a shipped one of the same key.
    #[must_use]
    pub fn models(mut self, cards: Vec<ModelCard>) -> Self {
        self.models.extend(cards);
        self
    }

    /// The card of one more of its models.
    #[must_use]
    pub fn model(self, card: ModelCard) -> Self {
        self.models(vec![card])
    }

    /// The words of `reasoning_effort` that `model` knows, for off, low, medium and high, where greenroute does not know
    /// them.
    #[must_use]
    pub fn effort(mut self, model: impl Into<String>, words: [&str; 4]) -> Self {
        let (provider, words) = (self.name.to_string(), words.map(str::to_owned).to_vec());
        self.efforts.insert(0, Words { provider, models: vec![model.into()], words });
        self
    }

    /// The provider. Nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the environment variable of the key that is missing, or the setting that cannot
    /// be and what is allowed.
    pub fn build(self) -> Result<OpenAi> {
        let (dialect, name) = (self.dialect, self.name);
        let config = |message: String| Error::new(ErrorKind::Config, name.as_str(), message);
        if name.as_str().trim().is_empty() {
            return Err(Error::new(ErrorKind::Config, "openai", "the provider's `name` must not be empty"));
        }
        let key = self.key.or_else(|| variable(&self.key_variable).map(Secret::new));
        if key.is_none() && dialect.needs_key {
            return Err(config(format!("{} is not set", self.key_variable)));
        }
        let base_url = self
            .base_url
            .or_else(|| variable(dialect.base_url_variable))
            .unwrap_or_else(|| dialect.base_url.to_owned());
        let connect = |base_url: &str| {
            let client = Client::new(name.as_str(), base_url, self.timeouts)?.classifier(fault::classify);
            match &key {
                Some(key) => client.secret_header("authorization", "Bearer ", key),
                None => Ok(client),
            }
        };
        let client = connect(&base_url)?;
        let root = match dialect.counting {
            Some(Counting::Template | Counting::Conversation) => {
                let base = client.base_url();
                Some(connect(base.strip_suffix("/v1").unwrap_or(base))?)
            }
            None => None,
        };
        let efforts = Efforts::of(dialect.name, self.efforts)?;
        let cards = cards_of(name.as_str(), self.models)?;
        Ok(OpenAi(Arc::new(Inner { dialect, name, client, root, cards, efforts })))
    }
}

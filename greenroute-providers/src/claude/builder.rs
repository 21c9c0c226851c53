use super::failure::classify;
use super::rules::{ClaudeRules, shipped};
use super::{Claude, NAME};
use greenroute_core::{Date, Error, ErrorKind, ModelCard, Result};
use greenroute_http::{Client, Secret, Timeouts};
use std::sync::Arc;

const BASE_URL: &str = "https://api.anthropic.com";
const API_VERSION: &str = "2023-06-01";

/// Settings of a [`Claude`]; only the key has no default.
///
/// What is not set is looked up: the key in `ANTHROPIC_API_KEY`, the base URL in `ANTHROPIC_BASE_URL`, the API's
/// version in `ANTHROPIC_API_VERSION`.
#[derive(Debug, Clone)]
pub struct ClaudeBuilder {
    key: Option<Secret>,
    key_variable: String,
    base_url: Option<String>,
    api_version: Option<String>,
    timeouts: Timeouts,
    models: Vec<ModelCard>,
    rules: Vec<ClaudeRules>,
}

impl ClaudeBuilder {
    pub(super) fn new() -> Self {
        Self {
            key: None,
            key_variable: "ANTHROPIC_API_KEY".to_owned(),
            base_url: None,
            api_version: None,
            timeouts: Timeouts::default(),
            models: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// The API key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key));
        self
    }

    /// The environment variable that holds the key, where none is given.
    #[must_use]
    pub fn key_variable(mut self, variable: impl Into<String>) -> Self {
        self.key_variable = variable.into();
        self
    }

    /// The server, without `/v1`: `https://api.anthropic.com`, unless set here or in the environment.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The API's version, a date: `2023-06-01`, unless set here or in the environment. From `2026-10-21` on it takes no
    /// sampling settings.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// How long a call may take.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Models besides the shipped ones; a card with the key of another replaces it.
    #[must_use]
    pub fn models(mut self, cards: impl IntoIterator<Item = ModelCard>) -> Self {
        self.models.extend(cards);
        self
    }

    /// One model more, as [`models`](Self::models).
    #[must_use]
    pub fn model(self, card: ModelCard) -> Self {
        self.models([card])
    }

    /// What certain models take, where greenroute does not know it or knows it wrong.
    #[must_use]
    pub fn rules(mut self, rules: ClaudeRules) -> Self {
        self.rules.push(rules);
        self
    }

    /// The provider. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a missing key, a base URL or version that is none, and a bad card or one of another
    /// provider.
    pub fn build(self) -> Result<Claude> {
        let config = |message: String| Error::new(ErrorKind::Config, NAME, message);
        let key = match self.key {
            Some(key) => key,
            None => Secret::from_env(&self.key_variable)?,
        };
        let base_url = set(self.base_url, "ANTHROPIC_BASE_URL", BASE_URL);
        let api_version = set(self.api_version, "ANTHROPIC_API_VERSION", API_VERSION);
        let version: Date =
            api_version.parse().map_err(|error| config(format!("`api_version` is no version: {error}")))?;
        let client = Client::new(NAME, &base_url, self.timeouts)?
            .classifier(classify)
            .secret_header("x-api-key", "", &key)?
            .header("anthropic-version", &api_version)?;
        let mut cards: Vec<Arc<ModelCard>> = Vec::new();
        let shipped_cards = crate::cards()?.into_iter().filter(|card| card.key.provider.as_str() == NAME);
        for card in shipped_cards.chain(self.models) {
            card.validate()?;
            if card.key.provider.as_str() != NAME {
                return Err(config(format!("`models` holds {}, which is not of this provider", card.key)));
            }
            cards.retain(|known| known.key != card.key);
            cards.push(Arc::new(card));
        }
        let rules = shipped()?.into_iter().chain(self.rules.into_iter().map(Arc::new)).collect();
        Ok(Claude { client, version, cards, rules })
    }
}

/// A setting as given, else from the environment, else as it is by default. An empty variable is none.
fn set(given: Option<String>, variable: &str, default: &str) -> String {
    let found = || std::env::var(variable).ok().filter(|value| !value.trim().is_empty());
    given.or_else(found).unwrap_or_else(|| default.to_owned())
}

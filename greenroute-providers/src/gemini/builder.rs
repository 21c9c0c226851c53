use super::facts::{Facts, Thinking};
use super::{Gemini, Inner, NAME, error};
use crate::hosted::cards::cards_of;
use greenroute_core::{Error, ErrorKind, ModelCard, Result};
use greenroute_http::{Client, Secret, Timeouts};
use std::env;
use std::sync::Arc;

const BASE_URL: &str = "https://generativelanguage.googleapis.com";
const API_VERSION: &str = "v1beta";
/// Where a key is looked for: first greenroute's own word, then the one that Google's libraries read.
const KEY_VARIABLES: [&str; 2] = ["GEMINI_API_KEY", "GOOGLE_API_KEY"];

/// Settings of a [`Gemini`]. What is not set is taken from the environment, then from the default.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct GeminiBuilder {
    key: Option<Secret>,
    key_variable: Option<String>,
    base_url: Option<String>,
    api_version: Option<String>,
    timeouts: Timeouts,
    models: Vec<ModelCard>,
    thinking: Vec<(String, Thinking)>,
    thoughts: bool,
}

impl GeminiBuilder {
    /// The API key. Else that of the environment: `GEMINI_API_KEY`, or `GOOGLE_API_KEY`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key));
        self
    }

    /// The one environment variable that holds the key.
    pub fn key_variable(mut self, variable: impl Into<String>) -> Self {
        self.key_variable = Some(variable.into());
        self
    }

    /// Where the API is, without a version. Else `GEMINI_BASE_URL`, or `https://generativelanguage.googleapis.com`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// The API's version, the first part of every path. Else `GEMINI_API_VERSION`, or `v1beta`, which has all that is
    /// used here; `v1` is the other one.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// How long to wait.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// One more model, or another card for a shipped one.
    pub fn model(mut self, card: ModelCard) -> Self {
        self.models.push(card);
        self
    }

    /// More models, or other cards for shipped ones.
    pub fn models(mut self, cards: Vec<ModelCard>) -> Self {
        self.models.extend(cards);
        self
    }

    /// How `model` is told how hard to think: a fact that no card holds and no listing tells. Those of the shipped
    /// models are known.
    pub fn thinking(mut self, model: impl Into<String>, thinking: Thinking) -> Self {
        self.thinking.push((model.into(), thinking));
        self
    }

    /// Whether summaries of the model's thinking are asked for, as events of a stream. Not unless told, and only of
    /// models that think: others refuse.
    pub fn thoughts(mut self, wanted: bool) -> Self {
        self.thoughts = wanted;
        self
    }

    /// The provider. Nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the setting or the variable that is missing or cannot be used.
    pub fn build(self) -> Result<Gemini> {
        let key = match self.key {
            Some(key) => key,
            None => key_of_environment(self.key_variable.as_deref())?,
        };
        let setting = |given: Option<String>, variable: &str, default: &str| {
            given.or_else(|| variable_of(variable)).unwrap_or_else(|| default.to_owned())
        };
        let version = setting(self.api_version, "GEMINI_API_VERSION", API_VERSION);
        if version.is_empty() || !version.chars().all(|letter| letter.is_ascii_alphanumeric()) {
            let message = format!("`api_version` is `{version}`, and must be such as v1beta");
            return Err(Error::new(ErrorKind::Config, NAME, message));
        }
        let base_url = setting(self.base_url, "GEMINI_BASE_URL", BASE_URL);
        let client = Client::new(NAME, &base_url, self.timeouts)?.classifier(error::classify).secret_header(
            "x-goog-api-key",
            "",
            &key,
        )?;
        let cards = cards_of(NAME, self.models)?;
        let mut facts = Facts::shipped()?;
        for (model, thinking) in self.thinking {
            facts.set_thinking(&model, thinking);
        }
        Ok(Gemini(Arc::new(Inner { client, version, cards, facts, thoughts: self.thoughts })))
    }
}

fn key_of_environment(variable: Option<&str>) -> Result<Secret> {
    if let Some(variable) = variable {
        return Secret::from_env(variable);
    }
    let [first, second] = KEY_VARIABLES;
    match (variable_of(first), variable_of(second)) {
        (None, Some(_)) => Secret::from_env(second),
        _ => Secret::from_env(first),
    }
}

/// An empty variable is none.
fn variable_of(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.trim().is_empty())
}

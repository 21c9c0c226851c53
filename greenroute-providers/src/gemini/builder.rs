use super::facts::{Facts, Thinking};
use super::{Gemini, Inner, NAME, error};
use crate::hosted::cards::cards_of;
use crate::hosted::settings::{Setting, Settings, Variables, environment, setters};
use greenroute_core::{Error, ErrorKind, Result};
use std::sync::Arc;

const BASE_URL: &str = "https://generativelanguage.googleapis.com";
const API_VERSION: &str = "v1beta";
/// Where a key is looked for: first greenroute's own word, then the one that Google's libraries read.
const KEY_VARIABLES: [&str; 2] = ["GEMINI_API_KEY", "GOOGLE_API_KEY"];

/// Settings of a [`Gemini`]. What is not set is taken from the environment, then from the default.
#[derive(Debug, Clone)]
pub struct GeminiBuilder {
    settings: Settings,
    api_version: Option<String>,
    thinking: Vec<(String, Thinking)>,
    thoughts: bool,
}

impl Default for GeminiBuilder {
    fn default() -> Self {
        let settings = Settings::new(&KEY_VARIABLES);
        Self { settings, api_version: None, thinking: Vec::new(), thoughts: false }
    }
}

impl GeminiBuilder {
    setters! {
        /// The API key. Else that of the environment: `GEMINI_API_KEY`, or `GOOGLE_API_KEY`.
        key,
        /// Where the API is, without a version. Else `GEMINI_BASE_URL`, or `https://generativelanguage.googleapis.com`.
        base_url,
    }

    /// The API's version, the first part of every path. Else `GEMINI_API_VERSION`, or `v1beta`, which has all that is
    /// used here; `v1` is the other one.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// How `model` is told how hard to think: a fact that no card holds and no listing tells. Those of the shipped
    /// models are known.
    #[must_use]
    pub fn thinking(mut self, model: impl Into<String>, thinking: Thinking) -> Self {
        self.thinking.push((model.into(), thinking));
        self
    }

    /// Whether summaries of the model's thinking are asked for, as events of a stream. Not unless told, and only of
    /// models that think: others refuse.
    #[must_use]
    pub fn thoughts(mut self, wanted: bool) -> Self {
        self.thoughts = wanted;
        self
    }

    /// The provider. Nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the setting or the variable that is missing or cannot be used.
    pub fn build(self) -> Result<Gemini> {
        self.build_with(&environment)
    }

    fn build_with(self, variables: Variables<'_>) -> Result<Gemini> {
        let settings = self.settings;
        let key = settings.needed_key(NAME, variables)?;
        let base_url = settings.base_url(&["GEMINI_BASE_URL"], BASE_URL, variables);
        let names = ["GEMINI_API_VERSION"];
        let Setting { name, value: version } =
            Setting::find("api_version", self.api_version, &names, API_VERSION, variables);
        if version.is_empty() || !version.chars().all(|letter| letter.is_ascii_alphanumeric()) {
            let message = format!("{name} is `{version}`, and must be such as v1beta");
            return Err(Error::new(ErrorKind::Config, NAME, message));
        }
        let client = settings.client(NAME, &base_url)?.classifier(error::classify);
        let client = client.secret_header("x-goog-api-key", "", &key)?;
        let cards = cards_of(NAME, settings.models)?;
        let mut facts = Facts::shipped()?;
        for (model, thinking) in self.thinking {
            facts.set_thinking(&model, thinking);
        }
        Ok(Gemini(Arc::new(Inner { client, version, cards, facts, thoughts: self.thoughts })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(set: &[(&str, &str)]) -> Result<Gemini> {
        GeminiBuilder::default().build_with(&|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn whoever_set_what_cannot_be_is_named() {
        let key = ("GOOGLE_API_KEY", "canary");
        assert_eq!(built(&[key]).unwrap().to_string(), "gemini at https://generativelanguage.googleapis.com");
        let error = |set: &[(&str, &str)]| built(set).unwrap_err().to_string();
        assert_eq!(error(&[]), "gemini: GEMINI_API_KEY is not set");
        let url = error(&[key, ("GEMINI_BASE_URL", "here")]);
        assert!(url.starts_with("gemini: GEMINI_BASE_URL is no URL"), "{url}");
        let version = error(&[key, ("GEMINI_API_VERSION", "v1/models")]);
        assert!(version.starts_with("gemini: GEMINI_API_VERSION is `v1/models`"), "{version}");
    }
}

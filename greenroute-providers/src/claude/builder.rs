use super::failure::classify;
use super::rules::{ClaudeRules, shipped};
use super::{Claude, NAME};
use crate::hosted::cards::cards_of;
use crate::hosted::settings::{Setting, Settings, Variables, environment, setters};
use greenroute_core::{Date, Error, ErrorKind, Result};
use std::sync::Arc;

const BASE_URL: &str = "https://api.anthropic.com";
const API_VERSION: &str = "2023-06-01";

/// Settings of a [`Claude`]; only the key has no default.
///
/// What is not set is looked up: the key in `ANTHROPIC_API_KEY`, the base URL in `ANTHROPIC_BASE_URL`, the API's
/// version in `ANTHROPIC_API_VERSION`.
#[derive(Debug, Clone)]
pub struct ClaudeBuilder {
    settings: Settings,
    api_version: Option<String>,
    rules: Vec<ClaudeRules>,
}

impl Default for ClaudeBuilder {
    fn default() -> Self {
        Self { settings: Settings::new(&["ANTHROPIC_API_KEY"]), api_version: None, rules: Vec::new() }
    }
}

impl ClaudeBuilder {
    setters! {
        /// The API key.
        key,
        /// The server, without `/v1`: `https://api.anthropic.com`, unless set here or in the environment.
        base_url,
    }

    /// The API's version, a date: `2023-06-01`, unless set here or in the environment. From `2026-10-21` on it takes no
    /// sampling settings.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
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
    /// [`ErrorKind::Config`], naming the setting or the variable, for a missing key, a base URL or version that is
    /// none, and a bad card or one of another provider.
    pub fn build(self) -> Result<Claude> {
        self.build_with(&environment)
    }

    fn build_with(self, variables: Variables<'_>) -> Result<Claude> {
        let settings = self.settings;
        let key = settings.needed_key(NAME, variables)?;
        let base_url = settings.base_url(&["ANTHROPIC_BASE_URL"], BASE_URL, variables);
        let names = ["ANTHROPIC_API_VERSION"];
        let api_version = Setting::find("api_version", self.api_version, &names, API_VERSION, variables);
        let version: Date = api_version.value.trim().parse().map_err(|error| {
            let message = format!("{} is no version: {error}", api_version.name);
            Error::new(ErrorKind::Config, NAME, message)
        })?;
        let client = settings
            .client(NAME, &base_url)?
            .classifier(classify)
            .secret_header("x-api-key", "", &key)?
            .header("anthropic-version", api_version.value.trim())?;
        let cards = cards_of(NAME, settings.models)?;
        let rules = shipped()?.into_iter().chain(self.rules.into_iter().map(Arc::new)).collect();
        Ok(Claude { client, version, cards, rules })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(builder: ClaudeBuilder, set: (&str, &str)) -> String {
        let error = builder.build_with(&|name| (name == set.0).then(|| set.1.to_owned())).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn whoever_set_what_cannot_be_is_named() {
        let keyed = || ClaudeBuilder::default().key("canary");
        assert_eq!(error(ClaudeBuilder::default(), ("", "")), "anthropic: ANTHROPIC_API_KEY is not set");
        let url = error(keyed(), ("ANTHROPIC_BASE_URL", "here"));
        assert!(url.starts_with("anthropic: ANTHROPIC_BASE_URL is no URL"), "{url}");
        let version = error(keyed(), ("ANTHROPIC_API_VERSION", "v1"));
        assert!(version.starts_with("anthropic: ANTHROPIC_API_VERSION is no version"), "{version}");
        let version = error(keyed().api_version("v1"), ("", ""));
        assert!(version.starts_with("anthropic: `api_version` is no version"), "{version}");
    }
}

use super::address::base_url;
use super::convert::Standing;
use super::fault::classify;
use super::{NAME, Ollama};
use crate::hosted::cards::given_cards;
use greenroute_core::model::ModelCard;
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_http::{Client, Secret, Timeouts};
use std::time::Duration;

/// Where Ollama listens unless told otherwise.
const DEFAULT: &str = "http://localhost:11434";

/// Settings of an [`Ollama`]; all have a default.
#[derive(Debug, Clone)]
pub struct OllamaBuilder {
    address: Option<String>,
    key: Option<Secret>,
    key_variable: String,
    timeouts: Timeouts,
    models: Vec<ModelCard>,
    context_tokens: Option<u64>,
    keep_alive: Option<Duration>,
}

impl Default for OllamaBuilder {
    fn default() -> Self {
        Self {
            address: None,
            key: None,
            key_variable: "OLLAMA_API_KEY".to_owned(),
            timeouts: Timeouts::default(),
            models: Vec::new(),
            context_tokens: None,
            keep_alive: None,
        }
    }
}

impl OllamaBuilder {
    /// Where the server is, as a URL or in any form that `OLLAMA_HOST` takes. By default what the environment variables
    /// `OLLAMA_BASE_URL` or `OLLAMA_HOST` say, else this machine.
    #[must_use]
    pub fn base_url(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// A key, which ollama.com asks for and a server of one's own does not. By default that of the environment.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key));
        self
    }

    /// The environment variable that may hold a key; `OLLAMA_API_KEY` by default.
    #[must_use]
    pub fn key_variable(mut self, name: impl Into<String>) -> Self {
        self.key_variable = name.into();
        self
    }

    /// How long to wait. A model that is not loaded yet is loaded first, which counts.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// What is known of models. [`Ollama::with_installed`] asks the server for it.
    #[must_use]
    pub fn models(mut self, cards: Vec<ModelCard>) -> Self {
        self.models.extend(cards);
        self
    }

    /// What is known of one more model.
    #[must_use]
    pub fn model(mut self, card: ModelCard) -> Self {
        self.models.push(card);
        self
    }

    /// The window that models are run with, in tokens of prompt and answer together. By default the server decides, by
    /// its own memory: often 4096, far below what a model was trained for. A larger window takes more memory, and
    /// another one than the loaded model has loads it anew.
    #[must_use]
    pub fn context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// For how long a model stays loaded after it has answered: five minutes by default. An idle model draws power, a
    /// new load takes time. Counted in whole seconds; zero unloads at once.
    #[must_use]
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.keep_alive = Some(time);
        self
    }

    /// The provider. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the setting.
    pub fn build(self) -> Result<Ollama> {
        self.build_with(|name| std::env::var(name).ok())
    }

    fn build_with(self, variable: impl Fn(&str) -> Option<String>) -> Result<Ollama> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let address =
            self.address.or_else(|| variable("OLLAMA_BASE_URL")).or_else(|| variable("OLLAMA_HOST"));
        let address = address.map_or_else(|| Ok(DEFAULT.to_owned()), |address| base_url(&address))?;
        let mut client = Client::new(NAME, &address, self.timeouts)?.classifier(classify);
        let key = self.key.or_else(|| variable(&self.key_variable).map(Secret::new));
        if let Some(key) = &key {
            client = client.secret_header("authorization", "Bearer ", key)?;
        }
        if self.context_tokens == Some(0) {
            return Err(Error::new(ErrorKind::Config, NAME, "`context_tokens` must be at least 1"));
        }
        let mut cards = self.models;
        if let Some(most) = self.context_tokens {
            for card in &mut cards {
                card.window.context = card.window.context.min(most);
            }
        }
        let keep_alive = self.keep_alive.map(|time| time.as_secs());
        let standing = Standing { context_tokens: self.context_tokens, keep_alive };
        Ok(Ollama::over(client, given_cards(NAME, cards)?, standing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::{Privacy, Window};
    use greenroute_core::{ModelKey, ModelProvider};

    fn built(builder: OllamaBuilder, variables: &[(&str, &str)]) -> Result<Ollama> {
        builder.build_with(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_nearest_word_on_the_address_counts() {
        let shown = |builder, variables: &[(&str, &str)]| built(builder, variables).unwrap().to_string();
        let host = ("OLLAMA_HOST", "0.0.0.0:1111");
        let url = ("OLLAMA_BASE_URL", "http://gpu.lan:2222");
        let none = OllamaBuilder::default;
        assert_eq!(shown(none(), &[]), "ollama (http://localhost:11434)");
        assert_eq!(shown(none(), &[host]), "ollama (http://127.0.0.1:1111)");
        assert_eq!(shown(none(), &[host, url]), "ollama (http://gpu.lan:2222)");
        assert_eq!(shown(none().base_url("here:3333"), &[host, url]), "ollama (http://here:3333)");
        assert_eq!(shown(none(), &[("OLLAMA_HOST", " ")]), "ollama (http://localhost:11434)");
    }

    #[test]
    fn no_key_is_shown_and_none_is_needed() {
        let keyed = built(OllamaBuilder::default().key("canary-4711"), &[]).unwrap();
        let by_name = OllamaBuilder::default().key_variable("MY_KEY");
        let named = built(by_name.clone(), &[("MY_KEY", "canary-4711")]).unwrap();
        let shown = format!("{keyed} {keyed:?} {named:?} {:?}", OllamaBuilder::default().key("canary-4711"));
        assert!(!shown.contains("canary"), "{shown}");
        let error = built(by_name, &[("MY_KEY", "canary\u{7}")]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Config);
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }

    #[test]
    fn a_bad_setting_is_named() {
        for (builder, says) in [
            (OllamaBuilder::default().base_url("http://user:canary@gpu.lan"), "user or a password"),
            (OllamaBuilder::default().base_url("ftp://gpu.lan"), "http"),
            (OllamaBuilder::default().context_tokens(0), "`context_tokens`"),
        ] {
            let error = built(builder, &[]).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Config);
            assert!(error.message().contains(says) && !error.message().contains("canary"), "{error}");
        }
    }

    #[test]
    fn no_card_claims_a_larger_window_than_models_are_run_with() {
        let window = Window { context: 40_960, max_output: None };
        let card = ModelCard::new(ModelKey::new(NAME, "qwen3:4b"), window, Privacy::Local);
        let provider = built(OllamaBuilder::default().model(card).context_tokens(8192), &[]).unwrap();
        assert_eq!(provider.models()[0].window.context, 8192);
    }
}

use super::address::base_url;
use super::convert::Standing;
use super::fault::classify;
use super::{NAME, Ollama};
use crate::hosted::cards::given_cards;
use crate::hosted::settings::{Settings, Variables, environment, setters};
use greenroute_core::{Error, ErrorKind, Result};
use std::time::Duration;

/// Where Ollama listens unless told otherwise.
const DEFAULT: &str = "http://localhost:11434";
/// Where the address is looked for: first greenroute's own word, then Ollama's.
const BASE_URL_VARIABLES: [&str; 2] = ["OLLAMA_BASE_URL", "OLLAMA_HOST"];

/// Settings of an [`Ollama`]; all have a default.
#[derive(Debug, Clone)]
pub struct OllamaBuilder {
    settings: Settings,
    context_tokens: Option<u64>,
    keep_alive: Option<Duration>,
}

impl Default for OllamaBuilder {
    fn default() -> Self {
        Self { settings: Settings::new(&["OLLAMA_API_KEY"]), context_tokens: None, keep_alive: None }
    }
}

impl OllamaBuilder {
    setters! {
        /// A key, which ollama.com asks for and a server of one's own does not. By default that of the environment, if
        /// there is one: `OLLAMA_API_KEY`.
        key,
        /// Where the server is, as a URL or in any form that `OLLAMA_HOST` takes. By default what the environment
        /// variables `OLLAMA_BASE_URL` or `OLLAMA_HOST` say, else this machine.
        base_url,
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
    /// [`ErrorKind::Config`], naming the setting or the variable that cannot be used.
    pub fn build(self) -> Result<Ollama> {
        self.build_with(&environment)
    }

    fn build_with(self, variables: Variables<'_>) -> Result<Ollama> {
        let settings = self.settings;
        let mut address = settings.base_url(&BASE_URL_VARIABLES, DEFAULT, variables);
        address.value = base_url(&address.value)
            .map_err(|fault| Error::new(ErrorKind::Config, NAME, format!("{} {fault}", address.name)))?;
        let mut client = settings.client(NAME, &address)?.classifier(classify);
        if let Some(key) = settings.key(NAME, variables)? {
            client = client.secret_header("authorization", "Bearer ", &key)?;
        }
        if self.context_tokens == Some(0) {
            return Err(Error::new(ErrorKind::Config, NAME, "`context_tokens` must be at least 1"));
        }
        let mut cards = settings.models;
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
    use greenroute_core::model::{ModelCard, Privacy, Window};
    use greenroute_core::{ModelKey, ModelProvider};

    fn built(builder: OllamaBuilder, variables: &[(&str, &str)]) -> Result<Ollama> {
        builder.build_with(&|name| {
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
        let port = built(OllamaBuilder::default(), &[("OLLAMA_HOST", "gpu.lan:canary")]).unwrap_err();
        assert_eq!(
            port.to_string(),
            "ollama: OLLAMA_HOST must have a number up to 65535 as its port, or none"
        );
    }

    #[test]
    fn no_card_claims_a_larger_window_than_models_are_run_with() {
        let window = Window { context: 40_960, max_output: None };
        let card = ModelCard::new(ModelKey::new(NAME, "qwen3:4b"), window, Privacy::Local);
        let provider = built(OllamaBuilder::default().model(card).context_tokens(8192), &[]).unwrap();
        assert_eq!(provider.models()[0].window.context, 8192);
    }
}

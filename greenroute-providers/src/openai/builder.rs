use super::dialect::{Counting, Dialect};
use super::effort::{Efforts, Words};
use super::{Inner, OpenAi, fault};
use crate::hosted::cards::cards_of;
use crate::hosted::settings::{Setting, Settings, Variables, environment, setters};
use greenroute_core::model::ProviderName;
use greenroute_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Settings of an [`OpenAi`] provider; what is not set comes from the dialect and the environment.
#[derive(Debug, Clone)]
pub struct OpenAiBuilder {
    settings: Settings,
    dialect: Dialect,
    name: ProviderName,
    efforts: Vec<Words>,
}

impl OpenAiBuilder {
    pub(super) fn new(dialect: &Dialect) -> Self {
        let key_variables = [dialect.key_variable];
        let named = if dialect.key_variable.is_empty() { &[] } else { key_variables.as_slice() };
        Self {
            settings: Settings::new(named),
            dialect: *dialect,
            name: ProviderName::new(dialect.name),
            efforts: Vec::new(),
        }
    }

    /// Under what name its models are asked for, where two servers speak one dialect.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.name = ProviderName::new(name);
        self
    }

    setters! {
        /// The key; by default that of the dialect's environment variable.
        key,
        /// Where the server is, up to what stands before `/chat/completions`; by default where the dialect's
        /// environment variable says, or else the vendor.
        base_url,
    }

    /// The words of `reasoning_effort` that `model` knows, for off, low, medium and high, where greenroute does not know
    /// them.
    #[must_use]
    pub fn effort(mut self, model: impl Into<String>, words: [&str; 4]) -> Self {
        let words = words.map(str::to_owned).to_vec();
        self.efforts.insert(0, Words { provider: self.name.to_string(), models: vec![model.into()], words });
        self
    }

    /// The provider. Nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the environment variable of the key that is missing, or the setting that cannot
    /// be and what is allowed.
    pub fn build(self) -> Result<OpenAi> {
        self.build_with(&environment)
    }

    fn build_with(self, variables: Variables<'_>) -> Result<OpenAi> {
        let Self { settings, dialect, name, efforts } = self;
        let origin = name.as_str();
        if origin.trim().is_empty() {
            return Err(Error::new(ErrorKind::Config, "openai", "the provider's `name` must not be empty"));
        }
        let key = if dialect.needs_key {
            Some(settings.needed_key(origin, variables)?)
        } else {
            settings.key(origin, variables)?
        };
        let connect = |base_url: &Setting| {
            let client = settings.client(origin, base_url)?.classifier(fault::classify);
            match &key {
                Some(key) => client.secret_header("authorization", "Bearer ", key),
                None => Ok(client),
            }
        };
        let mut base_url = settings.base_url(&[dialect.base_url_variable], dialect.base_url, variables);
        let client = connect(&base_url)?;
        let root = match dialect.counting {
            Some(Counting::Template | Counting::Conversation) => {
                let base = client.base_url();
                base_url.value = base.strip_suffix("/v1").unwrap_or(base).to_owned();
                Some(connect(&base_url)?)
            }
            None => None,
        };
        // Who has another name speaks with the same words.
        let efforts = Efforts::of(dialect.name, efforts)?;
        let cards = cards_of(origin, settings.models)?;
        Ok(OpenAi(Arc::new(Inner { dialect, name, client, root, cards, efforts })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::{groq, llama_server};
    use crate::openai::OPENAI;

    fn built(builder: OpenAiBuilder, set: &[(&str, &str)]) -> Result<OpenAi> {
        builder.build_with(&|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn key_and_place_come_from_the_dialects_variables_unless_they_are_given() {
        let set = [("GROQ_API_KEY", "canary"), ("GROQ_BASE_URL", "http://here:1/v1/")];
        let shown = |builder, set: &[_]| built(builder, set).unwrap().to_string();
        assert_eq!(shown(OpenAi::of(&groq::DIALECT), &set), "Groq at http://here:1/v1");
        assert_eq!(shown(OpenAi::of(&groq::DIALECT), &set[..1]), "Groq at https://api.groq.com/openai/v1");
        let given = OpenAi::of(&groq::DIALECT).key("canary").base_url("http://there");
        assert_eq!(shown(given, &set[1..]), "Groq at http://there");
        let server = OpenAi::of(&llama_server::DIALECT);
        assert_eq!(shown(server, &[]), "llama-server at http://localhost:8080/v1");
    }

    #[test]
    fn whoever_set_what_cannot_be_is_named() {
        let told = |builder, set: &[_]| built(builder, set).unwrap_err().to_string();
        let key = ("OPENAI_API_KEY", "canary");
        assert_eq!(told(OpenAi::of(&OPENAI), &[]), "openai: OPENAI_API_KEY is not set");
        let url = told(OpenAi::of(&OPENAI), &[key, ("OPENAI_BASE_URL", "here")]);
        assert!(url.starts_with("openai: OPENAI_BASE_URL is no URL"), "{url}");
        let garbled = told(OpenAi::of(&OPENAI), &[("OPENAI_API_KEY", "canary\u{7}")]);
        assert!(garbled.contains("OPENAI_API_KEY") && !garbled.contains("canary"), "{garbled}");
        let own = Dialect { name: "own", base_url: "http://own", ..Dialect::PLAIN };
        assert_eq!(told(OpenAi::of(&own), &[]), "own: the key is not set");
    }

    #[test]
    fn a_second_server_of_a_vendor_is_told_effort_in_the_vendors_words() {
        use greenroute_core::chat::Effort;
        let second = built(OpenAi::of(&groq::DIALECT).name("groq-eu").key("canary"), &[]).unwrap();
        let word = second.0.efforts.word(Effort::Off, "openai/gpt-oss-20b", &groq::DIALECT);
        assert_eq!(word, Some("low"));
    }
}

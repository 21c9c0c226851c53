//! What every provider behind an API can be told, and where it looks for what it was not told.

use greenroute_core::{Error, ErrorKind, ModelCard, Result};
use greenroute_http::{Client, Secret, Timeouts};

/// The environment, or a test's stand-in for it.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of the environment. One that is empty counts as unset; what is not Unicode in it becomes U+FFFD, which
/// no setting accepts, so that it is refused rather than passed over.
pub(crate) fn environment(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.trim().is_empty()).then_some(value)
}

/// The settings that all have.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) key: Option<Secret>,
    /// Where a key is looked for: the first that is set counts.
    pub(crate) key_variables: Vec<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) timeouts: Timeouts,
    pub(crate) models: Vec<ModelCard>,
}

impl Settings {
    pub(crate) fn new(key_variables: &[&str]) -> Self {
        Self {
            key: None,
            key_variables: key_variables.iter().map(|name| (*name).to_owned()).collect(),
            base_url: None,
            timeouts: Timeouts::default(),
            models: Vec::new(),
        }
    }

    /// The key as given, else that of the environment, if any.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the variable, for one that cannot be sent.
    pub(crate) fn key(&self, origin: &str, variables: Variables<'_>) -> Result<Option<Secret>> {
        if let Some(key) = &self.key {
            return Ok(Some(key.clone()));
        }
        let found = self.key_variables.iter().find_map(|name| Some((name, Secret::new(variables(name)?))));
        match found.as_ref().and_then(|(name, key)| Some((name, key.fault()?))) {
            Some((name, fault)) => Err(Error::new(ErrorKind::Config, origin, format!("{name} {fault}"))),
            None => Ok(found.map(|(_, key)| key)),
        }
    }

    /// The key of a provider that answers nobody without one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the variable, where there is none, and those of [`key`](Self::key).
    pub(crate) fn needed_key(&self, origin: &str, variables: Variables<'_>) -> Result<Secret> {
        self.key(origin, variables)?.ok_or_else(|| {
            let name = self.key_variables.first().map_or("the key", String::as_str);
            Error::new(ErrorKind::Config, origin, format!("{name} is not set"))
        })
    }

    /// Where the API is.
    pub(crate) fn base_url(&self, names: &[&str], default: &str, variables: Variables<'_>) -> Setting {
        Setting::find("base_url", self.base_url.clone(), names, default, variables)
    }

    /// The client, without a key.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the setting or the variable that cannot be used.
    pub(crate) fn client(&self, origin: &str, base_url: &Setting) -> Result<Client> {
        Client::new(origin, &base_url.value, self.timeouts).map_err(|error| {
            match error.message().strip_prefix("`base_url`") {
                Some(fault) => Error::new(ErrorKind::Config, origin, format!("{}{fault}", base_url.name)),
                None => error,
            }
        })
    }
}

/// A setting and who set it, for the error that may follow.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The builder's `method`, or the variable.
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Setting {
    /// As given to the builder's `method`, else from the first of the variables that is set, else as it is by default.
    pub(crate) fn find(
        method: &str,
        given: Option<String>,
        names: &[&str],
        default: &str,
        variables: Variables<'_>,
    ) -> Self {
        let found = || names.iter().find_map(|name| Some(((*name).to_owned(), variables(name)?)));
        let method = || format!("`{method}`");
        match given {
            Some(value) => Self { name: method(), value },
            None => match found() {
                Some((name, value)) => Self { name, value },
                None => Self { name: method(), value: default.to_owned() },
            },
        }
    }
}

/// The setters that the builders share; each has its [`Settings`] in a field `settings`.
macro_rules! setters {
    ($(#[$key:meta])* key, $(#[$base_url:meta])* base_url $(,)?) => {
        $(#[$key])*
        #[must_use]
        pub fn key(mut self, key: impl Into<String>) -> Self {
            self.settings.key = Some(greenroute_http::Secret::new(key));
            self
        }

        /// The one environment variable that the key is looked for in.
        #[must_use]
        pub fn key_variable(mut self, name: impl Into<String>) -> Self {
            self.settings.key_variables = vec![name.into()];
            self
        }

        $(#[$base_url])*
        #[must_use]
        pub fn base_url(mut self, url: impl Into<String>) -> Self {
            self.settings.base_url = Some(url.into());
            self
        }

        /// How long a call may take.
        #[must_use]
        pub fn timeouts(mut self, timeouts: greenroute_http::Timeouts) -> Self {
            self.settings.timeouts = timeouts;
            self
        }

        /// Cards of more models; one with the key of another takes its place.
        #[must_use]
        pub fn models(mut self, cards: impl IntoIterator<Item = greenroute_core::ModelCard>) -> Self {
            self.settings.models.extend(cards);
            self
        }

        /// The card of one more model, as [`models`](Self::models).
        #[must_use]
        pub fn model(self, card: greenroute_core::ModelCard) -> Self {
            self.models([card])
        }
    };
}
pub(crate) use setters;

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["FIRST_KEY", "SECOND_KEY"];

    fn needed(settings: &Settings, set: &[(&str, &str)]) -> Result<String> {
        let variables =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        settings.needed_key("acme", &variables).map(|key| key.reveal().to_owned())
    }

    #[test]
    fn the_nearest_word_on_the_key_counts() {
        let both = [("FIRST_KEY", "one"), ("SECOND_KEY", "two")];
        let settings = Settings::new(&NAMES);
        assert_eq!(needed(&settings, &both).unwrap(), "one");
        assert_eq!(needed(&settings, &both[1..]).unwrap(), "two");
        let given = Settings { key: Some(Secret::new("given")), ..settings };
        assert_eq!(needed(&given, &both).unwrap(), "given");
    }

    #[test]
    fn the_variable_of_a_key_that_is_missing_or_cannot_be_is_named() {
        let settings = Settings::new(&NAMES);
        let missing = needed(&settings, &[]).unwrap_err();
        assert_eq!(missing.to_string(), "acme: FIRST_KEY is not set");
        let garbled = needed(&settings, &[("SECOND_KEY", "canary\u{fffd}")]).unwrap_err();
        assert_eq!(garbled.to_string(), "acme: SECOND_KEY is not printable ASCII");
        assert_eq!(*garbled.kind(), ErrorKind::Config);
    }

    #[test]
    fn a_base_url_that_is_none_is_named_by_whoever_set_it() {
        let settings = Settings::new(&NAMES);
        let error = |settings: &Settings, variables: Variables<'_>| {
            let base_url = settings.base_url(&["ACME_BASE_URL"], "http://acme.example", variables);
            settings.client("acme", &base_url).map(|client| client.base_url().to_owned())
        };
        let ftp = |_: &str| Some("ftp://here".to_owned());
        let says = "must begin with http:// or https://";
        assert_eq!(error(&settings, &|_| None).unwrap(), "http://acme.example");
        assert_eq!(error(&settings, &ftp).unwrap_err().to_string(), format!("acme: ACME_BASE_URL {says}"));
        let given = Settings { base_url: Some("ftp://there".to_owned()), ..settings.clone() };
        assert_eq!(error(&given, &ftp).unwrap_err().to_string(), format!("acme: `base_url` {says}"));
        let never = Timeouts { idle: std::time::Duration::ZERO, ..Timeouts::default() };
        let zero = Settings { timeouts: never, ..settings };
        assert_eq!(error(&zero, &|_| None).unwrap_err().message(), "`timeouts.idle` is zero");
    }
}

use super::dialect::Dialect;
use greenroute_core::chat::Effort;
use greenroute_core::{Date, Error, ErrorKind, ModelKey, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "a data file that does not say its source is not read")]
    source: String,
    #[expect(dead_code, reason = "nor one without a date")]
    as_of: Date,
    model: Vec<Words>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    key: ModelKey,
    words: Vec<String>,
}

/// The models of one provider that have words of their own for effort.
#[derive(Debug)]
pub(super) struct Efforts(Vec<Words>);

impl Efforts {
    /// Those of `provider`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a data file that cannot be read, which this crate's tests would say first.
    pub(super) fn of(provider: &str) -> Result<Self> {
        let file: File = toml::from_str(include_str!("../../data/efforts.toml")).map_err(|error| {
            Error::new(ErrorKind::Config, "efforts", "the words of effort cannot be read").with_source(error)
        })?;
        let ours = file.model.into_iter().filter(|words| words.key.provider.as_str() == provider);
        Ok(Self(ours.collect()))
    }

    /// The word for `effort`; `None` where the model cannot be told.
    pub(super) fn word<'a>(
        &'a self,
        effort: Effort,
        model: &ModelKey,
        dialect: &'a Dialect,
    ) -> Option<&'a str> {
        let place = match effort {
            Effort::Off => 0,
            Effort::Low => 1,
            Effort::Medium => 2,
            Effort::High => 3,
        };
        match self.0.iter().find(|words| words.key == *model) {
            Some(own) => own.words.get(place).map(String::as_str),
            None => dialect.effort?.get(place).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::groq;

    #[test]
    fn every_model_in_the_file_has_four_words_or_none() {
        let file: File = toml::from_str(include_str!("../../data/efforts.toml")).unwrap();
        assert!(!file.model.is_empty());
        for Words { key, words } in file.model {
            assert!(matches!(words.len(), 0 | 4), "{key}");
        }
    }

    #[test]
    fn off_is_as_little_as_a_model_can() {
        let efforts = Efforts::of("groq").unwrap();
        let word = |effort, model: &str| {
            efforts.word(effort, &ModelKey::new("groq", model), &groq::DIALECT).map(str::to_owned)
        };
        assert_eq!(word(Effort::Off, "openai/gpt-oss-20b").as_deref(), Some("low"));
        assert_eq!(word(Effort::High, "qwen/qwen3.8-27b").as_deref(), Some("default"));
        assert_eq!(word(Effort::Off, "unheard-of").as_deref(), Some("none"));
    }
}

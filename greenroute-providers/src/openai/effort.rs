use super::dialect::Dialect;
use greenroute_core::chat::Effort;
use greenroute_core::{Date, Error, ErrorKind, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "a data file that does not say its source is not read")]
    source: String,
    #[expect(dead_code, reason = "nor one without a date")]
    as_of: Date,
    words: Vec<Words>,
}

/// The words of some models of one provider, for off, low, medium and high; none where they cannot be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) provider: String,
    pub(super) models: Vec<String>,
    pub(super) words: Vec<String>,
}

/// How the models of one provider are told how hard to think.
#[derive(Debug)]
pub(super) struct Efforts(Vec<Words>);

impl Efforts {
    /// The shipped ones of `provider`, after the user's `own`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a data file that cannot be read, which this crate's tests would say first.
    pub(super) fn of(provider: &str, own: Vec<Words>) -> Result<Self> {
        let shipped = shipped()?.into_iter().filter(|words| words.provider == provider);
        Ok(Self(own.into_iter().chain(shipped).collect()))
    }

    /// The word for `effort`; `None` where the model cannot be told, or nobody knows how.
    pub(super) fn word<'a>(&'a self, effort: Effort, model: &str, dialect: &'a Dialect) -> Option<&'a str> {
        let place = match effort {
            Effort::Off => 0,
            Effort::Low => 1,
            Effort::Medium => 2,
            Effort::High => 3,
        };
        let listed = |words: &&Words| words.models.iter().any(|listed| listed == model);
        match self.0.iter().find(listed) {
            Some(own) => own.words.get(place).map(String::as_str),
            None => dialect.effort?.get(place).copied(),
        }
    }
}

fn shipped() -> Result<Vec<Words>> {
    let file: File = toml::from_str(include_str!("../../data/efforts.toml")).map_err(|error| {
        Error::new(ErrorKind::Config, "efforts", "the words of effort cannot be read").with_source(error)
    })?;
    Ok(file.words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::{groq, openrouter};
    use std::collections::BTreeSet;

    #[test]
    fn every_chat_model_of_these_vendors_has_four_words_or_none() {
        let mut listed = BTreeSet::new();
        for Words { provider, models, words } in shipped().unwrap() {
            assert!(matches!(words.len(), 0 | 4), "{models:?}");
            for model in models {
                assert!(listed.insert(format!("{provider}/{model}")), "{model} is listed twice");
            }
        }
        let cards = crate::cards().unwrap().into_iter().filter(|card| !card.embeds);
        let vendors = ["openai", "groq"];
        let cards: BTreeSet<String> = cards
            .filter(|card| vendors.contains(&card.key.provider.as_str()))
            .map(|card| card.key.to_string())
            .collect();
        assert_eq!(listed, cards);
    }

    #[test]
    fn off_is_as_little_as_a_model_can_and_who_is_not_known_is_not_told() {
        let own = Words {
            provider: "groq".into(),
            models: vec!["mine".into()],
            words: ["a", "b", "c", "d"].map(Into::into).to_vec(),
        };
        let efforts = Efforts::of("groq", vec![own]).unwrap();
        let word = |effort, model: &str| efforts.word(effort, model, &groq::DIALECT);
        assert_eq!(word(Effort::Off, "openai/gpt-oss-20b"), Some("low"));
        assert_eq!(word(Effort::High, "qwen/qwen3.8-27b"), Some("default"));
        assert_eq!(word(Effort::Medium, "mine"), Some("c"));
        assert_eq!(word(Effort::Off, "unheard-of"), None);
        let routed = Efforts::of("openrouter", Vec::new()).unwrap();
        assert_eq!(routed.word(Effort::Off, "any", &openrouter::DIALECT), Some("none"));
    }
}

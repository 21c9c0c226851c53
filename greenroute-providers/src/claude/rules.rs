use greenroute_core::{Date, Error, ErrorKind, Result};
use serde::Deserialize;
use std::sync::Arc;

/// What the Messages API words differently from model to model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaudeRules {
    /// The models that these rules hold for, every spelling in full: nothing is guessed from a part of a name.
    pub ids: Vec<String>,
    /// How thinking is asked for, where they can.
    #[serde(default)]
    pub thinking: Option<ClaudeThinking>,
    /// Whether they think where the request does not say.
    pub thinks_unasked: bool,
    /// How thinking is turned off, where it can be.
    #[serde(default)]
    pub off: Option<ClaudeOff>,
    /// Whether they take `temperature`, `top_p` and `top_k` while they do not think; the first two never together.
    pub sampling: bool,
    /// Whether a tool may be forced while they do not think.
    pub forced_tools: bool,
}

/// How a model is asked to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClaudeThinking {
    /// With a number of tokens, at least 1024 and below the output limit.
    Budget,
    /// With a level of effort; the model decides by itself how much it needs.
    Adaptive,
}

/// How a model is asked not to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClaudeOff {
    /// Not at all.
    Disabled,
    /// Only notes between two calls of tools remain.
    BetweenTools,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "as_of")]
    _as_of: Date,
    model: Vec<ClaudeRules>,
}

/// The shipped rules.
pub(super) fn shipped() -> Result<Vec<Arc<ClaudeRules>>> {
    let file: File = toml::from_str(include_str!("../../data/claude.toml")).map_err(|error| {
        let message = format!("the rules of models cannot be read: {}", error.message());
        Error::new(ErrorKind::Config, "anthropic", message).with_source(error)
    })?;
    Ok(file.model.into_iter().map(Arc::new).collect())
}

/// The rules for `model`; of several, the last.
pub(super) fn rules_of<'a>(all: &'a [Arc<ClaudeRules>], model: &str) -> Option<&'a ClaudeRules> {
    all.iter().rev().map(Arc::as_ref).find(|rules| rules.ids.iter().any(|id| id == model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_card_has_rules_and_no_model_has_two() {
        let rules = shipped().unwrap();
        let cards =
            crate::cards().unwrap().into_iter().filter(|card| card.key.provider.as_str() == "anthropic");
        let ids: Vec<_> = cards.map(|card| card.key.model).collect();
        assert!(!ids.is_empty());
        for id in ids {
            assert!(rules_of(&rules, id.as_str()).is_some(), "{id}");
        }
        let mut all: Vec<_> = rules.iter().flat_map(|rules| &rules.ids).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn later_rules_replace_shipped_ones_and_a_part_of_a_name_is_no_name() {
        let mut rules = shipped().unwrap();
        assert!(rules_of(&rules, "claude-haiku").is_none());
        let haiku = rules_of(&rules, "claude-haiku-4-5").unwrap().clone();
        assert!(haiku.sampling);
        rules.push(Arc::new(ClaudeRules { sampling: false, ..haiku }));
        assert!(!rules_of(&rules, "claude-haiku-4-5").unwrap().sampling);
    }
}

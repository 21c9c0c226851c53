use greenroute_core::chat::Effort;
use greenroute_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What Gemini's models take, and who says so.
const FILE: &str = include_str!("../../data/gemini.toml");

/// What is sent to a model for each [`Effort`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Thinking {
    /// `thinkingBudget`, in tokens: Gemini 2.5.
    Budget(ByEffort<u32>),
    /// `thinkingLevel`, by name: Gemini 3 and later.
    Level(ByEffort<String>),
}

/// A value for each [`Effort`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByEffort<T> {
    /// For [`Effort::Off`]: the model's least, where it cannot but think.
    pub off: T,
    /// For [`Effort::Low`].
    pub low: T,
    /// For [`Effort::Medium`].
    pub medium: T,
    /// For [`Effort::High`].
    pub high: T,
}

impl<T> ByEffort<T> {
    pub(super) fn get(&self, effort: Effort) -> &T {
        match effort {
            Effort::Off => &self.off,
            Effort::Low => &self.low,
            Effort::Medium => &self.medium,
            Effort::High => &self.high,
        }
    }
}

/// What is known of the models, by their names.
#[derive(Debug, Clone)]
pub(super) struct Facts(BTreeMap<String, ModelFacts>);

/// What a model takes from the API besides what its card says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelFacts {
    name: String,
    /// How it is told how hard to think.
    #[serde(default)]
    pub(super) effort: Option<Thinking>,
    /// Whether it refuses a history of tool calls without their thought signatures.
    #[serde(default = "yes")]
    pub(super) checks_signatures: bool,
    /// Sampling settings that it takes and passes over.
    #[serde(default)]
    pub(super) ignores: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// What stands beside the models is for people.
#[derive(Deserialize)]
struct File {
    model: Vec<ModelFacts>,
}

impl Facts {
    /// The shipped ones.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], which this file's tests would say first.
    pub(super) fn shipped() -> Result<Self> {
        let file: File = toml::from_str(FILE).map_err(|error| {
            let message = format!("the facts of the models cannot be read: {}", error.message());
            Error::new(ErrorKind::Config, super::NAME, message).with_source(error)
        })?;
        Ok(Self(file.model.into_iter().map(|facts| (facts.name.clone(), facts)).collect()))
    }

    /// What is known of `model`. Unlisted models are newer than the list, and newer models check signatures.
    pub(super) fn of(&self, model: &str) -> ModelFacts {
        self.0.get(model).cloned().unwrap_or_else(|| ModelFacts {
            name: model.to_owned(),
            effort: None,
            checks_signatures: true,
            ignores: Vec::new(),
        })
    }

    pub(super) fn set_thinking(&mut self, model: &str, thinking: Thinking) {
        let facts = ModelFacts { effort: Some(thinking), ..self.of(model) };
        self.0.insert(model.to_owned(), facts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::Date;

    #[derive(Deserialize)]
    struct Origin {
        source: String,
        as_of: Date,
    }

    #[test]
    fn the_shipped_facts_have_a_source_and_plausible_numbers() {
        let file: File = toml::from_str(FILE).unwrap();
        let Origin { source, as_of } = toml::from_str(FILE).unwrap();
        assert!(!source.is_empty() && Date::new(2026, 1, 1).unwrap().days_until(as_of) > 0);
        let facts = Facts::shipped().unwrap();
        assert_eq!(facts.0.len(), file.model.len(), "a model stands there twice");
        for facts in facts.0.values() {
            match facts.effort.as_ref().unwrap() {
                Thinking::Budget(by) => {
                    assert!(by.off < by.low && by.low < by.medium && by.medium < by.high, "{facts:?}");
                    assert!(by.high <= 65_536, "{facts:?}");
                }
                Thinking::Level(by) => {
                    for level in [&by.off, &by.low, &by.medium, &by.high] {
                        assert!(["minimal", "low", "medium", "high"].contains(&level.as_str()), "{facts:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_unlisted_model_is_taken_for_a_newer_one_and_can_be_told_of() {
        let mut facts = Facts::shipped().unwrap();
        let unknown = facts.of("gemini-9");
        assert!(unknown.checks_signatures && unknown.effort.is_none() && unknown.ignores.is_empty());
        assert!(!facts.of("gemini-2.5-flash").checks_signatures);
        let by = ByEffort { off: 0, low: 1, medium: 2, high: 3 };
        facts.set_thinking("gemini-9", Thinking::Budget(by.clone()));
        assert_eq!(facts.of("gemini-9").effort, Some(Thinking::Budget(by)));
    }
}

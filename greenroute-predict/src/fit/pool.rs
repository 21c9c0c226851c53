//! Which models stand to choose from, and what an answer of each costs in joules.

use greenroute_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Models to choose from, on the prompts of some sources.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Pool {
    /// The sources of its prompts.
    #[serde(rename = "source", deserialize_with = "one_or_many")]
    pub sources: Vec<Arc<str>>,
    /// The model that attained shares and savings are measured against.
    pub large: Arc<str>,
    /// The length of an answer of which no length is known, in tokens.
    pub output_tokens: f64,
    /// Its models.
    pub models: Vec<Member>,
}

/// A model of a pool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Member {
    /// Its name among the outcomes.
    pub model: Arc<str>,
    /// What it takes to write one token, in joules.
    pub joules_per_output_token: f64,
}

/// A weak and a strong model, between which RouteLLM's protocol chooses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Duel {
    /// The source of its prompts.
    pub source: Arc<str>,
    /// The name of the strong model among the outcomes.
    pub strong: Arc<str>,
    /// The name of the weak one.
    pub weak: Arc<str>,
}

/// The file `pools.json`: what is evaluated, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pools {
    /// Entries with `models`.
    pub pools: BTreeMap<String, Pool>,
    /// Entries with `strong` and `weak`.
    pub duels: BTreeMap<String, Duel>,
}

impl Pools {
    /// Reads `pools.json` of `folder`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is none, [`ErrorKind::Decode`] for an entry that is not as expected, for a pool
    /// without its own `large`, and for joules or tokens that are not above 0.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let path = folder.as_ref().join("pools.json");
        let origin = path.display().to_string();
        let bytes = std::fs::read(&path).map_err(|error| {
            Error::new(ErrorKind::Config, origin.as_str(), "cannot be read").with_source(error)
        })?;
        Self::parse(&bytes).map_err(|what| Error::new(ErrorKind::Decode, origin.as_str(), what))
    }

    fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let entries: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let mut read = Self::default();
        for (name, entry) in entries {
            let wrong = |error: serde_json::Error| format!("`{name}`: {error}");
            if entry.get("models").is_some() {
                let pool: Pool = serde_json::from_value(entry).map_err(wrong)?;
                if pool.large_at().is_none() {
                    return Err(format!("`{name}`: its large model is none of its models"));
                }
                let joules = pool.models.iter().map(|member| member.joules_per_output_token);
                if let Some(odd) = joules.chain([pool.output_tokens]).find(|number| *number <= 0.0) {
                    return Err(format!("`{name}`: joules and tokens are above 0, not {odd}"));
                }
                read.pools.insert(name, pool);
            } else if entry.get("strong").is_some() {
                let duel = serde_json::from_value(entry).map_err(wrong)?;
                read.duels.insert(name, duel);
            }
        }
        Ok(read)
    }
}

impl Pool {
    /// Which of its models is the large one.
    #[must_use]
    pub fn large_at(&self) -> Option<usize> {
        self.models.iter().position(|member| member.model == self.large)
    }
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Vec<Arc<str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Sources {
        One(Arc<str>),
        Many(Vec<Arc<str>>),
    }
    Ok(match Sources::deserialize(from)? {
        Sources::One(one) => vec![one],
        Sources::Many(many) => many,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_and_duels_are_told_apart() {
        let read = Pools::parse(
            br#"{"note": "words", "fit": {"c": [1]},
            "a": {"source": "quiz", "large": "x", "output_tokens": 100,
                  "models": [{"model": "x", "joules_per_output_token": 0.5, "total_b": 3}]},
            "b": {"source": ["quiz", "maths"], "large": "x", "output_tokens": 100,
                  "models": [{"model": "x", "joules_per_output_token": 0.5}]},
            "c": {"source": "quiz", "strong": "x", "weak": "y"}}"#,
        )
        .unwrap();
        assert_eq!(read.pools["a"].sources, ["quiz".into()]);
        assert_eq!(read.pools["b"].sources.len(), 2);
        assert_eq!(read.pools["a"].large_at(), Some(0));
        assert_eq!(*read.duels["c"].weak, *"y");
    }

    #[test]
    fn joules_and_tokens_are_above_0() {
        for (joules, tokens) in [(-0.1, 200), (0.0, 200), (0.1, 0)] {
            let pools = format!(
                r#"{{"a": {{"source": "quiz", "large": "z", "output_tokens": {tokens},
                    "models": [{{"model": "z", "joules_per_output_token": {joules}}}]}}}}"#
            );
            let said = Pools::parse(pools.as_bytes()).unwrap_err();
            assert!(said.contains("`a`") && said.contains("above 0"), "{said}");
        }
    }

    #[test]
    fn a_pool_without_its_large_model_is_refused() {
        let pools = br#"{"a": {"source": "quiz", "large": "z", "output_tokens": 100, "models": []}}"#;
        assert!(Pools::parse(pools).unwrap_err().contains("`a`"));
    }
}

use crate::conversation::ConversationId;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelKey;
use crate::prompt::Prompt;
use crate::rank::{Candidate, Excluded, Rule, tie_break};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};

/// Whom a policy is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// Prompts whose tag `org` has this value.
    Org(String),
    /// Prompts whose tag `user` has this value.
    User(String),
    /// Prompts of this conversation.
    Conversation(ConversationId),
}

/// Which models an administrator leaves. It beats every objective, and several for one prompt hold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Enforcement {
    /// The candidates with the least forecast energy, this many: what nothing else excludes is counted.
    Greenest(NonZeroUsize),
    /// These models.
    Only(BTreeSet<ModelKey>),
}

impl Scope {
    fn holds(&self, prompt: &Prompt) -> bool {
        let tagged = |name: &str, value: &String| prompt.tags.get(name) == Some(value);
        match self {
            Self::Org(org) => tagged("org", org),
            Self::User(user) => tagged("user", user),
            Self::Conversation(id) => prompt.conversation.as_ref() == Some(id),
        }
    }
}

impl Enforcement {
    /// The models that it takes away.
    fn refused(&self, candidates: &[Candidate]) -> BTreeSet<ModelKey> {
        let key = |candidate: &Candidate| candidate.card.key.clone();
        match self {
            Self::Only(models) => candidates.iter().map(key).filter(|key| !models.contains(key)).collect(),
            Self::Greenest(count) => {
                let mut greenest: Vec<&Candidate> = candidates.iter().collect();
                greenest.sort_unstable_by(|a, b| tie_break(a, b));
                greenest.into_iter().skip(count.get()).map(key).collect()
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Org(org) => write!(f, "org {org}"),
            Self::User(user) => write!(f, "user {user}"),
            Self::Conversation(id) => write!(f, "conversation {id}"),
        }
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Greenest(count) => write!(f, "greenest {count}"),
            Self::Only(models) => {
                f.write_str("only ")?;
                for (place, model) in models.iter().enumerate() {
                    write!(f, "{}{model}", if place == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

/// The policies in force. A decision sees all of them as they were at one moment.
#[derive(Debug, Default)]
pub(crate) struct Enforcements(RwLock<Arc<BTreeMap<Scope, Enforcement>>>);

impl Enforcements {
    pub(crate) fn all(&self) -> Arc<BTreeMap<Scope, Enforcement>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets or ends the policy of one scope.
    pub(crate) fn set(&self, scope: Scope, enforcement: Option<Enforcement>) -> Result<()> {
        if matches!(&enforcement, Some(Enforcement::Only(models)) if models.is_empty()) {
            let message = format!("`only` for {scope} must name at least one model");
            return Err(Error::new(ErrorKind::Config, "enforcement", message));
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = BTreeMap::clone(&held);
        match enforcement {
            Some(enforcement) => next.insert(scope, enforcement),
            None => next.remove(&scope),
        };
        *held = Arc::new(next);
        Ok(())
    }

    /// Takes away what the policies for `prompt` do not leave, and gives the rule of each that holds. Sets come before
    /// counts: the greenest are counted among the models that every set leaves.
    pub(crate) fn apply(
        &self,
        prompt: &Prompt,
        candidates: &mut Vec<Candidate>,
        excluded: &mut Vec<Excluded>,
    ) -> Vec<Rule> {
        let policies = self.all();
        let holding = || policies.iter().filter(|(scope, _)| scope.holds(prompt));
        let is_set = |enforcement: &Enforcement| matches!(enforcement, Enforcement::Only(_));
        let sets = holding().filter(|(_, enforcement)| is_set(enforcement));
        let counts = holding().filter(|(_, enforcement)| !is_set(enforcement));
        let mut rules = Vec::new();
        for (scope, enforcement) in sets.chain(counts) {
            let rule = Rule::Enforced { scope: scope.clone(), enforcement: enforcement.clone() };
            let refused = enforcement.refused(candidates);
            candidates.retain(|candidate| !refused.contains(&candidate.card.key));
            excluded.extend(refused.into_iter().map(|model| Excluded { model, rule: rule.clone() }));
            rules.push(rule);
        }
        rules
    }
}

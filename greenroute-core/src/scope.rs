use crate::conversation::ConversationId;
use crate::prompt::Prompt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Whom a policy or a setting is for.
///
/// Tags are what the caller says they are: whoever serves several orgs or users sets `org`, `key` and `user` itself, on
/// every prompt, and lets nobody else do so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// Prompts whose tag `org` has this value.
    Org(String),
    /// Prompts whose tag `key` has this value: the name of an API key, never the key itself.
    Key(String),
    /// Prompts whose tag `user` has this value.
    User(String),
    /// Prompts of this conversation.
    Conversation(ConversationId),
}

impl Scope {
    pub(crate) fn holds(&self, prompt: &Prompt) -> bool {
        let tagged = |name: &str, value: &String| prompt.tags.get(name) == Some(value);
        match self {
            Self::Org(org) => tagged("org", org),
            Self::Key(key) => tagged("key", key),
            Self::User(user) => tagged("user", user),
            Self::Conversation(id) => prompt.conversation.as_ref() == Some(id),
        }
    }

    /// The scopes that `prompt` is in, narrowest first.
    pub(crate) fn of(prompt: &Prompt) -> impl Iterator<Item = Self> + '_ {
        let tag = |name: &str| prompt.tags.get(name).cloned();
        let scopes = [
            prompt.conversation.clone().map(Self::Conversation),
            tag("user").map(Self::User),
            tag("key").map(Self::Key),
            tag("org").map(Self::Org),
        ];
        scopes.into_iter().flatten()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Org(org) => write!(f, "org {org}"),
            Self::Key(key) => write!(f, "key {key}"),
            Self::User(user) => write!(f, "user {user}"),
            Self::Conversation(id) => write!(f, "conversation {id}"),
        }
    }
}

/// What is set for each scope. Whoever reads sees all of it as it was at one moment.
#[derive(Debug)]
pub(crate) struct Scoped<T>(RwLock<Arc<BTreeMap<Scope, T>>>);

impl<T> Default for Scoped<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: Clone> Scoped<T> {
    pub(crate) fn all(&self) -> Arc<BTreeMap<Scope, T>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets what holds for one scope, or ends it.
    pub(crate) fn set(&self, scope: Scope, value: Option<T>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let next = Arc::make_mut(&mut held);
        match value {
            Some(value) => next.insert(scope, value),
            None => next.remove(&scope),
        };
    }
}

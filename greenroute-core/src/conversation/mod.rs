//! What was said, independent of any provider.

mod memory;
mod store;

use crate::chat::Message;
use crate::model::ModelKey;
use crate::receipt::ReceiptId;
use crate::time::rfc3339;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

pub use memory::MemoryStore;
pub use store::{Append, ConversationStore};

/// The id of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationId(Arc<str>);

impl ConversationId {
    /// From its text.
    #[must_use]
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(Arc::from(id.as_ref()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ConversationId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

/// A conversation without its turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Its title.
    pub title: String,
    /// When it began.
    #[serde(with = "rfc3339")]
    pub created_at: SystemTime,
    /// The model that answers in it, once one did or the user named one.
    pub active_model: Option<ModelKey>,
    /// How many turns it has: whoever appends says how many it has seen.
    pub head: u64,
}

impl Conversation {
    /// An empty conversation.
    #[must_use]
    pub fn new(id: ConversationId, title: impl Into<String>, created_at: SystemTime) -> Self {
        Self { id, title: title.into(), created_at, active_model: None, head: 0 }
    }
}

/// One message of a conversation, and the call that it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// What was said.
    pub message: Message,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// The model that said it; `None` for the user's turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelKey>,
    /// The call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
}

use super::{Conversation, ConversationId, Turn};
use crate::error::Result;
use crate::model::ModelKey;
use crate::receipt::Receipt;
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;

/// Turns to append, by somebody who has seen the conversation up to `expected_head`.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// How many turns the conversation had when it was read.
    pub expected_head: u64,
    /// The new turns, in order.
    pub turns: Vec<Turn>,
    /// The receipt of the call that made them: a store which is also the ledger writes it in the same commit.
    pub receipt: Option<Receipt>,
}

/// Keeps conversations. Every call is atomic: it happens wholly or not at all, also when the process is killed.
#[async_trait]
pub trait ConversationStore: Debug + Send + Sync + 'static {
    /// Begins a conversation.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where the id is taken.
    async fn create(&self, conversation: &Conversation) -> Result<()>;

    /// The conversation of this id.
    ///
    /// # Errors
    /// [`ErrorKind::ConversationNotFound`](crate::ErrorKind::ConversationNotFound), as every other call here.
    async fn find(&self, id: &ConversationId) -> Result<Conversation>;

    /// At most `limit` conversations, newest first.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) where it cannot be read.
    async fn list(&self, limit: usize) -> Result<Vec<Conversation>>;

    /// The last `limit` turns, oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::ConversationNotFound`](crate::ErrorKind::ConversationNotFound).
    async fn tail(&self, id: &ConversationId, limit: usize) -> Result<Vec<Turn>>;

    /// Appends turns and gives the new head. Appending the turns of a receipt that is stored already changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where the head is another than expected.
    async fn append(&self, id: &ConversationId, append: Append) -> Result<u64>;

    /// Changes the active model, if it is still `expected`.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where it is another.
    async fn set_active_model(
        &self,
        id: &ConversationId,
        expected: Option<&ModelKey>,
        model: &ModelKey,
    ) -> Result<()>;

    /// Removes a conversation with its turns; receipts stay.
    ///
    /// # Errors
    /// [`ErrorKind::ConversationNotFound`](crate::ErrorKind::ConversationNotFound).
    async fn delete(&self, id: &ConversationId) -> Result<()>;
}

const _: Option<&dyn ConversationStore> = None;

#[async_trait]
impl<T: ConversationStore + ?Sized> ConversationStore for Arc<T> {
    async fn create(&self, conversation: &Conversation) -> Result<()> {
        (**self).create(conversation).await
    }

    async fn find(&self, id: &ConversationId) -> Result<Conversation> {
        (**self).find(id).await
    }

    async fn list(&self, limit: usize) -> Result<Vec<Conversation>> {
        (**self).list(limit).await
    }

    async fn tail(&self, id: &ConversationId, limit: usize) -> Result<Vec<Turn>> {
        (**self).tail(id, limit).await
    }

    async fn append(&self, id: &ConversationId, append: Append) -> Result<u64> {
        (**self).append(id, append).await
    }

    async fn set_active_model(
        &self,
        id: &ConversationId,
        expected: Option<&ModelKey>,
        model: &ModelKey,
    ) -> Result<()> {
        (**self).set_active_model(id, expected, model).await
    }

    async fn delete(&self, id: &ConversationId) -> Result<()> {
        (**self).delete(id).await
    }
}

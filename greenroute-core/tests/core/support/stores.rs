use async_trait::async_trait;
use greenroute_core::conversation::{Append, Conversation, Turn};
use greenroute_core::*;
use std::sync::Arc;
use std::time::Duration;

/// A memory store that takes its time to write, or cannot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Difficult {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) appending: Duration,
    pub(crate) recording: Duration,
    pub(crate) reading: Duration,
    pub(crate) refuses: bool,
}

impl Difficult {
    fn refusal(&self) -> Result<()> {
        if self.refuses { Err(Error::new(ErrorKind::Store, "disk", "it is full")) } else { Ok(()) }
    }
}

#[async_trait]
impl ConversationStore for Difficult {
    async fn create(&self, conversation: &Conversation) -> Result<()> {
        self.inner.create(conversation).await
    }

    async fn find(&self, id: &ConversationId) -> Result<Conversation> {
        tokio::time::sleep(self.reading).await;
        self.inner.find(id).await
    }

    async fn list(&self, limit: usize) -> Result<Vec<Conversation>> {
        self.inner.list(limit).await
    }

    async fn tail(&self, id: &ConversationId, limit: usize) -> Result<Vec<Turn>> {
        self.inner.tail(id, limit).await
    }

    async fn append(&self, id: &ConversationId, append: Append) -> Result<u64> {
        tokio::time::sleep(self.appending).await;
        self.refusal()?;
        self.inner.append(id, append).await
    }

    async fn set_active_model(
        &self,
        id: &ConversationId,
        expected: Option<&ModelKey>,
        model: &ModelKey,
    ) -> Result<()> {
        self.inner.set_active_model(id, expected, model).await
    }

    async fn delete(&self, id: &ConversationId) -> Result<()> {
        self.inner.delete(id).await
    }
}

#[async_trait]
impl Ledger for Difficult {
    async fn record(&self, receipt: &Receipt) -> Result<()> {
        tokio::time::sleep(self.recording).await;
        self.refusal()?;
        self.inner.record(receipt).await
    }

    async fn receipt(&self, id: &ReceiptId) -> Result<Option<Receipt>> {
        self.inner.receipt(id).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Receipt>> {
        self.inner.recent(limit).await
    }
}

//! Many requests handed over at once, answered within a day at a lower price.

use crate::chat::{ChatRequest, ChatResponse};
use crate::error::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

/// One request of a batch.
#[derive(Debug, Clone)]
pub struct BatchItem {
    /// Names the request within its batch: 1 to 64 of `a-z A-Z 0-9 _ -`, none twice.
    pub id: String,
    /// The request. Its `timeout` says nothing here.
    pub request: ChatRequest,
}

/// The provider's name of a batch: enough to ask for it after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub String);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a batch has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchStatus {
    /// Whether it is done.
    pub state: BatchState,
    /// Requests in all, where the provider says already.
    pub total: Option<u64>,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that failed, expired or were cancelled.
    pub failed: u64,
    /// When the provider gives up what is not answered by then.
    pub expires_at: Option<SystemTime>,
}

/// Whether a batch is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchState {
    /// It waits or runs.
    Running,
    /// It is done: there are [results](BatchProvider::results), some of which may be errors.
    Done,
    /// It was cancelled; what was answered before may be had.
    Cancelled,
    /// It took too long; what was answered in time may be had.
    Expired,
    /// The provider could not run it at all.
    Failed,
}

/// A request's end: its id, and the answer or the error.
pub type BatchResult = (String, Result<ChatResponse>);

/// A provider that takes many requests at once and answers them later.
#[async_trait]
pub trait BatchProvider: Debug + Send + Sync + 'static {
    /// Hands over the requests, all for one provider.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) for no items, a bad id or one given twice, and
    /// for requests that one batch cannot hold together; whatever a single request or the transport gives.
    async fn submit(&self, items: Vec<BatchItem>) -> Result<BatchId>;

    /// How far it has come.
    ///
    /// # Errors
    /// Whatever the transport gives.
    async fn status(&self, batch: &BatchId) -> Result<BatchStatus>;

    /// What became of each request, in no order. Before the batch is done, the provider decides whether parts may
    /// be had.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where nothing may be had yet; whatever the transport
    /// gives.
    async fn results(&self, batch: &BatchId) -> Result<Vec<BatchResult>>;

    /// Asks the provider to stop. What was answered already is still billed.
    ///
    /// # Errors
    /// Whatever the transport gives.
    async fn cancel(&self, batch: &BatchId) -> Result<()>;
}

const _: Option<&dyn BatchProvider> = None;

#[async_trait]
impl<T: BatchProvider + ?Sized> BatchProvider for Arc<T> {
    async fn submit(&self, items: Vec<BatchItem>) -> Result<BatchId> {
        (**self).submit(items).await
    }

    async fn status(&self, batch: &BatchId) -> Result<BatchStatus> {
        (**self).status(batch).await
    }

    async fn results(&self, batch: &BatchId) -> Result<Vec<BatchResult>> {
        (**self).results(batch).await
    }

    async fn cancel(&self, batch: &BatchId) -> Result<()> {
        (**self).cancel(batch).await
    }
}

use super::answer::Asked;
use super::wire::{Batch, BatchAsk, BatchEnd, BatchEntry, BatchLine};
use super::{Claude, NAME};
use crate::hosted::batch::check_ids;
use async_trait::async_trait;
use futures_util::TryStreamExt;
use greenroute_core::batch::{BatchId, BatchItem, BatchResult, BatchState, BatchStatus};
use greenroute_core::{BatchProvider, Error, ErrorKind, Result};
use greenroute_http::rfc3339;

const BATCHES: &str = "v1/messages/batches";

#[async_trait]
impl BatchProvider for Claude {
    async fn submit(&self, items: Vec<BatchItem>) -> Result<BatchId> {
        check_ids(NAME, &items)?;
        let entries = items.iter().map(|BatchItem { id, request }| {
            let (params, notes) = self.ask(request, false)?;
            match notes.first() {
                None => Ok(BatchEntry { custom_id: id, params }),
                Some(note) => {
                    let message =
                        format!("a batch cannot tell what is not done as asked, and of `{id}` {note}");
                    Err(Error::new(ErrorKind::Unsupported, request.model.to_string(), message))
                }
            }
        });
        let requests = entries.collect::<Result<Vec<_>>>()?;
        let batch: Batch =
            self.client.post(BATCHES).json(&BatchAsk { requests }).send().await?.json().await?;
        Ok(BatchId(batch.id))
    }

    async fn status(&self, batch: &BatchId) -> Result<BatchStatus> {
        self.batch(batch).await.map(|batch| status(&batch))
    }

    async fn results(&self, batch: &BatchId) -> Result<Vec<BatchResult>> {
        let BatchStatus { state, total, .. } = status(&self.batch(batch).await?);
        if state == BatchState::Running {
            let message = format!("the batch {batch} is not done: there are no results yet");
            return Err(fault(ErrorKind::Unsupported, message));
        }
        let response = self.client.get(&path(batch, "/results")?).send().await.map_err(about_batch)?;
        let lines = response.lines().and_then(async |line| self.result(&line));
        let results: Vec<BatchResult> = lines.try_collect().await?;
        // A last line that was cut off is no line.
        match total.filter(|total| u64::try_from(results.len()).is_ok_and(|read| read < *total)) {
            None => Ok(results),
            Some(total) => {
                let message = format!("of {total} results of the batch {} came", results.len());
                Err(fault(ErrorKind::Decode, message))
            }
        }
    }

    async fn cancel(&self, batch: &BatchId) -> Result<()> {
        self.client.post(&path(batch, "/cancel")?).send().await.map_err(about_batch)?;
        Ok(())
    }
}

impl Claude {
    async fn batch(&self, batch: &BatchId) -> Result<Batch> {
        self.client.get(&path(batch, "")?).send().await.map_err(about_batch)?.json().await
    }

    /// One line of the results. Which model was asked is told nowhere but by the answer.
    fn result(&self, line: &str) -> Result<BatchResult> {
        let line: BatchLine = serde_json::from_str(line)
            .map_err(|_| fault(ErrorKind::Decode, "a line of the results is not the JSON expected"))?;
        let ended = |kind, message: &str| Err(fault(kind, message));
        let result = match line.result {
            BatchEnd::Succeeded { message } => {
                Asked::forgotten(message.model.as_deref().unwrap_or("unknown")).read(message)
            }
            BatchEnd::Errored { error } => Err(self.client.error_in(&error, NAME)),
            BatchEnd::Canceled => {
                ended(ErrorKind::Cancelled, "the batch was cancelled before this request was sent")
            }
            BatchEnd::Expired => ended(ErrorKind::Timeout, "the batch expired before this request was sent"),
            BatchEnd::Unknown => ended(ErrorKind::Decode, "the request ended in a way that is not known"),
        };
        Ok((line.custom_id, result))
    }
}

fn fault(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, NAME, message)
}

/// What was not found is the batch, not a model.
fn about_batch(error: Error) -> Error {
    match error.kind() {
        ErrorKind::ModelNotFound => fault(ErrorKind::InvalidRequest, error.message()),
        _ => error,
    }
}

fn path(batch: &BatchId, what: &str) -> Result<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if batch.0.is_empty() || !batch.0.chars().all(allowed) {
        return Err(fault(ErrorKind::InvalidRequest, "the batch's id is none of this provider's"));
    }
    Ok(format!("{BATCHES}/{batch}{what}"))
}

fn status(batch: &Batch) -> BatchStatus {
    let counts = batch.request_counts;
    let all = [counts.processing, counts.succeeded, counts.errored, counts.canceled, counts.expired];
    let state = match batch.processing_status.as_str() {
        "ended" if batch.cancel_initiated_at.is_some() && counts.canceled > 0 => BatchState::Cancelled,
        "ended" if counts.expired > 0 => BatchState::Expired,
        "ended" => BatchState::Done,
        _ => BatchState::Running,
    };
    BatchStatus {
        state,
        total: Some(all.into_iter().fold(0, u64::saturating_add)),
        answered: counts.succeeded,
        failed: counts.errored.saturating_add(counts.canceled).saturating_add(counts.expired),
        expires_at: batch.expires_at.as_deref().and_then(rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_says_how_far_it_has_come() {
        let of = |status: &str, counts: [u64; 5], cancelled: bool| {
            let [processing, succeeded, errored, canceled, expired] = counts;
            let cancelled_at = cancelled.then_some("2026-11-21T10:20:30Z");
            let batch = serde_json::json!({
                "id": "msgbatch_1", "processing_status": status, "expires_at": "2026-11-22T10:20:30Z",
                "cancel_initiated_at": cancelled_at, "request_counts": {"processing": processing,
                "succeeded": succeeded, "errored": errored, "canceled": canceled, "expired": expired},
            });
            super::status(&serde_json::from_value(batch).unwrap())
        };
        assert_eq!(of("in_progress", [3, 0, 0, 0, 0], false).state, BatchState::Running);
        assert_eq!(of("canceling", [3, 0, 0, 0, 0], true).state, BatchState::Running);
        let done = of("ended", [0, 2, 1, 0, 0], false);
        assert_eq!((done.state, done.total, done.answered, done.failed), (BatchState::Done, Some(3), 2, 1));
        assert!(done.expires_at.is_some());
        assert_eq!(of("ended", [0, 1, 0, 0, 2], false).state, BatchState::Expired);
        assert_eq!(of("ended", [0, 1, 0, 2, 0], true).state, BatchState::Cancelled);
        assert_eq!(of("ended", [0, 3, 0, 0, 0], true).state, BatchState::Done);
    }
}

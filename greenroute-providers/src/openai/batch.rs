use super::OpenAi;
use super::answer::Call;
use async_trait::async_trait;
use futures_util::TryStreamExt;
use greenroute_core::batch::{BatchId, BatchItem, BatchResult, BatchState, BatchStatus};
use greenroute_core::chat::{ChatRequest, ChatResponse};
use greenroute_core::{BatchProvider, Error, ErrorKind, Result};
use greenroute_http::{Failure, Headers, Part};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use super::fault;
use super::wire::lenient;

/// The only time that vendors offer.
const WINDOW: &str = "24h";
/// Where each request of a batch goes; vendors want it so, whatever their base URL.
const ENDPOINT: &str = "/v1/chat/completions";

#[derive(Deserialize)]
struct File {
    id: String,
}

#[derive(Deserialize)]
struct Batch {
    id: String,
    status: String,
    #[serde(default, deserialize_with = "lenient")]
    request_counts: Counts,
    #[serde(default, deserialize_with = "lenient")]
    expires_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    output_file_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    error_file_id: Option<String>,
    /// Why it could not be run at all.
    #[serde(default)]
    errors: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    total: Option<u64>,
    completed: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct Line {
    custom_id: String,
    #[serde(default)]
    response: Option<Answered>,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct Answered {
    status_code: u16,
    #[serde(default)]
    body: Value,
}

#[async_trait]
impl BatchProvider for OpenAi {
    /// A batch has nowhere to put notes: a request that would get one is `Unsupported` instead.
    async fn submit(&self, items: Vec<BatchItem>) -> Result<BatchId> {
        self.has_batches()?;
        self.check_ids(&items)?;
        let mut lines = Vec::new();
        for BatchItem { id, request } in &items {
            let written = self.written(request)?;
            if let Some(note) = written.notes.first() {
                let message = format!("the request `{id}` cannot be batched as it is: {note}");
                return Err(Error::new(ErrorKind::Unsupported, request.model.to_string(), message));
            }
            let line = json!({"custom_id": id, "method": "POST", "url": ENDPOINT, "body": written.body});
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
        }
        let parts = vec![
            Part::text("purpose", "batch"),
            Part::file("file", "batch.jsonl", "application/jsonl", lines),
        ];
        let file: File = self.0.client.post("files").multipart(parts).send().await?.json().await?;
        let batch = json!({"input_file_id": file.id, "endpoint": ENDPOINT, "completion_window": WINDOW});
        let batch: Batch = self.0.client.post("batches").json(&batch).send().await?.json().await?;
        Ok(BatchId(batch.id))
    }

    async fn status(&self, batch: &BatchId) -> Result<BatchStatus> {
        let batch = self.batch(batch).await?;
        Ok(BatchStatus {
            state: batch.state(),
            total: batch.request_counts.total,
            answered: batch.request_counts.completed,
            failed: batch.request_counts.failed,
            expires_at: batch.expires_at.and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at))),
        })
    }

    async fn results(&self, batch: &BatchId) -> Result<Vec<BatchResult>> {
        let batch = self.batch(batch).await?;
        if batch.state() == BatchState::Running {
            return Err(self.unsupported("gives no results before the batch is done"));
        }
        let files: Vec<&String> =
            [&batch.output_file_id, &batch.error_file_id].into_iter().flatten().collect();
        if let Some(why) = batch.errors.pointer("/data/0/message").and_then(Value::as_str)
            && files.is_empty()
        {
            return Err(Error::new(ErrorKind::InvalidRequest, self.0.name.as_str(), why));
        }
        let mut results = Vec::new();
        for file in files {
            let content = self.0.client.get(&format!("files/{file}/content")).send().await?;
            let lines: Vec<String> = content.lines().try_collect().await?;
            for line in lines {
                results.push(self.result(&line)?);
            }
        }
        Ok(results)
    }

    async fn cancel(&self, batch: &BatchId) -> Result<()> {
        self.has_batches()?;
        self.0.client.post(&format!("batches/{batch}/cancel")).send().await?;
        Ok(())
    }
}

impl OpenAi {
    fn has_batches(&self) -> Result<()> {
        if self.0.dialect.batches {
            Ok(())
        } else {
            Err(self.unsupported("takes no batches in this protocol"))
        }
    }

    fn check_ids(&self, items: &[BatchItem]) -> Result<()> {
        let invalid =
            |message: String| Err(Error::new(ErrorKind::InvalidRequest, self.0.name.as_str(), message));
        if items.is_empty() {
            return invalid("a batch needs at least one request".to_owned());
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let mut known = BTreeSet::new();
        let first = items.first().map(|item| &item.request.model);
        for BatchItem { id, request } in items {
            // The vendor would find it out too, long after it took the batch.
            if Some(&request.model) != first {
                return invalid("all requests of a batch must be for one model".to_owned());
            }
            if !(1..=64).contains(&id.len()) || !id.bytes().all(allowed) {
                return invalid(format!("the id `{id}` must be 1 to 64 of `a-z A-Z 0-9 _ -`"));
            }
            if !known.insert(id) {
                return invalid(format!("the id `{id}` is given twice"));
            }
        }
        Ok(())
    }

    async fn batch(&self, batch: &BatchId) -> Result<Batch> {
        self.has_batches()?;
        self.0.client.get(&format!("batches/{batch}")).send().await?.json().await
    }

    /// What one line of a file says; a line without an id says nothing of any request.
    fn result(&self, line: &str) -> Result<BatchResult> {
        let line: Line = serde_json::from_str(line).map_err(|error| {
            let message = "a line of the batch's results cannot be read";
            Error::new(ErrorKind::Decode, self.0.name.as_str(), message).with_source(error)
        })?;
        let outcome = match line.response {
            Some(answered) => self.answered(answered),
            None if line.error.is_null() => {
                let message = "neither an answer nor an error came for this request";
                Err(Error::new(ErrorKind::Decode, self.0.name.as_str(), message))
            }
            None => Err(self.0.client.error_in(&json!({"error": line.error}), self.0.name.as_str())),
        };
        Ok((line.custom_id, outcome))
    }

    fn answered(&self, answered: Answered) -> Result<ChatResponse> {
        let Answered { status_code, body } = answered;
        let named = body.get("model").and_then(Value::as_str).unwrap_or_default();
        // What was asked is not said again.
        let request =
            ChatRequest { log_probabilities: true, ..ChatRequest::new(self.key(named), Vec::new()) };
        if !(200..300).contains(&status_code) {
            let headers = Headers::default();
            let failure = Failure { status: status_code, headers: &headers, body: &body, text: "" };
            let classified = fault::classify(&failure).unwrap_or_else(|| failure.by_status());
            return Err(classified.into_error(self.0.name.as_str()));
        }
        self.whole(
            body,
            Call { provider: self.clone(), request, notes: Vec::new(), request_id: None, elapsed: None },
        )
    }
}

impl Batch {
    fn state(&self) -> BatchState {
        match self.status.as_str() {
            "completed" => BatchState::Done,
            "failed" => BatchState::Failed,
            "expired" => BatchState::Expired,
            "cancelled" => BatchState::Cancelled,
            _ => BatchState::Running,
        }
    }
}

use super::answer::Answer;
use super::wire::{GenerateRequest, GenerateResponse};
use super::{Gemini, NAME, resource};
use crate::hosted::batch::one_model;
use async_trait::async_trait;
use greenroute_core::batch::{BatchId, BatchItem, BatchResult, BatchState, BatchStatus};
use greenroute_core::{BatchProvider, Error, ErrorKind, ModelKey, Note, Result};
use greenroute_http::rfc3339;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// A batch that waits or runs longer is given up: <https://ai.google.dev/gemini-api/docs/batch-api>.
const PATIENCE: Duration = Duration::from_secs(48 * 3600);

/// Batches of one model each, handed over within one request of at most 20 MB, as the API has it.
#[async_trait]
impl BatchProvider for Gemini {
    async fn submit(&self, items: Vec<BatchItem>) -> Result<BatchId> {
        let model = one_model(NAME, &items)?;
        let mut requests = Vec::with_capacity(items.len());
        for BatchItem { id, request } in &items {
            let (asked, notes) = self.ask(request)?;
            let asked = GenerateRequest { model: Some(resource(model)), ..asked };
            // Metadata comes back beside the result: so do the notes, although only this call can know them.
            let notes = (!notes.is_empty()).then(|| json!(notes).to_string());
            let metadata = Metadata { key: Some(id.clone()), notes };
            requests.push(json!({ "request": asked, "metadata": metadata }));
        }
        let config = json!({ "requests": { "requests": requests } });
        let body = json!({ "batch": { "displayName": "greenroute", "inputConfig": config } });
        let path = self.path(model, "batchGenerateContent")?;
        let operation: Operation =
            self.client().post(&path).origin(model.to_string()).json(&body).send().await?.json().await?;
        match operation.name {
            Some(name) => Ok(BatchId(name)),
            None => Err(Error::new(ErrorKind::Decode, NAME, "the batch was given no name")),
        }
    }

    async fn status(&self, batch: &BatchId) -> Result<BatchStatus> {
        let operation = self.operation(batch).await?;
        let stats = &operation.metadata.batch_stats;
        Ok(BatchStatus {
            state: operation.state(),
            total: stats.request_count,
            answered: stats.successful_request_count.unwrap_or(0),
            failed: stats.failed_request_count.unwrap_or(0),
            expires_at: operation
                .metadata
                .create_time
                .as_deref()
                .and_then(rfc3339)
                .map(|time| time + PATIENCE),
        })
    }

    /// Once it is done, cancelled or expired, and not before.
    async fn results(&self, batch: &BatchId) -> Result<Vec<BatchResult>> {
        let mut operation = self.operation(batch).await?;
        let fault = |kind, message: String| Error::new(kind, NAME, message);
        if operation.state() == BatchState::Running {
            return Err(fault(ErrorKind::Unsupported, format!("{batch} is not done yet")));
        }
        let output = [operation.response.take(), operation.metadata.output.take()];
        let answers =
            output.into_iter().flatten().find_map(|output| output.inlined_responses?.inlined_responses);
        match (answers, &operation.error) {
            (Some(answers), _) => {
                let model = operation.metadata.model.unwrap_or_default();
                let model = ModelKey::new(NAME, model.trim_start_matches("models/"));
                answers.into_iter().map(|answer| self.result(answer, &model)).collect()
            }
            (None, Some(error)) => Err(self.client().error_in(&json!({ "error": error }), NAME)),
            (None, None) => Err(fault(ErrorKind::Decode, format!("{batch} ended without results"))),
        }
    }

    async fn cancel(&self, batch: &BatchId) -> Result<()> {
        let path = format!("{}:cancel", self.batch_path(batch)?);
        let sent = self.client().post(&path).json(&json!({})).send().await;
        sent.map(|_| ()).map_err(|error| no_batch(error, batch))
    }
}

impl Gemini {
    async fn operation(&self, batch: &BatchId) -> Result<Operation> {
        let answer = self.client().get(&self.batch_path(batch)?).send().await;
        answer.map_err(|error| no_batch(error, batch))?.json().await
    }

    /// Only what names a batch may stand in the path.
    fn batch_path(&self, batch: &BatchId) -> Result<String> {
        let name = batch.0.strip_prefix("batches/").unwrap_or_default();
        let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.is_empty() || !name.chars().all(known) {
            let message = format!("`{batch}` names no batch of Gemini's: they are `batches/…`");
            return Err(Error::new(ErrorKind::InvalidRequest, NAME, message));
        }
        Ok(format!("{}/batches/{name}", self.version()))
    }

    fn result(&self, answer: InlinedResponse, model: &ModelKey) -> Result<BatchResult> {
        let metadata = answer.metadata.unwrap_or_default();
        let Some(id) = metadata.key else {
            return Err(Error::new(
                ErrorKind::Decode,
                NAME,
                "a result does not say which request it answers",
            ));
        };
        let result = match (answer.response, answer.error) {
            (Some(response), _) => {
                let notes: Option<Vec<Note>> =
                    metadata.notes.and_then(|notes| serde_json::from_str(&notes).ok());
                let mut whole = Answer::of(model.clone(), notes.unwrap_or_default());
                whole.add(response);
                whole.finish()
            }
            (None, Some(error)) => {
                Err(self.client().error_in(&json!({ "error": error }), &model.to_string()))
            }
            (None, None) => {
                Err(Error::new(ErrorKind::Decode, model.to_string(), "neither an answer nor an error came"))
            }
        };
        Ok((id, result))
    }
}

/// A 404 is about the batch here, not about a model.
fn no_batch(error: Error, batch: &BatchId) -> Error {
    match error.kind() {
        ErrorKind::ModelNotFound => {
            let message = format!("there is no batch `{batch}`");
            Error::new(ErrorKind::InvalidRequest, NAME, message).with_source(error)
        }
        _ => error,
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Operation {
    name: Option<String>,
    done: bool,
    metadata: BatchMetadata,
    response: Option<Output>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BatchMetadata {
    model: Option<String>,
    state: Option<String>,
    create_time: Option<String>,
    batch_stats: BatchStats,
    output: Option<Output>,
}

/// Protobuf's 64-bit numbers come as text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BatchStats {
    #[serde(deserialize_with = "count")]
    request_count: Option<u64>,
    #[serde(deserialize_with = "count")]
    successful_request_count: Option<u64>,
    #[serde(deserialize_with = "count")]
    failed_request_count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    inlined_responses: Option<InlinedResponses>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InlinedResponses {
    inlined_responses: Option<Vec<InlinedResponse>>,
}

#[derive(Deserialize)]
struct InlinedResponse {
    response: Option<GenerateResponse>,
    error: Option<Value>,
    metadata: Option<Metadata>,
}

/// What is handed over beside a request, and comes back beside its result.
#[derive(Default, Serialize, Deserialize)]
struct Metadata {
    key: Option<String>,
    /// As JSON: metadata are texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
}

impl Operation {
    fn state(&self) -> BatchState {
        match self.metadata.state.as_deref().map(|state| state.rsplit("STATE_").next().unwrap_or(state)) {
            Some("SUCCEEDED") => BatchState::Done,
            Some("FAILED") => BatchState::Failed,
            Some("CANCELLED") => BatchState::Cancelled,
            Some("EXPIRED") => BatchState::Expired,
            _ if self.done && self.error.is_some() => BatchState::Failed,
            _ if self.done => BatchState::Done,
            _ => BatchState::Running,
        }
    }
}

fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn states_and_counts_are_read_in_every_form() {
        let read = |value| serde_json::from_value::<Operation>(value).unwrap();
        let running = read(json!({
            "name": "batches/b", "metadata": {"state": "BATCH_STATE_RUNNING", "batchStats": {"requestCount": "3"}}
        }));
        assert_eq!(
            (running.state(), running.metadata.batch_stats.request_count),
            (BatchState::Running, Some(3))
        );
        for (state, done, expected) in [
            (json!("JOB_STATE_SUCCEEDED"), true, BatchState::Done),
            (json!("BATCH_STATE_FAILED"), true, BatchState::Failed),
            (json!("BATCH_STATE_CANCELLED"), true, BatchState::Cancelled),
            (json!("BATCH_STATE_EXPIRED"), true, BatchState::Expired),
            (json!("BATCH_STATE_PENDING"), false, BatchState::Running),
            (Value::Null, true, BatchState::Done),
            (Value::Null, false, BatchState::Running),
        ] {
            assert_eq!(read(json!({"done": done, "metadata": {"state": state}})).state(), expected);
        }
        assert_eq!(read(json!({"done": true, "error": {"code": 13}})).state(), BatchState::Failed);
    }
}

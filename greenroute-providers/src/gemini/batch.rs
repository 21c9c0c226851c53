use super::answer::Answer;
use super::wire::{GenerateRequest, GenerateResponse};
use super::{Gemini, NAME, resource};
use async_trait::async_trait;
use greenroute_core::batch::{BatchId, BatchItem, BatchResult, BatchState, BatchStatus};
use greenroute_core::{BatchProvider, Date, Error, ErrorKind, ModelKey, Note, NoteCode, Result};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// A batch that waits or runs longer is given up: <https://ai.google.dev/gemini-api/docs/batch-api>.
const PATIENCE: Duration = Duration::from_secs(48 * 3600);

/// Batches of one model each, handed over within one request of at most 20 MB, as the API has it.
#[async_trait]
impl BatchProvider for Gemini {
    async fn submit(&self, items: Vec<BatchItem>) -> Result<BatchId> {
        let model = one_model(&items)?;
        let mut requests = Vec::with_capacity(items.len());
        for BatchItem { id, request } in &items {
            let (asked, notes) = self.ask(request)?;
            let asked = GenerateRequest { model: Some(resource(&model)), ..asked };
            // Metadata comes back beside the result: so do the notes, although only this call can know them.
            let notes = notes.into_iter().filter(|note| note.code == NoteCode::Setting).map(|note| note.text);
            let notes = notes.collect::<Vec<_>>().join("\n");
            let metadata = Metadata { key: Some(id.clone()), notes: (!notes.is_empty()).then_some(notes) };
            requests.push(json!({ "request": asked, "metadata": metadata }));
        }
        let config = json!({ "requests": { "requests": requests } });
        let body = json!({ "batch": { "displayName": "greenroute", "inputConfig": config } });
        let path = self.path(&model, "batchGenerateContent")?;
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
                let notes = metadata.notes.iter().flat_map(|notes| notes.lines());
                let notes = notes.map(|text| Note::new(NoteCode::Setting, text.to_owned())).collect();
                let mut whole = Answer::of(model.clone(), notes);
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

/// The model of all items.
fn one_model(items: &[BatchItem]) -> Result<ModelKey> {
    let fault = |message: String| Err(Error::new(ErrorKind::InvalidRequest, NAME, message));
    let Some(first) = items.first() else {
        return fault("a batch must have items".to_owned());
    };
    let mut ids = BTreeSet::new();
    for BatchItem { id, request } in items {
        let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if id.is_empty() || id.len() > 64 || !id.chars().all(known) {
            return fault(format!("the id `{id}` must be 1 to 64 of a-z A-Z 0-9 _ -"));
        }
        if !ids.insert(id) {
            return fault(format!("the id `{id}` is given twice"));
        }
        if request.model != first.request.model {
            return fault(format!(
                "a batch of Gemini's is for one model, not for {} and {}",
                first.request.model, request.model
            ));
        }
    }
    Ok(first.request.model.clone())
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

/// A time in UTC such as `2026-11-21T10:20:30.123Z`, to the second.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let clock = time.split('.').next()?;
    let mut numbers = clock.split(':').map(|number| number.parse::<u64>().ok().filter(|number| *number < 60));
    let (hours, minutes, seconds) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let seconds = hours * 3600 + minutes * 60 + seconds;
    Some(date.parse::<Date>().ok()?.start() + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::chat::{ChatRequest, Message, Role};

    fn item(id: &str, model: &str) -> BatchItem {
        let request = ChatRequest::new(ModelKey::new(NAME, model), vec![Message::text(Role::User, "hi")]);
        BatchItem { id: id.into(), request }
    }

    #[test]
    fn a_batch_is_for_one_model_and_its_ids_are_told_apart() {
        assert_eq!(one_model(&[item("a", "m"), item("b", "m")]).unwrap(), ModelKey::new(NAME, "m"));
        let long = "x".repeat(65);
        let bad: [&[BatchItem]; 6] = [
            &[],
            &[item("a", "m"), item("b", "n")],
            &[item("a", "m"), item("a", "m")],
            &[item("", "m")],
            &[item("a b", "m")],
            &[item(&long, "m")],
        ];
        for items in bad {
            assert_eq!(*one_model(items).unwrap_err().kind(), ErrorKind::InvalidRequest, "{items:?}");
        }
    }

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

    #[test]
    fn a_time_is_read_to_the_second() {
        let start = "2026-11-21".parse::<Date>().unwrap().start();
        let read = rfc3339("2026-11-21T10:20:30.123456Z").unwrap();
        assert_eq!(read.duration_since(start).unwrap().as_secs(), 37_230);
        for bad in
            ["", "2026-11-21", "2026-11-21T10:20Z", "2026-11-21T99:20:30Z", "T::Z", "2026-11-21T10:20:30"]
        {
            assert_eq!(rfc3339(bad), None, "{bad}");
        }
    }
}

//! Files and batches in OpenAI's form. A batch is checked when it is first asked for, and done at the second time.

use super::error;
use super::write::CREATED;
use crate::asked::Recorded;
use crate::fields::{Fields, Wrong};
use crate::reply::{Body, Reply};
use crate::serve;
use crate::vendor::{Trouble, Vendor};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Where each request of a batch goes.
const ENDPOINT: &str = "/v1/chat/completions";

/// What a vendor keeps.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    files: BTreeMap<String, (String, Bytes)>,
    batches: BTreeMap<String, Batch>,
}

#[derive(Debug)]
struct Batch {
    input: String,
    metadata: Value,
    status: &'static str,
    total: usize,
    /// The files of answers and of errors, once it is done.
    output: Option<(String, usize)>,
    failed: Option<(String, usize)>,
    /// Why it cannot be run at all.
    errors: Vec<Value>,
}

impl Store {
    /// The answer to a request for files or batches; none where it is for something else. `path` is without what the
    /// vendor's base URL has.
    pub(crate) fn answer(&self, vendor: &dyn Vendor, request: &Recorded, path: &str) -> Option<Reply> {
        let mut steps = path.strip_prefix('/')?.split('/');
        let (what, id, more) = (steps.next()?, steps.next(), steps.next());
        // A batch that is run asks its vendor, who comes by here again: only who has something to do may hold the lock.
        if !matches!(what, "files" | "batches") {
            return None;
        }
        let mut kept = serve::locked(&self.0);
        Some(match (request.method.as_str(), what, id, more) {
            ("POST", "files", None, _) => kept.upload(request),
            ("GET", "files", Some(id), None) => kept.file(id),
            ("GET", "files", Some(id), Some("content")) => match kept.files.get(id) {
                Some((_, content)) => Reply::raw(200, "application/octet-stream", content.clone()),
                None => no_file(id),
            },
            ("POST", "batches", None, _) if !request.is_json() => error::not_json(),
            ("POST", "batches", None, _) => kept.submit(request).unwrap_or_else(|wrong| error::wrong(&wrong)),
            ("GET", "batches", Some(id), None) => kept.advance(vendor, request, id),
            ("POST", "batches", Some(id), Some("cancel")) => kept.cancel(id),
            _ => return None,
        })
    }
}

impl Kept {
    fn upload(&mut self, request: &Recorded) -> Reply {
        let parts = parts(request).unwrap_or_default();
        let text = |name: &str| {
            let part = parts.iter().find(|part| part.name == name);
            part.map(|part| String::from_utf8_lossy(&part.content).into_owned())
        };
        let invalid = |message: &str, param| error::error(400, message, "invalid_request_error", param, None);
        if text("purpose").as_deref() != Some("batch") {
            return invalid("'purpose' must be 'batch' here.", Some("purpose"));
        }
        let Some(file) = parts.iter().find(|part| part.name == "file") else {
            return invalid("Missing required parameter: 'file'.", Some("file"));
        };
        let name = file.filename.clone().unwrap_or_default();
        if !name.ends_with(".jsonl") {
            return invalid("Invalid file format for Batch API. Must be .jsonl", None);
        }
        let id = self.keep(name, file.content.clone());
        self.file(&id)
    }

    fn keep(&mut self, name: String, content: Bytes) -> String {
        let id = format!("file-fake{}", self.files.len() + 1);
        self.files.insert(id.clone(), (name, content));
        id
    }

    fn file(&self, id: &str) -> Reply {
        let Some((name, content)) = self.files.get(id) else { return no_file(id) };
        Reply::json(
            200,
            json!({
                "id": id, "object": "file", "bytes": content.len(), "created_at": CREATED, "filename": name,
                "purpose": "batch", "status": "processed", "expires_at": null, "status_details": null,
            }),
        )
    }

    fn submit(&mut self, request: &Recorded) -> Result<Reply, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let input = fields.need_text("input_file_id")?.to_owned();
        fields.word("endpoint", &[ENDPOINT])?.ok_or_else(|| fields.missing("endpoint"))?;
        fields.word("completion_window", &["24h"])?.ok_or_else(|| fields.missing("completion_window"))?;
        let metadata = fields.any("metadata").cloned().unwrap_or_default();
        fields.done()?;
        if !self.files.contains_key(&input) {
            return Ok(no_file(&input));
        }
        let id = format!("batch_fake{}", self.batches.len() + 1);
        let batch = Batch {
            input,
            metadata,
            status: "validating",
            total: 0,
            output: None,
            failed: None,
            errors: Vec::new(),
        };
        let reply = Reply::json(200, batch.shown(&id));
        self.batches.insert(id, batch);
        Ok(reply)
    }

    fn advance(&mut self, vendor: &dyn Vendor, request: &Recorded, id: &str) -> Reply {
        let Some(mut batch) = self.batches.remove(id) else { return no_batch(id) };
        let (_, input) = self.files.get(&batch.input).cloned().unwrap_or_default();
        match batch.status {
            "validating" => match lines(&input) {
                Ok(lines) => (batch.status, batch.total) = ("in_progress", lines.len()),
                Err(errors) => (batch.status, batch.errors) = ("failed", errors),
            },
            "in_progress" => {
                let lines = lines(&input).unwrap_or_default();
                let results: Vec<(bool, Value)> =
                    lines.iter().enumerate().map(|(place, line)| run(vendor, request, line, place)).collect();
                let mut keep = |good: bool, name: &str| {
                    // The vendor keeps no order: the last comes first.
                    let of_kind = results.iter().rev().filter(|(is_good, _)| *is_good == good);
                    let lines: Vec<String> = of_kind.map(|(_, line)| format!("{line}\n")).collect();
                    let id = (!lines.is_empty())
                        .then(|| self.keep(format!("{id}_{name}.jsonl"), lines.concat().into()));
                    id.map(|id| (id, lines.len()))
                };
                (batch.output, batch.failed) = (keep(true, "output"), keep(false, "error"));
                batch.status = "completed";
            }
            "cancelling" => batch.status = "cancelled",
            _ => {}
        }
        let reply = Reply::json(200, batch.shown(id));
        self.batches.insert(id.to_owned(), batch);
        reply
    }

    fn cancel(&mut self, id: &str) -> Reply {
        let Some(batch) = self.batches.get_mut(id) else { return no_batch(id) };
        if !["validating", "in_progress", "cancelling"].contains(&batch.status) {
            let message = format!("Cannot cancel a batch with status '{}'.", batch.status);
            return error::error(409, &message, "invalid_request_error", None, None);
        }
        batch.status = "cancelling";
        Reply::json(200, batch.shown(id))
    }
}

impl Batch {
    fn shown(&self, id: &str) -> Value {
        let at = |states: &[&str]| states.contains(&self.status).then_some(CREATED + 60);
        let counted = |file: &Option<(String, usize)>| file.as_ref().map_or(0, |(_, lines)| *lines);
        let named = |file: &Option<(String, usize)>| file.as_ref().map(|(id, _)| id.clone());
        let errors = (!self.errors.is_empty()).then(|| json!({"object": "list", "data": self.errors}));
        json!({
            "id": id,
            "object": "batch",
            "endpoint": ENDPOINT,
            "errors": errors,
            "input_file_id": self.input,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": named(&self.output),
            "error_file_id": named(&self.failed),
            "created_at": CREATED,
            "in_progress_at": at(&["in_progress", "completed"]),
            "expires_at": CREATED + 86_400,
            "finalizing_at": at(&["completed"]),
            "completed_at": at(&["completed"]),
            "failed_at": at(&["failed"]),
            "expired_at": null,
            "cancelling_at": at(&["cancelling", "cancelled"]),
            "cancelled_at": at(&["cancelled"]),
            "request_counts": {
                "total": self.total,
                "completed": counted(&self.output),
                "failed": counted(&self.failed),
            },
            "metadata": self.metadata,
        })
    }
}

/// The requests of a file, each with its id.
///
/// # Errors
/// Why the file is no batch, line by line.
fn lines(input: &[u8]) -> Result<Vec<Value>, Vec<Value>> {
    let text = String::from_utf8_lossy(input);
    let (mut known, mut models) = (BTreeSet::new(), BTreeSet::new());
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let mut complain = |code: &str, message: &str| {
            errors.push(json!({"code": code, "message": message, "line": place + 1, "param": null}));
        };
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |key: &str| line.get(key).and_then(Value::as_str);
        let Some(id) = text("custom_id").filter(|_| line.get("body").is_some_and(Value::is_object)) else {
            complain(
                "invalid_json_line",
                "This line is not parseable as valid JSON with a custom_id and a body.",
            );
            continue;
        };
        if text("method") != Some("POST") || text("url") != Some(ENDPOINT) {
            complain("mismatched_endpoint", "The method or the URL is not that of the batch's endpoint.");
        }
        if !known.insert(id.to_owned()) {
            complain(
                "duplicate_custom_id",
                "The custom_id for this request is a duplicate of another request.",
            );
        }
        let model = line.pointer("/body/model").map(Value::to_string);
        if models.insert(model) && models.len() > 1 {
            complain("mismatched_model", "The provided model does not match the model of the lines before.");
        }
        lines.push(line);
    }
    if lines.is_empty() && errors.is_empty() {
        errors.push(json!({"code": "empty_file", "message": "The batch input file is empty.", "line": null, "param": null}));
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

/// One request's line of the results, and whether it is an answer.
fn run(vendor: &dyn Vendor, request: &Recorded, line: &Value, place: usize) -> (bool, Value) {
    let chat = Recorded {
        method: "POST".to_owned(),
        path: format!("{}/chat/completions", vendor.base_path()),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: line.get("body").cloned().unwrap_or_default(),
        ..request.clone()
    };
    let reply = match chat.body.get("stream") {
        Some(Value::Bool(true)) => {
            vendor.error(&Trouble::Invalid("Streaming is not supported in the Batch API.".to_owned()))
        }
        _ => serve::answer(vendor, &[], &chat, u64::try_from(place).unwrap_or(u64::MAX)),
    };
    let body = if let Body::Json(body) = reply.body { body } else { Value::Null };
    let result = json!({
        "id": format!("batch_req_{}", place + 1),
        "custom_id": line.get("custom_id"),
        "response": {"status_code": reply.status, "request_id": format!("req_{}", place + 1), "body": body},
        "error": null,
    });
    (reply.status == 200, result)
}

struct Part {
    name: String,
    filename: Option<String>,
    content: Bytes,
}

/// The parts of a form.
fn parts(request: &Recorded) -> Option<Vec<Part>> {
    let (_, boundary) = request.header("content-type")?.split_once("boundary=")?;
    let mark = format!("--{}", boundary.trim_matches('"'));
    let find = |from: usize, wanted: &[u8]| {
        let found = request.raw.get(from..)?.windows(wanted.len()).position(|window| window == wanted);
        found.map(|at| from + at)
    };
    let mut begin = find(0, mark.as_bytes())? + mark.len() + 2;
    let mut parts = Vec::new();
    while let Some(next) = find(begin, format!("\r\n{mark}").as_bytes()) {
        let body = find(begin, b"\r\n\r\n").filter(|body| *body + 4 <= next)?;
        let head = String::from_utf8_lossy(request.raw.get(begin..body)?).into_owned();
        let field = |key: &str| {
            let (_, rest) = head.split_once(&format!(" {key}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let content = request.raw.slice(body + 4..next);
        parts.push(Part { name: field("name")?, filename: field("filename"), content });
        begin = next + 2 + mark.len() + 2;
    }
    Some(parts)
}

fn no_file(id: &str) -> Reply {
    let message = format!("No such File object: {id}");
    error::error(404, &message, "invalid_request_error", Some("id"), None)
}

fn no_batch(id: &str) -> Reply {
    let message = format!("No batch found with id '{id}'.");
    error::error(404, &message, "invalid_request_error", None, None)
}

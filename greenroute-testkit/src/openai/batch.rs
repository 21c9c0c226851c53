//! Files and batches in OpenAI's form.

use crate::asked::{Asked, Recorded};
use crate::fields::{Fields, Wrong};
use crate::mind;
use crate::reply::{Body, Reply};
use crate::vendor::{Trouble, Vendor};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

const ENDPOINT: &str = "/v1/chat/completions";
const CREATED: u64 = 1_795_246_760;
const DAY: u64 = 86_400;

/// The files and batches of a server. A batch runs when it is asked for first, and is done when it is asked for again.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<Drawers>);

#[derive(Debug, Default)]
struct Drawers {
    files: BTreeMap<String, Bytes>,
    batches: BTreeMap<String, Batch>,
}

#[derive(Debug)]
struct Batch {
    input: String,
    good: Vec<Value>,
    bad: Vec<Value>,
    asked: u32,
    cancelled: bool,
}

impl Desk {
    /// The vendor's answer at `path`, which has no version; none where this is not for the desk. An error of its own
    /// is a rule broken, for the vendor's words.
    pub(crate) fn answer(
        &self,
        vendor: &dyn Vendor,
        request: &Recorded,
        path: &str,
    ) -> Option<Result<Reply, Wrong>> {
        let gone = || Ok(vendor.error(&Trouble::NoSuchPath));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        // The requests of a batch come here too, while the drawers are open.
        if !matches!(parts.first(), Some(&("files" | "batches"))) {
            return None;
        }
        let mut drawers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["files"]) => drawers.upload(request),
            ("GET", ["files", id, "content"]) => match drawers.files.get(*id) {
                Some(content) => Ok(Reply::raw(200, "application/octet-stream", content.clone())),
                None => gone(),
            },
            ("POST", ["batches"]) => drawers.open(vendor, request),
            ("GET", ["batches", id]) => {
                drawers.shown(id, false).map_or_else(gone, |batch| Ok(Reply::json(200, batch)))
            }
            ("POST", ["batches", id, "cancel"]) => {
                drawers.shown(id, true).map_or_else(gone, |batch| Ok(Reply::json(200, batch)))
            }
            _ => return None,
        })
    }
}

impl Drawers {
    fn upload(&mut self, request: &Recorded) -> Result<Reply, Wrong> {
        let rule =
            |path: &str, message: &str| Wrong::Rule { path: path.to_owned(), message: message.to_owned() };
        let parts = multipart(request).ok_or_else(|| rule("file", "The body is not multipart/form-data."))?;
        let part = |wanted: &str| parts.iter().find(|(name, _)| name == wanted).map(|(_, content)| content);
        if part("purpose").is_none_or(|purpose| purpose.as_ref() != b"batch") {
            return Err(rule("purpose", "'purpose' must be 'batch'."));
        }
        let content = part("file").ok_or_else(|| Wrong::Missing { path: "file".to_owned() })?;
        let id = format!("file-{:04}", self.files.len() + 1);
        let shown = json!({
            "id": id, "object": "file", "bytes": content.len(), "created_at": CREATED, "filename": "batch.jsonl",
            "purpose": "batch",
        });
        self.files.insert(id, content.clone());
        Ok(Reply::json(200, shown))
    }

    fn open(&mut self, vendor: &dyn Vendor, request: &Recorded) -> Result<Reply, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let input = fields.need_text("input_file_id")?.to_owned();
        fields.word("endpoint", &[ENDPOINT])?.ok_or_else(|| fields.missing("endpoint"))?;
        fields.word("completion_window", &["24h"])?.ok_or_else(|| fields.missing("completion_window"))?;
        fields.object("metadata")?;
        fields.done()?;
        let Some(content) = self.files.get(&input) else {
            return Err(Wrong::Rule {
                path: "input_file_id".to_owned(),
                message: format!("No such File object: {input}"),
            });
        };
        let mut known = BTreeSet::new();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for line in String::from_utf8_lossy(content).lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let mut fields = Fields::of(&line, "")?;
            let custom_id = fields.need_text("custom_id")?.to_owned();
            fields.word("method", &["POST"])?.ok_or_else(|| fields.missing("method"))?;
            fields.word("url", &[ENDPOINT])?.ok_or_else(|| fields.missing("url"))?;
            let body = fields.any("body").cloned().ok_or_else(|| fields.missing("body"))?;
            if !known.insert(custom_id.clone()) {
                return Err(fields.rule("custom_id", "The custom_id is used more than once."));
            }
            fields.done()?;
            let reply = answered(vendor, request, body);
            let Body::Json(body) = reply.body else { continue };
            let entry = json!({
                "id": format!("batch_req_{}", known.len()), "custom_id": custom_id, "error": null,
                "response": {"status_code": reply.status, "request_id": "req_test", "body": body},
            });
            if reply.status == 200 { good.push(entry) } else { bad.push(entry) }
        }
        let id = format!("batch_{:04}", self.batches.len() + 1);
        self.batches.insert(id.clone(), Batch { input, good, bad, asked: 0, cancelled: false });
        let shown = self.batches.get(&id).map(|batch| batch.shown(&id, "validating"));
        Ok(Reply::json(200, shown.unwrap_or_default()))
    }

    fn shown(&mut self, id: &str, cancel: bool) -> Option<Value> {
        let batch = self.batches.get_mut(id)?;
        batch.cancelled |= cancel && batch.asked < 2;
        batch.asked += 1;
        let status = match (batch.cancelled, batch.asked) {
            (true, _) if cancel => "cancelling",
            (true, _) => "cancelled",
            (false, 1) => "in_progress",
            (false, _) => "completed",
        };
        let shown = batch.shown(id, status);
        if status == "completed" {
            let text = |lines: &[Value]| {
                Bytes::from(lines.iter().map(|line| format!("{line}\n")).collect::<String>())
            };
            for (file, lines) in [(output(id), text(&batch.good)), (errors(id), text(&batch.bad))] {
                self.files.entry(file).or_insert(lines);
            }
        }
        Some(shown)
    }
}

impl Batch {
    fn shown(&self, id: &str, status: &str) -> Value {
        let done = status == "completed";
        let counts = |lines: &[Value]| if done { lines.len() } else { 0 };
        json!({
            "id": id, "object": "batch", "endpoint": ENDPOINT, "errors": null, "input_file_id": self.input,
            "completion_window": "24h", "status": status, "created_at": CREATED, "expires_at": CREATED + DAY,
            "output_file_id": (done && !self.good.is_empty()).then(|| output(id)),
            "error_file_id": (done && !self.bad.is_empty()).then(|| errors(id)),
            "request_counts": {
                "total": self.good.len() + self.bad.len(), "completed": counts(&self.good), "failed": counts(&self.bad),
            },
            "metadata": null,
        })
    }
}

fn output(batch: &str) -> String {
    format!("file-{batch}-output")
}

fn errors(batch: &str) -> String {
    format!("file-{batch}-errors")
}

/// What the vendor says to one request of a batch.
fn answered(vendor: &dyn Vendor, batch: &Recorded, body: Value) -> Reply {
    let path = batch.path.replace("/batches", "/chat/completions");
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    let request = Recorded { path, body, headers, ..batch.clone() };
    let mut chat = match vendor.read(&request) {
        Ok(Asked::Chat(chat)) => chat,
        Ok(_) => return vendor.error(&Trouble::NoSuchPath),
        Err(refusal) => return refusal,
    };
    let Some(model) = vendor.model(&chat.model) else {
        return vendor.error(&Trouble::NoSuchModel(chat.model.clone()));
    };
    let (tokens, window) = (chat.tokens(), model.window);
    if tokens > window {
        return vendor.error(&Trouble::TooLong { tokens, window });
    }
    chat.max_tokens = Some(chat.max_tokens.unwrap_or(u64::MAX).min(model.max_output));
    vendor.chat(&chat, &mind::say(&chat))
}

/// The parts of a form by their names.
fn multipart(request: &Recorded) -> Option<Vec<(String, Bytes)>> {
    let (media, rest) = request.header("content-type")?.split_once(';')?;
    let boundary = rest.trim().strip_prefix("boundary=")?.trim_matches('"');
    if media.trim() != "multipart/form-data" {
        return None;
    }
    let body = std::str::from_utf8(&request.raw).ok()?;
    let boundary = format!("--{boundary}");
    let parts = body.split(&boundary).filter_map(|part| {
        let (head, content) = part.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
        let name = head.split("name=\"").nth(1)?.split('"').next()?;
        Some((name.to_owned(), Bytes::from(content.strip_suffix("\r\n")?.to_owned())))
    });
    Some(parts.collect())
}

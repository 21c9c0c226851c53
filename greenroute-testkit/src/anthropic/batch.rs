use crate::fields::{Fields, Wrong};
use crate::reply::Reply;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The batches of a server. One is done when it has been asked for once.
#[derive(Debug, Default)]
pub(super) struct Batches(BTreeMap<String, Batch>);

#[derive(Debug)]
struct Batch {
    lines: Vec<Value>,
    ended: bool,
    cancelled: bool,
}

/// The requests of a batch, by their ids.
pub(super) fn entries(body: &Value) -> Result<Vec<(String, &Value)>, Wrong> {
    let mut fields = Fields::of(body, "")?;
    let mut known = BTreeSet::new();
    let mut entries = Vec::new();
    for mut entry in fields.objects("requests")? {
        let id = entry.need_text("custom_id")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if id.is_empty() || id.len() > 64 || !id.chars().all(allowed) {
            let message =
                format!("{}: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'", entry.path("custom_id"));
            return Err(entry.rule("custom_id", message));
        }
        if !known.insert(id) {
            return Err(entry.rule("custom_id", "requests: custom_id must be unique within a batch"));
        }
        let params = entry.any("params").ok_or_else(|| entry.missing("params"))?;
        entry.done()?;
        entries.push((id.to_owned(), params));
    }
    if entries.is_empty() {
        return Err(
            fields.rule("requests", "requests: List should have at least 1 item after validation, not 0")
        );
    }
    fields.done()?;
    Ok(entries)
}

impl Batches {
    /// Takes a batch whose results are known, and says so.
    pub(super) fn add(&mut self, lines: Vec<Value>) -> Value {
        let id = format!("msgbatch_{:04}", self.0.len() + 1);
        let batch = self.0.entry(id.clone()).or_insert(Batch { lines, ended: false, cancelled: false });
        batch.shown(&id)
    }

    /// The answer to a request below `messages/batches/`; none where there is nothing.
    pub(super) fn answer(&mut self, method: &str, path: &str) -> Option<Reply> {
        let (id, what) = path.split_once('/').unwrap_or((path, ""));
        let batch = self.0.get_mut(id)?;
        match (method, what) {
            ("GET", "") => {
                batch.ended = true;
                Some(Reply::json(200, batch.shown(id)))
            }
            ("GET", "results") if batch.ended => {
                let lines: String = batch.results().map(|line| format!("{line}\n")).collect();
                Some(Reply::raw(200, "application/x-jsonl", lines))
            }
            ("POST", "cancel") => {
                batch.cancelled |= !batch.ended;
                Some(Reply::json(200, batch.shown(id)))
            }
            _ => None,
        }
    }
}

impl Batch {
    /// In no order: the last comes first.
    fn results(&self) -> impl Iterator<Item = Value> {
        self.lines.iter().rev().map(|line| {
            let mut line = line.clone();
            if let (true, Value::Object(line)) = (self.cancelled, &mut line) {
                line.insert("result".to_owned(), json!({"type": "canceled"}));
            }
            line
        })
    }

    fn shown(&self, id: &str) -> Value {
        let count = |kind: &str| {
            let is = |line: &Value| line.pointer("/result/type").is_some_and(|found| found == kind);
            if self.ended { self.results().filter(is).count() } else { 0 }
        };
        let status = match (self.ended, self.cancelled) {
            (true, _) => "ended",
            (false, true) => "canceling",
            (false, false) => "in_progress",
        };
        let (created, expires) = ("2026-11-21T10:20:30.100435Z", "2026-11-22T10:20:30.100435Z");
        json!({
            "id": id, "type": "message_batch", "processing_status": status, "created_at": created,
            "expires_at": expires, "ended_at": self.ended.then_some(created), "archived_at": null,
            "cancel_initiated_at": self.cancelled.then_some(created),
            "results_url": self.ended.then(|| format!("https://api.anthropic.com/v1/messages/batches/{id}/results")),
            "request_counts": {
                "processing": if self.ended { 0 } else { self.lines.len() }, "succeeded": count("succeeded"),
                "errored": count("errored"), "canceled": count("canceled"), "expired": count("expired"),
            },
        })
    }
}

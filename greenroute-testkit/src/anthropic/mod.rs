//! Anthropic's Messages API, with counts, models and batches.

mod batch;
mod read;
mod rules;
mod schema;
mod seal;
#[cfg(test)]
mod tests;
mod turns;
mod write;

use crate::asked::{Asked, AskedChat, AskedList, Recorded};
use crate::fields::Wrong;
use crate::mind;
use crate::reply::Reply;
use crate::said::SaidChat;
use crate::vendor::{Model, Trouble, Vendor};
use batch::Batches;
use rules::MODELS;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The fake. It remembers what it was told to cache, and batches.
#[derive(Debug, Default)]
pub(crate) struct Anthropic {
    /// Prompts up to a cache mark that were read before.
    cached: Mutex<BTreeSet<String>>,
    /// What a request that was read writes to a cache, until it is answered.
    writes: Mutex<BTreeMap<String, Write>>,
    batches: Mutex<Batches>,
}

/// Tokens that a request writes to a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Write {
    tokens: u64,
    for_an_hour: bool,
}

impl Anthropic {
    /// Reads a prompt; `counted` where it is only to be counted.
    fn prompt(&self, body: &Value, version: &str, counted: bool) -> Result<AskedChat, Wrong> {
        let (mut asked, marks) = read::chat(body, version, counted)?;
        if !counted {
            let mut known = locked(&self.cached);
            let found = marks.iter().rev().find(|mark| known.contains(&mark.key()));
            asked.cached = found.map_or(0, |mark| mark.prefix.tokens());
            if let Some(last) = marks.last() {
                let tokens = last.prefix.tokens().saturating_sub(asked.cached);
                let write = Write { tokens, for_an_hour: last.for_an_hour };
                locked(&self.writes).insert(format!("{asked:?}"), write);
            }
            known.extend(marks.iter().map(read::Mark::key));
        }
        Ok(asked)
    }

    fn wrote(&self, asked: &AskedChat) -> Write {
        locked(&self.writes).remove(&format!("{asked:?}")).unwrap_or_default()
    }

    /// What one request of a batch comes to: `{"type": "succeeded", "message": …}` or an error.
    fn of_batch(&self, params: &Value, version: &str) -> Value {
        let refused = |reply: Reply| match reply.body {
            crate::reply::Body::Json(error) => json!({"type": "errored", "error": error}),
            _ => json!({"type": "expired"}),
        };
        let asked = match self.prompt(params, version, false) {
            Ok(asked) => asked,
            Err(wrong) => return refused(self.wrong(&wrong)),
        };
        let Some(model) = self.model(&asked.model) else {
            return refused(self.error(&Trouble::NoSuchModel(asked.model)));
        };
        let (tokens, window) = (asked.tokens(), model.window);
        if tokens > window {
            return refused(self.error(&Trouble::TooLong { tokens, window }));
        }
        let message = write::message(&asked, &mind::say(&asked), self.wrote(&asked));
        json!({"type": "succeeded", "message": message})
    }

    fn wrong(&self, wrong: &Wrong) -> Reply {
        self.error(&Trouble::Invalid(write::complaint(wrong)))
    }
}

impl Vendor for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("x-api-key", ""), ("authorization", "Bearer ")]
    }

    fn models(&self) -> &'static [Model] {
        &MODELS
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        let invalid = |message: &str| self.error(&Trouble::Invalid(message.to_owned()));
        let version = match request.header("anthropic-version") {
            Some(version @ ("2023-06-01" | "2026-10-21")) => version,
            Some(other) => {
                return Err(invalid(&format!("anthropic-version: {other} is not a valid version")));
            }
            None => return Err(invalid("anthropic-version: header is required")),
        };
        let path = request.path.trim_start_matches("/v1/");
        if request.method == "POST" && !request.path.ends_with("/cancel") && !request.is_json() {
            return Err(invalid("The request body is not valid JSON"));
        }
        let wrong = |wrong: Wrong| self.wrong(&wrong);
        match (request.method.as_str(), path) {
            ("POST", "messages") => self
                .prompt(&request.body, version, false)
                .map(|asked| Asked::Chat(asked.into()))
                .map_err(wrong),
            ("POST", "messages/count_tokens") => self
                .prompt(&request.body, version, true)
                .map(|asked| Asked::Count(asked.into()))
                .map_err(wrong),
            ("GET", "models") => read::list(request).map(Asked::List).map_err(wrong),
            ("GET", path) if path.starts_with("models/") => {
                let only = path.strip_prefix("models/").map(str::to_owned);
                Ok(Asked::List(AskedList { only, ..AskedList::default() }))
            }
            ("POST", "messages/batches") => {
                let entries = batch::entries(&request.body).map_err(wrong)?;
                let ended = |(id, params): (String, &Value)| json!({"custom_id": id, "result": self.of_batch(params, version)});
                let ended = entries.into_iter().map(ended).collect();
                Ok(Asked::Own(write::headed(Reply::json(200, locked(&self.batches).add(ended)))))
            }
            (method, path) => {
                let found = path.strip_prefix("messages/batches/");
                let answer = found.and_then(|rest| locked(&self.batches).answer(method, rest));
                answer
                    .map(|reply| Asked::Own(write::headed(reply)))
                    .ok_or_else(|| self.error(&Trouble::NoSuchPath))
            }
        }
    }

    fn chat(&self, asked: &AskedChat, said: &SaidChat) -> Reply {
        let message = write::message(asked, said, self.wrote(asked));
        write::headed(if asked.streamed { write::stream(message, said) } else { Reply::json(200, message) })
    }

    fn count(&self, _asked: &AskedChat, tokens: u64) -> Reply {
        write::headed(Reply::json(200, json!({"input_tokens": tokens})))
    }

    fn list(&self, asked: &AskedList, models: &[Model]) -> Reply {
        write::headed(Reply::json(200, write::models(asked, models)))
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        let error = |status: u16, kind: &str, message: &str| {
            let error = json!({"type": kind, "message": message});
            let body = json!({"type": "error", "error": error, "request_id": "req_011FAKE"});
            Reply::json(status, body).header("request-id", "req_011FAKE")
        };
        match trouble {
            Trouble::Key => {
                let mut reply =
                    error(401, "authentication_error", "API key is invalid.").without_header("request-id");
                if let crate::reply::Body::Json(Value::Object(body)) = &mut reply.body {
                    body.insert("request_id".to_owned(), Value::Null);
                }
                reply
            }
            Trouble::Permission => {
                let message = "Your API key does not have permission to use the specified resource.";
                error(403, "permission_error", message)
            }
            Trouble::NoSuchModel(model) => error(404, "not_found_error", &format!("model: {model}")),
            Trouble::NoSuchPath => error(404, "not_found_error", "Not Found"),
            Trouble::TooLong { tokens, window } => {
                let message = format!("prompt is too long: {tokens} tokens > {window} maximum");
                error(400, "invalid_request_error", &message)
            }
            Trouble::Invalid(message) => error(400, "invalid_request_error", message),
            Trouble::RateLimited(after) => {
                let message = "This request would exceed your organization’s rate limit of 80,000 input tokens per minute.";
                let reply = error(429, "rate_limit_error", message)
                    .header("anthropic-ratelimit-input-tokens-limit", "80000")
                    .header("anthropic-ratelimit-input-tokens-remaining", "0");
                match after {
                    Some(after) => reply.header("retry-after", seconds(*after)),
                    None => reply,
                }
            }
            Trouble::QuotaExhausted => {
                let error = json!({
                    "type": "rate_limit_error", "message": "You have reached your usage limit.",
                    "details": {"error_code": "enforced_spend_limit_reached"},
                });
                let body = json!({"type": "error", "error": error, "request_id": "req_011FAKE"});
                Reply::json(429, body).header("request-id", "req_011FAKE").header("x-should-retry", "false")
            }
            Trouble::Overloaded => {
                error(529, "overloaded_error", "Overloaded").header("x-should-retry", "true")
            }
            Trouble::Unavailable => error(503, "api_error", "Service unavailable"),
            Trouble::Server => error(500, "api_error", "Internal server error"),
        }
    }

    fn midway(&self) -> String {
        write::frame(&json!({
            "type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_011FAKE",
        }))
    }

    fn ends(&self, frame: &str) -> bool {
        frame.contains("message_stop")
    }

    fn tells_usage(&self, frame: &str) -> bool {
        frame.contains("message_delta")
    }
}

/// Its own way: seconds, a fraction where there is one.
fn seconds(after: Duration) -> String {
    after.as_secs_f64().to_string()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

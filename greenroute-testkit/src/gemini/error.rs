//! Gemini's errors: `{"error": {code, message, status, details}}`.

use crate::fields::Wrong;
use crate::reply::{Body, Reply};
use crate::vendor::Trouble;
use serde_json::{Value, json};
use std::time::Duration;

/// An error of this status, with its name at Google.
pub(super) fn error(status: u16, name: &str, message: &str) -> Reply {
    Reply::json(status, json!({"error": {"code": status, "message": message, "status": name}}))
}

pub(super) fn plain(trouble: &Trouble) -> Reply {
    match trouble {
        Trouble::Key => Reply::fixture("gemini_error_bad_key"),
        Trouble::Permission => error(403, "PERMISSION_DENIED", "The caller does not have permission"),
        Trouble::NoSuchModel(id) => {
            let message = format!(
                "models/{id} is not found for API version v1beta, or is not supported for generateContent. Call \
                 ModelService.ListModels to see the list of available models and their supported methods."
            );
            error(404, "NOT_FOUND", &message)
        }
        Trouble::NoSuchPath => error(404, "NOT_FOUND", "Requested entity was not found."),
        Trouble::TooLong { tokens, window } => {
            let message = format!(
                "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window})."
            );
            error(400, "INVALID_ARGUMENT", &message)
        }
        Trouble::Invalid(message) => error(400, "INVALID_ARGUMENT", message),
        Trouble::RateLimited(after) => limited(*after),
        Trouble::QuotaExhausted => Reply::fixture("gemini_error_429_per_day"),
        Trouble::Overloaded => Reply::fixture("gemini_error_503_overloaded"),
        Trouble::Unavailable => error(503, "UNAVAILABLE", "The service is currently unavailable."),
        Trouble::Server => Reply::fixture("gemini_error_500"),
    }
}

/// A minute's quota is used up. The wait stands in the body, never in a header.
fn limited(after: Option<Duration>) -> Reply {
    let mut reply = Reply::fixture("gemini_error_429_per_minute");
    if let Body::Json(body) = &mut reply.body
        && let Some(details) = body.pointer_mut("/error/details").and_then(Value::as_array_mut)
    {
        details.retain(|detail| detail.get("retryDelay").is_none());
        details.extend(after.map(|after| {
            let delay = format!("{}s", after.as_secs_f64());
            json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
        }));
    }
    reply
}

/// A field that breaks a rule, in Google's words.
pub(super) fn wrong(wrong: &Wrong) -> Reply {
    let path = wrong.path();
    let (inside, key) = path.rsplit_once('.').unwrap_or(("", path));
    let inside = snake(inside);
    let message = match wrong {
        Wrong::Unknown { .. } if inside.is_empty() => {
            format!("Invalid JSON payload received. Unknown name \"{key}\": Cannot find field.")
        }
        Wrong::Unknown { .. } => {
            format!("Invalid JSON payload received. Unknown name \"{key}\" at '{inside}': Cannot find field.")
        }
        Wrong::Type { wanted, got, .. } => format!("Invalid value at '{}' ({wanted}), {got}", snake(path)),
        Wrong::Word { got, .. } => format!("Invalid value at '{}' (TYPE_ENUM), \"{got}\"", snake(path)),
        Wrong::Missing { .. } => {
            format!("* GenerateContentRequest.{}: {key} is not specified\n", snake(path))
        }
        Wrong::Range { bound, above, .. } => {
            let side = if *above { "at most" } else { "at least" };
            format!("* GenerateContentRequest.{}: {key} must be {side} {bound}.\n", snake(path))
        }
        Wrong::Rule { message, .. } => message.clone(),
    };
    error(400, "INVALID_ARGUMENT", &message)
}

/// What stands on a stream's address may come in an array.
pub(super) fn in_array(mut reply: Reply) -> Reply {
    if let Body::Json(body) = &mut reply.body {
        *body = json!([body.take()]);
    }
    reply
}

/// Google tells paths by the names of its protocol buffers.
fn snake(path: &str) -> String {
    let each = path.chars().flat_map(|letter| {
        let gap = letter.is_ascii_uppercase().then_some('_');
        gap.into_iter().chain(std::iter::once(letter.to_ascii_lowercase()))
    });
    each.collect()
}

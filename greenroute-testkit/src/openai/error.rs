//! OpenAI's errors.

use crate::fields::Wrong;
use crate::reply::{Body, Reply};
use crate::vendor::Trouble;
use serde_json::{Value, json};

/// `{"error": {…}}` with its four fields.
pub(crate) fn error(
    status: u16,
    message: &str,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> Reply {
    let body = json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
    Reply::json(status, body).header("x-request-id", "req_test")
}

pub(crate) fn plain(trouble: &Trouble) -> Reply {
    let invalid = |status, message: &str, code| error(status, message, "invalid_request_error", None, code);
    match trouble {
        Trouble::Key => invalid(
            401,
            "Incorrect API key provided: sk-inval****. You can find your API key at \
             https://platform.openai.com/account/api-keys.",
            Some("invalid_api_key"),
        ),
        Trouble::Permission => invalid(
            403,
            "You have insufficient permissions for this operation.",
            Some("insufficient_permissions"),
        ),
        Trouble::NoSuchModel(id) => invalid(
            404,
            &format!("The model `{id}` does not exist or you do not have access to it."),
            Some("model_not_found"),
        ),
        Trouble::NoSuchPath => invalid(404, "Invalid URL", None),
        Trouble::TooLong { tokens, window } => error(
            400,
            &format!(
                "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} \
                 tokens. Please reduce the length of the messages."
            ),
            "invalid_request_error",
            Some("messages"),
            Some("context_length_exceeded"),
        ),
        Trouble::Invalid(message) => invalid(400, message, None),
        Trouble::RateLimited(after) => {
            let reply = Reply::fixture("openai_error_429_rate");
            let reply = reply.without_header("retry-after").without_header("retry-after-ms");
            match after {
                Some(after) => reply
                    .header("retry-after-ms", after.as_millis().to_string())
                    .header("retry-after", after.as_secs().max(1).to_string()),
                None => reply,
            }
        }
        Trouble::QuotaExhausted => Reply::fixture("openai_error_429_quota"),
        Trouble::Overloaded => {
            let message = "The engine is currently overloaded, please try again later.";
            error(503, message, "server_error", None, Some("server_overloaded"))
        }
        Trouble::Unavailable => {
            let message = "The server is temporarily unable to handle your request. Please try again later.";
            error(503, message, "service_unavailable", None, None)
        }
        Trouble::Server => Reply::fixture("openai_error_500"),
    }
}

pub(crate) fn not_json() -> Reply {
    let message = "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your \
                   HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid \
                   JSON.)";
    error(400, message, "invalid_request_error", None, None)
}

/// A parameter that exists, but not for this model.
pub(crate) fn unsupported(path: &str, message: &str) -> Wrong {
    Wrong::Rule { path: path.to_owned(), message: message.to_owned() }
}

/// A field that breaks a rule, in the words of OpenAI.
pub(crate) fn wrong(wrong: &Wrong) -> Reply {
    let path = wrong.path();
    let (message, code) = match wrong {
        Wrong::Missing { .. } => {
            (format!("Missing required parameter: '{path}'."), Some("missing_required_parameter"))
        }
        Wrong::Unknown { .. } if path.contains('.') => {
            (format!("Unknown parameter: '{path}'."), Some("unknown_parameter"))
        }
        Wrong::Unknown { .. } => {
            let message = format!("Unrecognized request argument supplied: {path}");
            return error(400, &message, "invalid_request_error", None, None);
        }
        Wrong::Type { wanted, got, .. } => {
            let got = kind_of(got);
            (
                format!("Invalid type for '{path}': expected {wanted}, but got {got} instead."),
                Some("invalid_type"),
            )
        }
        Wrong::Range { bound, above, got, .. } => {
            let kind = if got.is_f64() { "decimal" } else { "integer" };
            let (side, sign) = if *above { ("above maximum", "<=") } else { ("below minimum", ">=") };
            let code = match (kind, above) {
                ("decimal", true) => "decimal_above_max_value",
                ("decimal", false) => "decimal_below_min_value",
                (_, true) => "integer_above_max_value",
                (_, false) => "integer_below_min_value",
            };
            let message = format!(
                "Invalid '{path}': {kind} {side} value. Expected a value {sign} {bound}, but got {got} instead."
            );
            (message, Some(code))
        }
        Wrong::Word { wanted, got, .. } => {
            let words: Vec<String> = wanted.iter().map(|word| format!("'{word}'")).collect();
            (
                format!("Invalid value: '{got}'. Supported values are: {}.", words.join(", ")),
                Some("invalid_value"),
            )
        }
        Wrong::Rule { message, .. } => (message.clone(), rule_code(message)),
    };
    error(400, &message, "invalid_request_error", Some(path), code)
}

fn rule_code(message: &str) -> Option<&'static str> {
    let codes = [
        ("Unsupported parameter", "unsupported_parameter"),
        ("Unsupported value", "unsupported_value"),
        ("Invalid schema for function", "invalid_function_parameters"),
        ("Invalid 'messages': empty", "empty_array"),
        ("Invalid image", "invalid_image_url"),
    ];
    codes.into_iter().find(|(begin, _)| message.starts_with(begin)).map(|(_, code)| code)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What a stream says when it fails.
pub(crate) fn midway() -> String {
    match plain(&Trouble::Server).body {
        Body::Json(body) => format!("data: {body}\n\n"),
        Body::Frames(_) | Body::Raw(_) => String::new(),
    }
}

use greenroute_core::ErrorKind;
use greenroute_http::{Classified, Failure};
use serde_json::Value;

/// What servers without a code say of a prompt that does not fit: nearly all, vLLM, and Together.
const OVERLONG: [&str; 3] = [
    "maximum context length",
    "longer than the maximum model length",
    "`inputs` tokens + `max_new_tokens` must be",
];

/// What a failure is where its `code` or `type` says more than the status. Vendors share these words, and none uses
/// another's for something else.
pub(super) fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let code = failure.code();
    let class = failure.error().get("type").and_then(Value::as_str);
    let by_word = [code.as_deref(), class].into_iter().flatten().find_map(by_word);
    let kind = by_word.or_else(|| by_text(failure)).or_else(|| in_band(failure, class?))?;
    Some(Classified { kind, ..failure.by_status() })
}

fn by_word(word: &str) -> Option<ErrorKind> {
    Some(match word {
        // Waiting mends none of these.
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" => {
            ErrorKind::QuotaExhausted { until: None }
        }
        // At Groq also with the status 413: prompt and reserved answer exceed the limit per minute. 498 is a flex
        // tier without room.
        "rate_limit_exceeded" | "capacity_exceeded" => ErrorKind::RateLimited { after: None },
        "context_length_exceeded" | "exceed_context_size_error" => ErrorKind::ContextOverflow,
        "model_not_found" | "model_decommissioned" => ErrorKind::ModelNotFound,
        "model_terms_required" => ErrorKind::PermissionDenied,
        "invalid_api_key" => ErrorKind::Authentication,
        "tool_use_failed" | "json_validate_failed" => ErrorKind::ModelFault,
        "content_filter" | "content_policy_violation" => ErrorKind::ContentFiltered,
        // A setting that this model does not have, such as a temperature: another model may.
        "unsupported_parameter" | "unsupported_value" => ErrorKind::Unsupported,
        "overloaded_error" | "server_overloaded" | "service_unavailable" | "unavailable_error" => {
            ErrorKind::Overloaded
        }
        // Of single requests of a batch.
        "batch_expired" => ErrorKind::Timeout,
        "batch_cancelled" => ErrorKind::Cancelled,
        _ => return None,
    })
}

/// What an error event says by its class, where it has neither code nor status. Beside a status the class says less
/// than that.
fn in_band(failure: &Failure<'_>, class: &str) -> Option<ErrorKind> {
    Some(match class {
        _ if failure.status != 0 => return None,
        "invalid_request_error" | "BadRequestError" => ErrorKind::InvalidRequest,
        "authentication_error" => ErrorKind::Authentication,
        "permission_error" | "permissions_error" => ErrorKind::PermissionDenied,
        "not_found_error" | "NotFoundError" => ErrorKind::ModelNotFound,
        "rate_limit_error" => ErrorKind::RateLimited { after: None },
        _ => return None,
    })
}

/// Servers without codes say it in words only: that the window is full, and llama-server with the status 500 that it
/// sees no images.
fn by_text(failure: &Failure<'_>) -> Option<ErrorKind> {
    let message = failure.message()?;
    let refused = matches!(failure.status, 0 | 400 | 413 | 422);
    // OpenRouter, of an input that its moderation holds back: the status 403 alone would be the key's fault.
    let flagged = failure.error().pointer("/metadata/flagged_input").is_some();
    if refused && OVERLONG.iter().any(|text| message.contains(text)) {
        Some(ErrorKind::ContextOverflow)
    } else if flagged {
        Some(ErrorKind::ContentFiltered)
    } else if message.starts_with("image input is not supported") {
        Some(ErrorKind::Unsupported)
    } else {
        None
    }
}

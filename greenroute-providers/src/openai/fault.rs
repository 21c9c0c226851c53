use greenroute_core::ErrorKind;
use greenroute_http::{Classified, Failure};
use serde_json::Value;

/// What a failure is where its `code` or `type` says more than the status. Vendors share these words, and none uses
/// another's for something else.
pub(super) fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let code = failure.code();
    let class = failure.error().get("type").and_then(Value::as_str);
    let by_word = [code.as_deref(), class].into_iter().flatten().find_map(by_word);
    let kind = by_word.or_else(|| by_text(failure))?;
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

/// Servers without codes say it in words only: vLLM, Mistral and Together that the window is full, llama-server with
/// the status 500 that it sees no images.
fn by_text(failure: &Failure<'_>) -> Option<ErrorKind> {
    let message = failure.message()?;
    let refused = matches!(failure.status, 0 | 400 | 413 | 422);
    if refused && message.contains("maximum context length") {
        Some(ErrorKind::ContextOverflow)
    } else if message.starts_with("image input is not supported") {
        Some(ErrorKind::Unsupported)
    } else {
        None
    }
}

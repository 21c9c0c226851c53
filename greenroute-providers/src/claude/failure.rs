use greenroute_core::{Date, ErrorKind};
use greenroute_http::{Classified, Failure, Headers};
use serde_json::Value;
use std::time::SystemTime;

/// What an error answer means, where the API means more than its status says.
pub(super) fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let told = |path: &str| failure.body.pointer(path).and_then(Value::as_str);
    let message = told("/error/message").unwrap_or_default();
    let kind = match told("/error/details/error_code") {
        // The tier's limit is one of a calendar month.
        Some("enforced_spend_limit_reached") => ErrorKind::QuotaExhausted { until: next_month(SystemTime::now()) },
        Some(
            "contract_spend_limit_reached"
            | "linked_organization_spend_limit_reached"
            | "linked_organization_billing_unavailable",
        ) => ErrorKind::QuotaExhausted { until: None },
        _ => by_type(failure.status, told("/error/type"), message)?,
    };
    let retry_after = failure.delay(SystemTime::now());
    Some(Classified { kind, message: message.to_owned(), retry_after })
}

fn by_type(status: u16, kind: Option<&str>, message: &str) -> Option<ErrorKind> {
    let says = |part: &str| message.to_ascii_lowercase().contains(part);
    match (status, kind) {
        (402, _) | (_, Some("billing_error")) => Some(ErrorKind::QuotaExhausted { until: None }),
        // 32 MB of request: another model may take what is too much here.
        (413, _) | (_, Some("request_too_large")) => Some(ErrorKind::ContextOverflow),
        // For these three there is no code, only words, and words may change: then they are invalid requests, as the
        // status says.
        (400, _) if says("prompt is too long") || says("exceed context limit") => Some(ErrorKind::ContextOverflow),
        (400, _) if says("credit balance is too low") => Some(ErrorKind::QuotaExhausted { until: None }),
        _ => None,
    }
}

/// What an error object means that came without a status of its own: in a stream, or in a batch.
pub(super) fn in_band(body: &Value) -> (ErrorKind, String) {
    let status = match body.pointer("/error/type").and_then(Value::as_str) {
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("billing_error") => 402,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("request_too_large") => 413,
        Some("rate_limit_error") => 429,
        Some("timeout_error") => 504,
        Some("overloaded_error") => 529,
        _ => 500,
    };
    let failure = Failure { status, headers: &Headers::default(), body, text: "" };
    let classified = classify(&failure).unwrap_or_else(|| failure.by_status());
    let message = failure.message().unwrap_or("the provider failed without a word");
    (classified.kind, message.to_owned())
}

/// The first moment of the next month in UTC.
fn next_month(now: SystemTime) -> Option<SystemTime> {
    let today = Date::of(now).to_string();
    let mut numbers = today.split('-').map(str::parse::<i32>);
    let (year, month) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Date::new(year, u8::try_from(month).ok()?, 1).map(Date::start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let day = |text: &str| text.parse::<Date>().unwrap().start();
        let late = day("2026-11-21") + Duration::from_secs(86_399);
        assert_eq!(next_month(late), Some(day("2026-12-01")));
        assert_eq!(next_month(day("2026-12-31")), Some(day("2027-01-01")));
        assert_eq!(next_month(UNIX_EPOCH), Some(day("1970-02-01")));
    }
}

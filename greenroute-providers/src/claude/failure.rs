use greenroute_core::{Date, ErrorKind};
use greenroute_http::{Classified, Failure};
use serde_json::Value;
use std::time::SystemTime;

/// What an error means, where the API means more than the status says, or none came: in a stream and in a batch.
pub(super) fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let told = |path: &str| failure.body.pointer(path).and_then(Value::as_str);
    let status = if failure.status == 0 { status_of(told("/error/type")?) } else { failure.status };
    let kind = match told("/error/details/error_code") {
        // The limit of a tier is one of the calendar month.
        Some("enforced_spend_limit_reached") => {
            Some(ErrorKind::QuotaExhausted { until: next_month(SystemTime::now()) })
        }
        Some(
            "contract_spend_limit_reached"
            | "linked_organization_spend_limit_reached"
            | "linked_organization_billing_unavailable",
        ) => Some(ErrorKind::QuotaExhausted { until: None }),
        _ => by_words(status, failure.message().unwrap_or_default()),
    };
    let plain = Failure { status, ..*failure }.by_status();
    match kind {
        Some(kind) => Some(Classified { kind, ..plain }),
        None => (failure.status == 0).then_some(plain),
    }
}

fn by_words(status: u16, message: &str) -> Option<ErrorKind> {
    let says = |part: &str| message.to_ascii_lowercase().contains(part);
    match status {
        // More than 32 MB of request: another model may take what is too much here.
        413 => Some(ErrorKind::ContextOverflow),
        // For these there is no code, only words, and words may change: then they are invalid requests, as the status
        // says.
        400 if says("prompt is too long") || says("exceed context limit") => Some(ErrorKind::ContextOverflow),
        400 if says("credit balance is too low") => Some(ErrorKind::QuotaExhausted { until: None }),
        _ => None,
    }
}

/// The status with which an error of this type is sent where it is the whole answer.
fn status_of(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
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

//! What Gemini's errors mean beyond their status.

use greenroute_core::{Date, ErrorKind};
use greenroute_http::{Classified, Failure};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Gemini's own reading of a failure, where its status does not tell.
pub(super) fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let kind = kind(failure)?;
    Some(Classified { kind, ..failure.by_status() })
}

fn kind(failure: &Failure<'_>) -> Option<ErrorKind> {
    let error = failure.error();
    let details = || error.get("details").and_then(Value::as_array).into_iter().flatten();
    // A wrong key is a bad request by its status.
    if details().any(|detail| detail.get("reason").is_some_and(|reason| reason == "API_KEY_INVALID")) {
        return Some(ErrorKind::Authentication);
    }
    let violations =
        details().filter_map(|detail| detail.get("violations").and_then(Value::as_array)).flatten();
    let mut quotas = violations.filter_map(|violation| violation.get("quotaId").and_then(Value::as_str));
    // A day's quota asks to retry within seconds all the same.
    if quotas.any(|quota| quota.contains("PerDay")) {
        return Some(ErrorKind::QuotaExhausted { until: next_midnight_pacific(SystemTime::now()) });
    }
    let told = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default();
    // There is no code for it: "The input token count (1200293) exceeds the maximum number of tokens allowed".
    if told("message").to_ascii_lowercase().contains("exceeds the maximum number of tokens") {
        return Some(ErrorKind::ContextOverflow);
    }
    match told("status") {
        // The user's country is not served, or billing is off: nothing is wrong with the request.
        "FAILED_PRECONDITION" => Some(ErrorKind::PermissionDenied),
        _ if failure.status == 0 => by_rpc_code(&failure.code()?),
        _ => None,
    }
}

/// Errors of a batch's requests come with a code of gRPC instead of HTTP's:
/// <https://grpc.io/docs/guides/status-codes/>.
fn by_rpc_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "1" => ErrorKind::Cancelled,
        "3" | "11" => ErrorKind::InvalidRequest,
        "4" => ErrorKind::Timeout,
        "5" => ErrorKind::ModelNotFound,
        "7" | "9" => ErrorKind::PermissionDenied,
        "8" => ErrorKind::RateLimited { after: None },
        "12" => ErrorKind::Unsupported,
        "14" => ErrorKind::Overloaded,
        "16" => ErrorKind::Authentication,
        _ => return None,
    })
}

/// When the day's quotas are filled again: <https://ai.google.dev/gemini-api/docs/rate-limits>. Daylight saving time
/// in California since 2007: from the second Sunday of March to the first of November, both at two in the morning.
fn next_midnight_pacific(now: SystemTime) -> Option<SystemTime> {
    const DAY: Duration = Duration::from_secs(86_400);
    [now, now + DAY].into_iter().find_map(|time| {
        let date = Date::of(time);
        let hours = if is_summer_at_midnight(date)? { 7 } else { 8 };
        let midnight = date.start() + Duration::from_secs(hours * 3600);
        (midnight > now).then_some(midnight)
    })
}

fn is_summer_at_midnight(date: Date) -> Option<bool> {
    let year = date.to_string().get(..4)?.parse().ok()?;
    // 1970-01-04 was a Sunday.
    let sunday = Date::new(1970, 1, 4)?;
    let day = |date: Date| sunday.days_until(date);
    let sunday_from =
        |month, first| Date::new(year, month, first).map(|date| (day(date) + 6).div_euclid(7) * 7);
    Some(day(date) > sunday_from(3, 8)? && day(date) <= sunday_from(11, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_http::{Client, Timeouts};

    /// The kind of the error that a recorded body is, read as if it came inside a stream.
    fn kind(recorded: &str) -> ErrorKind {
        let body = serde_json::from_str::<Value>(recorded).unwrap()["response"]["body"].take();
        let client = Client::new("gemini", "http://localhost", Timeouts::default()).unwrap();
        client.classifier(classify).error_in(&body, "gemini/m").kind().clone()
    }

    #[test]
    fn recorded_errors_say_what_to_do_next() {
        let daily = kind(include_str!("../../tests/fixtures/wire/gemini_error_429_per_day.json"));
        assert!(matches!(daily, ErrorKind::QuotaExhausted { until: Some(_) }), "{daily:?}");
        let minute = kind(include_str!("../../tests/fixtures/wire/gemini_error_429_per_minute.json"));
        assert_eq!(minute, ErrorKind::RateLimited { after: Some(Duration::from_secs(31)) });
        for (recorded, expected) in [
            (include_str!("../../tests/fixtures/wire/gemini_error_bad_key.json"), ErrorKind::Authentication),
            (
                include_str!("../../tests/fixtures/wire/gemini_error_503_overloaded.json"),
                ErrorKind::Overloaded,
            ),
            (include_str!("../../tests/fixtures/wire/gemini_error_500.json"), ErrorKind::Server),
            (
                include_str!("../../tests/fixtures/wire/gemini_error_model_not_found.json"),
                ErrorKind::ModelNotFound,
            ),
            (
                include_str!("../../tests/fixtures/wire/gemini_error_missing_thought_signature.json"),
                ErrorKind::InvalidRequest,
            ),
            (
                include_str!("../../tests/fixtures/wire/gemini_error_array_body.json"),
                ErrorKind::RateLimited { after: None },
            ),
        ] {
            assert_eq!(kind(recorded), expected);
        }
    }

    #[test]
    fn words_and_codes_of_errors_without_a_status_of_their_own_are_understood() {
        let kind =
            |error: Value| kind(&serde_json::json!({"response": {"body": {"error": error}}}).to_string());
        let message =
            "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).";
        let long = serde_json::json!({"code": 400, "message": message, "status": "INVALID_ARGUMENT"});
        assert_eq!(kind(long), ErrorKind::ContextOverflow);
        let place = serde_json::json!({"code": 400, "message": "…", "status": "FAILED_PRECONDITION"});
        assert_eq!(kind(place), ErrorKind::PermissionDenied);
        for (code, expected) in [
            (3, ErrorKind::InvalidRequest),
            (4, ErrorKind::Timeout),
            (8, ErrorKind::RateLimited { after: None }),
            (13, ErrorKind::Server),
            (14, ErrorKind::Overloaded),
        ] {
            assert_eq!(kind(serde_json::json!({"code": code, "message": "…"})), expected, "{code}");
        }
    }

    fn at(year: i32, month: u8, day: u8, hour: u64) -> SystemTime {
        Date::new(year, month, day).unwrap().start() + Duration::from_secs(hour * 3600)
    }

    #[test]
    fn quotas_are_filled_at_midnight_in_california() {
        for (now, midnight) in [
            // Winter: eight hours behind.
            (at(2026, 11, 21, 16), at(2026, 11, 22, 8)),
            (at(2026, 11, 21, 7), at(2026, 11, 21, 8)),
            (at(2026, 11, 21, 8), at(2026, 11, 22, 8)),
            // Summer: seven.
            (at(2026, 7, 1, 6), at(2026, 7, 1, 7)),
            (at(2026, 7, 1, 7), at(2026, 7, 2, 7)),
            // The clock goes forward on 2026-03-08 and back on 2026-11-01, after midnight.
            (at(2026, 3, 8, 1), at(2026, 3, 8, 8)),
            (at(2026, 3, 8, 9), at(2026, 3, 9, 7)),
            (at(2026, 11, 1, 1), at(2026, 11, 1, 7)),
            (at(2026, 11, 1, 8), at(2026, 11, 2, 8)),
            (at(2026, 12, 31, 23), at(2027, 1, 1, 8)),
        ] {
            assert_eq!(next_midnight_pacific(now), Some(midnight));
        }
    }
}

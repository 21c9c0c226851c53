//! What Gemini's errors mean beyond their status.

use greenroute_core::{Date, ErrorKind};
use greenroute_http::{Classified, Failure};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Gemini's own reading of a failure, where its status does not tell.
pub(super) fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let error = failure.body.get("error")?;
    let kind = kind(failure, error)?;
    Some(Classified { kind, ..failure.by_status() })
}

fn kind(failure: &Failure<'_>, error: &Value) -> Option<ErrorKind> {
    let details = || error.get("details").and_then(Value::as_array).into_iter().flatten();
    // A wrong key is a bad request by its status.
    if details().any(|detail| detail.get("reason").is_some_and(|reason| reason == "API_KEY_INVALID")) {
        return Some(ErrorKind::Authentication);
    }
    let violations = details().filter_map(|detail| detail.get("violations").and_then(Value::as_array)).flatten();
    let mut quotas = violations.filter_map(|violation| violation.get("quotaId").and_then(Value::as_str));
    // A day's quota asks to retry within seconds all the same.
    if failure.status == 429 && quotas.any(|quota| quota.contains("PerDay")) {
        return Some(ErrorKind::QuotaExhausted { until: next_midnight_pacific(SystemTime::now()) });
    }
    let status = error.get("status").and_then(Value::as_str).unwrap_or_default();
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    match (failure.status, status) {
        // There is no code for it: "The input token count (1200293) exceeds the maximum number of tokens allowed".
        (400, _) if message.to_ascii_lowercase().contains("exceeds the maximum number of tokens") => {
            Some(ErrorKind::ContextOverflow)
        }
        // The user's country is not served, or billing is off: nothing is wrong with the request.
        (400, "FAILED_PRECONDITION") => Some(ErrorKind::PermissionDenied),
        _ => None,
    }
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
    let sunday_from = |month, first| Date::new(year, month, first).map(|date| (day(date) + 6).div_euclid(7) * 7);
    Some(day(date) > sunday_from(3, 8)? && day(date) <= sunday_from(11, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

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

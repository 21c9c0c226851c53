//! How long a server asks to wait, in all the forms in which servers say it.

use crate::headers::Headers;
use greenroute_core::Date;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is longer is a mistake of the server's, or an epoch taken for a wait.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// The wait asked for: `retry-after-ms`, `retry-after`, Google's `RetryInfo`, then the reset of whatever stands at
/// zero. Times of day are reckoned from the server's own `date` where it sent one: clocks differ.
pub(crate) fn asked(headers: &Headers, error: Option<&Value>, now: SystemTime) -> Option<Duration> {
    let now = headers.get("date").and_then(|text| httpdate::parse_http_date(text).ok()).unwrap_or(now);
    let millis = headers.get("retry-after-ms").and_then(|text| seconds(text, 1e-3));
    millis
        .or_else(|| headers.get("retry-after").and_then(|text| retry_after(text, now)))
        .or_else(|| error.and_then(retry_info))
        .or_else(|| used_up(headers, now))
}

fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    seconds(text, 1.0).or_else(|| until(httpdate::parse_http_date(text).ok()?, now))
}

/// `error.details[]` with a `retryDelay` such as "31s".
fn retry_info(error: &Value) -> Option<Duration> {
    let details = error.get("details")?.as_array()?;
    details.iter().find_map(|detail| go_duration(detail.get("retryDelay")?.as_str()?))
}

/// The longest of the waits until something is filled again of which nothing remains: the request needs them all.
fn used_up(headers: &Headers, now: SystemTime) -> Option<Duration> {
    headers
        .iter()
        .filter(|(name, remaining)| {
            name.contains("ratelimit") && name.contains("remaining") && remaining.parse() == Ok(0.0_f64)
        })
        .filter_map(|(name, _)| reset(headers.get(&name.replacen("remaining", "reset", 1))?, now))
        .max()
}

/// A reset as a wait ("2m59.56s", "12"), a time (RFC 3339) or seconds or milliseconds since 1970.
fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let since_1970 = |scale| until(UNIX_EPOCH.checked_add(unbounded_seconds(text, scale)?)?, now);
    seconds(text, 1.0)
        .or_else(|| go_duration(text))
        .or_else(|| until(rfc3339(text)?, now))
        .or_else(|| since_1970(1.0))
        .or_else(|| since_1970(1e-3))
}

/// From `now` to `then`; zero where that is past.
fn until(then: SystemTime, now: SystemTime) -> Option<Duration> {
    sensible(then.duration_since(now).unwrap_or(Duration::ZERO))
}

fn sensible(wait: Duration) -> Option<Duration> {
    (wait <= LONGEST).then_some(wait)
}

fn seconds(text: &str, scale: f64) -> Option<Duration> {
    unbounded_seconds(text, scale).and_then(sensible)
}

/// `None` for what is negative, not finite or no number.
fn unbounded_seconds(text: &str, scale: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse::<f64>().ok()? * scale).ok()
}

/// Go's form of a duration: numbers with units, the largest first, such as "2m59.56s", "644ms", "1h0m0s".
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let scale = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        sum = sum.checked_add(unbounded_seconds(number, scale)?)?;
        rest = tail;
    }
    sensible(sum)
}

/// "2026-11-21T07:41:00Z", with or without a fraction, with `Z` or an offset.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let date: Date = date.parse().ok()?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (whole(parts.next()?, 23)?, whole(parts.next()?, 59)?);
    // 60 is a leap second.
    let second = parts.next().filter(|text| text.starts_with(|c: char| c.is_ascii_digit()))?;
    let second = unbounded_seconds(second, 1.0).filter(|second| second.as_secs() <= 60)?;
    let local = date.start().checked_add(Duration::from_secs(hour * 3600 + minute * 60) + second)?;
    let Some(sign) = zone.strip_prefix(['+', '-']) else {
        return zone.eq_ignore_ascii_case("z").then_some(local);
    };
    let (hours, minutes) = sign.split_once(':')?;
    let offset = Duration::from_secs(whole(hours, 23)? * 3600 + whole(minutes, 59)? * 60);
    if zone.starts_with('+') { local.checked_sub(offset) } else { local.checked_add(offset) }
}

fn whole(text: &str, most: u64) -> Option<u64> {
    let two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    two_digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= most)
}

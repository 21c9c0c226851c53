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

/// A moment such as "2026-11-21T07:41:00Z", with or without a fraction of a second, with `Z` or an offset.
#[must_use]
pub fn rfc3339(text: &str) -> Option<SystemTime> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::json;

    /// 2026-11-21T07:40:00Z.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_246_800)
    }

    fn asked_by(headers: &[(&str, &str)], error: &Value) -> Option<Duration> {
        let pairs = headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        asked(&Headers::from(pairs.collect::<HeaderMap>()), Some(error), now())
    }

    fn millis(headers: &[(&str, &str)]) -> Option<u128> {
        asked_by(headers, &Value::Null).map(|wait| wait.as_millis())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text| millis(&[("retry-after", text)]);
        assert_eq!(after("59"), Some(59_000));
        assert_eq!(after(" 0.25 "), Some(250));
        assert_eq!(after("0"), Some(0));
        assert_eq!(after("Sat, 21 Nov 2026 07:41:00 GMT"), Some(60_000));
        assert_eq!(after("Saturday, 21-Nov-26 07:41:00 GMT"), Some(60_000));
        assert_eq!(after("Sat, 21 Nov 2026 07:00:00 GMT"), Some(0), "what is past is now");
    }

    #[test]
    fn nonsense_is_no_wait() {
        for text in
            ["-1", "NaN", "inf", "-inf", "1e300", "99999999999", "", "soon", "Sat, 21 Nov 2206 07:41:00 GMT"]
        {
            assert_eq!(millis(&[("retry-after", text)]), None, "{text}");
            assert_eq!(millis(&[("retry-after-ms", text), ("retry-after", "2")]), Some(2000), "{text}");
        }
    }

    #[test]
    fn a_date_is_reckoned_from_the_servers_clock() {
        let headers =
            [("retry-after", "Sat, 21 Nov 2026 10:01:00 GMT"), ("date", "Sat, 21 Nov 2026 10:00:30 GMT")];
        assert_eq!(millis(&headers), Some(30_000));
    }

    #[test]
    fn the_first_form_counts() {
        let body = json!({"details": [{"@type": "Help"}, {"retryDelay": "31.5s"}]});
        let all = [
            ("retry-after-ms", "644"),
            ("retry-after", "2"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1h0m0s"),
        ];
        let millis = |from: usize, body: &Value| asked_by(&all[from..], body).map(|wait| wait.as_millis());
        assert_eq!(millis(0, &body), Some(644));
        assert_eq!(millis(1, &body), Some(2_000));
        assert_eq!(millis(2, &body), Some(31_500));
        assert_eq!(millis(2, &Value::Null), Some(3_600_000));
        assert_eq!(millis(2, &json!({"details": [{"retryDelay": "-1s"}]})), Some(3_600_000));
        assert_eq!(asked(Headers::none(), None, now()), None);
    }

    #[test]
    fn of_what_is_used_up_the_last_to_be_filled_counts() {
        let headers = [
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-11-21T09:00:00Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-21T07:41:00Z"),
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-21T07:40:30Z"),
        ];
        assert_eq!(millis(&headers), Some(60_000));
        assert_eq!(millis(&headers[..2]), None, "nothing is used up");
    }

    #[test]
    fn a_reset_is_a_wait_or_a_time() {
        let reset =
            |text| millis(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", text)]);
        assert_eq!(reset("2m59.56s"), Some(179_560));
        assert_eq!(reset("7.66s"), Some(7_660));
        assert_eq!(reset("644ms"), Some(644));
        assert_eq!(reset("1h2m3s"), Some(3_723_000));
        assert_eq!(reset("1d"), Some(86_400_000));
        assert_eq!(reset("1500us"), Some(1));
        assert_eq!(reset("12"), Some(12_000));
        assert_eq!(reset("2026-11-21T07:40:01.5Z"), Some(1_500));
        assert_eq!(reset("2026-11-21T08:41:00+01:00"), Some(60_000));
        assert_eq!(reset("2026-11-21T02:10:10-05:30"), Some(10_000));
        assert_eq!(reset("1795246860"), Some(60_000), "seconds since 1970");
        assert_eq!(reset("1795246860000"), Some(60_000), "milliseconds since 1970");
        let nonsense =
            ["", "s", "1x", "1.2.3s", "-5s", "9999999h", "2026-02-30T00:00:00Z", "2026-11-21T24:00:00Z"];
        let unfinished = ["2026-11-21", "2026-11-21T07:41", "2026-11-21T07:41:00", "2026-11-21T07:41:-1Z"];
        for text in nonsense.into_iter().chain(unfinished) {
            assert_eq!(reset(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_or_asks_for_more_than_a_year(
            text in prop_oneof![
                "[ -~]{0,24}",
                "[0-9hmsdnu.+:TZ-]{0,24}",
                "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,12}(Z|[+-][0-9]{2}:[0-9]{2})",
            ],
            error in "[0-9.a-zµ-]{0,12}",
        ) {
            let reset = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", text.as_str())];
            let body = json!({"details": [{"retryDelay": error}]});
            for headers in [&reset[..], &[("retry-after", &text)], &[("retry-after-ms", &text)], &[("date", &text)]] {
                let wait = asked_by(headers, &body);
                prop_assert!(wait.is_none_or(|wait| wait <= LONGEST));
            }
        }
    }
}

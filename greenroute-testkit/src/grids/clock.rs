//! Times as grid sources write them.

use greenroute_core::Date;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: u64 = 3600;

/// The last full `step` (in seconds) at or before `time`.
pub(crate) fn floor(time: SystemTime, step: u64) -> SystemTime {
    let seconds = since_1970(time);
    UNIX_EPOCH + Duration::from_secs(seconds - seconds % step.max(1))
}

/// `2018-04-25T18:07:00.350Z`.
pub(crate) fn millis(time: SystemTime) -> String {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_millis();
    format!("{}:{:02}.{millis:03}Z", minutes(time), since_1970(time) % 60)
}

/// `2018-01-20T12:00Z`.
pub(crate) fn minute(time: SystemTime) -> String {
    format!("{}Z", minutes(time))
}

/// `2022-07-15T00:00:00+00:00`.
pub(crate) fn offset(time: SystemTime) -> String {
    format!("{}:{:02}+00:00", minutes(time), since_1970(time) % 60)
}

/// `2022-10-31T11`.
pub(crate) fn hour(time: SystemTime) -> String {
    minutes(time).chars().take(13).collect()
}

/// Reads `2018-01-20T12:00Z`, and nothing else.
pub(crate) fn read_minute(text: &str) -> Option<SystemTime> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let (hours, minutes) = clock.split_once(':')?;
    let seconds = two_digits(hours, 23)? * HOUR + two_digits(minutes, 59)? * 60;
    Some(date.parse::<Date>().ok()?.start() + Duration::from_secs(seconds))
}

/// Reads `2022-10-31T11`, and nothing else.
pub(crate) fn read_hour(text: &str) -> Option<SystemTime> {
    let (date, hour) = text.split_once('T')?;
    Some(date.parse::<Date>().ok()?.start() + Duration::from_secs(two_digits(hour, 23)? * HOUR))
}

/// Reads a time with seconds and an offset of zero, however that is written.
pub(crate) fn read_seconds(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (rest, seconds) = text.rsplit_once(':')?;
    Some(read_minute(&format!("{rest}Z"))? + Duration::from_secs(two_digits(seconds, 59)?))
}

fn minutes(time: SystemTime) -> String {
    let seconds = since_1970(time) % (24 * HOUR);
    format!("{}T{:02}:{:02}", Date::of(time), seconds / HOUR, seconds % HOUR / 60)
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn two_digits(text: &str, most: u64) -> Option<u64> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= most)
}

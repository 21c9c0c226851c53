//! Calendar dates and RFC 3339, on `std::time` alone: prices and grid averages have dates, receipts have times.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: i64 = 86_400;

/// A day of the Gregorian calendar in UTC, written `2026-11-21`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
}

/// A text that is no date or time in the form asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {expected}")]
pub struct TimeParseError {
    text: String,
    expected: &'static str,
}

impl Date {
    /// The day with these numbers, or `None` where the calendar has no such day between the years 0 and 9999.
    #[must_use]
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        ((0..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// The day in UTC on which `time` falls.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        Self::from_days(unix_seconds(time).div_euclid(SECONDS_PER_DAY))
    }

    /// Its first second in UTC.
    #[must_use]
    pub fn start(self) -> SystemTime {
        let seconds = self.days() * SECONDS_PER_DAY;
        let offset = Duration::from_secs(seconds.unsigned_abs());
        if seconds >= 0 { UNIX_EPOCH + offset } else { UNIX_EPOCH - offset }
    }

    /// Whole days from this date to `later`; negative where `later` is earlier.
    #[must_use]
    pub fn days_until(self, later: Self) -> i64 {
        later.days() - self.days()
    }

    /// Days since 1970-01-01, after Howard Hinnant's `days_from_civil`.
    fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The inverse of [`Date::days`]; days outside the years 0 to 9999 move to the nearest end.
    fn from_days(days: i64) -> Self {
        let days = days.clamp(-719_468 - 60, 2_932_896) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year: i32::try_from(year.clamp(0, 9999)).unwrap_or(0),
            month: u8::try_from(month).unwrap_or(1),
            day: u8::try_from(day).unwrap_or(1),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = TimeParseError;

    fn from_str(text: &str) -> Result<Self, TimeParseError> {
        let error = || TimeParseError { text: text.to_owned(), expected: "date such as 2026-11-21" };
        let mut parts = text.split('-');
        let mut number = |width: usize| parts.next().filter(|p| p.len() == width && digits(p));
        let (year, month, day) = (number(4), number(2), number(2));
        let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
            return Err(error());
        };
        let parsed = (year.parse(), month.parse(), day.parse());
        let (Ok(year), Ok(month), Ok(day)) = parsed else { return Err(error()) };
        Self::new(year, month, day).ok_or_else(error)
    }
}

impl TryFrom<String> for Date {
    type Error = TimeParseError;

    fn try_from(text: String) -> Result<Self, TimeParseError> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let until = before.duration();
            let whole = i64::try_from(until.as_secs()).unwrap_or(i64::MAX);
            -whole - i64::from(until.subsec_nanos() > 0)
        }
    }
}

/// Serde for `SystemTime` as RFC 3339 in UTC with milliseconds: `#[serde(with = "crate::time::rfc3339")]`.
pub(crate) mod rfc3339 {
    use super::{Date, SECONDS_PER_DAY, TimeParseError, digits, unix_seconds};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::{Duration, SystemTime};

    pub(crate) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map_err(D::Error::custom)
    }

    pub(crate) fn format(time: SystemTime) -> String {
        let seconds = unix_seconds(time);
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let date = Date::of(time);
        let millis = time.duration_since(date.start()).map_or(0, |since| since.subsec_millis());
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        format!("{date}T{h:02}:{m:02}:{s:02}.{millis:03}Z")
    }

    pub(crate) fn parse(text: &str) -> Result<SystemTime, TimeParseError> {
        parts(text).ok_or_else(|| TimeParseError {
            text: text.to_owned(),
            expected: "time in UTC such as 2026-11-21T10:20:30Z",
        })
    }

    fn parts(text: &str) -> Option<SystemTime> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let date: Date = date.parse().ok()?;
        let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut numbers =
            clock.split(':').map(|p| if p.len() == 2 && digits(p) { p.parse().ok() } else { None });
        let (h, m, s): (u64, u64, u64) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let valid = numbers.next().is_none() && h < 24 && m < 60 && s < 60;
        if !valid || fraction.is_empty() || fraction.len() > 9 || !digits(fraction) {
            return None;
        }
        let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
        date.start().checked_add(Duration::new(h * 3600 + m * 60 + s, nanos))
    }
}

/// Serde for `Option<SystemTime>`, as [`rfc3339`].
pub(crate) mod option_rfc3339 {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::SystemTime;

    #[derive(Serialize, Deserialize)]
    struct Wrapped(#[serde(with = "super::rfc3339")] SystemTime);

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
        time.map(Wrapped).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(from)?.map(|wrapped| wrapped.0))
    }
}

/// Serde for `Duration` as a number of seconds; the field's name says so: `#[serde(rename = "duration_seconds")]`.
pub(crate) mod seconds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Serde for `Option<Duration>`, as [`seconds`].
pub(crate) mod option_seconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[derive(Serialize, Deserialize)]
    struct Wrapped(#[serde(with = "super::seconds")] Duration);

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.map(Wrapped).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(from)?.map(|wrapped| wrapped.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(Date::of(UNIX_EPOCH).to_string(), "1970-01-01");
        assert_eq!(Date::of(UNIX_EPOCH - Duration::from_millis(1)).to_string(), "1969-12-31");
        assert!(Date::new(2023, 2, 29).is_none() && Date::new(2024, 2, 29).is_some());
        let day: Date = "2026-11-21".parse().unwrap();
        assert_eq!(day.start(), UNIX_EPOCH + Duration::from_secs(1_795_219_200));
        for bad in ["2026-13-01", "2026-1-1", "21.11.2026", "", "2026-11-21x", "+026-11-21"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        let time = rfc3339::parse("2026-11-21T10:20:30.5Z").unwrap();
        assert_eq!(rfc3339::format(time), "2026-11-21T10:20:30.500Z");
        for bad in
            ["2026-11-21T24:00:00Z", "2026-11-21 10:20:30Z", "2026-11-21T10:20:30", "2026-11-21T10:20:30.Z"]
        {
            assert!(rfc3339::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_day_round_trips(days in -719_468i64..2_932_896) {
            let date = Date::from_days(days);
            prop_assert_eq!(date.days(), days);
            prop_assert_eq!(date.to_string().parse::<Date>().unwrap(), date);
        }

        #[test]
        fn every_millisecond_round_trips(millis in 0u64..200_000_000_000_000) {
            let time = UNIX_EPOCH + Duration::from_millis(millis);
            prop_assert_eq!(rfc3339::parse(&rfc3339::format(time)).unwrap(), time);
        }
    }
}

//! What a server says is checked here before anybody believes it. Every error names the source and the field.

use greenroute_core::units::CarbonIntensity;
use greenroute_core::{Error, ErrorKind, Result, Zone};
use jiff::Timestamp;
use std::time::{Duration, SystemTime};

/// The dirtiest power plants emit about 1400 g/kWh over their life; what is above twice that is no intensity.
const HIGHEST: f64 = 3000.0;

/// The longest text of an error, in characters.
const LONGEST: usize = 160;

/// Who answered, for errors about the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said(pub(super) &'static str);

impl Said {
    /// The answer cannot be right.
    pub(super) fn wrong(self, field: &str, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Decode, self.0, format!("`{field}` {what}"))
    }

    /// The source has no such number at this time; later it may.
    pub(super) fn nothing(self, field: &str, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Server, self.0, format!("`{field}` {what}")).with_retryable(true)
    }

    /// The source cannot do this for `zone`.
    pub(super) fn unsupported(self, zone: &Zone, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Unsupported, self.0, format!("zone {zone}: {what}"))
    }

    /// The error of a request about `zone`: a refusal names the zone. It will stand on receipts, where nobody wants a
    /// whole web page: the full text is its source.
    pub(super) fn about(self, zone: &Zone, error: Error) -> Error {
        if *error.kind() == ErrorKind::Unsupported {
            return self.unsupported(zone, error.message());
        }
        if error.message().chars().count() <= LONGEST {
            return error;
        }
        let short: String = error.message().chars().take(LONGEST).collect();
        let told = Error::new(error.kind().clone(), error.origin(), format!("{short}…"))
            .with_retryable(error.is_retryable());
        match error.retry_after() {
            Some(after) => told.with_retry_after(after),
            None => told,
        }
        .with_source(error)
    }

    pub(super) fn intensity(self, field: &str, grams: f64) -> Result<CarbonIntensity> {
        if (0.0..=HIGHEST).contains(&grams) {
            return CarbonIntensity::try_from_grams_per_kwh(grams).map_err(|error| self.wrong(field, error));
        }
        Err(self.wrong(field, format!("is {grams} g/kWh, which no grid has")))
    }

    pub(super) fn time(self, field: &str, text: &str) -> Result<SystemTime> {
        let time: Timestamp =
            text.parse().map_err(|_| self.wrong(field, format!("`{}` is no time", shortened(text))))?;
        Ok(time.into())
    }

    /// That the number of another zone was not given for this one.
    pub(super) fn same_zone(self, asked: &str, answered: &str) -> Result<()> {
        if asked.eq_ignore_ascii_case(answered) {
            return Ok(());
        }
        Err(self.wrong("zone", format!("is `{}`, and {asked} was asked for", shortened(answered))))
    }

    /// That `at` is a time of which a server can be asked.
    pub(super) fn askable(self, at: SystemTime) -> Result<()> {
        let year = Duration::from_secs(366 * 86_400);
        let last = SystemTime::UNIX_EPOCH.checked_add(8000 * year);
        if at >= SystemTime::UNIX_EPOCH && last.is_some_and(|last| at < last) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Config, self.0, "the time asked for lies beyond the calendar"))
    }

    /// That a forecast is asked for some time.
    pub(super) fn span(self, from: SystemTime, to: SystemTime) -> Result<()> {
        self.askable(from)?;
        self.askable(to)?;
        if from < to {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Config, self.0, "`to` must be after `from`"))
    }

    /// That `time` is not further before `at` than `oldest`, nor after it beyond `newest`.
    pub(super) fn near(
        self,
        field: &str,
        time: SystemTime,
        at: SystemTime,
        oldest: Duration,
        newest: Duration,
    ) -> Result<()> {
        let stale = at.duration_since(time).is_ok_and(|age| age > oldest);
        let early = time.duration_since(at).is_ok_and(|ahead| ahead > newest);
        if !stale && !early {
            return Ok(());
        }
        let what = if stale { "too long before" } else { "after" };
        Err(self.nothing(field, format!("is {}, {what} {}", written(time), written(at))))
    }
}

/// For people and for vintages: `2026-11-21T18:00:00Z`.
pub(super) fn written(time: SystemTime) -> String {
    Timestamp::try_from(time)
        .map_or_else(|_| "a time beyond the calendar".to_owned(), |time| format!("{time:.0}"))
}

/// The last full `step` of seconds at or before `time`.
pub(super) fn floor(time: SystemTime, step: u64) -> SystemTime {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds - seconds % step.max(1))
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Said = Said("acme");

    #[test]
    fn no_number_that_no_grid_has_is_believed() {
        for grams in [-1.0, 3000.1, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = SAID.intensity("carbonIntensity", grams).unwrap_err();
            assert_eq!((error.origin(), error.kind()), ("acme", &ErrorKind::Decode));
            assert!(error.message().starts_with("`carbonIntensity` is "), "{error}");
        }
        assert_eq!(SAID.intensity("x", 0.0).unwrap().as_grams_per_kwh(), 0.0);
    }

    #[test]
    fn times_are_read_in_all_the_forms_that_sources_write() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_516_449_600);
        for text in ["2018-01-20T12:00Z", "2018-01-20T12:00:00.000Z", "2018-01-20T13:00:00+01:00"] {
            assert_eq!(SAID.time("from", text).unwrap(), noon, "{text}");
        }
        assert_eq!(written(noon), "2018-01-20T12:00:00Z");
        for text in ["", "noon", "2018-01-20T12:00", "2018-02-30T12:00Z", &"9".repeat(10_000)] {
            let error = SAID.time("from", text).unwrap_err();
            assert!(error.message().starts_with("`from` `") && error.message().len() < 100, "{error}");
        }
    }

    #[test]
    fn times_beyond_the_calendar_are_no_panic() {
        let (epoch, day) = (SystemTime::UNIX_EPOCH, Duration::from_secs(86_400));
        let far = epoch + Duration::from_secs(i64::MAX.unsigned_abs());
        assert!(SAID.askable(epoch).is_ok() && SAID.askable(epoch + 366 * 6000 * day).is_ok());
        for at in [epoch - day, far] {
            assert_eq!(SAID.askable(at).unwrap_err().kind(), &ErrorKind::Config);
            assert!(SAID.span(at, epoch + day).is_err() && SAID.span(epoch, at).is_err());
        }
        assert_eq!(written(far), "a time beyond the calendar");
        assert!(SAID.span(epoch + day, epoch).unwrap_err().message().contains("`to`"));
    }

    #[test]
    fn what_is_stale_or_of_the_future_is_refused() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let hour = Duration::from_secs(3600);
        let near = |time| {
            SAID.near("datetime", time, at, 2 * hour, hour).map_err(|error| error.message().to_owned())
        };
        assert!(near(at - 2 * hour).is_ok() && near(at + hour).is_ok());
        let stale = near(at - 3 * hour).unwrap_err();
        assert_eq!(stale, "`datetime` is 1970-01-12T10:46:40Z, too long before 1970-01-12T13:46:40Z");
        assert!(near(at + 2 * hour).unwrap_err().contains(", after "));
    }
}

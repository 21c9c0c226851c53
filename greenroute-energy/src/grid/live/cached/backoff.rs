//! How long a source that failed is left alone. Times are `elapsed` of a clock.

use greenroute_core::{Error, ErrorKind};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);
/// No server is obeyed that asks for more.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// Whom a failure tells something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// The zone asked for.
    Zone,
    /// Every zone: nobody there listens to us now.
    Source,
    /// The account: every zone, unless others are still answered.
    Account,
}

impl Concern {
    pub(super) const fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Authentication => Self::Account,
            ErrorKind::RateLimited { .. }
            | ErrorKind::QuotaExhausted { .. }
            | ErrorKind::Overloaded
            | ErrorKind::Connection
            | ErrorKind::Timeout => Self::Source,
            _ => Self::Zone,
        }
    }
}

/// Failures in a row, and until when nobody asks again.
#[derive(Debug)]
pub(super) struct Failing {
    tries: u32,
    until: Duration,
    kind: ErrorKind,
    origin: String,
    message: String,
}

impl Failing {
    /// One failure more, after those that are known.
    pub(super) fn after(known: Option<&Self>, error: &Error, now: Duration) -> Self {
        let tries = known.map_or(1, |known| known.tries.saturating_add(1));
        let doubled = 2_u32.checked_pow(tries - 1).and_then(|factor| FIRST.checked_mul(factor));
        let pause = match error.kind() {
            // Whether a source knows a zone does not change within the hour, and a quota is not filled.
            ErrorKind::Unsupported | ErrorKind::QuotaExhausted { .. } => LONGEST,
            _ => doubled.map_or(LONGEST, |pause| pause.min(LONGEST)),
        };
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_ASKED);
        Self {
            tries,
            until: now + pause.max(asked),
            kind: error.kind().clone(),
            origin: error.origin().to_owned(),
            message: error.message().to_owned(),
        }
    }

    /// How long it is still to be left alone; `None` where it may be asked again.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        self.until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// The failure, as it is told to who asks too early.
    pub(super) fn told(&self, now: Duration) -> Error {
        let left = self.left(now).unwrap_or_default();
        let message = match self.kind {
            // It is no failure that could pass.
            ErrorKind::Unsupported => self.message.clone(),
            _ => format!("{} (not asked again for {} s)", self.message, left.as_secs().max(1)),
        };
        Error::new(self.kind.clone(), self.origin.as_str(), message).with_retry_after(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "acme", "no")
    }

    #[test]
    fn the_pause_doubles_up_to_an_hour() {
        let mut known = None;
        let mut pauses = Vec::new();
        for _ in 0..40 {
            let failing = Failing::after(known.as_ref(), &error(ErrorKind::Server), Duration::ZERO);
            pauses.push(failing.left(Duration::ZERO).unwrap().as_secs());
            known = Some(failing);
        }
        assert_eq!(pauses[..9], [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pauses[39], 3600);
    }

    #[test]
    fn a_server_that_asks_for_more_gets_it_up_to_a_day() {
        let left = |after| {
            let error = error(ErrorKind::Server).with_retry_after(Duration::from_secs(after));
            Failing::after(None, &error, Duration::ZERO).left(Duration::ZERO).unwrap().as_secs()
        };
        assert_eq!((left(5), left(31), left(7200), left(9_000_000)), (30, 31, 7200, 86_400));
    }

    #[test]
    fn what_does_not_pass_is_left_alone_for_an_hour_at_once() {
        let failing = Failing::after(None, &error(ErrorKind::Unsupported), Duration::from_secs(9));
        assert_eq!(failing.left(Duration::from_secs(9)), Some(Duration::from_secs(3600)));
        assert_eq!(failing.told(Duration::from_secs(9)).message(), "no");
        assert_eq!(failing.left(Duration::from_secs(3609)), None);
        let failing = Failing::after(None, &error(ErrorKind::Server), Duration::ZERO);
        let told = failing.told(Duration::from_secs(10));
        assert_eq!((told.kind(), told.message()), (&ErrorKind::Server, "no (not asked again for 20 s)"));
        assert_eq!(told.retry_after(), Some(Duration::from_secs(20)));
    }
}

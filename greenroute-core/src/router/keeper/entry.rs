use crate::error::{Error, ErrorKind, Result};
use crate::grid::{GridReading, Known};
use crate::router::health::Moment;
use std::time::{Duration, SystemTime};

/// A source is asked for the same zone no more often, however short its readings hold.
const SHORTEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a zone is left alone after its first failure; it doubles with each that follows.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How long a zone is left alone that the source does not know: sources learn zones rarely.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// The part of its life before whose end a reading is renewed, and the most that this may be: sources take a time that is
/// not far off for now.
const RENEWED_AHEAD: u32 = 5;
const MOST_AHEAD: Duration = Duration::from_secs(240);
/// How long after its end a reading still stands in for a newer one. Zones differ by a factor of a hundred, hours of one
/// zone by two or three: what a zone had days ago is nearer to the truth than the world's average.
const OLDEST: Duration = Duration::from_secs(7 * 86_400);

/// What is known of one zone, and when it is asked for again.
#[derive(Debug, Default)]
pub(super) struct Entry {
    known: Option<Known>,
    /// What holds after it.
    next: Option<Known>,
    /// From when on a newer reading is wanted.
    renew: Option<Renewal>,
    failure: Option<Failure>,
    /// Not to be asked for before, on the clock that never goes back.
    again: Duration,
    /// When the flight under way began.
    asked: Option<Duration>,
}

/// When a reading is renewed, on both clocks: the one that never goes back may stand still while a machine sleeps, and a
/// wall clock that was ahead and is put right would keep a reading of its future for as long.
#[derive(Debug, Clone, Copy)]
struct Renewal {
    at: SystemTime,
    elapsed: Duration,
}

impl Renewal {
    /// Of a reading that came at `moment` and holds until `until`.
    fn of(until: SystemTime, moment: Moment) -> Self {
        let life = until.duration_since(moment.now).unwrap_or_default();
        let ahead = (life / RENEWED_AHEAD).min(MOST_AHEAD);
        let elapsed = moment.elapsed.saturating_add(life.saturating_sub(ahead));
        Self { at: until.checked_sub(ahead).unwrap_or(until), elapsed }
    }

    fn is_due(self, moment: Moment) -> bool {
        self.at <= moment.now || self.elapsed <= moment.elapsed
    }
}

/// Why it could not be read, and how often in a row.
#[derive(Debug)]
struct Failure {
    why: String,
    count: u32,
}

impl Entry {
    /// Whether the source should be asked now.
    pub(super) fn is_due(&self, moment: Moment) -> bool {
        let wanted = self.failure.is_some()
            || self.known.is_none()
            || self.renew.is_some_and(|renew| renew.is_due(moment));
        wanted && self.asked.is_none() && self.again <= moment.elapsed
    }

    /// Notes that the source is being asked, and gives the time that it is to be asked for: now, or the end of a reading
    /// that still holds, since asked for now it would say the same again.
    pub(super) fn ask(&mut self, moment: Moment) -> SystemTime {
        self.asked = Some(moment.elapsed);
        let soon = moment.now.checked_add(MOST_AHEAD);
        let end = self.known.as_ref().filter(|_| self.renew.is_some_and(|renew| renew.is_due(moment)));
        let end = end.and_then(|known| known.reading.valid_until).filter(|end| Some(*end) <= soon);
        end.map_or(moment.now, |end| end.max(moment.now))
    }

    /// Goes over to the next reading where it is time for that, and forgets one that is too old: whoever calls then
    /// waits as for a zone of which nothing is known.
    pub(super) fn advance(&mut self, now: SystemTime) -> bool {
        let begun = |next: &mut Known| next.reading.valid_from.is_none_or(|from| from <= now);
        let next = self.next.take_if(begun);
        let advances = next.is_some();
        self.known = next.or_else(|| self.known.take());
        let forgotten = self.known.take_if(|known| is_too_old(known, now));
        advances || forgotten.is_some()
    }

    /// Since when the source is being asked.
    pub(super) const fn asked(&self) -> Option<Duration> {
        self.asked
    }

    /// Whether anything is known, be it that the source fails: then nobody waits for it.
    pub(super) const fn is_settled(&self) -> bool {
        self.known.is_some() || self.failure.is_some()
    }

    /// Takes what the source said.
    pub(super) fn land(&mut self, answer: Result<GridReading>, moment: Moment) {
        self.asked = None;
        match answer {
            Ok(reading) => {
                self.failure = None;
                self.again = moment.elapsed.saturating_add(SHORTEST_PAUSE);
                self.renew = reading.valid_until.map(|until| Renewal::of(until, moment));
                let begins = reading.valid_from.filter(|from| *from > moment.now);
                let holds = |known: &Known| known.reading.valid_until.is_none_or(|until| until > moment.now);
                let waits = begins.is_some() && self.known.as_ref().is_some_and(holds);
                let known = Some(Known::new(reading));
                if waits {
                    self.next = known;
                } else {
                    (self.known, self.next) = (known, None);
                }
            }
            Err(error) => {
                let count = self.failure.as_ref().map_or(0, |failure| failure.count);
                self.again = moment.elapsed.saturating_add(pause(&error, count));
                self.failure =
                    Some(Failure { why: error.message().to_owned(), count: count.saturating_add(1) });
            }
        }
    }

    /// The reading, unless it is too old.
    pub(super) fn usable(&self, now: SystemTime) -> Option<&Known> {
        self.known.as_ref().filter(|known| !is_too_old(known, now))
    }

    /// What went wrong the last time.
    pub(super) fn why(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.why.as_str())
    }
}

fn is_too_old(known: &Known, now: SystemTime) -> bool {
    let end = known.reading.valid_until.and_then(|until| until.checked_add(OLDEST));
    end.is_some_and(|end| end <= now)
}

/// How long to leave a zone alone after so many failures before this one; longer where the source asks for it.
fn pause(error: &Error, count: u32) -> Duration {
    let own = match error.kind() {
        ErrorKind::Unsupported => UNKNOWN_PAUSE,
        _ => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(count)).min(LONGEST_PAUSE),
    };
    error.retry_after().unwrap_or_default().max(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{Estimate, Method};
    use crate::grid::{Basis, Zone};
    use crate::units::CarbonIntensity;
    use std::time::UNIX_EPOCH;

    fn at(seconds: u64) -> Moment {
        let elapsed = Duration::from_secs(seconds);
        Moment { now: UNIX_EPOCH + elapsed, elapsed }
    }

    fn until(seconds: u64) -> Result<GridReading> {
        let intensity = Estimate::exact(CarbonIntensity::from_grams_per_kwh(50.0), Method::Reported);
        let reading = GridReading::new(Zone::world(), intensity, Basis::Average, "test", "now");
        Ok(GridReading { valid_until: Some(at(seconds).now), ..reading })
    }

    fn failure(kind: ErrorKind) -> Result<GridReading> {
        Err(Error::new(kind, "grid", "down"))
    }

    #[test]
    fn a_reading_is_renewed_before_its_end_and_by_one_flight_at_a_time() {
        let mut entry = Entry::default();
        assert!(entry.is_due(at(0)) && !entry.is_settled());
        entry.ask(at(0));
        assert!(!entry.is_due(at(0)), "it is on its way");
        entry.land(until(3600), at(0));
        assert!(!entry.is_due(at(3359)) && entry.is_due(at(3360)));
    }

    #[test]
    fn the_next_hours_reading_waits_for_its_hour() {
        let hour = |hour: u64| {
            let valid_from = Some(at(3600 * hour).now);
            Ok(GridReading { valid_from, ..until(3600 * (hour + 1)).unwrap() })
        };
        let end = |entry: &Entry, now: u64| entry.usable(at(now).now).unwrap().reading.valid_until.unwrap();
        let mut entry = Entry::default();
        assert_eq!(entry.ask(at(10)), at(10).now);
        entry.land(hour(0), at(10));
        assert!(entry.is_due(at(3400)));
        assert_eq!(entry.ask(at(3400)), at(3600).now, "of the present hour it has said all");
        entry.land(hour(1), at(3401));
        assert!(!entry.advance(at(3599).now) && end(&entry, 3599) == at(3600).now);
        assert!(!entry.is_due(at(3599)), "the next is at hand");
        assert!(entry.advance(at(3600).now) && end(&entry, 3600) == at(7200).now);
        assert!(!entry.advance(at(3600).now));
    }

    #[test]
    fn a_source_that_lags_behind_is_not_asked_at_every_call() {
        let mut entry = Entry::default();
        entry.land(until(50), at(100));
        assert!(!entry.is_due(at(159)) && entry.is_due(at(160)));
    }

    #[test]
    fn failures_back_off_and_a_success_ends_that() {
        let mut entry = Entry::default();
        let mut now = 0;
        for pause in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            entry.land(failure(ErrorKind::Server), at(now));
            assert!(!entry.is_due(at(now + pause - 1)) && entry.is_due(at(now + pause)), "{pause}");
            now += pause;
        }
        entry.land(until(now + 3600), at(now));
        entry.land(failure(ErrorKind::Server), at(now));
        assert!(entry.is_due(at(now + 30)));
    }

    #[test]
    fn an_unknown_zone_and_a_source_that_asks_for_patience_wait_longer() {
        let mut entry = Entry::default();
        entry.land(failure(ErrorKind::Unsupported), at(0));
        assert!(!entry.is_due(at(3600)) && entry.is_due(at(6 * 3600)));
        let limited = failure(ErrorKind::Server).map_err(|e| e.with_retry_after(Duration::from_secs(500)));
        let mut entry = Entry::default();
        entry.land(limited, at(0));
        assert!(!entry.is_due(at(499)) && entry.is_due(at(500)));
    }

    #[test]
    fn a_clock_that_was_ahead_and_is_put_right_keeps_no_reading_of_its_future() {
        let (year, mut entry) = (365 * 86_400, Entry::default());
        let ahead = Moment { now: at(year).now, elapsed: Duration::from_secs(10) };
        entry.land(until(year + 3600), ahead);
        assert!(!entry.is_due(at(3000)));
        assert!(entry.is_due(at(3400)), "its hour is over, whatever the wall clock says");
        assert_eq!(entry.ask(at(3400)), at(3400).now, "and not that of a year later is asked for");
        entry.land(until(7200), at(3401));
        assert_eq!(entry.usable(at(3401).now).unwrap().reading.valid_until, Some(at(7200).now));
    }

    #[test]
    fn what_is_too_old_is_forgotten_and_asked_for_like_a_new_zone() {
        let mut entry = Entry::default();
        entry.land(until(3600), at(0));
        assert!(!entry.advance(at(3600 + 7 * 86_400 - 1).now) && entry.is_settled());
        let later = at(3600 + 7 * 86_400);
        assert!(entry.advance(later.now) && !entry.is_settled() && entry.is_due(later));
        assert_eq!(entry.ask(later), later.now);
    }

    #[test]
    fn an_old_reading_serves_for_a_week_and_no_longer() {
        let mut entry = Entry::default();
        entry.land(until(100), at(0));
        entry.land(failure(ErrorKind::Server), at(90));
        assert_eq!(entry.why(), Some("down"));
        assert!(entry.usable(at(99 + 7 * 86_400).now).is_some());
        assert!(entry.usable(at(100 + 7 * 86_400).now).is_none());
    }
}

use crate::error::{Error, ErrorKind};
use crate::model::ModelKey;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// When a model that keeps failing is left alone for a while, so that no call wastes its attempts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row, over all calls, after which the model is left alone. At least 1.
    pub failures: u32,
    /// For how long at first; it doubles each time that the model fails again afterwards.
    pub pause: Duration,
    /// For how long at most, unless the provider itself names a time.
    pub longest_pause: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(30), longest_pause: Duration::from_secs(300) }
    }
}

/// A model that is left alone for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// The model.
    pub model: ModelKey,
    /// Until when.
    pub until: SystemTime,
    /// The failure that led to it.
    pub why: String,
}

/// For a quota of which nobody knows when it is filled again.
const UNKNOWN_QUOTA: Duration = Duration::from_secs(3600);

/// How each model has done lately.
#[derive(Debug)]
pub(super) struct Health {
    breaker: Option<Breaker>,
    states: Mutex<BTreeMap<ModelKey, State>>,
}

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    /// In a row, since the last answer.
    pauses: u32,
    /// On the runtime's clock.
    until: Option<Duration>,
    why: String,
}

/// The runtime's two clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: SystemTime,
    pub(super) elapsed: Duration,
}

impl Health {
    pub(super) fn new(breaker: Option<Breaker>) -> Self {
        Self { breaker, states: Mutex::default() }
    }

    /// An answer clears a model's record.
    pub(super) fn answered(&self, model: &ModelKey) {
        self.states().remove(model);
    }

    /// Books a failure. `patient` says that the model had all the time that its forecast asks for: a timeout before
    /// that is the caller's hurry.
    pub(super) fn failed(&self, model: &ModelKey, error: &Error, patient: bool, at: Moment) {
        let Some(breaker) = self.breaker else { return };
        let mut states = self.states();
        let state = states.entry(model.clone()).or_default();
        let pause = match error.kind() {
            ErrorKind::QuotaExhausted { until } => {
                let known = until.map(|until| until.duration_since(at.now).unwrap_or_default());
                known.or(error.retry_after()).unwrap_or(UNKNOWN_QUOTA)
            }
            // Asked again at once it would say the same.
            ErrorKind::Authentication | ErrorKind::PermissionDenied | ErrorKind::ModelNotFound => {
                breaker.next_pause(state.pauses)
            }
            kind if counts(kind, patient) => {
                state.failures = state.failures.saturating_add(1);
                if state.failures < breaker.failures {
                    return;
                }
                breaker.next_pause(state.pauses)
            }
            _ => return,
        };
        state.pause(pause, error, at);
    }

    /// Leaves a model alone for as long as its provider asks, because the call that heard it cannot wait so long.
    pub(super) fn pause(&self, model: &ModelKey, pause: Duration, error: &Error, at: Moment) {
        if self.breaker.is_some() {
            self.states().entry(model.clone()).or_default().pause(pause, error, at);
        }
    }

    /// Whether a model may be asked now. After its pause one call at a time tries it, until one is answered.
    pub(super) fn admit(&self, model: &ModelKey, at: Moment) -> bool {
        let mut states = self.states();
        let Some(state) = states.get_mut(model) else { return true };
        match state.until {
            Some(until) if until > at.elapsed => false,
            Some(_) => {
                let probing = self.breaker.map_or(Duration::ZERO, |breaker| breaker.pause);
                state.until = Some(at.elapsed.saturating_add(probing));
                true
            }
            None => true,
        }
    }

    /// The models that are left alone, by name.
    pub(super) fn paused(&self, at: Moment) -> Vec<Paused> {
        let states = self.states();
        let open = states.iter().filter_map(|(model, state)| {
            let left = state.until?.checked_sub(at.elapsed).filter(|left| !left.is_zero())?;
            let until = at.now.checked_add(left)?;
            Some(Paused { model: model.clone(), until, why: state.why.clone() })
        });
        open.collect()
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<ModelKey, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Breaker {
    fn next_pause(&self, pauses: u32) -> Duration {
        self.pause.saturating_mul(2_u32.saturating_pow(pauses)).min(self.longest_pause.max(self.pause))
    }
}

impl State {
    fn pause(&mut self, pause: Duration, error: &Error, at: Moment) {
        let until = at.elapsed.saturating_add(pause);
        // A longer pause that is known already stays.
        self.until = Some(self.until.map_or(until, |known| known.max(until)));
        self.pauses = self.pauses.saturating_add(1);
        self.why = format!("{} ({})", error.message(), error.kind().name());
    }
}

/// Whether a failure speaks against the model, and not against the request.
fn counts(kind: &ErrorKind, patient: bool) -> bool {
    match kind {
        ErrorKind::Timeout => patient,
        ErrorKind::Overloaded
        | ErrorKind::Server
        | ErrorKind::Connection
        | ErrorKind::Decode
        | ErrorKind::Internal
        | ErrorKind::StreamTruncated { .. }
        | ErrorKind::StreamError => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn at(seconds: u64) -> Moment {
        let elapsed = Duration::from_secs(seconds);
        Moment { now: UNIX_EPOCH + elapsed, elapsed }
    }

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "cloud/m", "no")
    }

    fn open(health: &Health, seconds: u64) -> Option<u64> {
        let paused = health.paused(at(seconds));
        paused.first().map(|paused| paused.until.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_closes_it() {
        let (health, model) = (Health::new(Some(Breaker::default())), ModelKey::new("cloud", "m"));
        let fail = |seconds| health.failed(&model, &error(ErrorKind::Server), true, at(seconds));
        (0..4).for_each(fail);
        assert_eq!(open(&health, 4), None);
        health.answered(&model);
        (4..9).for_each(fail);
        assert_eq!(open(&health, 9), Some(8 + 30));
        assert_eq!(health.paused(at(9))[0].why, "no (server)");
        assert!(!health.admit(&model, at(20)));
        assert!(health.admit(&model, at(38)), "one call tries it");
        assert!(!health.admit(&model, at(39)), "the others wait for what becomes of it");
        fail(40);
        assert_eq!(open(&health, 41), Some(40 + 60), "twice as long");
        assert!(health.admit(&model, at(100)));
        health.answered(&model);
        assert!(health.admit(&model, at(101)) && health.admit(&model, at(101)));
    }

    #[test]
    fn a_quota_is_waited_for_and_a_bad_request_is_not_its_fault() {
        let (health, model) = (Health::new(Some(Breaker::default())), ModelKey::new("cloud", "m"));
        for kind in [ErrorKind::InvalidRequest, ErrorKind::ContextOverflow, ErrorKind::ModelFault] {
            (0..9).for_each(|_| health.failed(&model, &error(kind.clone()), true, at(0)));
        }
        (0..9).for_each(|_| health.failed(&model, &error(ErrorKind::Timeout), false, at(0)));
        assert_eq!(open(&health, 0), None);
        let until = Some(UNIX_EPOCH + Duration::from_secs(5000));
        health.failed(&model, &error(ErrorKind::QuotaExhausted { until }), true, at(0));
        assert_eq!(open(&health, 1), Some(5000));
        let other = ModelKey::new("a", "m");
        health.failed(&other, &error(ErrorKind::QuotaExhausted { until: None }), true, at(0));
        assert_eq!(open(&health, 1), Some(3600));
    }

    #[test]
    fn a_wrong_key_is_not_tried_by_every_call() {
        let (health, model) = (Health::new(Some(Breaker::default())), ModelKey::new("cloud", "m"));
        health.failed(&model, &error(ErrorKind::Authentication), true, at(0));
        assert_eq!(open(&health, 1), Some(30));
        (1..9).for_each(|_| health.failed(&model, &error(ErrorKind::Authentication), true, at(30)));
        assert_eq!(open(&health, 31), Some(30 + 300), "and never longer than the longest pause");
    }
}

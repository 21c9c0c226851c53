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

/// No pause is longer, whatever a provider says: both clocks can tell its end.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How each model has done lately.
#[derive(Debug)]
pub(super) struct Health {
    breaker: Option<Breaker>,
    states: Mutex<BTreeMap<ModelKey, State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether it ever answered: then its key and its name are right, and a word to the contrary may be a slip.
    worked: bool,
    /// In a row.
    failures: u32,
    /// Those that no provider named, in a row, since the last answer.
    pauses: u32,
    pause: Option<Pause>,
}

/// Moments are on the runtime's clock.
#[derive(Debug)]
struct Pause {
    until: Duration,
    /// Whether its provider said that it has no more to give, and not only failed.
    asked_for: bool,
    /// Whether one call tries the model afterwards, before all others: not where its provider only asked for patience.
    tried: bool,
    /// Until when that call has it for itself.
    tried_until: Option<Duration>,
    /// Whether time alone may heal it, without somebody who sets a key or a name right.
    passes: bool,
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

    /// The answer of an attempt that `began` then clears a model's record; but one that was on its way already says
    /// nothing of a pause that the provider itself asked for.
    pub(super) fn answered(&self, model: &ModelKey, began: Duration) {
        let mut states = self.states();
        let asked_for = |state: &State| state.pause.as_ref().is_some_and(|pause| pause.asked_for);
        if !states.get(model).is_some_and(|state| asked_for(state) && state.is_news_from_before(began)) {
            states.insert(model.clone(), State { worked: true, ..State::default() });
        }
    }

    /// Books the failure of an attempt that `began` then. `patient` says that the model had all the time that its
    /// forecast asks for: a timeout before that is the caller's hurry.
    pub(super) fn failed(&self, model: &ModelKey, error: &Error, patient: bool, began: Duration, at: Moment) {
        let Some(breaker) = self.breaker else { return };
        let mut states = self.states();
        let state = states.entry(model.clone()).or_default();
        match error.kind() {
            ErrorKind::QuotaExhausted { until } => {
                // A moment that has passed already is no word on when it is filled.
                let known = until.and_then(|until| until.duration_since(at.now).ok());
                let known = known.filter(|left| !left.is_zero()).or(error.retry_after());
                state.pause_for(known.unwrap_or(UNKNOWN_QUOTA), true, true, error, at);
            }
            // Of many calls that were on their way together each may fail: that is one pause, not the doubled of many.
            _ if state.is_news_from_before(began) => {}
            kind if says_the_same(kind) && !state.worked => {
                state.next_pause(&breaker, error, at);
            }
            kind if says_the_same(kind) || counts(kind, patient) => {
                state.failures = state.failures.saturating_add(1);
                if state.failures < breaker.failures {
                    state.give_up_trying();
                } else {
                    state.next_pause(&breaker, error, at);
                }
            }
            _ => state.give_up_trying(),
        }
    }

    /// The caller of an attempt that `began` then gave up: where it was the one to try the model, the next may.
    pub(super) fn given_up(&self, model: &ModelKey, began: Duration) {
        if let Some(state) = self.states().get_mut(model)
            && !state.is_news_from_before(began)
        {
            state.give_up_trying();
        }
    }

    /// Leaves a model alone for as long as its provider asks, because the call that heard it does not ask again.
    pub(super) fn pause(&self, model: &ModelKey, pause: Duration, error: &Error, at: Moment) {
        if self.breaker.is_some() {
            self.states().entry(model.clone()).or_default().pause_for(pause, true, false, error, at);
        }
    }

    /// Whether a model may be asked now. After its pause one call at a time tries it, until one is answered.
    pub(super) fn admit(&self, model: &ModelKey, at: Moment) -> bool {
        let mut states = self.states();
        let Some(pause) = states.get_mut(model).and_then(|state| state.pause.as_mut()) else { return true };
        let free = pause.end() <= at.elapsed;
        if free && pause.tried {
            let alone = self.breaker.map_or(Duration::ZERO, |breaker| breaker.pause);
            pause.tried_until = Some(at.elapsed.saturating_add(alone));
        }
        free
    }

    /// Whether a model's pause is on at that moment, so that not even the call that asked it last should ask again.
    pub(super) fn is_paused(&self, model: &ModelKey, elapsed: Duration) -> bool {
        let states = self.states();
        let pause = states.get(model).and_then(|state| state.pause.as_ref());
        pause.is_some_and(|pause| pause.until > elapsed)
    }

    /// Whether a call may wait for the end of a model's pause.
    pub(super) fn may_pass(&self, model: &ModelKey) -> bool {
        let states = self.states();
        states.get(model).and_then(|state| state.pause.as_ref()).is_none_or(|pause| pause.passes)
    }

    /// The models that are left alone, by name.
    pub(super) fn paused(&self, at: Moment) -> Vec<Paused> {
        let states = self.states();
        let open = states.iter().filter_map(|(model, state)| {
            let pause = state.pause.as_ref()?;
            let left = pause.end().checked_sub(at.elapsed).filter(|left| !left.is_zero())?;
            let until = at.now.checked_add(left)?;
            Some(Paused { model: model.clone(), until, why: pause.why.clone() })
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

impl Pause {
    /// When the next call may ask.
    fn end(&self) -> Duration {
        self.tried_until.map_or(self.until, |tried| tried.max(self.until))
    }
}

impl State {
    /// Whether an attempt that `began` then began before the pause: nobody is let in while it lasts.
    fn is_news_from_before(&self, began: Duration) -> bool {
        self.pause.as_ref().is_some_and(|pause| began < pause.until)
    }

    /// The pause that comes without a provider's word on its length.
    fn next_pause(&mut self, breaker: &Breaker, error: &Error, at: Moment) {
        let pause = breaker.next_pause(self.pauses);
        self.pauses = self.pauses.saturating_add(1);
        self.pause_for(pause, false, true, error, at);
    }

    fn pause_for(&mut self, pause: Duration, asked_for: bool, tried: bool, error: &Error, at: Moment) {
        let until = at.elapsed.saturating_add(pause.min(LONGEST));
        let known = self.pause.as_ref();
        // A longer pause that is known already stays.
        if known.is_none_or(|known| known.until <= until) {
            let why = format!("{} ({})", error.message(), error.kind().name());
            let tried = tried || known.is_some_and(|known| known.tried);
            let asked_for = asked_for || known.is_some_and(|known| known.asked_for);
            let passes = !says_the_same(error.kind());
            self.pause = Some(Pause { until, asked_for, tried, tried_until: None, passes, why });
        }
    }

    /// Who tried the model learned nothing of it.
    fn give_up_trying(&mut self) {
        if let Some(pause) = &mut self.pause {
            pause.tried_until = None;
        }
    }
}

/// Whether a model that is asked again would fail in the same way, until somebody has set something right.
const fn says_the_same(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Authentication | ErrorKind::PermissionDenied | ErrorKind::ModelNotFound)
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

    /// An attempt that began and failed at once.
    fn fail(health: &Health, model: &ModelKey, kind: ErrorKind, seconds: u64) {
        health.failed(model, &error(kind), true, at(seconds).elapsed, at(seconds));
    }

    fn answer(health: &Health, model: &ModelKey, began: u64) {
        health.answered(model, at(began).elapsed);
    }

    fn fresh() -> (Health, ModelKey) {
        (Health::new(Some(Breaker::default())), ModelKey::new("cloud", "m"))
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_closes_it() {
        let (health, model) = fresh();
        let fail = |seconds| fail(&health, &model, ErrorKind::Server, seconds);
        (0..4).for_each(fail);
        assert_eq!(open(&health, 4), None);
        answer(&health, &model, 4);
        (4..9).for_each(fail);
        assert_eq!(open(&health, 9), Some(8 + 30));
        assert_eq!(health.paused(at(9))[0].why, "no (server)");
        assert!(!health.admit(&model, at(20)) && health.is_paused(&model, at(20).elapsed));
        assert!(health.admit(&model, at(38)), "one call tries it");
        assert!(!health.admit(&model, at(39)), "the others wait for what becomes of it");
        assert!(!health.is_paused(&model, at(39).elapsed), "and the one may go on");
        fail(40);
        assert_eq!(open(&health, 41), Some(40 + 60), "twice as long");
        assert!(health.admit(&model, at(100)));
        answer(&health, &model, 100);
        assert!(health.admit(&model, at(101)) && health.admit(&model, at(101)));
    }

    #[test]
    fn calls_that_were_on_their_way_together_make_one_pause() {
        let (health, model) = fresh();
        (0..50)
            .for_each(|_| health.failed(&model, &error(ErrorKind::Overloaded), true, at(0).elapsed, at(3)));
        assert_eq!(open(&health, 4), Some(3 + 30));
        (0..50)
            .for_each(|_| health.failed(&model, &error(ErrorKind::Overloaded), true, at(1).elapsed, at(35)));
        assert_eq!(open(&health, 32), Some(33), "what comes late changes nothing");
        fail(&health, &model, ErrorKind::Overloaded, 34);
        assert_eq!(open(&health, 35), Some(34 + 60), "the second pause is the second");
    }

    #[test]
    fn a_late_answer_clears_failures_and_not_what_the_provider_asked_for() {
        let (health, model) = fresh();
        (0..5).for_each(|_| fail(&health, &model, ErrorKind::Server, 3));
        answer(&health, &model, 1);
        assert_eq!(open(&health, 4), None, "it does answer");
        fail(&health, &model, ErrorKind::QuotaExhausted { until: None }, 5);
        answer(&health, &model, 1);
        assert_eq!(open(&health, 6), Some(5 + 3600));
        assert!(health.admit(&model, at(4000)));
        answer(&health, &model, 4000);
        assert_eq!(open(&health, 4001), None);
    }

    #[test]
    fn who_tries_it_and_learns_nothing_leaves_that_to_the_next() {
        let (health, model) = fresh();
        (0..5).for_each(|_| fail(&health, &model, ErrorKind::Server, 0));
        assert!(health.admit(&model, at(30)) && !health.admit(&model, at(31)));
        health.given_up(&model, at(2).elapsed);
        assert!(!health.admit(&model, at(31)), "it was another that gave up");
        health.given_up(&model, at(30).elapsed);
        assert!(health.admit(&model, at(31)) && !health.admit(&model, at(32)));
        fail(&health, &model, ErrorKind::InvalidRequest, 32);
        assert!(health.admit(&model, at(32)));
    }

    #[test]
    fn a_provider_that_asks_for_patience_is_asked_by_all_afterwards() {
        let (health, model) = fresh();
        let limited = error(ErrorKind::RateLimited { after: None });
        health.pause(&model, Duration::from_secs(7), &limited, at(0));
        assert!(!health.admit(&model, at(6)));
        assert!(health.admit(&model, at(7)) && health.admit(&model, at(7)));
        // Nor does it count as a pause that the next is to be twice as long as.
        (10..15).for_each(|seconds| fail(&health, &model, ErrorKind::Server, seconds));
        assert_eq!(open(&health, 15), Some(14 + 30));
        health.pause(&model, Duration::MAX, &limited, at(15));
        assert_eq!(open(&health, 16), Some(15 + LONGEST.as_secs()));
    }

    #[test]
    fn a_quota_is_waited_for_and_a_bad_request_is_not_its_fault() {
        let (health, model) = fresh();
        for kind in [ErrorKind::InvalidRequest, ErrorKind::ContextOverflow, ErrorKind::ModelFault] {
            (0..9).for_each(|_| fail(&health, &model, kind.clone(), 0));
        }
        let hasty = |_| health.failed(&model, &error(ErrorKind::Timeout), false, at(0).elapsed, at(0));
        (0..9).for_each(hasty);
        assert_eq!(open(&health, 0), None);
        let until = Some(UNIX_EPOCH + Duration::from_secs(5000));
        fail(&health, &model, ErrorKind::QuotaExhausted { until }, 0);
        assert_eq!(open(&health, 1), Some(5000));
        let other = ModelKey::new("a", "m");
        fail(&health, &other, ErrorKind::QuotaExhausted { until: None }, 0);
        assert_eq!(open(&health, 1), Some(3600));
        let past = ModelKey::new("a", "a");
        fail(&health, &past, ErrorKind::QuotaExhausted { until }, 6000);
        assert_eq!(open(&health, 6000), Some(6000 + 3600), "a moment that has passed says nothing");
    }

    #[test]
    fn a_wrong_key_is_not_tried_by_every_call() {
        let (health, model) = fresh();
        fail(&health, &model, ErrorKind::Authentication, 0);
        assert_eq!(open(&health, 1), Some(30));
        for seconds in [30, 90, 210, 450, 750, 1050] {
            fail(&health, &model, ErrorKind::Authentication, seconds);
        }
        assert_eq!(open(&health, 1051), Some(1050 + 300), "and never longer than the longest pause");
    }

    #[test]
    fn one_slip_of_a_key_that_worked_is_no_wrong_key() {
        let (health, model) = fresh();
        answer(&health, &model, 0);
        (1..5).for_each(|seconds| fail(&health, &model, ErrorKind::Authentication, seconds));
        assert_eq!(open(&health, 5), None);
        fail(&health, &model, ErrorKind::Authentication, 5);
        assert_eq!(open(&health, 6), Some(5 + 30));
    }
}

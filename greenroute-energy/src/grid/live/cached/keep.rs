//! What was answered, what failed and what is being asked, each by zone.

use super::super::band::{Band, aged};
use super::super::clock::Clock;
use super::backoff::{Concern, Failing};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, Shared, WeakShared, select};
use greenroute_core::{Error, ErrorKind, GridReading, Method, Result, Zone};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);
/// How old an answer may be that is given while the source fails, unless told.
pub(super) const OLDEST: Duration = Duration::from_secs(3 * 3600);
/// How long a forecast is kept: sources make new ones once or twice an hour.
const FORECAST: Duration = Duration::from_secs(1800);
/// Of no more zones is anything known; the world has some hundreds.
const MOST: usize = 2000;
/// How long an asker waits for one source where the request goes on without it: a call waits ten seconds for all
/// zones and sources together.
const PATIENCE: Duration = Duration::from_secs(3);
const HOUR: u64 = 3600;
/// What is asked for a time this near is asked for now.
const NOW: Duration = Duration::from_secs(300);

/// What somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) marginal: bool,
    pub(super) ahead: bool,
    pub(super) zone: Zone,
}

/// The time that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) SystemTime, pub(super) SystemTime);

impl Span {
    /// The moment that is now for whoever asks; all such moments are the same.
    pub(super) const NOW: Self = Self(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);

    fn covers(self, other: Self) -> bool {
        // A forecast that begins a little after the time asked for lacks nothing of what is still to come.
        let early = self.0.duration_since(other.0).unwrap_or_default();
        let forwards = other.0 < other.1 || other == Self::NOW;
        forwards && early <= NOW && other.1 <= self.1
    }

    /// Up to the next full hour, so that who asks for the next day again and again asks for the same.
    pub(super) fn to_full_hour(self) -> Self {
        let since = self.1.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let end = since.div_ceil(HOUR).checked_mul(HOUR).map(Duration::from_secs);
        let end = end.and_then(|end| SystemTime::UNIX_EPOCH.checked_add(end));
        // What is no span stays none, and is refused as such.
        Self(self.0, end.filter(|_| self.0 < self.1).unwrap_or(self.1))
    }
}

/// Shared by everybody who waited for it.
pub(super) type Outcome = Result<Vec<GridReading>, Arc<Error>>;

type Flight = BoxFuture<'static, Outcome>;

#[derive(Debug)]
struct Kept {
    readings: Vec<GridReading>,
    span: Span,
    since: Duration,
    life: Duration,
}

#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    failing: Option<Failing>,
    flight: Option<(Span, WeakShared<Flight>)>,
}

#[derive(Default)]
struct State {
    slots: HashMap<Key, Slot>,
    /// Failures that concern every zone.
    failing: Option<Failing>,
}

pub(super) struct Keep {
    pub(super) clock: Clock,
    pub(super) oldest: Duration,
    state: Mutex<State>,
}

enum Entered {
    Kept(Vec<GridReading>),
    Blocked(Error),
    Waiting(Shared<Flight>),
}

impl Keep {
    pub(super) fn new(clock: Clock, oldest: Duration) -> Self {
        Self { clock, oldest, state: Mutex::default() }
    }

    /// What is kept, or what `ask` brings for `asked`, which holds `span`, or the old answer where neither is to be had.
    pub(super) async fn get(
        self: &Arc<Self>,
        key: Key,
        span: Span,
        asked: Span,
        ask: impl Future<Output = Result<Vec<GridReading>>> + Send + 'static,
    ) -> Result<Vec<GridReading>> {
        let error = match self.enter(&key, span, asked, ask) {
            Entered::Kept(readings) => return Ok(readings),
            Entered::Blocked(error) => error,
            Entered::Waiting(flight) => match self.patiently(&key, flight).await {
                Ok(readings) => return Ok(within(&readings, span)),
                Err(error) => copied(&error),
            },
        };
        self.old(&key, span, &error).ok_or(error)
    }

    /// What `ask` brings for a time that is not now: it is not kept, but a source that is left alone is left alone.
    pub(super) async fn pass(
        &self,
        key: &Key,
        ask: impl Future<Output = Result<Vec<GridReading>>> + Send,
    ) -> Result<Vec<GridReading>> {
        let now = self.clock.elapsed();
        let blocked = self.locked().blocked(key, now);
        if let Some(error) = blocked {
            return Err(error);
        }
        let outcome = ask.await;
        if let Err(error) = &outcome
            && Concern::of(error.kind()) != Concern::Zone
        {
            self.locked().failed(key, error, self.clock.elapsed());
        }
        outcome
    }

    /// Whether `at` is now, more or less.
    pub(super) fn is_now(&self, at: SystemTime) -> bool {
        let now = self.clock.now();
        let apart = now.duration_since(at).or_else(|_| at.duration_since(now)).unwrap_or_default();
        apart <= NOW
    }

    /// The outcome, where it comes soon enough. Whatever comes later is kept for the next who asks.
    async fn patiently(&self, key: &Key, flight: Shared<Flight>) -> Outcome {
        let Some(runtime) = self.clock.runtime() else { return flight.await };
        match select(flight, runtime.sleep(PATIENCE)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let told =
                    format!("zone {}: no answer within {PATIENCE:?}; what comes later is kept", key.zone);
                Err(Arc::new(Error::new(ErrorKind::Timeout, "cached grid", told)))
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(
        self: &Arc<Self>,
        key: &Key,
        span: Span,
        asked: Span,
        ask: impl Future<Output = Result<Vec<GridReading>>> + Send + 'static,
    ) -> Entered {
        let now = self.clock.elapsed();
        let mut state = self.locked();
        if let Some(kept) = state.slots.get(key).and_then(|slot| slot.kept.as_ref()) {
            let left = kept.life.saturating_sub(now.saturating_sub(kept.since));
            if !left.is_zero() && kept.span.covers(span) {
                let mut readings = within(&kept.readings, span);
                if !key.ahead {
                    // From now on, and not from the time asked for: that may be the end of what is kept.
                    let until = self.clock.now().checked_add(left);
                    readings.iter_mut().for_each(|reading| reading.valid_until = until);
                }
                return Entered::Kept(readings);
            }
        }
        if let Some(error) = state.blocked(key, now) {
            return Entered::Blocked(error);
        }
        state.make_room(key, now);
        let slot = state.slots.entry(key.clone()).or_default();
        let running = slot.flight.as_ref().filter(|(running, _)| running.covers(span));
        if let Some(flight) = running.and_then(|(_, flight)| flight.upgrade()) {
            return Entered::Waiting(flight);
        }
        let (keep, landing) = (Arc::clone(self), key.clone());
        let flight = async move {
            let outcome = ask.await.map_err(Arc::new);
            keep.land(landing, asked, &outcome);
            outcome
        };
        let flight = flight.boxed().shared();
        slot.flight = flight.downgrade().map(|weak| (asked, weak));
        drop(state);
        if let Some(runtime) = self.clock.runtime() {
            // It lands also where everybody gave up: what was learnt of the source is not to be lost.
            runtime.spawn(flight.clone().map(drop).boxed());
        }
        Entered::Waiting(flight)
    }

    fn land(&self, key: Key, span: Span, outcome: &Outcome) {
        let now = self.clock.elapsed();
        let mut state = self.locked();
        match outcome {
            Ok(readings) => {
                // An answer that was under way when another zone failed is no reason to ask sooner than was agreed.
                state.failing.take_if(|failing| failing.left(now).is_none());
                let until = readings.iter().filter_map(|reading| reading.valid_until).min();
                let life = match (key.ahead, until) {
                    (true, _) => FORECAST,
                    (false, None) => LONGEST,
                    (false, Some(until)) => {
                        until.duration_since(self.clock.now()).unwrap_or_default().clamp(SHORTEST, LONGEST)
                    }
                };
                let kept = Kept { readings: readings.clone(), span, since: now, life };
                let slot = state.slots.entry(key).or_default();
                *slot = Slot { kept: Some(kept), failing: None, flight: None };
            }
            Err(error) => {
                state.failed(&key, error, now);
                if let Some(slot) = state.slots.get_mut(&key) {
                    slot.flight = None;
                }
            }
        }
    }

    /// The last answer, where it is young enough, saying why there is no newer one.
    fn old(&self, key: &Key, span: Span, error: &Error) -> Option<Vec<GridReading>> {
        let now = self.clock.elapsed();
        let state = self.locked();
        let kept = state.slots.get(key)?.kept.as_ref()?;
        let age = now.saturating_sub(kept.since);
        // Where the source says that it has no such zone, an old answer is no better.
        if age > self.oldest || !kept.span.covers(span) || *error.kind() == ErrorKind::Unsupported {
            return None;
        }
        let again = error.retry_after().unwrap_or_default().clamp(SHORTEST, LONGEST);
        let (band, hours) = (Band::of("kept"), age.as_secs().div_ceil(HOUR).max(1));
        let told = format!(
            "{}: {}; what it said {} min ago is used",
            error.origin(),
            error.message(),
            age.as_secs() / 60
        );
        let mut readings = within(&kept.readings, span);
        for reading in &mut readings {
            let intensity =
                if key.ahead { band.widen(reading.intensity) } else { aged(reading.intensity, hours) };
            reading.intensity = intensity.at_best(Method::Modelled);
            reading.passed_over.push(told.clone().into());
            if !key.ahead {
                reading.valid_until = self.clock.now().checked_add(again);
            }
        }
        Some(readings)
    }
}

impl State {
    /// Callers may name any zone: what is known of one is forgotten before it becomes too many.
    fn make_room(&mut self, key: &Key, now: Duration) {
        if self.slots.len() < MOST || self.slots.contains_key(key) {
            return;
        }
        let flies = |slot: &Slot| slot.flight.as_ref().is_some_and(|(_, flight)| flight.upgrade().is_some());
        let waits = |slot: &Slot| slot.failing.as_ref().is_some_and(|failing| failing.left(now).is_some());
        self.slots.retain(|_, slot| flies(slot) || slot.kept.is_some() || waits(slot));
        if self.slots.len() >= MOST {
            // Those that had an answer are worth more than those that never had one.
            self.slots.retain(|_, slot| flies(slot) || slot.kept.is_some());
        }
        if self.slots.len() >= MOST {
            self.slots.retain(|_, slot| flies(slot));
        }
    }

    fn blocked(&self, key: &Key, now: Duration) -> Option<Error> {
        let own = self.slots.get(key).and_then(|slot| slot.failing.as_ref());
        let failing = self.failing.iter().chain(own).filter(|failing| failing.left(now).is_some());
        failing.max_by_key(|failing| failing.left(now)).map(|failing| failing.told(now))
    }

    fn failed(&mut self, key: &Key, error: &Error, now: Duration) {
        if *error.kind() == ErrorKind::Config {
            // What was asked was wrong, and that says nothing of the source.
            return;
        }
        let others = || {
            let answered = |slot: &Slot| slot.kept.is_some() && slot.failing.is_none();
            self.slots.iter().any(|(other, slot)| other.zone != key.zone && answered(slot))
        };
        let every = match Concern::of(error.kind()) {
            Concern::Zone => false,
            Concern::Source => true,
            // Accounts may be good for some zones only.
            Concern::Account => !others(),
        };
        let place =
            if every { &mut self.failing } else { &mut self.slots.entry(key.clone()).or_default().failing };
        // Several that were on their way together failed once.
        let once = place.as_ref().is_some_and(|known| known.left(now).is_some());
        if !(every && once) {
            *place = Some(Failing::after(place.as_ref(), error, now));
        }
    }
}

/// Those that hold at some time within `span`.
fn within(readings: &[GridReading], span: Span) -> Vec<GridReading> {
    if span == Span::NOW {
        return readings.to_vec();
    }
    let holds = |reading: &&GridReading| {
        reading.valid_from.is_none_or(|from| from < span.1)
            && reading.valid_until.is_none_or(|until| until > span.0)
    };
    readings.iter().filter(holds).cloned().collect()
}

fn copied(error: &Error) -> Error {
    let copy = Error::new(error.kind().clone(), error.origin(), error.message());
    match error.retry_after() {
        Some(after) => copy.with_retry_after(after),
        None => copy,
    }
}

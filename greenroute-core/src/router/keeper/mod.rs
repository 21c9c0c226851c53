//! Keeps the advisor's picture of the grid fresh, so that deciding and accounting never wait for it.
//!
//! Calls drive it: each looks what it wants, and what runs out soon is asked for by a task, while the old reading is
//! still valid. Nobody waits but a call that wants a zone of which nothing is known yet. So a Router that nobody uses
//! asks nobody.

mod entry;
mod flight;

use super::Inner;
use super::health::Moment;
use crate::error::Result;
use crate::grid::{
    Chosen, GridIntensity, GridReading, GridSnapshot, MarginalIntensity, MarginalReading, Zone,
};
use entry::Entry;
pub(super) use flight::believed;
use futures_util::future::select;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

/// The longest that a call waits for a zone of which nothing is known; and never more than half of its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many zones are kept fresh beside those that cards run in: the last that calls chose or were served from.
const MOST_OTHERS: usize = 64;

pub(super) struct GridKeeper {
    world: GridReading,
    average: Option<Arc<dyn GridIntensity>>,
    marginal: Option<Arc<dyn MarginalIntensity>>,
    /// Readings set by the user, which beat every source.
    overrides: Vec<(Zone, GridReading)>,
    state: Mutex<State>,
}

/// What a source is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Average(Zone),
    Marginal(Zone),
}

#[derive(Default)]
struct State {
    entries: BTreeMap<Question, Entry>,
    /// Other zones, the one wanted last at the end.
    others: VecDeque<Zone>,
    /// Calls that wait for a landing.
    wakers: Vec<Waker>,
}

impl GridKeeper {
    pub(super) fn new(
        world: GridReading,
        average: Option<Arc<dyn GridIntensity>>,
        marginal: Option<Arc<dyn MarginalIntensity>>,
        overrides: Vec<(Zone, GridReading)>,
    ) -> Self {
        Self { world, average, marginal, overrides, state: Mutex::default() }
    }

    /// What is known before any source was asked.
    pub(super) fn initial(&self) -> GridSnapshot {
        self.overridden(GridSnapshot::new(self.world.clone()))
    }

    /// The source of average intensities.
    pub(super) const fn average(&self) -> Option<&Arc<dyn GridIntensity>> {
        self.average.as_ref()
    }

    /// The source of marginal intensities.
    pub(super) const fn marginal(&self) -> Option<&Arc<dyn MarginalIntensity>> {
        self.marginal.as_ref()
    }

    /// What the user set for `zone`.
    pub(super) fn set(&self, zone: &Zone) -> Option<&GridReading> {
        self.overrides.iter().find(|(set, _)| set == zone).map(|(_, reading)| reading)
    }

    /// Asks for what a call needs and for what runs out soon, and waits only for zones that the call needs and of
    /// which nothing is known. `left` is the time that the call has left.
    pub(super) async fn refresh(&self, inner: &Arc<Inner>, left: Duration, chosen: Option<&Chosen>) {
        if self.average.is_none() && self.marginal.is_none() {
            return;
        }
        let (moment, roster) = (inner.moment(), inner.advisor.roster());
        let of_cards = roster.zones();
        let zone = chosen.and_then(Chosen::asks_for);
        // Where an intensity is set as well, a zone still has a margin of its own.
        let wanted = zone.or_else(|| chosen?.zone().filter(|_| self.marginal.is_some()));
        let most = PATIENCE.min(left / 2);
        let (due, awaited, patience) = self.with(|state| {
            self.turn(inner, state, moment);
            if let Some(zone) = wanted {
                state.want(zone, of_cards);
            }
            let due = self.due(state, of_cards, moment, false);
            let needed = of_cards.iter().filter(|_| chosen.is_none()).chain(zone);
            let (mut awaited, mut patience) = (Vec::new(), Duration::ZERO);
            for question in needed.cloned().map(Question::Average) {
                let entry = state.entries.get(&question).filter(|entry| !entry.is_settled());
                // Counted from when the source was asked: not every call waits for one that hangs.
                let asked = entry.and_then(Entry::asked);
                let left = asked.map(|asked| most.saturating_sub(moment.elapsed.saturating_sub(asked)));
                if let Some(left) = left.filter(|left| !left.is_zero()) {
                    patience = patience.max(left);
                    awaited.push(question);
                }
            }
            (due, awaited, patience)
        });
        if !due.is_empty() {
            flight::launch(inner, due);
        }
        let settled = |state: &State, question: &Question| {
            state.entries.get(question).is_none_or(|entry| entry.is_settled() || entry.asked().is_none())
        };
        self.wait(inner, &awaited, patience, settled).await;
    }

    /// Asks for everything that is wanted, whatever is known of it, and waits for the answers.
    pub(super) async fn force(&self, inner: &Arc<Inner>, patience: Duration) {
        let (moment, roster) = (inner.moment(), inner.advisor.roster());
        let (due, all) = self.with(|state| {
            let due = self.due(state, roster.zones(), moment, true);
            (due, state.entries.keys().cloned().collect::<Vec<_>>())
        });
        if !due.is_empty() {
            flight::launch(inner, due);
        }
        let landed = |state: &State, question: &Question| {
            state.entries.get(question).is_none_or(|entry| entry.asked().is_none())
        };
        self.wait(inner, &all, patience, landed).await;
    }

    /// Begins to keep `zone` fresh as well, such as one that a provider said it had served from: whoever calls next
    /// finds it.
    pub(super) fn want(&self, inner: &Arc<Inner>, zone: &Zone) {
        let (moment, roster) = (inner.moment(), inner.advisor.roster());
        let due = self.with(|state| {
            state.want(zone, roster.zones());
            self.due(state, roster.zones(), moment, false)
        });
        if !due.is_empty() {
            flight::launch(inner, due);
        }
    }

    /// Goes over to readings whose time has come: whoever reads the grid now finds them.
    pub(super) fn advance(&self, inner: &Inner) {
        let moment = inner.moment();
        self.with(|state| self.turn(inner, state, moment));
    }

    fn turn(&self, inner: &Inner, state: &mut State, moment: Moment) {
        let turned = state.entries.values_mut().filter_map(|entry| entry.advance(moment.now).then_some(()));
        if turned.count() > 0 {
            inner.advisor.update_grid(self.picture(state, moment));
        }
    }

    /// Marks as asked whatever should be, and gives it with the time that it is to be asked for.
    fn due(
        &self,
        state: &mut State,
        of_cards: &BTreeSet<Zone>,
        moment: Moment,
        force: bool,
    ) -> Vec<(Question, SystemTime)> {
        let State { entries, others, .. } = state;
        let mut due = Vec::new();
        let mut look = |question: Question| {
            let entry = entries.entry(question.clone()).or_default();
            if entry.is_due(moment) || (force && entry.asked().is_none()) {
                let at = entry.ask(moment);
                due.push((question, at));
            }
        };
        for zone in of_cards.iter().chain(&*others) {
            if self.asks_for(zone) {
                look(Question::Average(zone.clone()));
            }
            if self.marginal.is_some() && !zone.is_world() {
                look(Question::Marginal(zone.clone()));
            }
        }
        due
    }

    /// Whether the source of averages is asked for `zone`.
    fn asks_for(&self, zone: &Zone) -> bool {
        self.average.is_some() && !zone.is_world() && self.set(zone).is_none()
    }

    /// Takes what sources said, shows it to the advisor, and wakes whoever waits for it.
    fn land(&self, inner: &Inner, answers: impl IntoIterator<Item = (Question, Result<GridReading>)>) {
        let moment = inner.moment();
        let wakers = self.with(|state| {
            for (question, answer) in answers {
                // What nobody wants any more is not kept.
                if let Some(entry) = state.entries.get_mut(&question) {
                    entry.land(answer, moment);
                }
            }
            // Under the lock, so that no older picture comes after this one.
            inner.advisor.update_grid(self.picture(state, moment));
            std::mem::take(&mut state.wakers)
        });
        wakers.into_iter().for_each(Waker::wake);
    }

    fn picture(&self, state: &State, moment: Moment) -> GridSnapshot {
        let mut snapshot = GridSnapshot::new(self.world.clone());
        for (question, entry) in &state.entries {
            let known = entry.usable(moment.now).cloned();
            match question {
                Question::Average(zone) => {
                    if let Some(known) = known {
                        snapshot.set_known(zone.clone(), known);
                    }
                    if let Some(why) = entry.why() {
                        snapshot.fault(zone.clone(), why);
                    }
                }
                Question::Marginal(zone) => {
                    let reading = known.map(|known| MarginalReading(GridReading::clone(&known.reading)));
                    let why = || entry.why().unwrap_or("no answer yet").to_owned();
                    snapshot.set_marginal(zone.clone(), reading.map(Arc::new).ok_or_else(why));
                }
            }
        }
        self.overridden(snapshot)
    }

    fn overridden(&self, mut snapshot: GridSnapshot) -> GridSnapshot {
        for (zone, reading) in &self.overrides {
            snapshot.set(zone.clone(), reading.clone());
        }
        snapshot
    }

    /// Waits until each of `questions` is `done`, or for so long.
    async fn wait(
        &self,
        inner: &Inner,
        questions: &[Question],
        patience: Duration,
        done: impl Fn(&State, &Question) -> bool,
    ) {
        if questions.is_empty() || patience.is_zero() {
            return;
        }
        let all_done = poll_fn(|context| {
            self.with(|state| {
                if questions.iter().all(|question| done(state, question)) {
                    return Poll::Ready(());
                }
                state.wakers.push(context.waker().clone());
                Poll::Pending
            })
        });
        select(pin!(all_done), inner.runtime.sleep(patience)).await;
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Moves `zone` to the end of the others; the one that was wanted longest ago may fall out.
    fn want(&mut self, zone: &Zone, of_cards: &BTreeSet<Zone>) {
        if of_cards.contains(zone) {
            return;
        }
        self.others.retain(|other| other != zone);
        self.others.push_back(zone.clone());
        if self.others.len() > MOST_OTHERS
            && let Some(oldest) = self.others.pop_front().filter(|oldest| !of_cards.contains(oldest))
        {
            self.entries.remove(&Question::Average(oldest.clone()));
            self.entries.remove(&Question::Marginal(oldest));
        }
    }
}

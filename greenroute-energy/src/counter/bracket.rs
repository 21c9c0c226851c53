use super::watch::Bell;
use super::{Counter, Sample};
use greenroute_core::chat::ComputeTime;
use greenroute_core::{Error, Reading, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Calls that are being metered by one counter. Whatever the counter shows is shared out among the calls that were
/// open then, so that concurrent readings sum to what the counter counted, and never above it.
///
/// Calls whose provider tracks their compute time share by it; what is shown before any of them has computed
/// waits for the first of those open then that has. A call whose provider does not tell counts as computing all the time.
#[derive(Debug, Clone)]
pub(crate) struct Brackets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    counter: Arc<dyn Counter>,
    open: Mutex<Open>,
    bell: Arc<Bell>,
}

/// Why a call has no reading, in words.
pub(crate) type Missed = Arc<str>;

#[derive(Debug)]
struct Open {
    last: Option<Sample>,
    /// What belongs to tracked calls, none of which has computed since it was counted: each part to the calls below its
    /// number, so that there are no more parts than calls that wait.
    pending: BTreeMap<u64, Sample>,
    calls: BTreeMap<u64, Call>,
    next: u64,
}

#[derive(Debug)]
struct Call {
    /// Or why a part of its time was missed.
    spent: std::result::Result<Sample, Missed>,
    time: ComputeTime,
    /// How much of its compute time was paid for.
    paid: Duration,
}

impl Call {
    fn pay(&mut self, part: Sample) {
        if let Ok(spent) = &mut self.spent {
            *spent = spent.then(part);
        }
    }

    /// The compute time since it last paid, or `None` where nobody tracks it.
    fn owes(&self) -> Option<Duration> {
        self.time.total().map(|total| total.saturating_sub(self.paid))
    }
}

impl Open {
    /// Gives `shown` to the calls that are open.
    fn share_out(&mut self, shown: Sample) {
        let Ok(count) = u32::try_from(self.calls.len()) else { return };
        let equal = shown.times(1.0 / f64::from(count.max(1)));
        // Looked at once: the model goes on computing meanwhile.
        let owed: BTreeMap<u64, Duration> =
            self.calls.iter().filter_map(|(id, call)| Some((*id, call.owes()?))).collect();
        for (_, call) in self.calls.iter_mut().filter(|(id, _)| !owed.contains_key(id)) {
            call.pay(equal);
        }
        if let (Ok(tracked), Some((last, _))) = (u32::try_from(owed.len()), owed.last_key_value()) {
            let pot = self.pending.entry(last + 1).or_insert(Sample::ZERO);
            *pot = pot.then(equal.times(f64::from(tracked)));
        }
        if owed.values().all(Duration::is_zero) {
            return;
        }
        let calls = &mut self.calls;
        self.pending.retain(|before, pot| {
            let sum: Duration = owed.range(..*before).map(|(_, time)| *time).sum();
            if sum.is_zero() {
                return true;
            }
            for (id, time) in owed.range(..*before) {
                if let Some(call) = calls.get_mut(id) {
                    call.pay(pot.times(time.as_secs_f64() / sum.as_secs_f64()));
                }
            }
            false
        });
        for (id, time) in owed {
            if let Some(call) = self.calls.get_mut(&id) {
                call.paid += time;
            }
        }
    }

    /// Takes a call away. What still waits for one of those from its time to compute is the last one's.
    fn remove(&mut self, id: u64) -> Option<std::result::Result<Sample, Missed>> {
        let mut call = self.calls.remove(&id)?;
        if call.owes().is_some() {
            let first = self.calls.iter().find(|(_, call)| call.owes().is_some()).map(|(id, _)| *id);
            self.pending.retain(|before, pot| {
                let left = first.is_some_and(|first| first < *before);
                if id < *before && !left {
                    call.pay(*pot);
                }
                left
            });
        }
        Some(call.spent)
    }

    /// What a failing counter missed must not be given to anybody later.
    fn miss(&mut self, why: &Error) {
        let why: Missed = why.message().into();
        self.last = None;
        self.pending.clear();
        self.calls.values_mut().for_each(|call| call.spent = Err(Arc::clone(&why)));
    }
}

/// One call that is being metered. Closing gives its reading; dropping gives up its place, so that the energy of
/// the time after goes to the calls that remain.
#[derive(Debug)]
pub(crate) struct Bracket {
    brackets: Brackets,
    /// Its number, or why the counter could not be read when it began.
    call: std::result::Result<u64, Missed>,
}

impl Brackets {
    pub(crate) fn new(counter: Arc<dyn Counter>) -> Self {
        let open = Open { last: None, pending: BTreeMap::new(), calls: BTreeMap::new(), next: 0 };
        Self(Arc::new(Shared { counter, open: Mutex::new(open), bell: Arc::default() }))
    }

    /// The counter's name.
    pub(crate) fn meter(&self) -> greenroute_core::MeterId {
        self.0.counter.id()
    }

    /// Begins to meter a call, whose compute time is told in `time`. A counter that fails gives a bracket without a
    /// reading: the call goes on.
    pub(crate) fn open(&self, time: ComputeTime) -> Bracket {
        let mut open = self.0.open();
        // What was missed before the call is not the call's: a second look begins after it.
        let counted = self.0.share_out(&mut open).or_else(|_| self.0.share_out(&mut open));
        let call = counted.map_err(|error| Missed::from(error.message())).map(|()| {
            let call = open.next;
            open.next += 1;
            let paid = time.total().unwrap_or_default();
            open.calls.insert(call, Call { spent: Ok(Sample::ZERO), time, paid });
            call
        });
        let first = call.is_ok() && self.0.bell.open(true);
        drop(open);
        if first {
            let (shared, bell) = (Arc::downgrade(&self.0), Arc::clone(&self.0.bell));
            // Without its thread a counter refuses a window in which it may have missed something.
            let _ =
                std::thread::Builder::new().name("energy counter".into()).spawn(move || tend(&shared, &bell));
        }
        Bracket { brackets: self.clone(), call }
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives what was counted since the last event to the calls that were open.
    fn share_out(&self, open: &mut Open) -> Result<()> {
        let now = self.counter.sample().inspect_err(|error| open.miss(error))?;
        if let Some(last) = open.last.replace(now) {
            open.share_out(now.since(last));
        }
        Ok(())
    }

    /// Takes a call away, with what it spent.
    fn remove(&self, call: u64) -> Option<std::result::Result<Sample, Missed>> {
        let mut open = self.open();
        // A failing counter tells every open call, this one too.
        let _ = self.share_out(&mut open);
        let spent = open.remove(call);
        if open.calls.is_empty() {
            self.bell.open(false);
        }
        spent
    }
}

/// Looks after the counter until nobody holds it any more, or it wants nothing.
fn tend(shared: &Weak<Shared>, bell: &Bell) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let again = match shared.counter.tend() {
            Ok(None) => return,
            Ok(Some(again)) => again,
            Err(error) => {
                shared.open().miss(&error);
                AFTER_A_FAULT
            }
        };
        drop(shared);
        if !bell.wait(again) {
            return;
        }
    }
}

/// A counter that fails is not asked more often than this.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);

impl Drop for Shared {
    fn drop(&mut self) {
        self.bell.close();
    }
}

impl Bracket {
    /// What the call spent, where the counter could say at both ends, else why it could not.
    pub(crate) fn close(mut self) -> std::result::Result<Reading, Missed> {
        let gone = || Missed::from("it was closed before");
        let call = std::mem::replace(&mut self.call, Err(gone()))?;
        let spent = self.brackets.0.remove(call).unwrap_or_else(|| Err(gone()))?;
        let counter = &self.brackets.0.counter;
        Ok(spent.reading(counter.boundary(), counter.id()))
    }
}

impl Drop for Bracket {
    fn drop(&mut self) {
        if let Ok(call) = self.call {
            self.brackets.0.remove(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::units::Energy;
    use greenroute_core::{Boundary, Error, ErrorKind, MeterId};
    use proptest::prelude::*;

    /// Shows what it is told to.
    #[derive(Debug, Default)]
    struct Told(Mutex<Option<f64>>);

    impl Told {
        fn show(&self, joules: Option<f64>) {
            *self.0.lock().unwrap() = joules;
        }
    }

    impl Counter for Told {
        fn id(&self) -> MeterId {
            MeterId::new("told", 1)
        }

        fn sample(&self) -> Result<Sample> {
            let shown = *self.0.lock().unwrap();
            let joules = shown.ok_or_else(|| Error::new(ErrorKind::Meter, "told", "unreadable"))?;
            Ok(Sample::exact(Energy::from_joules(joules)).with_idle(Energy::from_joules(joules / 10.0)))
        }

        fn boundary(&self) -> Boundary {
            Boundary::Device
        }

        fn tend(&self) -> Result<Option<Duration>> {
            Ok(None)
        }
    }

    fn joules(bracket: Bracket) -> Option<f64> {
        bracket.close().ok().map(|reading| reading.energy.value().as_joules())
    }

    #[test]
    fn overlapping_calls_share_the_time_that_they_overlap() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        told.show(Some(10.0));
        let first = brackets.open(ComputeTime::default());
        told.show(Some(20.0));
        let second = brackets.open(ComputeTime::default());
        told.show(Some(40.0));
        assert_eq!(joules(first), Some(20.0));
        told.show(Some(45.0));
        assert_eq!(joules(second), Some(15.0));
    }

    #[test]
    fn a_failing_counter_costs_the_reading_and_nothing_else() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        told.show(None);
        let blind = brackets.open(ComputeTime::default());
        told.show(Some(5.0));
        let seeing = brackets.open(ComputeTime::default());
        told.show(Some(9.0));
        assert_eq!(joules(blind), None);
        assert_eq!(joules(seeing), Some(4.0));
        let broken = brackets.open(ComputeTime::default());
        told.show(None);
        assert_eq!(joules(broken), None);
    }

    #[test]
    fn a_call_that_missed_a_part_of_its_time_has_no_reading() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        told.show(Some(5.0));
        let long = brackets.open(ComputeTime::default());
        told.show(None);
        let blind = brackets.open(ComputeTime::default());
        told.show(Some(9.0));
        let late = brackets.open(ComputeTime::default());
        told.show(Some(10.0));
        assert_eq!((joules(long), joules(blind), joules(late)), (None, None, Some(0.5)));
    }

    fn tracked() -> ComputeTime {
        let time = ComputeTime::default();
        time.track();
        time
    }

    #[test]
    fn who_waits_pays_nothing_and_who_computes_pays_by_time() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        let (one, two, waiting) = (tracked(), tracked(), tracked());
        told.show(Some(0.0));
        let first = brackets.open(one.clone());
        let second = brackets.open(two.clone());
        let third = brackets.open(waiting.clone());
        one.add(Duration::from_millis(30));
        two.add(Duration::from_millis(10));
        told.show(Some(8.0));
        assert_eq!(joules(first), Some(6.0));
        // Nobody was told to have computed yet: it waits for whoever will.
        told.show(Some(11.0));
        assert_eq!(joules(second), Some(2.0));
        waiting.add(Duration::from_millis(1));
        told.show(Some(12.0));
        assert_eq!(joules(third), Some(4.0));
    }

    #[test]
    fn a_call_that_waits_for_ever_does_not_fill_the_memory() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        told.show(Some(0.0));
        let waiting = brackets.open(tracked());
        let mut sum = 0.0;
        for call in 1..=500_u32 {
            let time = tracked();
            told.show(Some(f64::from(call) * 3.0 - 2.0));
            let working = brackets.open(time.clone());
            time.add(Duration::from_millis(1));
            told.show(Some(f64::from(call) * 3.0));
            sum += joules(working).unwrap();
            assert!(brackets.0.open().pending.len() <= 2);
        }
        assert!((sum - 1000.0).abs() < 1e-6, "two joules each: {sum}");
        assert_eq!(joules(waiting).map(f64::round), Some(500.0), "and one between two calls");
    }

    #[test]
    fn nobody_pays_for_what_was_before() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        let (idle, busy) = (tracked(), tracked());
        told.show(Some(0.0));
        let first = brackets.open(idle);
        told.show(Some(600.0));
        let second = brackets.open(busy.clone());
        busy.add(Duration::from_millis(1));
        told.show(Some(601.0));
        assert_eq!(joules(second), Some(1.0));
        assert_eq!(joules(first), Some(600.0));
    }

    #[test]
    fn who_does_not_tell_counts_as_computing() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        let time = tracked();
        told.show(Some(0.0));
        let telling = brackets.open(time.clone());
        let silent = brackets.open(ComputeTime::default());
        told.show(Some(6.0));
        assert_eq!(joules(silent), Some(3.0));
        assert_eq!(joules(telling), Some(3.0), "the last one takes what waited");
    }

    /// Wants to be looked after every ten milliseconds, and says how often it was.
    #[derive(Debug, Default)]
    struct Tended {
        told: Told,
        times: Mutex<u32>,
        fails: Mutex<bool>,
    }

    impl Tended {
        fn times(&self) -> u32 {
            *self.times.lock().unwrap()
        }

        /// Until it was looked after once more, or a second has gone.
        fn wait(&self) -> bool {
            let before = self.times();
            (0..1000).any(|_| {
                std::thread::sleep(Duration::from_millis(1));
                self.times() > before
            })
        }
    }

    impl Counter for Tended {
        fn id(&self) -> MeterId {
            MeterId::new("tended", 1)
        }

        fn boundary(&self) -> Boundary {
            Boundary::Device
        }

        fn sample(&self) -> Result<Sample> {
            self.told.sample()
        }

        fn tend(&self) -> Result<Option<Duration>> {
            *self.times.lock().unwrap() += 1;
            match *self.fails.lock().unwrap() {
                false => Ok(Some(Duration::from_millis(10))),
                true => Err(Error::new(ErrorKind::Meter, "tended", "it wrapped twice")),
            }
        }
    }

    #[test]
    fn a_counter_is_looked_after_while_a_call_is_open_and_let_alone_while_none_is() {
        let tended = Arc::new(Tended::default());
        tended.told.show(Some(1.0));
        let brackets = Brackets::new(tended.clone());
        assert_eq!(tended.times(), 0);
        for _ in 0..2 {
            let call = brackets.open(ComputeTime::default());
            assert!(tended.wait() && tended.wait() && tended.wait());
            assert!(call.close().is_ok());
            // Once more at the most, where it was about to.
            let after = tended.times();
            std::thread::sleep(Duration::from_millis(100));
            assert!(tended.times() <= after + 1, "no call is open");
        }
        let call = brackets.open(ComputeTime::default());
        drop(call);
        drop(brackets);
        let gone = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            Arc::strong_count(&tended) == 1
        });
        assert!(gone, "its thread has ended");
    }

    #[test]
    fn what_was_missed_in_the_middle_of_a_call_costs_its_reading_and_says_why() {
        let tended = Arc::new(Tended::default());
        tended.told.show(Some(1.0));
        let brackets = Brackets::new(tended.clone());
        let call = brackets.open(ComputeTime::default());
        assert!(tended.wait());
        *tended.fails.lock().unwrap() = true;
        let told = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            brackets.0.open().calls.values().all(|call| call.spent.is_err())
        });
        assert!(told, "it was looked after");
        tended.told.show(Some(7.0));
        assert_eq!(call.close().unwrap_err().as_ref(), "it wrapped twice");
        *tended.fails.lock().unwrap() = false;
        let next = brackets.open(ComputeTime::default());
        tended.told.show(Some(9.0));
        assert_eq!(joules(next), Some(2.0));
    }

    #[test]
    fn who_wants_nothing_gets_no_thread_for_long() {
        let told = Arc::new(Told::default());
        told.show(Some(1.0));
        let brackets = Brackets::new(told.clone());
        let call = brackets.open(ComputeTime::default());
        let weak = Arc::downgrade(&brackets.0);
        let alone = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            Arc::weak_count(&brackets.0) == 1
        });
        assert!(alone && weak.upgrade().is_some());
        assert_eq!(joules(call), Some(0.0));
    }

    proptest! {
        #[test]
        fn readings_never_sum_above_the_counter(events in proptest::collection::vec((0.0..50.0f64, 0usize..4), 1..60)) {
            let told = Arc::new(Told::default());
            let brackets = Brackets::new(told.clone());
            let (mut shown, mut sum, mut open) = (0.0, 0.0, Vec::new());
            for (step, action) in events {
                shown += step;
                told.show(Some(shown));
                match action {
                    0 | 1 => open.push(brackets.open(ComputeTime::default())),
                    2 => sum += open.pop().and_then(joules).unwrap_or(0.0),
                    _ => drop(open.pop()),
                }
            }
            sum += open.into_iter().filter_map(joules).sum::<f64>();
            prop_assert!(sum <= shown * (1.0 + 1e-9), "{sum} of {shown}");
        }

        /// The same of several instruments as one, and of their bands.
        #[test]
        fn readings_of_several_instruments_never_sum_above_them(
            events in proptest::collection::vec((0.0..50.0f64, 0.0..50.0f64, 0usize..4), 1..60),
        ) {
            let (gpu, processor) = (Arc::new(Told::default()), Arc::new(Told::default()));
            let parts: Vec<Arc<dyn Counter>> = vec![gpu.clone(), processor.clone()];
            let brackets = Brackets::new(Arc::new(crate::counter::Composite::new(parts)));
            let (mut shown, mut sum, mut open) = ([0.0; 2], 0.0, Vec::new());
            let read = |bracket: Bracket| {
                let reading = bracket.close().unwrap();
                assert_eq!(reading.meter, MeterId { name: "told+told".into(), version: 1 });
                let energy = reading.energy;
                assert!(energy.low() <= energy.value() && energy.value() <= energy.high());
                energy.value().as_joules()
            };
            for (one, two, action) in events {
                shown = [shown[0] + one, shown[1] + two];
                gpu.show(Some(shown[0]));
                processor.show(Some(shown[1]));
                match action {
                    0 | 1 => open.push(brackets.open(ComputeTime::default())),
                    2 => sum += open.pop().map_or(0.0, read),
                    _ => drop(open.pop()),
                }
            }
            sum += open.into_iter().map(read).sum::<f64>();
            let all = shown[0] + shown[1];
            prop_assert!(sum <= all * (1.0 + 1e-9), "{sum} of {all}");
        }

        /// However calls come, compute together and go: from the first one's start to the last one's end nothing of
        /// what the counter showed is lost or counted twice.
        #[test]
        fn the_parts_sum_to_the_delta(
            events in proptest::collection::vec((0.0..50.0f64, 0usize..3, proptest::collection::vec(0u64..9, 6)), 1..60),
        ) {
            let told = Arc::new(Told::default());
            let brackets = Brackets::new(told.clone());
            let (mut shown, mut sum, mut counted, mut open) = (0.0, 0.0, 0.0, Vec::new());
            let mut all = events;
            all.extend(std::iter::repeat_n((1.0, 2, vec![1; 6]), 60));
            for (step, action, work) in all {
                shown += step;
                if !open.is_empty() { counted += step; }
                told.show(Some(shown));
                for ((time, _), work) in open.iter().zip(work) {
                    let time: &ComputeTime = time;
                    if time.total().is_some() { time.add(Duration::from_millis(work)); }
                }
                match action {
                    0 | 1 if open.len() < 6 => {
                        let time = if action == 0 { ComputeTime::default() } else { tracked() };
                        open.push((time.clone(), brackets.open(time)));
                    }
                    _ if open.is_empty() => {}
                    _ => sum += joules(open.remove(0).1).unwrap(),
                }
            }
            prop_assert!(open.is_empty());
            prop_assert!((sum - counted).abs() <= 1e-9 * shown, "{sum} of {counted}");
        }
    }
}

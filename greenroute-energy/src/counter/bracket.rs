use super::{Counter, Sample};
use greenroute_core::chat::ComputeTime;
use greenroute_core::{Reading, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Calls that are being metered by one counter. Whatever the counter shows is shared out among the calls that were
/// open then, so that concurrent readings sum to what the counter counted, and never above it.
///
/// Calls whose provider tracks their compute time share by it; what is shown before any of them has computed
/// waits for the first of those open then that has. A call whose provider does not tell counts as computing all the time.
#[derive(Debug, Clone)]
pub(crate) struct Brackets {
    counter: Arc<dyn Counter>,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug)]
struct Open {
    last: Option<Sample>,
    /// What belongs to tracked calls, none of which has computed since it was counted: each part to the calls from
    /// before the one of its number.
    pending: BTreeMap<u64, Sample>,
    calls: BTreeMap<u64, Call>,
    next: u64,
}

#[derive(Debug)]
struct Call {
    /// `None` once a part of its time was missed.
    spent: Option<Sample>,
    time: ComputeTime,
    /// How much of its compute time was paid for.
    paid: Duration,
}

impl Call {
    fn pay(&mut self, part: Sample) {
        self.spent = self.spent.map(|spent| spent.plus(part));
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
        if let Ok(tracked) = u32::try_from(owed.len()).map(f64::from)
            && tracked > 0.0
        {
            let pot = self.pending.entry(self.next).or_insert(Sample::ZERO);
            *pot = pot.plus(equal.times(tracked));
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
    fn remove(&mut self, id: u64) -> Option<Sample> {
        let mut call = self.calls.remove(&id)?;
        if call.owes().is_some() {
            let others: Vec<u64> =
                self.calls.iter().filter(|(_, call)| call.owes().is_some()).map(|(id, _)| *id).collect();
            self.pending.retain(|before, pot| {
                let left = others.iter().any(|other| other < before);
                if id < *before && !left {
                    call.pay(*pot);
                }
                left
            });
        }
        call.spent
    }
}

/// One call that is being metered. Closing gives its reading; dropping gives up its place, so that the energy of
/// the time after goes to the calls that remain.
#[derive(Debug)]
pub(crate) struct Bracket {
    brackets: Brackets,
    call: Option<u64>,
}

impl Brackets {
    pub(crate) fn new(counter: Arc<dyn Counter>) -> Self {
        let open = Open { last: None, pending: BTreeMap::new(), calls: BTreeMap::new(), next: 0 };
        Self { counter, open: Arc::new(Mutex::new(open)) }
    }

    /// The counter's name.
    pub(crate) fn meter(&self) -> greenroute_core::MeterId {
        self.counter.id()
    }

    /// Begins to meter a call, whose compute time is told in `time`. A counter that fails gives a bracket without a
    /// reading: the call goes on.
    pub(crate) fn open(&self, time: ComputeTime) -> Bracket {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // What was missed before the call is not the call's: a second look begins after it.
        let counted = self.share_out(&mut open).or_else(|_| self.share_out(&mut open));
        let call = counted.ok().map(|()| {
            let call = open.next;
            open.next += 1;
            let paid = time.total().unwrap_or_default();
            open.calls.insert(call, Call { spent: Some(Sample::ZERO), time, paid });
            call
        });
        drop(open);
        Bracket { brackets: self.clone(), call }
    }

    /// Gives what was counted since the last event to the calls that were open.
    fn share_out(&self, open: &mut Open) -> Result<()> {
        let sample = self.counter.sample();
        // What a failing counter missed must not be given to anybody later.
        let last = std::mem::replace(&mut open.last, sample.as_ref().ok().copied());
        let Ok(now) = sample else {
            open.calls.values_mut().for_each(|call| call.spent = None);
            open.pending.clear();
            return sample.map(drop);
        };
        if let Some(last) = last {
            open.share_out(now.since(last));
        }
        Ok(())
    }
}

impl Bracket {
    /// What the call spent, where the counter could say at both ends.
    pub(crate) fn close(mut self) -> Option<Reading> {
        let call = self.call.take()?;
        let mut open = self.brackets.open.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = self.brackets.share_out(&mut open);
        let spent = open.remove(call)?;
        drop(open);
        counted.ok().map(|()| self.brackets.counter.reading(spent))
    }
}

impl Drop for Bracket {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            let mut open = self.brackets.open.lock().unwrap_or_else(PoisonError::into_inner);
            // A failing counter has nothing to share out; the place is given up all the same.
            let _ = self.brackets.share_out(&mut open);
            open.remove(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::units::Energy;
    use greenroute_core::{Boundary, Error, ErrorKind, Estimate, MeterId, Method};
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
            Ok(Sample { energy: Energy::from_joules(joules), idle: Energy::from_joules(joules / 10.0) })
        }

        fn reading(&self, spent: Sample) -> Reading {
            Reading::new(Estimate::exact(spent.energy, Method::Measured), Boundary::Device, self.id())
        }
    }

    fn joules(bracket: Bracket) -> Option<f64> {
        bracket.close().map(|reading| reading.energy.value().as_joules())
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

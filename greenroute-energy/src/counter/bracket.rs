use super::{Counter, Sample};
use greenroute_core::units::Energy;
use greenroute_core::{Reading, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Calls that are being metered by one counter. Whatever the counter shows between two moments is shared equally
/// among the calls that were open then, so that concurrent readings never sum above what the counter counted.
#[derive(Debug, Clone)]
pub(crate) struct Brackets {
    counter: Arc<dyn Counter>,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    last: Option<Sample>,
    /// What each call has spent; `None` once a part of its time was missed.
    calls: BTreeMap<u64, Option<Sample>>,
    next: u64,
}

/// One call that is being metered. Closing gives its reading; dropping gives up its place, so that the energy of
/// the time after goes to the calls that remain.
#[derive(Debug)]
pub(crate) struct Bracket {
    brackets: Brackets,
    call: Option<u64>,
}

const NOTHING: Sample = Sample { energy: Energy::ZERO, idle: Energy::ZERO };

impl Brackets {
    pub(crate) fn new(counter: Arc<dyn Counter>) -> Self {
        Self { counter, open: Arc::default() }
    }

    /// The counter's name.
    pub(crate) fn meter(&self) -> greenroute_core::MeterId {
        self.counter.id()
    }

    /// Begins to meter a call. A counter that fails gives a bracket without a reading: the call goes on.
    pub(crate) fn open(&self) -> Bracket {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // What was missed before the call is not the call's: a second look begins after it.
        let counted = self.share_out(&mut open).or_else(|_| self.share_out(&mut open));
        let call = counted.ok().map(|()| {
            let call = open.next;
            open.next += 1;
            open.calls.insert(call, Some(NOTHING));
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
            open.calls.values_mut().for_each(|call| *call = None);
            return sample.map(drop);
        };
        if let (Some(last), Ok(count)) = (last, u32::try_from(open.calls.len())) {
            let share =
                |now: Energy, last: Energy| now.saturating_sub(last) * (1.0 / f64::from(count.max(1)));
            for call in open.calls.values_mut().flatten() {
                call.energy = call.energy + share(now.energy, last.energy);
                call.idle = call.idle + share(now.idle, last.idle);
            }
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
        let spent = open.calls.remove(&call).flatten()?;
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
            open.calls.remove(&call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let first = brackets.open();
        told.show(Some(20.0));
        let second = brackets.open();
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
        let blind = brackets.open();
        told.show(Some(5.0));
        let seeing = brackets.open();
        told.show(Some(9.0));
        assert_eq!(joules(blind), None);
        assert_eq!(joules(seeing), Some(4.0));
        let broken = brackets.open();
        told.show(None);
        assert_eq!(joules(broken), None);
    }

    #[test]
    fn a_call_that_missed_a_part_of_its_time_has_no_reading() {
        let told = Arc::new(Told::default());
        let brackets = Brackets::new(told.clone());
        told.show(Some(5.0));
        let long = brackets.open();
        told.show(None);
        let blind = brackets.open();
        told.show(Some(9.0));
        let late = brackets.open();
        told.show(Some(10.0));
        assert_eq!((joules(long), joules(blind), joules(late)), (None, None, Some(0.5)));
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
                    0 | 1 => open.push(brackets.open()),
                    2 => sum += open.pop().and_then(joules).unwrap_or(0.0),
                    _ => drop(open.pop()),
                }
            }
            sum += open.into_iter().filter_map(joules).sum::<f64>();
            prop_assert!(sum <= shown * (1.0 + 1e-9), "{sum} of {shown}");
        }
    }
}

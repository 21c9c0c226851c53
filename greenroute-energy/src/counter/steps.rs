//! What a counter that only goes up says between two looks, whatever happened in between.

use greenroute_core::units::{Energy, Power};
use std::time::Duration;

/// From `last` to `now` in the counter's own unit, over one wrap at the most. `None` where that is impossible: the
/// counter was reset, or went back without a known end.
///
/// `range` is the number at which it begins again at zero.
#[must_use]
pub fn wrapped_step(last: u64, now: u64, range: Option<u64>) -> Option<u64> {
    now.checked_sub(last).or_else(|| now.checked_add(range?)?.checked_sub(last))
}

/// The steps of one energy counter that does not wrap but may fail, go back or come back: that of a GPU.
///
/// While the counter cannot be read, power times time stands in. Once it can be read again, its step since the last
/// good look covers that time too, so that what stood in is taken off: `max(step − stood in, 0)`, and what was too
/// much is taken off the steps that follow. Nothing is counted twice. A counter that went back was reset: power times
/// time stands in for that interval, and counting goes on from what it shows. These are the rules of codecarbon 3.3.2
/// (`core/gpu_device.py`), with one difference: an interval whose energy nobody knows is `None`, not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterSteps {
    last: Option<Energy>,
    stood_in: Energy,
    stood_in_for: Duration,
}

/// What an interval took, by [`CounterSteps`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// To be added to what was counted before: all energy since then, less what had stood in for it.
    pub energy: Energy,
    /// The mean power: over the whole time since the last good look where the counter was read, else the one given.
    pub power: Power,
    /// Whether the counter gave it; `false` where power times time stood in.
    pub counted: bool,
}

impl CounterSteps {
    /// Counting from what the counter shows now; `None` where it cannot be read.
    #[must_use]
    pub const fn new(shown: Option<Energy>) -> Self {
        Self { last: shown, stood_in: Energy::ZERO, stood_in_for: Duration::ZERO }
    }

    /// The interval of length `time` that ends now: what the counter shows, and the mean power during the interval
    /// where it is known, which only counts while the counter does not.
    ///
    /// `None` where neither tells; a counter that can be read later still covers the interval.
    pub fn step(&mut self, shown: Option<Energy>, power: Option<Power>, time: Duration) -> Option<Step> {
        match (self.last, shown) {
            (Some(last), Some(now)) if now >= last => Some(self.counted(now, now.saturating_sub(last), time)),
            // It went back, or is read for the first time: there is nothing to hold it against.
            (_, Some(now)) => {
                *self = Self::new(Some(now));
                stand_in(power, time)
            }
            (_, None) => {
                self.stood_in_for = self.stood_in_for.saturating_add(time);
                let step = stand_in(power, time)?;
                self.stood_in = self.stood_in + step.energy;
                Some(step)
            }
        }
    }

    fn counted(&mut self, now: Energy, shown: Energy, time: Duration) -> Step {
        let energy = shown.saturating_sub(self.stood_in);
        let covered = time.saturating_add(self.stood_in_for).as_secs_f64();
        let watts = if covered > 0.0 { shown.as_joules() / covered } else { 0.0 };
        *self = Self {
            last: Some(now),
            stood_in: self.stood_in.saturating_sub(shown),
            stood_in_for: Duration::ZERO,
        };
        Step { energy, power: Power::from_watts(watts), counted: true }
    }
}

fn stand_in(power: Option<Power>, time: Duration) -> Option<Step> {
    power.map(|power| Step { energy: power * time, power, counted: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEN: Duration = Duration::from_secs(10);

    fn joules(joules: f64) -> Option<Energy> {
        Some(Energy::from_joules(joules))
    }

    fn watts(watts: f64) -> Option<Power> {
        Some(Power::from_watts(watts))
    }

    #[test]
    fn a_counter_wraps_once_where_its_end_is_known() {
        assert_eq!(wrapped_step(5, 12, None), Some(7));
        assert_eq!(wrapped_step(98, 3, Some(100)), Some(5));
        assert_eq!(wrapped_step(98, 3, None), None);
        assert_eq!(wrapped_step(300, 3, Some(100)), None, "a counter beyond its end was reset");
        assert_eq!(wrapped_step(u64::MAX, 7, Some(u64::MAX)), None, "no overflow");
    }

    #[test]
    fn a_counter_that_comes_back_covers_the_outage_once() {
        let mut steps = CounterSteps::new(joules(100.0));
        let out = steps.step(None, watts(30.0), TEN).unwrap();
        assert_eq!((out.energy, out.counted), (Energy::from_joules(300.0), false));
        // 200 J were counted where 300 J had stood in: nothing now, and 100 J less of what follows.
        let back = steps.step(joules(300.0), None, TEN).unwrap();
        assert_eq!((back.energy, back.power), (Energy::ZERO, Power::from_watts(10.0)));
        let next = steps.step(joules(800.0), None, TEN).unwrap();
        assert_eq!((next.energy, next.power), (Energy::from_joules(400.0), Power::from_watts(50.0)));
    }

    #[test]
    fn a_counter_that_went_back_goes_on_from_there() {
        let mut steps = CounterSteps::new(joules(500.0));
        let reset = steps.step(joules(1.0), watts(30.0), TEN).unwrap();
        assert_eq!((reset.energy, reset.counted), (Energy::from_joules(300.0), false));
        assert_eq!(steps.step(joules(5.0), watts(30.0), TEN).unwrap().energy, Energy::from_joules(4.0));
    }

    #[test]
    fn what_nobody_knows_is_not_zero() {
        let mut steps = CounterSteps::new(None);
        assert_eq!(steps.step(None, None, TEN), None);
        assert_eq!(steps.step(joules(7.0), None, TEN), None, "the first look has nothing to be held against");
        let mut steps = CounterSteps::new(joules(0.0));
        assert_eq!(steps.step(None, None, TEN), None);
        let back = steps.step(joules(60.0), None, TEN).unwrap();
        assert_eq!((back.energy, back.power), (Energy::from_joules(60.0), Power::from_watts(3.0)));
        let still = steps.step(joules(60.0), None, Duration::ZERO).unwrap();
        assert_eq!((still.energy, still.power), (Energy::ZERO, Power::ZERO));
    }

    proptest! {
        #[test]
        fn no_joule_is_counted_twice(looks in proptest::collection::vec((any::<bool>(), 0u32..5000), 1..40)) {
            let (mut steps, mut shown, mut sum) = (CounterSteps::new(joules(0.0)), 0.0, 0.0);
            for (readable, more) in looks {
                shown += f64::from(more);
                // The stand-in is exact here, so that the sum is what the counter would have shown all along.
                let power = watts(f64::from(more) / 10.0);
                let step = steps.step(readable.then_some(Energy::from_joules(shown)), power, TEN).unwrap();
                sum += step.energy.as_joules();
            }
            prop_assert!((sum - shown).abs() <= 1e-9 * shown.max(1.0), "{} {}", sum, shown);
        }
    }
}

//! How much of the processor's work is this process's.

use super::process::{Kept, MachineTime, machine_time, own_time};
use greenroute_core::Result;
use greenroute_core::units::{Quantity, Tokens};
use std::time::{Duration, Instant};

/// A window as long has ticks enough to tell a part by.
const LONG: Duration = Duration::from_millis(100);

/// All that is needed of `/proc/stat` is its first line.
const STAT: usize = 256;

/// Every Linux shows a hundred ticks a second to its processes.
const TICKS: f64 = 100.0;

/// Processor time at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) at: Instant,
    own: Duration,
    machine: MachineTime,
}

/// The part of all busy time that was this process's, with its band, and the part of all time that was idle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    pub(super) low: f64,
    pub(super) value: f64,
    pub(super) high: f64,
    pub(super) idle: f64,
}

impl Mark {
    pub(super) fn now(proc_stat: &Kept) -> Result<Self> {
        let (at, own) = (Instant::now(), own_time()?);
        Ok(Self { at, own, machine: machine_time(&proc_stat.head::<STAT>()?)? })
    }

    /// The time between the two. Ticks are told late and in lumps: of `n`, some `2·√(n + 1)` may be missing or another
    /// window's. What this process worked was busy time in any case.
    fn since(&self, before: &Self) -> Part {
        let busy = count(self.machine.busy.saturating_sub(before.machine.busy));
        let idle = count(self.machine.idle.saturating_sub(before.machine.idle));
        let own = self.own.saturating_sub(before.own).as_secs_f64() * TICKS;
        let late = 2.0 * (busy + 1.0).sqrt();
        let of = |all: f64| if own > 0.0 { own / all.max(own) } else { 0.0 };
        let idle = if busy + idle > 0.0 { idle / (busy + idle) } else { 0.0 };
        Part { low: of(busy + late), value: of(busy), high: of(busy - late), idle }
    }
}

/// The last look, and two before it: the part of a short window is that of up to two tenths of a second before it too.
#[derive(Debug)]
pub(super) struct Looks {
    last: Mark,
    newer: Mark,
    older: Mark,
}

impl Looks {
    pub(super) const fn new(first: Mark) -> Self {
        Self { last: first, newer: first, older: first }
    }

    pub(super) const fn last(&self) -> Instant {
        self.last.at
    }

    /// This process's part since the last look; `now` is the last one from here on.
    pub(super) fn part(&mut self, now: Mark) -> Part {
        let short = now.at.saturating_duration_since(self.last.at) < LONG;
        let part = now.since(if short { &self.older } else { &self.last });
        if !short {
            (self.older, self.newer) = (now, now);
        } else if now.at.saturating_duration_since(self.newer.at) >= LONG {
            (self.older, self.newer) = (self.newer, now);
        }
        self.last = now;
        part
    }
}

fn count(ticks: u64) -> f64 {
    Tokens::new(ticks).base()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At so many milliseconds, with so many of work, and so many ticks.
    fn mark(begun: Instant, at: u64, own: u64, busy: u64, idle: u64) -> Mark {
        let (at, own) = (begun + Duration::from_millis(at), Duration::from_millis(own));
        Mark { at, own, machine: MachineTime { busy, idle } }
    }

    #[test]
    fn a_part_is_known_the_better_the_more_ticks_there_are() {
        let begun = Instant::now();
        let part = |own, busy, idle| mark(begun, 0, own, busy, idle).since(&mark(begun, 0, 0, 0, 0));
        let long = part(5_000, 1_000, 3_000);
        assert!((long.value - 0.5).abs() < 1e-12 && (long.idle - 0.75).abs() < 1e-12, "{long:?}");
        assert!(long.low > 0.46 && long.high < 0.54, "{long:?}");
        let short = part(1, 0, 0);
        assert!(short.value == 1.0 && short.high == 1.0 && short.low < 0.06, "{short:?}");
        assert_eq!(part(0, 0, 0), Part { low: 0.0, value: 0.0, high: 0.0, idle: 0.0 });
        for (own, busy) in [(1, 1), (900, 10), (30, 3), (0, 50), (40, 1_000)] {
            let Part { low, value, high, .. } = part(own, busy, 7);
            assert!(0.0 <= low && low <= value && value <= high && high <= 1.0, "{own} {busy}");
        }
    }

    /// Others work ten times as much, which the ticks tell in lumps: most looks see none of it.
    #[test]
    fn many_looks_between_two_ticks_do_not_make_all_work_this_processs_own() {
        let begun = Instant::now();
        let mut looks = Looks::new(mark(begun, 0, 0, 0, 0));
        let parts = (1..=1000).map(|at| looks.part(mark(begun, at, at, at / 10 * 11, at / 10)).value);
        let mean = parts.sum::<f64>() / 1000.0;
        assert!((mean - 1.0 / 11.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn a_pause_says_nothing_of_the_calls_around_it() {
        let begun = Instant::now();
        let mut looks = Looks::new(mark(begun, 0, 0, 0, 0));
        assert_eq!(looks.part(mark(begun, 60_000, 0, 6_000, 0)).value, 0.0);
        assert_eq!(looks.part(mark(begun, 60_050, 50, 6_005, 0)).value, 1.0);
        assert_eq!(looks.part(mark(begun, 61_000, 1_000, 6_195, 0)).value, 0.5);
    }
}

//! How much of a board's energy is this process's.

/// A part of a board, with its band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub(super) part: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Share {
    /// Nobody else is there.
    pub(super) const WHOLE: Self = Self { part: 1.0, low: 1.0, high: 1.0 };
    /// The process is not there.
    pub(super) const NONE: Self = Self { part: 0.0, low: 0.0, high: 0.0 };
    /// Nobody can be seen, as in a container: it is taken to be alone.
    const UNSEEN: Self = Self { part: 1.0, low: 0.3, high: 1.0 };

    /// With others, by the time for which each had work on the board. A kernel that fills the board and one that
    /// does not count the same, so that it is off by more than the instrument.
    fn by_time(part: f64) -> Self {
        Self { part, low: 0.6 * part, high: (1.6 * part).min(1.0) }
    }

    /// With others, of whose work nothing is known.
    fn one_of(processes: usize) -> Self {
        let part = 1.0 / f64::from(u32::try_from(processes.max(1)).unwrap_or(u32::MAX));
        Self { part, low: 0.25 * part, high: 1.0 }
    }

    /// An instance of a divided board: its slices of all. The others may work more, or less.
    pub(super) fn of_slices(ours: u32, all: u32) -> Self {
        let part = (f64::from(ours) / f64::from(all.max(1))).min(1.0);
        Self { part, low: 0.5 * part, high: (2.0 * part).min(1.0) }
    }
}

/// What NVML shows of the processes on a board.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// This process.
    pub(super) own: u32,
    /// Whether the process numbers are those of this process's own namespace.
    pub(super) trusted: bool,
    /// All processes on the board; `None` where NVML does not tell.
    pub(super) processes: Option<&'a [u32]>,
    /// The share of a process's time in which it had work there, in per cent, so far as it was seen at work lately.
    pub(super) busy: &'a [(u32, u32)],
}

impl Seen<'_> {
    /// This process's share; `before` is what it was when last looked at, among the same processes.
    pub(super) fn share(&self, before: Option<Share>) -> Share {
        let Some(processes) = self.processes else { return Share::UNSEEN };
        if !processes.contains(&self.own) {
            return match (self.trusted, processes.len()) {
                (true, _) => Share::NONE,
                (false, 0) => Share::UNSEEN,
                (false, count) => Share::one_of(count),
            };
        }
        if processes.iter().all(|process| *process == self.own) {
            return Share::WHOLE;
        }
        let time = |of: &dyn Fn(u32) -> bool| -> f64 {
            self.busy.iter().filter(|(process, _)| of(*process)).map(|(_, busy)| f64::from(*busy)).sum()
        };
        let (ours, all) = (time(&|process| process == self.own), time(&|_| true));
        // While it was not seen at work, what was seen is of a time before the call.
        if ours > 0.0 { Share::by_time(ours / all) } else { before.unwrap_or(Share::one_of(processes.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen<'a>(processes: Option<&'a [u32]>, busy: &'a [(u32, u32)]) -> Seen<'a> {
        Seen { own: 7, trusted: true, processes, busy }
    }

    #[test]
    fn who_is_alone_pays_all_and_who_is_not_there_nothing() {
        assert_eq!(seen(Some(&[7]), &[]).share(None), Share::WHOLE);
        assert_eq!(seen(Some(&[9]), &[(9, 50)]).share(None), Share::NONE);
        assert_eq!(seen(Some(&[]), &[]).share(None), Share::NONE);
        assert_eq!(seen(None, &[]).share(None), Share::UNSEEN);
    }

    #[test]
    fn others_on_the_board_pay_by_their_time() {
        let share = seen(Some(&[7, 9]), &[(7, 30), (9, 10), (9, 20), (7, 60)]).share(None);
        assert!((share.part - 0.75).abs() < 1e-12 && share.low < share.part && share.high == 1.0);
    }

    #[test]
    fn before_it_is_seen_at_work_it_is_one_of_them_or_what_it_was() {
        let busy = [(9, 10)];
        let first = seen(Some(&[7, 9, 11]), &busy).share(None);
        assert!((first.part - 1.0 / 3.0).abs() < 1e-12 && first.high == 1.0);
        let before = Share::by_time(0.8);
        assert_eq!(seen(Some(&[7, 9]), &busy).share(Some(before)), before);
    }

    #[test]
    fn in_a_container_the_numbers_of_others_say_nothing() {
        let there = |processes| Seen { trusted: false, ..seen(processes, &[]) }.share(None);
        assert_eq!(there(Some(&[])), Share::UNSEEN);
        assert!((there(Some(&[1000, 1001])).part - 0.5).abs() < 1e-12);
        assert_eq!(there(Some(&[7])), Share::WHOLE);
    }

    proptest! {
        /// The processes of one board, each asking for its own part, never ask for more than all of it.
        #[test]
        fn the_parts_of_a_board_sum_to_it(busy in proptest::collection::vec((1u32..6, 1u32..100), 1..30)) {
            let mut processes: Vec<u32> = busy.iter().map(|(process, _)| *process).collect();
            processes.sort_unstable();
            processes.dedup();
            let share = |own: u32| Seen { own, ..seen(Some(&processes), &busy) }.share(None);
            let sum: f64 = processes.iter().map(|own| share(*own).part).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{}", sum);
            for own in &processes {
                let Share { part, low, high } = share(*own);
                prop_assert!(0.0 <= low && low <= part && part <= high && high <= 1.0);
            }
        }
    }
}

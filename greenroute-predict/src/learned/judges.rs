use super::tally::Tally;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one judge brought to one cell, at the moment when the cell had heard `clock` verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Share {
    pub(super) tally: Tally,
    pub(super) clock: f64,
    pub(super) tick: u64,
}

/// Who brought how much to which cell, so that nobody brings more than [`MOST`](super::MOST). Judges are kept as
/// numbers, not by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Judges(BTreeMap<u64, Share>);

impl Judges {
    /// Shares kept: beyond, the quarter longest unheard is forgotten, and those judges begin anew.
    const ROOM: usize = 8_192;

    pub(super) fn get(&self, number: u64) -> Option<Share> {
        self.0.get(&number).copied()
    }

    pub(super) fn put(&mut self, number: u64, share: Share) {
        if self.0.len() >= Self::ROOM && !self.0.contains_key(&number) {
            let mut ticks: Vec<u64> = self.0.values().map(|share| share.tick).collect();
            let (_, oldest, _) = ticks.select_nth_unstable(Self::ROOM / 4);
            let oldest = *oldest;
            self.0.retain(|_, share| share.tick > oldest);
        }
        self.0.insert(number, share);
    }

    /// Whether verdicts can have made it by this tick.
    pub(super) fn is_sane(&self, tick: u64) -> bool {
        let sane = |share: &Share| (0.0..=1e15).contains(&share.clock) && share.tick <= tick;
        self.0.len() <= Self::ROOM && self.0.values().all(sane)
    }
}

/// FNV-1a, 64 bits, over parts that are kept apart: the same in every process, so that snapshots agree.
pub(super) fn number<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.iter().copied().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

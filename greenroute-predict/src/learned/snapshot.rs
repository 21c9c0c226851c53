use super::judges::Judges;
use super::receipts::Receipts;
use super::{Judged, Learned, MODELS};
use crate::prior::TaskFacts;
use greenroute_core::{Error, ErrorKind, ModelKey, Result};
use serde::{Deserialize, Serialize};

/// The layout of snapshots that this version writes and reads.
const FORMAT: u32 = 1;
/// No deployment hears so many verdicts.
const MOST_TICKS: u64 = 1 << 53;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    format: u32,
    /// The fingerprint of the weights beside which it was learned.
    weights: String,
    tick: u64,
    models: Vec<(ModelKey, Judged)>,
    judges: Judges,
    receipts: Receipts,
}

impl Learned {
    /// As JSON, the same bytes for the same memory; empty where nothing was learned. `weights` is the fingerprint of the
    /// prior beside it.
    pub(crate) fn to_bytes(&self, weights: &str) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let snapshot = Snapshot {
            format: FORMAT,
            weights: weights.to_owned(),
            tick: self.tick,
            models: self.models.iter().map(|(key, judged)| (key.clone(), judged.clone())).collect(),
            judges: self.judges.clone(),
            receipts: self.receipts.clone(),
        };
        serde_json::to_vec(&snapshot).unwrap_or_default()
    }

    /// From [`to_bytes`](Self::to_bytes). Beside other weights than it was learned with, what was learned stays with the
    /// tasks of the same name; tasks that `tasks` lacks are dropped.
    pub(crate) fn from_bytes(bytes: &[u8], tasks: &[TaskFacts]) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let wrong = |what: &str| Error::new(ErrorKind::Decode, "learned table", what);
        let Snapshot { format, tick, models, judges, receipts, weights: _ } =
            serde_json::from_slice(bytes)
                .map_err(|error| wrong("this is no snapshot of it, or not a whole one").with_source(error))?;
        if format != FORMAT {
            return Err(wrong(&format!(
                "the snapshot has layout {format}; this version reads layout {FORMAT}"
            )));
        }
        let sane = |judged: &Judged| {
            let clocks = judged.cells.values().all(|cell| (0.0..=1e15).contains(&cell.clock));
            clocks && judged.tick <= tick && judged.cells.values().all(|cell| cell.born <= tick)
        };
        if models.len() > MODELS
            || tick > MOST_TICKS
            || !judges.is_sane(tick)
            || !models.iter().all(|(_, judged)| sane(judged))
        {
            return Err(wrong("the snapshot holds numbers that no verdicts make"));
        }
        let mut learned = Self { judges, receipts, tick, ..Self::default() };
        for (key, mut judged) in models {
            judged.cells.retain(|name, _| tasks.iter().any(|task| task.name == *name));
            if !judged.cells.is_empty() {
                learned.models.insert(key, judged);
            }
        }
        if learned.is_empty() {
            return Err(wrong("none of the snapshot's tasks is known to these weights"));
        }
        Ok(learned)
    }
}

//! How much better a prediction gets once some runs of the same deployment have been measured.

use crate::runs::Run;
use crate::stats::median;
use std::collections::BTreeMap;

/// How often each run is corrected by other points drawn by lot.
const DRAWS: u64 = 20;

/// The median error with `points` measured runs of the same deployment, over deployments with more than five runs: the
/// offset of the measured run whose batch is nearest, fading with distance as the meters' own calibration does.
pub(crate) fn calibrated(runs: &[Run], predicted: &[f64], points: usize) -> f64 {
    let mut deployments: BTreeMap<String, Vec<(&Run, f64)>> = BTreeMap::new();
    for (run, joules) in runs.iter().zip(predicted) {
        deployments.entry(run.deployment()).or_default().push((run, *joules));
    }
    let mut lot = Lot(0x9E37_79B9_7F4A_7C15);
    let mut errors = Vec::new();
    for group in deployments.values().filter(|group| group.len() > 5) {
        for (at, (run, joules)) in group.iter().enumerate() {
            for _ in 0..DRAWS {
                let mut others: Vec<_> = group.iter().enumerate().filter(|(other, _)| *other != at).collect();
                let mut best: Option<(f64, f64)> = None;
                for _ in 0..points {
                    let (_, (measured, modelled)) = others.swap_remove(lot.below(others.len()));
                    let distance = (run.batch / measured.batch).log2().abs();
                    if best.is_none_or(|(least, _)| distance < least) {
                        best = Some((distance, measured.joules / modelled));
                    }
                }
                let factor = best.map_or(1.0, |(distance, ratio)| ratio.powf(trust(distance)));
                errors.push((joules * factor / run.joules - 1.0).abs());
            }
        }
    }
    median(&errors)
}

fn trust(doublings: f64) -> f64 {
    0.5 + 0.5 * (-doublings * doublings / 8.0).exp()
}

/// Numbers by lot, always the same ones (xorshift).
struct Lot(u64);

impl Lot {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.0 % count).unwrap_or(0)
    }
}

//! Which of two models takes less: of every two models on one GPU and task, each at its batch nearest 64.

use crate::runs::Run;
use crate::stats::real;
use std::collections::BTreeMap;

/// How many pairs there are, and the share that a method orders as the truth does.
pub(crate) fn ordered(runs: &[Run], predicted: &[f64]) -> (usize, f64) {
    let distance = |run: &Run| (run.batch / 64.0).ln().abs();
    let mut nearest: BTreeMap<(&str, &str, &str), (&Run, f64)> = BTreeMap::new();
    for (run, joules) in runs.iter().zip(predicted) {
        let key = (run.gpu.as_str(), run.task.as_str(), run.model.as_str());
        let best = nearest.entry(key).or_insert((run, *joules));
        if distance(run) < distance(best.0) {
            *best = (run, *joules);
        }
    }
    let (mut pairs, mut right) = (0, 0);
    for (at, (one, a)) in nearest.iter().enumerate() {
        for (other, b) in
            nearest.iter().skip(at + 1).filter(|(other, _)| (other.0, other.1) == (one.0, one.1))
        {
            debug_assert_ne!(one.2, other.2);
            pairs += 1;
            right += usize::from((a.1 - b.1) * (a.0.joules - b.0.joules) > 0.0);
        }
    }
    (pairs, real(right) / real(pairs))
}

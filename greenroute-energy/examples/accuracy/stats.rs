//! What is told of a method: medians, quantiles, bands.

use crate::runs::Run;
use std::collections::BTreeMap;

/// How a method did on some runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Score {
    pub(crate) median: f64,
    pub(crate) macro_median: f64,
    pub(crate) factor_90: f64,
    pub(crate) ratio: f64,
    pub(crate) within_2: f64,
}

/// Coverage of the 90 % band and its usual width, high over low.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coverage {
    pub(crate) share: f64,
    pub(crate) width: f64,
}

/// As a number; counts here are far below 2³².
pub(crate) fn real(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Between neighbours in proportion, as numpy does.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * real(sorted.len().saturating_sub(1));
    let whole = at.floor();
    let pick = |wanted: f64| {
        sorted.iter().enumerate().find(|(index, _)| real(*index) >= wanted).map(|(_, value)| *value)
    };
    match (pick(whole), pick(at.ceil())) {
        (Some(below), Some(above)) => (above - below).mul_add(at - whole, below),
        _ => f64::NAN,
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / real(values.len())
}

/// The relative errors of the runs that `chosen` names.
pub(crate) fn score(runs: &[Run], predicted: &[f64], chosen: &dyn Fn(&Run) -> bool) -> Option<Score> {
    let mut families: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let (mut errors, mut factors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for (run, joules) in runs.iter().zip(predicted).filter(|(run, joules)| chosen(run) && joules.is_finite())
    {
        let ratio = joules / run.joules;
        let error = (ratio - 1.0).abs();
        families.entry(&run.family).or_default().push(error);
        errors.push(error);
        factors.push(ratio.max(1.0 / ratio));
        ratios.push(ratio);
    }
    if errors.is_empty() {
        return None;
    }
    let medians: Vec<f64> = families.values().map(|errors| median(errors)).collect();
    let near = factors.iter().filter(|&&factor| factor <= 2.0).count();
    Some(Score {
        median: median(&errors),
        macro_median: mean(&medians),
        factor_90: quantile(&factors, 0.9),
        ratio: median(&ratios),
        within_2: real(near) / real(factors.len()),
    })
}

/// The 5 % and 95 % quantiles of truth over prediction.
pub(crate) fn band(runs: &[Run], predicted: &[f64], chosen: &dyn Fn(&Run) -> bool) -> (f64, f64) {
    let pairs = runs.iter().zip(predicted).filter(|(run, joules)| chosen(run) && joules.is_finite());
    let ratios: Vec<f64> = pairs.map(|(run, joules)| (run.joules / joules).ln()).collect();
    (quantile(&ratios, 0.05).exp(), quantile(&ratios, 0.95).exp())
}

/// How often the truth lies in the band that the other families' errors give.
pub(crate) fn coverage(runs: &[Run], predicted: &[f64]) -> Coverage {
    let mut bands: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for run in runs {
        bands
            .entry(&run.family)
            .or_insert_with(|| band(runs, predicted, &|other| other.family != run.family));
    }
    let (mut inside, mut widths) = (0, Vec::new());
    for (run, joules) in runs.iter().zip(predicted) {
        let Some((low, high)) = bands.get(run.family.as_str()) else { continue };
        let ratio = run.joules / joules;
        inside += usize::from((*low..=*high).contains(&ratio));
        widths.push(high / low);
    }
    Coverage { share: real(inside) / real(widths.len()), width: median(&widths) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours_in_proportion() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.9), 4.6);
        assert_eq!((quantile(&[7.0], 0.05), quantile(&[7.0], 1.0)), (7.0, 7.0));
        assert!(quantile(&[], 0.5).is_nan());
    }
}

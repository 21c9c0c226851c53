//! Statistics that a quarter of bad readings cannot move.

use std::ops::{ControlFlow, RangeInclusive};

/// How many terms a line has at most.
pub(super) const TERMS: usize = 3;

/// The readings of ten that may be anything: what the trimmed start leaves out.
const TRIMMED_OF_TEN: usize = 3;
/// Subsets tried per choice of terms. Where a third of the readings is bad, one subset in three or more is clean.
const SUBSETS: u32 = 300;
/// Where a residual, in scales, begins to count less (Huber's 95 % efficiency), and where it counts no more.
const HUBER: f64 = 1.345;
pub(super) const SET_ASIDE: f64 = 3.0;
const ROUNDS: usize = 50;

/// One reading: what its terms multiply, and what was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub(super) terms: [f64; TERMS],
    pub(super) read: f64,
}

impl Row {
    pub(super) fn at(&self, line: [f64; TERMS]) -> f64 {
        self.terms.iter().zip(line).map(|(term, factor)| term * factor).sum()
    }

    /// The logarithm of what was read over what the line says.
    pub(super) fn residual(&self, line: [f64; TERMS]) -> f64 {
        (self.read / self.at(line)).ln()
    }
}

/// A number of things, for computing with.
pub(super) fn count(things: usize) -> f64 {
    u32::try_from(things).map_or(f64::from(u32::MAX), f64::from)
}

/// The quantile of sorted or unsorted numbers, between neighbours by their distance; `None` of nothing.
pub(super) fn quantile(numbers: impl IntoIterator<Item = f64>, share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let place = share * count(sorted.len().checked_sub(1)?);
    let mut pairs = sorted.iter().zip(sorted.iter().skip(1)).enumerate();
    let within = pairs.find(|(index, _)| count(index + 1) >= place);
    within.map_or(sorted.last().copied(), |(index, (below, above))| {
        let part = place - count(index);
        Some(below + part * (above - below))
    })
}

pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    quantile(numbers, 0.5)
}

/// The standard deviation of a normal distribution with the median distance of `numbers` from `middle`.
pub(super) fn scale(numbers: impl IntoIterator<Item = f64>, middle: f64) -> f64 {
    1.4826 * median(numbers.into_iter().map(|number| (number - middle).abs())).unwrap_or(0.0)
}

/// Huber's weight of a residual in scales, and nothing beyond [`SET_ASIDE`].
pub(super) fn weight(scales: f64) -> f64 {
    let scales = scales.abs();
    if scales <= HUBER {
        1.0
    } else if scales <= SET_ASIDE {
        HUBER / scales
    } else {
        0.0
    }
}

/// Huber's location of `numbers`, from their median; `least` is the smallest scale that is believed.
pub(super) fn location(numbers: &[f64], least: f64) -> Option<f64> {
    let mut middle = median(numbers.iter().copied())?;
    let scale = scale(numbers.iter().copied(), middle).max(least);
    for _ in 0..ROUNDS {
        let weights = || numbers.iter().map(|number| weight((number - middle) / scale));
        let sum: f64 = weights().sum();
        if sum > 0.0 {
            middle = weights().zip(numbers).map(|(weight, number)| weight * number).sum::<f64>() / sum;
        }
    }
    Some(middle)
}

/// The line through `rows` by its first `terms` terms, none of which is negative, and its scale, kept inside `believed`.
///
/// Of lines through a few rows each, least trimmed squares of the residuals' logarithms (Rousseeuw 1984) tells the scale.
/// It says nothing of a term that only a few rows hold, such as the long prompts among many short ones: the line that
/// most rows of all lie near, to [`SET_ASIDE`] scales, is the start. Huber's weights refine it, without what is set aside.
pub(super) fn line(rows: &[Row], terms: usize, believed: RangeInclusive<f64>) -> Option<([f64; TERMS], f64)> {
    let tried = tried(rows, terms);
    let freedom = count(rows.len().saturating_sub(terms)).max(1.0);
    let scale_of = |line: [f64; TERMS]| {
        // Rousseeuw and Leroy's correction for few points: subsets that fit exactly make the scale small.
        let found = scale(rows.iter().map(|row| row.residual(line)), 0.0) * (1.0 + 2.0 / freedom);
        found.clamp(*believed.start(), *believed.end())
    };
    let kept = rows.len() - rows.len() * TRIMMED_OF_TEN / 10;
    let trimmed = least(&tried, |line| {
        let mut squares: Vec<f64> = rows.iter().map(|row| row.residual(line).powi(2)).collect();
        squares.sort_by(f64::total_cmp);
        squares.iter().take(kept).sum()
    })?;
    let most = (SET_ASIDE * scale_of(trimmed)).powi(2);
    let start = least(&tried, |line| rows.iter().map(|row| row.residual(line).powi(2).min(most)).sum())?;
    let scale = scale_of(start);
    let refined = (0..ROUNDS).try_fold(start, |line, _| {
        let Some(next) = reweighted(rows, terms, line, scale) else { return ControlFlow::Break(line) };
        let still = line.iter().zip(next).all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs().max(b));
        if still { ControlFlow::Break(next) } else { ControlFlow::Continue(next) }
    });
    let (ControlFlow::Break(line) | ControlFlow::Continue(line)) = refined;
    Some((line, scale))
}

/// Which terms a line may use: every choice of at least one.
fn choices(terms: usize) -> impl Iterator<Item = Vec<usize>> {
    let all = 1_u32 << terms.min(TERMS);
    (1..all).map(move |mask| (0..terms).filter(|term| mask & (1 << term) != 0).collect())
}

/// The line of least loss.
fn least(lines: &[[f64; TERMS]], loss: impl Fn([f64; TERMS]) -> f64) -> Option<[f64; TERMS]> {
    let losses = lines.iter().map(|&line| (loss(line), line)).filter(|(loss, _)| loss.is_finite());
    losses.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, line)| line)
}

/// The lines through as many rows as they have terms.
fn tried(rows: &[Row], terms: usize) -> Vec<[f64; TERMS]> {
    let mut lines = Vec::new();
    for chosen in choices(terms) {
        for subset in subsets(rows.len(), chosen.len()) {
            let picked: Vec<Row> = subset.iter().filter_map(|&index| rows.get(index).copied()).collect();
            lines.extend(solve(picked.iter().map(|row| (*row, 1.0 / row.read)), &chosen));
        }
    }
    lines
}

/// All subsets of `size` of `from` rows where they are few, else so many of them, spread by a fixed sequence: the same
/// rows give the same line.
fn subsets(from: usize, size: usize) -> Vec<Vec<usize>> {
    if size == 1 {
        return (0..from).map(|index| vec![index]).collect();
    }
    let pairs = from * from.saturating_sub(1) / 2;
    if size == 2 && pairs <= 2 * SUBSETS as usize {
        return (0..from).flat_map(|a| (a + 1..from).map(move |b| vec![a, b])).collect();
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        // Knuth's multiplier for linear congruential generators; the high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % from.max(1)
    };
    let drawn = (0..SUBSETS).map(|_| (0..size).map(|_| draw()).collect::<Vec<_>>());
    drawn.filter(|subset| subset.iter().all(|a| subset.iter().filter(|b| *b == a).count() == 1)).collect()
}

/// One step towards the least sum of weighted squares of the residuals' logarithms, with no term negative.
fn reweighted(rows: &[Row], terms: usize, line: [f64; TERMS], scale: f64) -> Option<[f64; TERMS]> {
    // ln(y/f) is linear in the line near it: y stands for f (1 + ln(y/f)), in units of f.
    let near: Vec<(Row, f64)> = rows
        .iter()
        .filter(|row| row.at(line) > 0.0)
        .map(|row| {
            let (fitted, residual) = (row.at(line), row.residual(line));
            let read = fitted * (1.0 + residual.clamp(-SET_ASIDE * scale, SET_ASIDE * scale));
            (Row { read, ..*row }, weight(residual / scale).sqrt() / fitted)
        })
        .collect();
    let loss = |line: [f64; TERMS]| -> f64 {
        near.iter().map(|(row, weight)| (weight * (row.read - row.at(line))).powi(2)).sum()
    };
    let solved = choices(terms).filter_map(|chosen| solve(near.iter().copied(), &chosen));
    solved.min_by(|a, b| loss(*a).total_cmp(&loss(*b)))
}

/// Least squares of the weighted rows by the chosen terms; `None` where they do not determine it, or where a term
/// would be negative.
fn solve(rows: impl Iterator<Item = (Row, f64)>, chosen: &[usize]) -> Option<[f64; TERMS]> {
    // Normal equations, at most three by three, with the right side as the last column.
    let mut equations = [[0.0; TERMS + 1]; TERMS];
    for (row, weight) in rows {
        let term = |at: &usize| weight * row.terms.get(*at).copied().unwrap_or(0.0);
        for (equation, a) in equations.iter_mut().zip(chosen) {
            let right = weight * row.read;
            let cells = chosen.iter().map(term).chain(std::iter::repeat_n(0.0, TERMS - chosen.len()));
            for (cell, value) in equation.iter_mut().zip(cells.chain([right])) {
                *cell += term(a) * value;
            }
        }
    }
    let mut line = [0.0; TERMS];
    for (at, factor) in chosen.iter().zip(eliminate(equations, chosen.len())?) {
        if !(factor.is_finite() && factor >= 0.0) {
            return None;
        }
        *line.get_mut(*at)? = factor;
    }
    Some(line)
}

/// Gauss and Jordan on the equations scaled to a diagonal of ones: normal equations are positive definite, so no pivot
/// is exchanged, and a pivot near 0 means that the rows do not determine the line.
fn eliminate(mut equations: [[f64; TERMS + 1]; TERMS], size: usize) -> Option<[f64; TERMS]> {
    let mut norms = [1.0; TERMS];
    for (place, (norm, equation)) in norms.iter_mut().zip(&equations).enumerate().take(size) {
        *norm = equation.get(place)?.sqrt();
    }
    for (equation, norm) in equations.iter_mut().zip(norms) {
        for (cell, other) in equation.iter_mut().zip(norms.into_iter().chain([1.0])) {
            *cell /= norm * other;
        }
    }
    for place in 0..size {
        let pivot = *equations.get(place)?;
        let diagonal = *pivot.get(place)?;
        // A column without any number in it became NaN when it was scaled.
        if diagonal.is_nan() || diagonal < 1e-10 {
            return None;
        }
        for (other, equation) in equations.iter_mut().enumerate().take(size) {
            let factor = equation.get(place)? / diagonal;
            for (cell, pivot) in equation.iter_mut().zip(pivot) {
                *cell = if other == place { pivot / diagonal } else { *cell - factor * pivot };
            }
        }
    }
    let mut found = [0.0; TERMS];
    for ((cell, equation), norm) in found.iter_mut().zip(equations).zip(norms) {
        *cell = equation.last()? / norm;
    }
    Some(found)
}

//! Least squares: non-negative sums of terms on the logarithm, and straight lines, both robust (soft L1).
#![expect(
    clippy::indexing_slicing,
    reason = "a numeric kernel: every index is below the length that it runs over"
)]

use crate::stats::real;

/// Residuals above this count less and less.
const SCALE: f64 = 0.2;
const ROUNDS: usize = 200;

/// Weight of a residual in the next round of least squares.
fn weight(residual: f64, scale: f64) -> f64 {
    1.0 / (residual / scale).hypot(1.0)
}

fn loss(residual: f64) -> f64 {
    (residual / SCALE).hypot(1.0) - 1.0
}

/// Factors `c ≥ 0`, and a gain `g` where rows are flagged, so that `ln(rows · c) + g · flag` is `logs`.
pub(crate) struct Sum {
    pub(crate) factors: Vec<f64>,
    pub(crate) gain: f64,
}

/// Gauss-Newton with non-negative least squares in every step, as far as the robust loss falls.
pub(crate) fn sum(rows: &[Vec<f64>], flags: Option<&[f64]>, logs: &[f64]) -> Sum {
    let terms = rows.first().map_or(0, Vec::len);
    let scales: Vec<f64> = (0..terms)
        .map(|term| {
            let positive: Vec<f64> =
                rows.iter().map(|row| row[term]).filter(|&value| value > 0.0).map(f64::ln).collect();
            if positive.is_empty() {
                1.0
            } else {
                (positive.iter().sum::<f64>() / real(positive.len())).exp()
            }
        })
        .collect();
    let scaled: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| row.iter().zip(&scales).map(|(value, scale)| value / scale).collect())
        .collect();
    let flag = |row: usize| flags.map_or(0.0, |flags| flags[row]);
    let dot = |row: &[f64], factors: &[f64]| row.iter().zip(factors).map(|(a, b)| a * b).sum::<f64>();
    let start = (logs.iter().sum::<f64>() / real(logs.len())).exp() / real(terms);
    let (mut factors, mut gain) = (vec![start; terms], 0.0);
    let objective = |factors: &[f64], gain: f64| {
        let each = scaled.iter().zip(logs).enumerate();
        each.map(|(row, (terms, log))| {
            let sum = dot(terms, factors);
            if sum > 0.0 { loss(gain.mul_add(flag(row), sum.ln()) - log) } else { f64::INFINITY }
        })
        .sum::<f64>()
    };
    let mut current = objective(&factors, gain);
    for _ in 0..ROUNDS {
        let (mut matrix, mut target) = (Vec::new(), Vec::new());
        for (row, terms) in scaled.iter().enumerate() {
            let sum = dot(terms, &factors);
            let residual = gain.mul_add(flag(row), sum.ln()) - logs[row];
            let root = weight(residual, SCALE).sqrt();
            let mut line: Vec<f64> = terms.iter().map(|value| root * value / sum).collect();
            if flags.is_some() {
                line.extend([root * flag(row), -root * flag(row)]);
            }
            matrix.push(line);
            target.push(root * (gain.mul_add(flag(row), 1.0) - residual));
        }
        let solved = non_negative(&matrix, &target);
        let wanted_gain = if flags.is_some() { solved[terms] - solved[terms + 1] } else { 0.0 };
        let mut step = 1.0;
        let better = loop {
            let tried: Vec<f64> =
                factors.iter().zip(&solved).map(|(old, new)| (new - old).mul_add(step, *old)).collect();
            let tried_gain = (wanted_gain - gain).mul_add(step, gain);
            let reached = objective(&tried, tried_gain);
            if reached < current {
                break Some((tried, tried_gain, reached));
            }
            step /= 2.0;
            if step < 1e-6 {
                break None;
            }
        };
        let Some((tried, tried_gain, reached)) = better else { break };
        let gained = current - reached;
        (factors, gain, current) = (tried, tried_gain, reached);
        if gained < 1e-13 * current {
            break;
        }
    }
    Sum { factors: factors.iter().zip(&scales).map(|(factor, scale)| factor / scale).collect(), gain }
}

/// Coefficients of `rows`, intercept first, that give `values`; `scale` is where residuals begin to count less.
pub(crate) fn line(rows: &[Vec<f64>], values: &[f64], scale: f64) -> Vec<f64> {
    let full: Vec<Vec<f64>> =
        rows.iter().map(|row| std::iter::once(1.0).chain(row.iter().copied()).collect()).collect();
    let width = full.first().map_or(0, Vec::len);
    let mut weights = vec![1.0; full.len()];
    let mut found = vec![0.0; width];
    for _ in 0..ROUNDS {
        let (matrix, target) = normal(&full, values, &weights);
        let next = solve(matrix, target);
        let change = next.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        found = next;
        for ((row, value), weight_of) in full.iter().zip(values).zip(&mut weights) {
            let fitted: f64 = row.iter().zip(&found).map(|(a, b)| a * b).sum();
            *weight_of = weight(fitted - value, scale);
        }
        if change < 1e-12 {
            break;
        }
    }
    found
}

pub(crate) fn at(line: &[f64], row: &[f64]) -> f64 {
    line[0] + row.iter().zip(&line[1..]).map(|(a, b)| a * b).sum::<f64>()
}

fn normal(rows: &[Vec<f64>], values: &[f64], weights: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let width = rows.first().map_or(0, Vec::len);
    let mut matrix = vec![vec![0.0; width]; width];
    let mut target = vec![0.0; width];
    for ((row, value), weight) in rows.iter().zip(values).zip(weights) {
        for i in 0..width {
            target[i] += weight * row[i] * value;
            for j in 0..width {
                matrix[i][j] += weight * row[i] * row[j];
            }
        }
    }
    (matrix, target)
}

/// Gauss with pivots; a column that says nothing gets zero.
fn solve(mut matrix: Vec<Vec<f64>>, mut target: Vec<f64>) -> Vec<f64> {
    let size = target.len();
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))
            .unwrap_or(column);
        matrix.swap(column, pivot);
        target.swap(column, pivot);
        if matrix[column][column].abs() < 1e-12 {
            matrix[column][column] = 0.0;
            continue;
        }
        for row in column + 1..size {
            let factor = matrix[row][column] / matrix[column][column];
            let (above, below) = matrix.split_at_mut(row);
            for (value, pivot) in below[0].iter_mut().zip(&above[column]).skip(column) {
                *value -= factor * pivot;
            }
            target[row] -= factor * target[column];
        }
    }
    let mut found = vec![0.0; size];
    for column in (0..size).rev() {
        let rest: f64 = (column + 1..size).map(|k| matrix[column][k] * found[k]).sum();
        let pivot = matrix[column][column];
        found[column] = if pivot == 0.0 { 0.0 } else { (target[column] - rest) / pivot };
    }
    found
}

/// Lawson and Hanson's active set.
fn non_negative(rows: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    let ones = vec![1.0; rows.len()];
    let (matrix, target) = normal(rows, values, &ones);
    let size = target.len();
    let mut found = vec![0.0; size];
    let mut free = vec![false; size];
    let tolerance = 1e-11 * target.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    for _ in 0..30 * size {
        let slope = |at: usize| target[at] - (0..size).map(|k| matrix[at][k] * found[k]).sum::<f64>();
        let next = (0..size)
            .filter(|&at| !free[at] && slope(at) > tolerance)
            .max_by(|&a, &b| slope(a).total_cmp(&slope(b)));
        let Some(next) = next else { break };
        free[next] = true;
        for _ in 0..30 * size {
            let chosen: Vec<usize> = (0..size).filter(|&at| free[at]).collect();
            let part = chosen.iter().map(|&i| chosen.iter().map(|&j| matrix[i][j]).collect()).collect();
            let solved = solve(part, chosen.iter().map(|&i| target[i]).collect());
            let blocked = chosen.iter().zip(&solved).filter(|(_, value)| **value <= 0.0);
            let step = blocked
                .map(|(&at, value)| if found[at] > *value { found[at] / (found[at] - value) } else { 0.0 })
                .fold(1.0, f64::min);
            for (&at, value) in chosen.iter().zip(&solved) {
                found[at] += step * (value - found[at]);
            }
            if step >= 1.0 {
                break;
            }
            for &at in &chosen {
                if found[at] <= 1e-14 {
                    found[at] = 0.0;
                    free[at] = false;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u32) -> Vec<Vec<f64>> {
        (1..=count).map(f64::from).map(|x| vec![1.0 / x, x.sqrt(), (x * 7.0) % 5.0 + 0.1]).collect()
    }

    #[test]
    fn a_sum_of_terms_is_found_again_and_a_term_without_part_stays_zero() {
        let rows = rows(40);
        let flags: Vec<f64> = (0..40).map(|row| f64::from(row % 2)).collect();
        let truth = |row: &[f64], flag: f64| (3.0 * row[0] + 0.02 * row[1]).ln() + 0.5 * flag;
        let mut logs: Vec<f64> = rows.iter().zip(&flags).map(|(row, flag)| truth(row, *flag)).collect();
        // One run that is a hundred times off does not move the rest far.
        logs[7] += 100f64.ln();
        let found = sum(&rows, Some(&flags), &logs);
        assert!((found.factors[0] - 3.0).abs() < 0.05, "{:?}", found.factors);
        assert!((found.factors[1] - 0.02).abs() < 0.001 && found.factors[2] < 1e-4, "{:?}", found.factors);
        assert!((found.gain - 0.5).abs() < 0.02, "{}", found.gain);
    }

    #[test]
    fn factors_are_never_negative() {
        let rows = vec![vec![1.0, 1.0], vec![2.0, 1.0], vec![3.0, 1.0], vec![4.0, 1.0]];
        // 5 − x: the line falls, so that only the constant is left.
        assert_eq!(non_negative(&rows, &[4.0, 3.0, 2.0, 1.0])[0], 0.0);
        let found = non_negative(&rows, &[3.0, 5.0, 7.0, 9.0]);
        assert!((found[0] - 2.0).abs() < 1e-9 && (found[1] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_line_passes_by_what_is_far_off() {
        let rows: Vec<Vec<f64>> = (0..30).map(|x| vec![f64::from(x)]).collect();
        let mut values: Vec<f64> = rows.iter().map(|row| 2.0 - 0.1 * row[0]).collect();
        values[3] = 50.0;
        let found = line(&rows, &values, 0.2);
        assert!((at(&found, &[10.0]) - 1.0).abs() < 0.05, "{found:?}");
    }
}

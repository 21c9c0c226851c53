//! Confusion, mean error: the arithmetic of the tables.

use std::collections::BTreeMap;
use std::fmt;

/// How often something was said where something else, or the same, was meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Confusion<T> {
    labels: Vec<T>,
    counts: BTreeMap<(T, T), u32>,
}

impl<T: Copy + Ord> Confusion<T> {
    /// None yet, over these labels in this order.
    pub(crate) fn over(labels: impl IntoIterator<Item = T>) -> Self {
        Self { labels: labels.into_iter().collect(), counts: BTreeMap::new() }
    }

    /// One more.
    pub(crate) fn add(&mut self, meant: T, said: T) {
        *self.counts.entry((meant, said)).or_default() += 1;
    }

    fn count(&self, counted: impl Fn(T, T) -> bool) -> u32 {
        self.counts.iter().filter(|((meant, said), _)| counted(*meant, *said)).map(|(_, count)| count).sum()
    }

    /// The share of pairs of what was meant and what was said that `counted` takes, from 0 to 1; NaN of none.
    pub(crate) fn share(&self, counted: impl Fn(T, T) -> bool) -> f64 {
        f64::from(self.count(counted)) / f64::from(self.count(|_, _| true))
    }

    /// The share where both are the same.
    pub(crate) fn accuracy(&self) -> f64 {
        self.share(|meant, said| meant == said)
    }
}

/// A row for each that was meant, a column for each that was said, and the share of each row that was right.
impl<T: Copy + Ord + fmt::Display> fmt::Display for Confusion<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14}", "meant \\ said")?;
        for said in &self.labels {
            // Alignment is the label's own to honour, and few do.
            write!(f, "{:>13}", said.to_string())?;
        }
        writeln!(f, "{:>8}", "right")?;
        for meant in &self.labels {
            write!(f, "{:>14}", meant.to_string())?;
            for said in &self.labels {
                write!(f, "{:>13}", self.count(|m, s| m == *meant && s == *said))?;
            }
            let all = self.count(|m, _| m == *meant);
            let right = f64::from(self.count(|m, s| m == *meant && s == *meant));
            writeln!(f, "{:>7.0}%", 100.0 * right / f64::from(all))?;
        }
        Ok(())
    }
}

/// The mean of `|a − b|`; `None` of no pairs.
pub(crate) fn mean_absolute_error(pairs: &[(f64, f64)]) -> Option<f64> {
    mean(&pairs.iter().map(|(a, b)| (a - b).abs()).collect::<Vec<_>>())
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = f64::from(u32::try_from(values.len()).ok()?);
    (count > 0.0).then(|| values.iter().sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion() -> Confusion<u8> {
        let mut confusion = Confusion::over(1..=3);
        for (meant, said) in [(1, 1), (1, 1), (1, 3), (2, 1), (3, 3)] {
            confusion.add(meant, said);
        }
        confusion
    }

    #[test]
    fn a_confusion_counts_what_was_said_for_what_was_meant() {
        let confusion = confusion();
        assert!((confusion.accuracy() - 0.6).abs() < 1e-12);
        assert!((confusion.share(|meant, said| said > meant) - 0.2).abs() < 1e-12);
        assert!((confusion.share(|meant, said| said < meant) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_confusion_shows_rows_of_what_was_meant() {
        let shown = confusion().to_string();
        let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["1", "2", "0", "1", "67%"]);
        assert_eq!(rows[2], ["2", "1", "0", "0", "0%"]);
        assert_eq!(rows[3], ["3", "0", "0", "1", "100%"]);
    }

    #[test]
    fn the_mean_error_forgets_the_sign() {
        assert_eq!(mean_absolute_error(&[(1.0, 2.0), (5.0, 2.0)]), Some(2.0));
        assert_eq!(mean_absolute_error(&[]), None);
    }
}

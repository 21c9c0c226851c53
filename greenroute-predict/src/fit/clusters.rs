//! What chance draws as a whole: prompts by themselves, questions with their variants, or tasks with all their prompts.

use std::collections::BTreeMap;

/// Which cluster each row is of. Rows of one cluster are drawn together, so that they say less than as many of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    of: Vec<usize>,
    count: usize,
}

impl Clusters {
    /// Every row by itself.
    #[must_use]
    pub fn each(rows: usize) -> Self {
        Self { of: (0..rows).collect(), count: rows }
    }

    /// Rows of the same key are one cluster; a row without a key is one by itself.
    #[must_use]
    pub fn by<K: Ord>(keys: impl IntoIterator<Item = Option<K>>) -> Self {
        let (mut known, mut count) = (BTreeMap::new(), 0);
        let mut next = || {
            count += 1;
            count - 1
        };
        let place = |key: Option<K>| match key {
            Some(key) => *known.entry(key).or_insert_with(&mut next),
            None => next(),
        };
        let of = keys.into_iter().map(place).collect();
        Self { of, count }
    }

    /// The cluster of each row, from 0 on.
    #[must_use]
    pub fn of(&self) -> &[usize] {
        &self.of
    }

    /// How many clusters there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Those of these rows alone.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self::by(rows.iter().filter_map(|row| self.of.get(*row).map(Some)))
    }

    /// For each cluster the sums, over its rows, of what `figures` says of a row.
    #[must_use]
    pub fn sums<const N: usize>(&self, figures: impl IntoIterator<Item = [f64; N]>) -> Vec<[f64; N]> {
        let mut sums = vec![[0.0; N]; self.count];
        for (of, figures) in self.of.iter().zip(figures) {
            if let Some(sums) = sums.get_mut(*of) {
                sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_key_are_one_cluster_and_those_without_stand_for_themselves() {
        let clusters = Clusters::by([Some("b"), None, Some("a"), Some("b"), None]);
        assert_eq!((clusters.of(), clusters.count()), ([0, 1, 2, 0, 3].as_slice(), 4));
        assert_eq!(clusters.select(&[3, 4, 0, 9]), Clusters::by([Some(1), None, Some(1)]));
        assert_eq!(Clusters::each(2), Clusters::by::<u8>([None, None]));
        assert_eq!(clusters.sums((0..5_u8).map(|row| [f64::from(row)])), [[3.0], [1.0], [2.0], [4.0]]);
    }
}

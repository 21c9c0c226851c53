//! How well a score puts things in order.

use super::mean;
use crate::fit::number;

/// The area under the ROC curve: how often something true scores above something false, equal scores counting half.
/// 0.5 is chance. `None` where everything is true or nothing is, the lengths differ, or a score is not a number.
#[must_use]
pub fn auc(scores: &[f64], truths: &[bool]) -> Option<f64> {
    if scores.len() != truths.len() {
        return None;
    }
    let ranks = ranks(scores)?;
    let (mut sum, mut positive) = (0.0, 0);
    for (rank, _) in ranks.iter().zip(truths).filter(|(_, truth)| **truth) {
        sum += rank;
        positive += 1;
    }
    let (trues, falses) = (number(positive), number(truths.len() - positive));
    // The rank sum of Mann and Whitney, ranks counted from 0.
    (trues > 0.0 && falses > 0.0).then(|| (sum - trues * (trues - 1.0) / 2.0) / (trues * falses))
}

/// Spearman's rank correlation, from −1 to 1: Pearson's of the ranks, equal values sharing the mean of theirs. `None`
/// where one side does not vary, the lengths differ, or a value is not a number.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    correlation(&ranks(a)?, &ranks(b)?)
}

/// Pearson's correlation, from −1 to 1, of two sides of one length. `None` where one does not vary.
pub(in crate::fit) fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let off = |side: &[f64]| -> Option<Vec<f64>> {
        let middle = mean(side)?;
        Some(side.iter().map(|value| value - middle).collect())
    };
    let (a, b) = (off(a)?, off(b)?);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (both, alone) = (product(&a, &b), product(&a, &a) * product(&b, &b));
    (alone > 0.0).then(|| both / alone.sqrt())
}

/// The rank of each value among all, from 0, equal ones sharing the mean of theirs; `None` where one is not a number.
fn ranks(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    // `==`, so that both zeros are one value.
    #[expect(clippy::float_cmp, reason = "a tie is exact equality")]
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let shared = number(start) + number(tied.len() - 1) / 2.0;
        for (_, place) in tied {
            if let Some(rank) = ranks.get_mut(*place) {
                *rank = shared;
            }
        }
        start += tied.len();
    }
    Some(ranks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn auc_is_that_of_a_worked_example() {
        // Of four pairs, 0.8 beats 0.1 and 0.4, 0.4 beats 0.1 and ties 0.4.
        let found = auc(&[0.1, 0.4, 0.4, 0.8], &[false, false, true, true]).unwrap();
        assert!((found - 3.5 / 4.0).abs() < 1e-12);
        assert_eq!(auc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(auc(&[0.1], &[true, false]), None);
        assert_eq!(auc(&[f64::NAN, 0.2], &[true, false]), None);
    }

    #[test]
    fn a_correlation_is_that_of_a_worked_example() {
        // By hand: the products sum to 4, the squares to 8 and 2.75.
        let found = correlation(&[1.0, 3.0, 3.0, 5.0], &[10.0, 12.0, 11.0, 12.0]).unwrap();
        assert!((found - 4.0 / (8.0_f64 * 2.75).sqrt()).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(correlation(&[], &[]), None);
    }

    #[test]
    fn spearman_is_that_of_a_worked_example() {
        // Ranks 1 to 5 against 2, 1, 4, 3, 5: 1 − 6·4 / (5·24).
        let found = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[20.0, 10.0, 40.0, 30.0, 500.0]).unwrap();
        assert!((found - 0.8).abs() < 1e-12);
        // Ranks 0.5, 0.5, 2 against 0, 1, 2: 1.5 / √(1.5 · 2).
        let tied = spearman(&[1.0, 1.0, 2.0], &[1.0, 2.0, 3.0]).unwrap();
        assert!((tied - 0.75_f64.sqrt()).abs() < 1e-12);
        assert_eq!(spearman(&[1.0, 1.0], &[2.0, 3.0]), None);
        assert_eq!(spearman(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn only_the_order_counts(values in proptest::collection::vec((-9.0..9.0f64, any::<bool>(), -9.0..9.0f64), 3..40)) {
            let scores: Vec<f64> = values.iter().map(|value| value.0).collect();
            let stretched: Vec<f64> = scores.iter().map(|score| score.exp()).collect();
            let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
            let truths: Vec<bool> = values.iter().map(|value| value.1).collect();
            let others: Vec<f64> = values.iter().map(|value| value.2).collect();
            prop_assert_eq!(auc(&scores, &truths), auc(&stretched, &truths));
            prop_assert_eq!(spearman(&scores, &others), spearman(&stretched, &others));
            if let (Some(plain), Some(turned)) = (auc(&scores, &truths), auc(&turned, &truths)) {
                prop_assert!((plain + turned - 1.0).abs() < 1e-12);
            }
            let plain = spearman(&scores, &others).unwrap();
            prop_assert!((plain + spearman(&turned, &others).unwrap()).abs() < 1e-9 && plain.abs() <= 1.0 + 1e-12);
        }
    }
}

//! Sorting by whole numbers, and by everything that is known where those are equal.

use super::{Candidate, Ranked};
use std::cmp::Ordering;

/// What a ranker makes of one candidate.
pub(super) struct Judged {
    /// Less comes first: see [`ascending`].
    pub(super) key: u64,
    pub(super) score: f64,
    pub(super) meets_floor: bool,
}

impl Judged {
    /// The best score first.
    pub(super) fn by_score(score: f64, meets_floor: bool) -> Self {
        // Minus zero is zero.
        Self { key: ascending(0.0 - score), score, meets_floor }
    }
}

/// A whole number for every number, in the order of [`f64::total_cmp`].
pub(super) const fn ascending(number: f64) -> u64 {
    let bits = number.to_bits();
    // A negative number has its highest bit set, and is the smaller the larger the others are.
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The candidates by their keys, then by [`tie_break`], so that the order given does not matter.
pub(super) fn ranked(candidates: Vec<Candidate>, judge: impl Fn(&Candidate) -> Judged) -> Vec<Ranked> {
    let judged: Vec<Judged> = candidates.iter().map(judge).collect();
    // The head of the key above, the place below: single words sort fastest, and nearly all heads differ.
    let places = (1 << (usize::BITS - judged.len().leading_zeros())) - 1;
    let words = judged.iter().zip(0..).map(|(judged, place)| judged.key & !places | place);
    let mut order: Vec<u64> = words.collect();
    order.sort_unstable();
    for alike in order.chunk_by_mut(|a, b| (a ^ b) <= places).filter(|alike| alike.len() > 1) {
        alike.sort_unstable_by(|a, b| {
            let [a, b] = [a, b].map(|word| at(&judged, word & places).zip(at(&candidates, word & places)));
            let both = a.zip(b);
            both.map_or(Ordering::Equal, |((a, first), (b, second))| {
                a.key.cmp(&b.key).then_with(|| tie_break(first, second))
            })
        });
    }
    let each = candidates.into_iter().zip(&judged);
    let each = each.map(|(candidate, Judged { score, meets_floor, .. })| Ranked {
        candidate,
        score: *score,
        meets_floor: *meets_floor,
    });
    let mut ranked: Vec<Ranked> = each.collect();
    permute(
        &mut ranked,
        order.into_iter().map(|word| usize::try_from(word & places).unwrap_or_default()).collect(),
    );
    ranked
}

/// Puts at each place what is at `order[place]`. Each place is named once.
fn permute<T>(all: &mut [T], mut order: Vec<usize>) {
    for place in 0..order.len().min(all.len()) {
        // What was at an earlier place has gone to where its own went.
        let mut from = order.get(place).copied().unwrap_or(place);
        while from < place {
            from = order.get(from).copied().unwrap_or(place);
        }
        if let Some(held) = order.get_mut(place) {
            *held = from;
        }
        all.swap(place, from);
    }
}

fn at<T>(all: &[T], place: u64) -> Option<&T> {
    all.get(usize::try_from(place).ok()?)
}

/// The order of two candidates that a ranker finds equal: by what they are forecast, then by name. It respects
/// dominance, which a sum of normalised values loses where a weight is zero.
pub(crate) fn tie_break(a: &Candidate, b: &Candidate) -> Ordering {
    let (x, y) = (a.figures().in_order(), b.figures().in_order());
    let by_figures = x.iter().zip(&y).map(|(x, y)| x.total_cmp(y)).find(|order| order.is_ne());
    by_figures.unwrap_or_else(|| a.card().key.cmp(&b.card().key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_goes_to_its_place(order in (0usize..300).prop_flat_map(|count| {
            Just((0..count).collect::<Vec<_>>()).prop_shuffle()
        })) {
            let mut all: Vec<usize> = (0..order.len()).collect();
            permute(&mut all, order.clone());
            prop_assert_eq!(all, order);
        }

        #[test]
        fn keys_are_in_the_order_of_their_numbers(a: f64, b: f64) {
            prop_assert_eq!(ascending(a).cmp(&ascending(b)), a.total_cmp(&b));
        }
    }
}

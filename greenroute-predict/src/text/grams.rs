//! Words and word pairs, hashed.
//!
//! A word's hash is that of its folded bytes, `h ← h · M + byte` from 0 modulo 2⁶⁴; a pair's is
//! `first · P + second`. The bucket is the top 18 bits of `(h ⊕ h ≫ 29) · F`.

use super::BUCKETS;

const PAIR: u64 = 0xA24B_AED4_963E_E407;
const FINAL: u64 = 0x9FB2_1C65_1E98_DF25;
const BITS: u32 = BUCKETS.ilog2();

/// Collects the buckets of one text.
#[derive(Debug, Default)]
pub(super) struct Grams {
    /// A bucket, and in the lowest bit whether it is a pair's.
    buckets: Vec<u32>,
    other: Vec<u32>,
    last: Option<u64>,
    words: usize,
}

/// The bucket of a hash.
const fn bucket(hash: u64) -> u32 {
    let [.., a, b, c, d] = ((hash ^ (hash >> 29)).wrapping_mul(FINAL)).to_le_bytes();
    u32::from_le_bytes([a, b, c, d]) >> (32 - BITS)
}

impl Grams {
    pub(super) fn clear(&mut self, expected: usize) {
        self.buckets.clear();
        self.buckets.reserve(expected);
        (self.last, self.words) = (None, 0);
    }

    #[inline]
    pub(super) fn push(&mut self, hash: u64) {
        self.words += 1;
        self.buckets.push(bucket(hash) << 1);
        if let Some(last) = self.last.replace(hash) {
            self.buckets.push(bucket(last.wrapping_mul(PAIR).wrapping_add(hash)) << 1 | 1);
        }
    }

    /// The words that were pushed.
    pub(super) const fn words(&self) -> usize {
        self.words
    }

    /// The number of different words, where there are few; else `None`.
    pub(super) fn different(&self) -> Option<usize> {
        // A table that is half full at most, and holds each word where its bucket says or behind it.
        const PLACES: usize = 256;
        if self.words > PLACES / 2 {
            return None;
        }
        let (mut table, mut different) = ([u32::MAX; PLACES], 0);
        for word in self.buckets.iter().copied().filter(|bucket| bucket & 1 == 0) {
            let mut place = usize::try_from(word >> 1).unwrap_or_default();
            while let Some(held) = table.get_mut(place % PLACES).filter(|held| **held != word) {
                if *held == u32::MAX {
                    *held = word;
                    different += 1;
                    break;
                }
                place += 1;
            }
        }
        Some(different)
    }

    /// Writes each bucket once, in order, with `1 + ln(times)`, scaled so that the squares sum to one. Gives the number
    /// of different words.
    pub(super) fn finish(&mut self, out: &mut Vec<(u32, f32)>) -> usize {
        out.clear();
        out.reserve(self.buckets.len().min(BUCKETS));
        sort(&mut self.buckets, &mut self.other);
        let (mut words, mut squares, mut before) = (0, 0.0, None);
        for runs in self.buckets.chunk_by(|a, b| a >> 1 == b >> 1) {
            let Some(&first) = runs.first() else { continue };
            words += usize::from(first & 1 == 0);
            debug_assert!(before.replace(first >> 1) != Some(first >> 1), "sorted, so that each comes once");
            let weight = weight(runs.len());
            squares += weight * weight;
            out.push((first >> 1, weight));
        }
        if squares > 0.0 {
            let scale = 1.0 / squares.sqrt();
            out.iter_mut().for_each(|(_, weight)| *weight *= scale);
        }
        words
    }
}

#[inline]
#[expect(clippy::cast_precision_loss, reason = "a logarithm of a count")]
fn weight(times: usize) -> f32 {
    if times == 1 { 1.0 } else { 1.0 + (times as f32).ln() }
}

/// In time linear in the length: two rounds by digits where there are many.
fn sort(buckets: &mut Vec<u32>, other: &mut Vec<u32>) {
    const DIGIT: u32 = (BITS + 1).div_ceil(2);
    const DIGITS: usize = 1 << DIGIT;
    if buckets.len() < DIGITS {
        buckets.sort_unstable();
        return;
    }
    for shift in [0, DIGIT] {
        let digit = |bucket: u32| usize::try_from(bucket >> shift).map_or(0, |digit| digit % DIGITS);
        let mut starts = [0usize; DIGITS];
        for bucket in &*buckets {
            starts.get_mut(digit(*bucket)).into_iter().for_each(|count| *count += 1);
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        other.clear();
        other.resize(buckets.len(), 0);
        for bucket in &*buckets {
            let Some(start) = starts.get_mut(digit(*bucket)) else { continue };
            other.get_mut(*start).into_iter().for_each(|place| *place = *bucket);
            *start += 1;
        }
        std::mem::swap(buckets, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn few_words_are_counted_as_many_are(hashes in prop::collection::vec(0u64..200, 0..140)) {
            let mut grams = Grams::default();
            for hash in hashes.iter().flat_map(|hash| [*hash, hash.wrapping_mul(0x9E37_79B9_7F4A_7C15)]).take(140) {
                grams.push(hash);
            }
            let (few, different) = (grams.words() <= 128, grams.different());
            prop_assert_eq!(different, few.then(|| grams.finish(&mut Vec::new())));
        }

        #[test]
        fn sorting_by_digits_sorts(mut buckets in prop::collection::vec(0u32..(1 << 19), 0..3000)) {
            let mut expected = buckets.clone();
            expected.sort_unstable();
            sort(&mut buckets, &mut Vec::new());
            prop_assert_eq!(buckets, expected);
        }

        #[test]
        fn buckets_come_once_in_order_with_unit_length(words in prop::collection::vec(1u64..40, 1..300)) {
            let mut grams = Grams::default();
            grams.clear(0);
            words.iter().for_each(|word| grams.push(word * 7919));
            let mut out = Vec::new();
            let different = grams.finish(&mut out);
            prop_assert!(out.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(out.iter().all(|(bucket, _)| (*bucket as usize) < BUCKETS));
            let length: f32 = out.iter().map(|(_, weight)| weight * weight).sum();
            prop_assert!((length - 1.0).abs() < 1e-4);
            prop_assert_eq!(different, words.iter().collect::<std::collections::BTreeSet<_>>().len());
        }
    }

    #[test]
    fn a_pair_is_told_from_the_pair_turned_round_and_a_word_weighs_by_its_logarithm() {
        let told = |words: &[u64]| {
            let (mut grams, mut out) = (Grams::default(), Vec::new());
            grams.clear(0);
            words.iter().for_each(|word| grams.push(*word));
            grams.finish(&mut out);
            out
        };
        assert_ne!(told(&[3, 5]), told(&[5, 3]));
        let four = told(&[3, 3, 3, 3]);
        let (most, least) = (four[0].1.max(four[1].1), four[0].1.min(four[1].1));
        assert!((most / least - (1.0 + 4f32.ln()) / (1.0 + 3f32.ln())).abs() < 1e-5);
    }

    #[test]
    fn the_hash_is_the_documented_one_and_stays() {
        // Weights of models stand at these places: another hash makes them nonsense.
        let word = |text: &str| bucket(text.bytes().fold(0, crate::text::vocabulary::roll));
        assert_eq!([word("the"), word("prove"), word("数")], [133333, 48413, 159642]);
    }
}

//! Which token comes next.

use super::ops::narrow;
use greenroute_core::chat::Sampling;
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Google's advice for Gemma 3, for what a request with a temperature leaves open.
const TOP_K: u32 = 64;
const TOP_P: f64 = 0.95;

/// Chooses tokens: the same settings, seed and logits give the same choices.
#[derive(Debug, Clone)]
pub(super) struct Sampler {
    temperature: f64,
    top_k: usize,
    top_p: f64,
    penalty: f32,
    /// What the penalty falls on; empty where there is none.
    seen: HashSet<u32>,
    random: SplitMix64,
}

impl Sampler {
    /// No temperature is greedy, as zero is: a small model is at its best so, and its answers repeat.
    pub(super) fn new(sampling: Sampling) -> Self {
        let seed = sampling.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        Self {
            temperature: sampling.temperature.unwrap_or(0.0),
            top_k: usize::try_from(sampling.top_k.unwrap_or(TOP_K)).unwrap_or(usize::MAX),
            top_p: sampling.top_p.unwrap_or(TOP_P),
            penalty: narrow(sampling.repetition_penalty.unwrap_or(1.0)),
            seen: HashSet::new(),
            random: SplitMix64(seed),
        }
    }

    /// Takes note of tokens that were there before the answer.
    pub(super) fn see(&mut self, tokens: &[u32]) {
        if self.penalty > 1.0 {
            self.seen.extend(tokens);
        }
    }

    /// The next token, or `None` where no logit is finite or one is not a number.
    pub(super) fn next(&mut self, logits: &[f32]) -> Option<u32> {
        // Without an early end, the compiler looks at many at a time.
        if logits.iter().fold(false, |found, logit| found | logit.is_nan()) {
            return None;
        }
        let id = self.choose(&self.penalised(logits))?;
        self.see(&[id]);
        Some(id)
    }

    fn penalised<'a>(&self, logits: &'a [f32]) -> Cow<'a, [f32]> {
        let mut logits = Cow::Borrowed(logits);
        for id in &self.seen {
            let at = usize::try_from(*id).unwrap_or(usize::MAX);
            if let Some(logit) = logits.to_mut().get_mut(at) {
                *logit = if *logit > 0.0 { *logit / self.penalty } else { *logit * self.penalty };
            }
        }
        logits
    }

    fn choose(&mut self, logits: &[f32]) -> Option<u32> {
        if self.temperature <= 0.0 {
            return best(logits);
        }
        let mut candidates: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if self.top_k < candidates.len() {
            candidates.select_nth_unstable_by(self.top_k, order);
            candidates.truncate(self.top_k);
        }
        candidates.sort_unstable_by(order);
        let max = f64::from(candidates.first()?.1);
        if !max.is_finite() {
            return None;
        }
        let weight = |logit: f32| ((f64::from(logit) - max) / self.temperature).exp();
        let mut weighted: Vec<(u32, f64)> =
            candidates.iter().map(|(id, logit)| (*id, weight(*logit))).collect();
        let enough = self.top_p * weighted.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut sum = 0.0;
        let mut nucleus = 0;
        for (_, weight) in &weighted {
            sum += weight;
            nucleus += 1;
            if sum >= enough {
                break;
            }
        }
        weighted.truncate(nucleus);
        let mut left = self.random.fraction() * sum;
        let drawn = weighted.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a little after the last one.
        drawn.or(weighted.last()).map(|(id, _)| *id)
    }
}

/// The natural logarithm of the probability of `id`, by the softmax of `logits`; below every number where `id` has
/// no logit.
pub(super) fn log_probability(logits: &[f32], id: u32) -> f64 {
    let logit = usize::try_from(id).ok().and_then(|at| logits.get(at)).copied().unwrap_or(f32::NEG_INFINITY);
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - max).exp()).sum();
    f64::from(logit) - max - sum.ln()
}

/// The first of the largest. Which block holds it is found many numbers at a time.
fn best(logits: &[f32]) -> Option<u32> {
    const BLOCK: usize = 1024;
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let max_of = |block: &[f32]| {
        let (chunks, rest) = block.as_chunks::<16>();
        let lanes = chunks.iter().fold([f32::NEG_INFINITY; 16], |mut lanes, chunk| {
            lanes.iter_mut().zip(chunk).for_each(|(lane, logit)| *lane = larger(*lane, *logit));
            lanes
        });
        lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
    };
    let first = (0, f32::NEG_INFINITY);
    let (block, max) = logits
        .chunks(BLOCK)
        .map(max_of)
        .enumerate()
        .fold(first, |best, (block, max)| if max > best.1 { (block, max) } else { best });
    let within = logits.chunks(BLOCK).nth(block)?.iter().position(|logit| *logit >= max)?;
    u32::try_from(block * BLOCK + within).ok().filter(|_| max.is_finite())
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014. Good enough to draw tokens, and
/// the same on every machine for ever.
#[derive(Debug, Clone)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 up to but not including 1: 52 random bits behind the exponent of 1.
    fn fraction(&mut self) -> f64 {
        f64::from_bits(1.0_f64.to_bits() | (self.next() >> 12)) - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(temperature: f64, top_k: u32, top_p: f64, seed: u64) -> Sampler {
        let sampling = Sampling {
            temperature: Some(temperature),
            top_k: Some(top_k),
            top_p: Some(top_p),
            seed: Some(seed),
            ..Sampling::default()
        };
        Sampler::new(sampling)
    }

    #[test]
    fn splitmix_gives_its_published_numbers() {
        let mut random = SplitMix64(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn greedy_takes_the_first_of_the_best() {
        let mut greedy = Sampler::new(Sampling::default());
        assert_eq!(greedy.next(&[0.0, 3.0, 3.0, -1.0]), Some(1));
        assert_eq!(greedy.next(&[0.0, f32::NAN]), None);
        assert_eq!(greedy.next(&[f32::NEG_INFINITY; 3]), None);
    }

    #[test]
    fn the_best_is_found_wherever_it_lies() {
        for len in [1, 15, 16, 17, 1023, 1024, 1025, 5000] {
            for at in [0, len / 3, len / 2, len - 1] {
                let mut logits = vec![-3.5_f32; len];
                logits[at] = -1.25;
                let later = (at + 7).min(len - 1);
                logits[later] = -1.25;
                assert_eq!(best(&logits), Some(u32::try_from(at).unwrap()), "{len}");
            }
        }
        assert_eq!((best(&[]), best(&[f32::NEG_INFINITY; 40])), (None, None));
    }

    #[test]
    fn what_was_there_becomes_less_likely() {
        let sampling = Sampling { repetition_penalty: Some(2.0), ..Sampling::default() };
        let mut sampler = Sampler::new(sampling);
        sampler.see(&[3]);
        // 4 becomes 2 for the token of the prompt; then 3 becomes 1.5, and -1 only -2.
        let logits = [1.0, 1.75, 3.0, 4.0];
        let chosen: Vec<u32> = (0..4).map(|_| sampler.next(&logits).unwrap()).collect();
        assert_eq!(chosen, [2, 3, 3, 3]);
        let mut negative = Sampler::new(sampling);
        negative.see(&[0]);
        assert_eq!(negative.next(&[-1.0, -1.5]), Some(1));
    }

    #[test]
    fn log_probabilities_are_those_of_the_softmax() {
        let logits = [0.6_f32.ln() + 7.0, 0.3_f32.ln() + 7.0, 0.1_f32.ln() + 7.0];
        for (id, share) in [(0, 0.6_f64), (1, 0.3), (2, 0.1)] {
            assert!((log_probability(&logits, id) - share.ln()).abs() < 1e-6);
        }
        assert_eq!(log_probability(&logits, 3), f64::NEG_INFINITY);
    }

    #[test]
    fn drawn_shares_follow_the_softmax_within_the_cut() {
        // Shares of 0.6, 0.3 and 0.1 by their logarithms; a fourth token is cut by top_k.
        let logits = [0.6_f32.ln(), 0.3_f32.ln(), 0.1_f32.ln(), 0.01_f32.ln()];
        let counts = |mut sampler: Sampler| {
            let mut counts = [0_u32; 4];
            for _ in 0..20_000 {
                counts[usize::try_from(sampler.next(&logits).unwrap()).unwrap()] += 1;
            }
            counts.map(|count| f64::from(count) / 20_000.0)
        };
        let all = counts(sampler(1.0, 3, 1.0, 7));
        assert!((all[0] - 0.6).abs() < 0.02 && (all[2] - 0.1).abs() < 0.02 && all[3] == 0.0, "{all:?}");
        let nucleus = counts(sampler(1.0, 3, 0.85, 7));
        assert!((nucleus[0] - 2.0 / 3.0).abs() < 0.02 && nucleus[2] == 0.0, "{nucleus:?}");
        assert_eq!(counts(sampler(1.0, 3, 1.0, 7)), all, "the seed decides");
    }
}

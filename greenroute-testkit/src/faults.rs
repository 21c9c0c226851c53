use crate::fault::Fault;
use std::collections::BTreeMap;

/// Faults that befall a share of all requests. The same seed gives the same faults in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    seed: u64,
    share: f64,
    kinds: Vec<Fault>,
}

/// How often each fault befell an answer, by its name as it is written.
pub type Tally = BTreeMap<String, u64>;

impl Faults {
    /// This share of all requests, from 0 to 1, meets with a fault, every kind of [`Fault::ALL`] equally often among
    /// those that can befall the answer. Some of them never end: the client must have its timeouts.
    #[must_use]
    pub fn rate(seed: u64, share: f64) -> Self {
        Self { seed, share, kinds: Fault::ALL.to_vec() }
    }

    /// Only these kinds.
    #[must_use]
    pub fn only(self, kinds: impl IntoIterator<Item = Fault>) -> Self {
        Self { kinds: kinds.into_iter().collect(), ..self }
    }

    /// None of these kinds.
    #[must_use]
    pub fn without(mut self, kinds: impl IntoIterator<Item = Fault>) -> Self {
        let left_out: Vec<Fault> = kinds.into_iter().collect();
        self.kinds.retain(|kind| !left_out.contains(kind));
        self
    }

    /// The kinds that may come.
    #[must_use]
    pub fn kinds(&self) -> &[Fault] {
        &self.kinds
    }

    /// What befalls the request of this number: nothing, or the first of these that can.
    pub(crate) fn draw(&self, number: u64) -> impl Iterator<Item = Fault> + '_ {
        const TRIES: u64 = 64;
        let dice = self.seed.wrapping_add(number.wrapping_mul(TRIES + 1));
        let hit = !self.kinds.is_empty() && share(mix(dice)) < self.share;
        let pick = move |nth| {
            let kinds = u64::try_from(self.kinds.len()).unwrap_or(u64::MAX);
            let place = mix(dice.wrapping_add(nth)) % kinds.max(1);
            self.kinds.get(usize::try_from(place).unwrap_or(0)).copied()
        };
        (1..=if hit { TRIES } else { 0 }).filter_map(pick)
    }
}

/// SplitMix64.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// From 0 to 1.
fn share(number: u64) -> f64 {
    // The upper half has more than enough digits, and every 32-bit number is a float.
    u32::try_from(number >> 32).map_or(0.0, f64::from) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_met_and_every_kind_comes() {
        let faults = Faults::rate(7, 0.05);
        let drawn: Vec<Fault> = (0..20_000).filter_map(|number| faults.draw(number).next()).collect();
        assert!((900..1100).contains(&drawn.len()), "{}", drawn.len());
        assert!(Fault::ALL.iter().all(|kind| drawn.contains(kind)));
        let again: Vec<Fault> = (0..20_000).filter_map(|number| faults.draw(number).next()).collect();
        assert_eq!(drawn, again);
    }

    #[test]
    fn kinds_can_be_chosen() {
        let faults = Faults::rate(1, 1.0).only([Fault::Bom, Fault::Gzip]).without([Fault::Bom]);
        assert!((0..99).all(|number| faults.draw(number).next() == Some(Fault::Gzip)));
        assert_eq!(Faults::rate(1, 1.0).only([]).draw(1).next(), None);
        assert_eq!(Faults::rate(1, 0.0).draw(1).next(), None);
    }
}

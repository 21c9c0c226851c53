use super::ModelCard;
use std::sync::OnceLock;

/// A number for a card, computed once.
#[derive(Debug, Default)]
pub(super) struct Digest(OnceLock<u64>);

/// A clone may be given other facts, so it computes its own.
impl Clone for Digest {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Derived from the card's other fields, so it never tells two cards apart.
impl PartialEq for Digest {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Digest {
    pub(super) fn of(&self, card: &ModelCard) -> u64 {
        *self.0.get_or_init(|| digest(card))
    }
}

/// FNV-1a, 64 bits, over the key, the scores and the size.
fn digest(card: &ModelCard) -> u64 {
    // No name contains this byte: it is not UTF-8.
    const END: u8 = 0xff;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let region = card.key.region.as_ref().map(super::Region::as_str);
    for name in [card.key.provider.as_str(), card.key.model.as_str()].into_iter().chain(region) {
        add(name.as_bytes());
        add(&[END]);
    }
    // Ends the key, with a region or without.
    add(&[END]);
    for (name, score) in &card.scores {
        add(name.as_bytes());
        add(&[END]);
        add(&score.value.as_fraction().to_bits().to_le_bytes());
    }
    add(&[END]);
    if let Some(size) = &card.size {
        for billions in [size.total.low, size.total.high, size.active.low, size.active.high] {
            add(&billions.to_bits().to_le_bytes());
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use crate::model::{ModelKey, Privacy, Region, Score, Size, Span, Window};
    use crate::{ModelCard, units::Probability};

    fn card() -> ModelCard {
        let window = Window { context: 8192, max_output: None };
        ModelCard::new(ModelKey::new("local", "tiny"), window, Privacy::Local)
    }

    #[test]
    fn what_tells_how_good_a_model_is_changes_its_number_and_nothing_else_does() {
        let before = card().digest();
        let mut scored = card();
        scored
            .scores
            .insert("mmlu".into(), Score { value: Probability::from_fraction(0.5), source: "x".into() });
        let mut better = scored.clone();
        better
            .scores
            .insert("mmlu".into(), Score { value: Probability::from_fraction(0.6), source: "x".into() });
        let mut sized = card();
        let (total, active) = (Span::known(8.0), Span::known(8.0));
        sized.size = Some(Size { total, active, bytes_per_parameter: None });
        let mut placed = card();
        placed.key.region = Some(Region::new("eu"));
        let mut numbers = vec![before, scored.digest(), better.digest(), sized.digest(), placed.digest()];
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 5);
        let mut renamed = card();
        renamed.display_name = "Tiny".into();
        assert_eq!(renamed.digest(), before);
    }
}

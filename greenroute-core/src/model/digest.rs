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
    use crate::model::{
        ModelId, ModelKey, Pricing, Privacy, ProviderName, Region, Score, Size, Span, Window,
    };
    use crate::{ModelCard, units::Probability};

    fn card() -> ModelCard {
        let window = Window { context: 8192, max_output: None };
        ModelCard::new(ModelKey::new("local", "tiny"), window, Privacy::Local)
    }

    fn scored(share: f64) -> Score {
        Score { value: Probability::from_fraction(share), source: "x".into() }
    }

    /// A card with every fact.
    fn whole() -> ModelCard {
        let mut card = card();
        card.scores.insert("mmlu".into(), scored(0.5));
        card.scores.insert("gsm8k".into(), scored(0.5));
        let (total, active) = (Span { low: 7.0, high: 9.0 }, Span { low: 2.0, high: 3.0 });
        card.size = Some(Size { total, active, bytes_per_parameter: Some(2.0) });
        card
    }

    /// The card as it is after a change.
    fn after(change: impl FnOnce(&mut ModelCard)) -> ModelCard {
        let mut card = whole();
        change(&mut card);
        card
    }

    fn sized(change: impl FnOnce(&mut Size)) -> ModelCard {
        after(|card| change(card.size.as_mut().unwrap()))
    }

    #[test]
    fn every_fact_about_how_good_a_model_is_changes_its_number() {
        let mut cards = vec![
            ("nothing", whole()),
            ("provider", after(|card| card.key.provider = ProviderName::new("loca"))),
            ("model", after(|card| card.key.model = ModelId::new("tinyl"))),
            ("a letter from the one to the other", after(|card| card.key = ModelKey::new("loca", "ltiny"))),
            ("region", after(|card| card.key.region = Some(Region::new("eu")))),
            ("an empty region", after(|card| card.key.region = Some(Region::new("")))),
            ("a score", after(|card| card.scores.get_mut("mmlu").unwrap().value = Probability::ONE)),
            ("a score less", after(|card| card.scores.retain(|name, _| name != "mmlu"))),
            ("no scores", after(|card| card.scores.clear())),
            ("no size", after(|card| card.size = None)),
            ("total, low", sized(|size| size.total.low = 6.0)),
            ("total, high", sized(|size| size.total.high = 10.0)),
            ("active, low", sized(|size| size.active.low = 1.0)),
            ("active, high", sized(|size| size.active.high = 4.0)),
            ("total and active exchanged", sized(|size| std::mem::swap(&mut size.total, &mut size.active))),
        ];
        let mut other = whole();
        other.scores.insert("gsm8k".into(), scored(0.5f64.next_up()));
        cards.push(("the last digit of a score", other));
        let mut other = whole();
        other.scores.insert("math".into(), scored(0.5));
        cards.push(("a score more", other.clone()));
        other.scores.remove("mmlu");
        cards.push(("a score under another name", other));
        for (at, (one, card)) in cards.iter().enumerate() {
            for (other, later) in cards.iter().skip(at + 1) {
                assert_ne!(card.digest(), later.digest(), "{one}, {other}");
            }
            assert_eq!(card.digest(), card.clone().digest(), "{one}");
            let read: ModelCard = serde_json::from_str(&serde_json::to_string(card).unwrap()).unwrap();
            assert_eq!(card.digest(), read.digest(), "{one}, read from a file");
        }
    }

    #[test]
    fn nothing_else_changes_its_number() {
        let before = whole().digest();
        for (what, card) in [
            ("its name for people", after(|card| card.display_name = "Tiny".into())),
            ("an alias", after(|card| card.aliases.push("little".into()))),
            ("its window", after(|card| card.window.context *= 2)),
            ("where it runs", after(|card| card.privacy = Privacy::Remote)),
            ("its price", after(|card| card.pricing = Pricing::Electricity)),
            ("who scored it", after(|card| card.scores.get_mut("mmlu").unwrap().source = "y".into())),
            ("how it is packed", sized(|size| size.bytes_per_parameter = None)),
        ] {
            assert_eq!(card.digest(), before, "{what}");
        }
    }

    #[test]
    fn a_clone_that_was_changed_has_its_own_number() {
        let card = whole();
        let before = card.digest();
        let mut other = card.clone();
        other.scores.clear();
        assert_ne!(other.digest(), before);
        other.clone_from(&card);
        assert_eq!(other.digest(), before);
    }
}

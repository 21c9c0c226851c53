use greenroute_core::model::CardFile;
use greenroute_core::{Error, ErrorKind, ModelCard, Result};

/// The data files of this crate, each with its source and date.
const FILES: [(&str, &str); 3] = [
    ("anthropic", include_str!("../data/models/anthropic.toml")),
    ("groq", include_str!("../data/models/groq.toml")),
    ("local", include_str!("../data/models/local.toml")),
];

/// The shipped cards, those of models included that no provider here serves yet.
///
/// # Errors
/// [`ErrorKind::Config`] for a file that cannot be read, which this crate's tests would say first.
pub fn cards() -> Result<Vec<ModelCard>> {
    let files = FILES.iter().map(|(name, text)| parse(name, text)?.into_cards());
    Ok(files.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// A data file of cards in TOML, such as a user's own.
///
/// # Errors
/// [`ErrorKind::Config`], with the line that cannot be read. The numbers of the cards are not checked yet:
/// [`CardFile::into_cards`] does.
pub fn parse(name: &str, text: &str) -> Result<CardFile> {
    toml::from_str(text).map_err(|error| {
        let message = format!("the model cards cannot be read: {}", error.message());
        Error::new(ErrorKind::Config, name, message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::Pricing;

    #[test]
    fn every_shipped_card_is_valid_and_has_a_source() {
        let cards = cards().unwrap();
        assert!(cards.len() >= 4, "{}", cards.len());
        for card in cards {
            assert!(card.source.is_some_and(|source| !source.is_empty()), "{}", card.key);
            assert!(card.scores.values().all(|score| !score.source.is_empty()), "{}", card.key);
            if let Pricing::Listed(list) = card.pricing {
                let tiers = list.periods.iter().flat_map(|period| &period.tiers);
                assert!(tiers.clone().count() > 0);
                for tier in tiers {
                    assert!((0.001..1000.0).contains(&tier.output_usd_per_mtok.as_usd()), "{}", card.key);
                }
            }
        }
    }

    #[test]
    fn a_bad_card_says_what_is_wrong() {
        let bad = |change: &dyn Fn(&str) -> String| {
            let (_, text) = FILES[1];
            parse("mine", &change(text)).and_then(CardFile::into_cards).unwrap_err().to_string()
        };
        let negative = bad(&|text| text.replace("input_usd_per_mtok = 0.075", "input_usd_per_mtok = -0.075"));
        assert!(
            negative.contains("money in US dollars must be finite and at least 0, not -0.075"),
            "{negative}"
        );
        let typo = bad(&|text| text.replace("privacy =", "privvacy ="));
        assert!(typo.contains("unknown field `privvacy`"), "{typo}");
        let window = bad(&|text| text.replace("context = 131072", "context = 0"));
        assert!(window.contains("`window.context` of the card must be at least 1 token"), "{window}");
        let undated = bad(&|text| {
            text.replace("as_of = \"2026-11-21\"\n\n[[model]]\nkey = { provider = \"groq\", model = \"openai/gpt-oss-20b\" }", "[[model]]\nkey = { provider = \"groq\", model = \"openai/gpt-oss-20b\" }")
        });
        assert!(undated.contains("missing field `as_of`"), "{undated}");
    }
}

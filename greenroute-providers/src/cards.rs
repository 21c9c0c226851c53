use greenroute_core::model::{CardFile, PriceFile};
use greenroute_core::{Error, ErrorKind, ModelCard, Result};

/// The data files of one vendor: its cards by hand, its prices by `make prices`.
struct Shipped {
    /// The vendor's name, which is the provider of every card.
    name: &'static str,
    cards: &'static str,
    prices: Option<&'static str>,
}

macro_rules! shipped {
    ($name:literal) => {
        Shipped { name: $name, cards: include_str!(concat!("../data/models/", $name, ".toml")), prices: None }
    };
    ($name:literal, priced) => {
        Shipped { prices: Some(include_str!(concat!("../data/prices/", $name, ".toml"))), ..shipped!($name) }
    };
}

const SHIPPED: [Shipped; 10] = [
    shipped!("anthropic", priced),
    shipped!("deepseek", priced),
    shipped!("gemini", priced),
    shipped!("groq", priced),
    shipped!("local"),
    shipped!("mistral", priced),
    shipped!("ollama"),
    shipped!("openai", priced),
    shipped!("openrouter", priced),
    shipped!("together", priced),
];

/// The shipped cards, those of models included that no provider here serves yet.
///
/// # Errors
/// [`ErrorKind::Config`] for a file that cannot be read, which this crate's tests would say first.
pub fn cards() -> Result<Vec<ModelCard>> {
    let cards = SHIPPED.iter().map(Shipped::read).collect::<Result<Vec<_>>>()?;
    Ok(cards.into_iter().flatten().collect())
}

/// The shipped cards of one provider; none for a name that is not known here.
///
/// # Errors
/// As [`cards`].
pub fn cards_of(provider: &str) -> Result<Vec<ModelCard>> {
    SHIPPED.iter().find(|shipped| shipped.name == provider).map_or_else(|| Ok(Vec::new()), Shipped::read)
}

impl Shipped {
    fn read(&self) -> Result<Vec<ModelCard>> {
        let mut cards = parse(self.name, self.cards)?.into_cards()?;
        if let Some(prices) = self.prices {
            parse_prices(self.name, prices)?.put_on(&mut cards)?;
        }
        Ok(cards)
    }
}

/// A data file of cards in TOML, such as a user's own, for [`Catalog::load`](greenroute_core::Catalog::load).
///
/// # Errors
/// [`ErrorKind::Config`], with the line that cannot be read. The numbers of the cards are not checked yet:
/// [`CardFile::into_cards`] does.
pub fn parse(name: &str, text: &str) -> Result<CardFile> {
    toml::from_str(text).map_err(|error| unreadable(name, "model cards", error))
}

/// A data file of prices in TOML, for [`Catalog::load_prices`](greenroute_core::Catalog::load_prices).
///
/// # Errors
/// [`ErrorKind::Config`], with the line that cannot be read.
pub fn parse_prices(name: &str, text: &str) -> Result<PriceFile> {
    toml::from_str(text).map_err(|error| unreadable(name, "prices", error))
}

fn unreadable(name: &str, what: &str, error: toml::de::Error) -> Error {
    let message = format!("the {what} cannot be read: {}", error.message());
    Error::new(ErrorKind::Config, name, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::{PriceTier, Pricing, Privacy};
    use greenroute_core::units::Tokens;
    use greenroute_core::{Catalog, Date};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn catalog() -> Arc<greenroute_core::CatalogSnapshot> {
        Catalog::new(cards().unwrap().into_iter().map(Arc::new)).unwrap().snapshot()
    }

    /// The prices of a model for an input of this length on a day.
    fn tier(name: &str, input: u64, on: &str) -> PriceTier {
        let catalog = catalog();
        let Pricing::Listed(list) = &catalog.find(name).unwrap().pricing else {
            panic!("{name} is unpriced")
        };
        list.tier(Tokens::new(input), day(on)).unwrap().clone()
    }

    fn in_and_out(name: &str, input: u64, on: &str) -> (f64, f64) {
        let tier = tier(name, input, on);
        (tier.input_usd_per_mtok.as_usd(), tier.output_usd_per_mtok.as_usd())
    }

    #[test]
    fn every_shipped_card_is_valid_and_has_a_source() {
        let cards = cards().unwrap();
        assert!(cards.len() >= 100, "{}", cards.len());
        for card in cards {
            assert!(card.source.is_some_and(|source| !source.is_empty()), "{}", card.key);
            assert!(card.as_of.is_some(), "{}", card.key);
            assert!(card.scores.values().all(|score| !score.source.is_empty()), "{}", card.key);
            assert!((512..=10_000_000).contains(&card.window.context), "{}", card.key);
            assert!(card.window.max_output.is_none_or(|most| most <= card.window.context), "{}", card.key);
            if let Some(size) = card.size {
                assert!(size.total.low >= 0.05 && size.total.high <= 10_000.0, "{}", card.key);
            }
            if let Some(speed) = card.speed {
                assert!((1.0..5_000.0).contains(&speed.tokens_per_second), "{}", card.key);
            }
            if let Some(date) = card.retirement {
                assert!((day("2024-01-01")..day("2032-01-01")).contains(&date), "{}", card.key);
            }
        }
    }

    #[test]
    fn cards_lie_in_the_file_of_their_provider_and_share_no_name() {
        for shipped in &SHIPPED {
            let cards = cards_of(shipped.name).unwrap();
            assert!(!cards.is_empty());
            assert!(cards.iter().all(|card| card.key.provider.as_str() == shipped.name), "{}", shipped.name);
        }
        assert!(cards_of("nobody").unwrap().is_empty());
        for (folder, files) in [
            ("models", SHIPPED.len()),
            // One more says what the prices were read from.
            ("prices", SHIPPED.iter().filter(|shipped| shipped.prices.is_some()).count() + 1),
        ] {
            let folder = format!("{}/data/{folder}", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(
                std::fs::read_dir(&folder).unwrap().count(),
                files,
                "a file of {folder} is not shipped"
            );
        }
        // Building the catalog refuses a key or an alias given twice.
        assert_eq!(catalog().cards().len(), cards().unwrap().len());
    }

    #[test]
    fn every_hosted_card_has_a_price_or_says_why_not() {
        for shipped in &SHIPPED {
            let Some(prices) = shipped.prices else {
                let electric = |card: &ModelCard| {
                    (card.privacy, &card.pricing) == (Privacy::Local, &Pricing::Electricity)
                };
                assert!(cards_of(shipped.name).unwrap().iter().all(electric), "{}", shipped.name);
                continue;
            };
            let by_hand = parse(shipped.name, shipped.cards).unwrap().models;
            assert!(by_hand.iter().all(|card| card.pricing == Pricing::Unpriced), "prices are written apart");
            let file = parse_prices(shipped.name, prices).unwrap();
            let priced: BTreeSet<_> = file.prices.iter().map(|price| price.model.as_str()).collect();
            let why: BTreeSet<_> = file.unpriced.iter().map(|unpriced| unpriced.model.as_str()).collect();
            assert!(file.unpriced.iter().all(|unpriced| !unpriced.why.is_empty()));
            assert!(priced.is_disjoint(&why));
            let cards: BTreeSet<_> = by_hand.iter().map(|card| card.key.model.as_str()).collect();
            assert_eq!(priced.union(&why).copied().collect::<BTreeSet<_>>(), cards, "run make prices");
        }
    }

    #[test]
    fn prices_are_plausible() {
        for card in cards().unwrap() {
            let Pricing::Listed(list) = card.pricing else { continue };
            for tier in list.periods.iter().flat_map(|period| &period.tiers) {
                let (input, output) = (tier.input_usd_per_mtok.as_usd(), tier.output_usd_per_mtok.as_usd());
                assert!((0.005..100.0).contains(&input), "{}: {input}", card.key);
                assert!(card.embeds || (0.01..500.0).contains(&output), "{}: {output}", card.key);
                let cached = tier.cache_read_usd_per_mtok.map_or(0.0, |usd| usd.as_usd());
                assert!(cached <= input, "{}: {cached}", card.key);
            }
        }
    }

    #[test]
    fn prices_change_by_date_and_by_length_of_the_input() {
        assert_eq!(in_and_out("gemini-3.8-flash", 10, "2026-12-31"), (0.75, 3.75));
        assert_eq!(in_and_out("gemini-3.8-flash", 10, "2027-01-01"), (1.5, 7.5));
        assert_eq!(in_and_out("gemini-4-argon", 10, "2026-11-30"), (2.0, 10.0));
        assert_eq!(in_and_out("gemini-4-argon", 10, "2026-12-01"), (4.0, 20.0));
        assert_eq!(in_and_out("claude-haiku-5-5", 100_000, "2026-11-21"), (0.1, 0.5));
        assert_eq!(in_and_out("claude-haiku-5-5", 100_001, "2026-11-21"), (0.5, 2.5));
        assert_eq!(in_and_out("gemini-2.5-pro", 200_001, "2026-11-21"), (2.5, 15.0));
        assert_eq!(in_and_out("gpt-6-luna", 272_001, "2026-11-21"), (0.2, 0.75));
        assert_eq!(in_and_out("gpt-5.6-luna", 10, "2026-07-29"), (1.0, 6.0));
        assert_eq!(in_and_out("gpt-5.6-luna", 10, "2026-07-30"), (0.2, 1.2));
        assert_eq!(in_and_out("groq/openai/gpt-oss-20b", 10, "2026-11-21"), (0.075, 0.3));
        let haiku = tier("claude-haiku-4-5", 10, "2026-11-21");
        let usd = |price: Option<greenroute_core::units::Usd>| price.map(|usd| usd.as_usd());
        assert_eq!(usd(haiku.cache_read_usd_per_mtok), Some(0.1));
        assert_eq!(usd(haiku.cache_write_5m_usd_per_mtok), Some(1.25));
        assert_eq!(usd(haiku.cache_write_1h_usd_per_mtok), Some(2.0));
    }

    #[test]
    fn names_that_vendors_answer_with_are_known() {
        let catalog = catalog();
        let resolved = |provider: &str, name: &str| {
            let card = catalog.resolve(&provider.into(), name);
            card.map(|card| card.key.model.to_string())
        };
        for (provider, name, model) in [
            ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
            ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("openai", "gpt-5.4-mini-2026-03-17", "gpt-5.4-mini"),
            ("gemini", "gemini-2.0-flash-001", "gemini-2.0-flash"),
            ("ollama", "llama3.2:latest", "llama3.2:3b"),
            ("mistral", "mistral-small-latest", "mistral-small-2603"),
        ] {
            assert_eq!(resolved(provider, name).as_deref(), Some(model), "{name}");
        }
    }

    #[test]
    fn the_eleven_of_greenrouting_are_found_by_their_names() {
        let catalog = catalog();
        let retired =
            |name: &str| catalog.find(name).unwrap().retirement.is_some_and(|on| on <= day("2026-11-21"));
        let eleven = [
            ("gpt-4o", false),
            ("gpt-4o-mini", false),
            ("gpt-3.5-turbo", true),
            ("claude-opus", true),
            ("claude-sonnet", true),
            ("claude-haiku", true),
            ("llama-3.1-405b", false),
            ("llama-3.1-70b", false),
            ("llama-3.1-8b", false),
            ("gemini-2.0-flash", true),
            ("mistral-small", false),
        ];
        for (name, gone) in eleven {
            assert_eq!(retired(name), gone, "{name}");
        }
    }

    #[test]
    fn retirements_are_on_the_cards_and_embedders_are_marked() {
        let catalog = catalog();
        let retirement = |name: &str| catalog.find(name).unwrap().retirement;
        for name in ["gemini-2.5-flash-lite", "gemini-2.5-flash", "gemini-2.5-pro"] {
            assert_eq!(retirement(name), Some(day("2026-12-01")), "{name}");
        }
        assert_eq!(retirement("claude-sonnet-4-5"), Some(day("2026-11-30")));
        assert_eq!(retirement("llama-3.3-70b-versatile"), Some(day("2026-08-16")));
        let embedders: Vec<_> = catalog.cards().filter(|card| card.embeds).collect();
        assert_eq!(embedders.len(), 6);
        assert!(embedders.iter().all(|card| card.key.model.as_str().contains("embed")));
    }

    #[test]
    fn a_users_own_files_join_the_catalog() {
        let catalog = Catalog::new(cards().unwrap().into_iter().map(Arc::new)).unwrap();
        let mine = r#"
            source = "our own benchmark"
            as_of = "2026-11-20"
            [[model]]
            key = { provider = "vllm", model = "house-70b" }
            display_name = "House 70B"
            aliases = ["house"]
            privacy = "local"
            window = { context = 32768 }
            size = { total = { low = 70.0, high = 70.0 }, active = { low = 70.0, high = 70.0 } }
            [model.scores]
            code = { value = 0.8, source = "our own benchmark" }
        "#;
        catalog.load(parse("mine", mine).unwrap()).unwrap();
        let prices = r#"
            provider = "vllm"
            source = "our controller"
            as_of = "2026-11-21"
            [[price]]
            model = "house-70b"
            periods = [{ tiers = [{ input_usd_per_mtok = 0.2, output_usd_per_mtok = 0.4 }] }]
        "#;
        catalog.load_prices(parse_prices("mine", prices).unwrap()).unwrap();
        let snapshot = catalog.snapshot();
        let house = snapshot.find("house").unwrap();
        assert_eq!(house.source.as_deref(), Some("our own benchmark"));
        let Pricing::Listed(list) = &house.pricing else { panic!("{:?}", house.pricing) };
        assert_eq!(list.source, "our controller");
        assert_eq!(snapshot.cards().len(), cards().unwrap().len() + 1, "the others stay");
    }

    #[test]
    fn a_bad_card_says_what_is_wrong() {
        let bad = |change: &dyn Fn(&str) -> String| {
            let text = shipped!("groq").cards;
            let changed = change(text);
            assert_ne!(changed, text);
            parse("mine", &changed).and_then(CardFile::into_cards).unwrap_err().to_string()
        };
        let typo = bad(&|text| text.replace("privacy =", "privvacy ="));
        assert!(typo.contains("unknown field `privvacy`"), "{typo}");
        let window = bad(&|text| text.replace("context = 131072", "context = 0"));
        assert!(window.contains("`window.context` of the card must be at least 1 token"), "{window}");
        let undated = bad(&|text| text.replacen("as_of = \"2026-11-21\"\n", "", 1));
        assert!(undated.contains("missing field `as_of`"), "{undated}");
        let prices = shipped!("groq", priced).prices.unwrap();
        let negative = prices.replace("input_usd_per_mtok = 0.075", "input_usd_per_mtok = -0.075");
        let negative = parse_prices("mine", &negative).unwrap_err().to_string();
        assert!(
            negative.contains("money in US dollars must be finite and at least 0, not -0.075"),
            "{negative}"
        );
    }
}

use crate::estimate::{Estimate, Method};
use crate::time::Date;
use crate::units::{Quantity, Tokens, Usd};
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Add;

const TOKENS_PER_MTOK: f64 = 1e6;

/// What something costs: an amount, or nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// No price is known. Never the same as zero dollars.
    Unpriced,
    /// The amount.
    Priced(Estimate<Usd>),
}

impl Cost {
    /// The amount, where a price is known.
    #[must_use]
    pub const fn usd(&self) -> Option<Estimate<Usd>> {
        match self {
            Self::Unpriced => None,
            Self::Priced(usd) => Some(*usd),
        }
    }
}

/// A sum with an unknown part is unknown.
impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Priced(a), Self::Priced(b)) => Self::Priced(a + b),
            _ => Self::Unpriced,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpriced => f.write_str("unpriced"),
            Self::Priced(usd) => usd.fmt(f),
        }
    }
}

/// How a model is paid for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pricing {
    /// No price is known.
    #[default]
    Unpriced,
    /// It runs on a machine of the user's own, here or elsewhere: it costs its electricity.
    Electricity,
    /// By a provider's price list.
    Listed(PriceList),
}

/// A provider's prices over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// Where the prices were read.
    pub source: String,
    /// When.
    pub as_of: Date,
    /// Each price from its date on; the latest that has begun applies.
    pub periods: Vec<PricePeriod>,
}

/// Prices from a date on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricePeriod {
    /// The first day; `None` for since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// The prices by length of the input: the tier with the highest bound that the input exceeds applies to all
    /// tokens of the call.
    pub tiers: Vec<PriceTier>,
}

/// Prices in US dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// Applies to inputs longer than this; 0 for all.
    #[serde(default)]
    pub above_input_tokens: u64,
    /// Uncached input.
    pub input_usd_per_mtok: Usd,
    /// Output, reasoning included.
    pub output_usd_per_mtok: Usd,
    /// Input read from a cache; `None` where the provider bills it like other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_usd_per_mtok: Option<Usd>,
    /// Input written to a cache for five minutes; `None` where it is billed like other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m_usd_per_mtok: Option<Usd>,
    /// Input written to a cache for an hour; `None` where it is billed like other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_usd_per_mtok: Option<Usd>,
}

impl PriceList {
    /// What `usage` costs on `day`, or [`Cost::Unpriced`] where no period had begun.
    #[must_use]
    pub fn cost(&self, usage: &Usage, day: Date, method: Method) -> Cost {
        match self.tier(usage.input_tokens(), day) {
            Some(tier) => Cost::Priced(Estimate::exact(tier.cost(usage), method)),
            None => Cost::Unpriced,
        }
    }

    /// Whether every input has exactly one price on every day: one tier from 0 in each period, and no two tiers of a
    /// period or two periods that begin alike.
    #[must_use]
    pub fn is_unambiguous(&self) -> bool {
        let begins: BTreeSet<_> = self.periods.iter().map(|period| period.from).collect();
        let tiers_differ = |period: &PricePeriod| {
            let bounds: BTreeSet<_> = period.tiers.iter().map(|tier| tier.above_input_tokens).collect();
            bounds.len() == period.tiers.len() && bounds.contains(&0)
        };
        !begins.is_empty() && begins.len() == self.periods.len() && self.periods.iter().all(tiers_differ)
    }

    /// The latest period that has begun on `day`.
    #[must_use]
    pub fn in_force(&self, day: Date) -> Option<&PricePeriod> {
        let begun = self.periods.iter().filter(|period| period.from.is_none_or(|from| from <= day));
        begun.max_by_key(|period| period.from)
    }

    /// The prices for an input of this length on `day`.
    #[must_use]
    pub fn tier(&self, input: Tokens, day: Date) -> Option<&PriceTier> {
        let reached = self
            .in_force(day)?
            .tiers
            .iter()
            .filter(|tier| tier.above_input_tokens == 0 || input.get() > tier.above_input_tokens);
        reached.max_by_key(|tier| tier.above_input_tokens)
    }
}

impl PriceTier {
    fn cost(&self, usage: &Usage) -> Usd {
        let input = self.input_usd_per_mtok;
        let parts = [
            (usage.input_uncached, input),
            (usage.cache_read, self.cache_read_usd_per_mtok.unwrap_or(input)),
            (usage.cache_write_5m, self.cache_write_5m_usd_per_mtok.unwrap_or(input)),
            (usage.cache_write_1h, self.cache_write_1h_usd_per_mtok.unwrap_or(input)),
            (usage.output_tokens(), self.output_usd_per_mtok),
        ];
        parts.into_iter().map(|(tokens, price)| price * (tokens.base() / TOKENS_PER_MTOK)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(above: u64, input: f64, output: f64) -> PriceTier {
        PriceTier {
            above_input_tokens: above,
            input_usd_per_mtok: Usd::from_usd(input),
            output_usd_per_mtok: Usd::from_usd(output),
            cache_read_usd_per_mtok: Some(Usd::from_usd(input / 10.0)),
            cache_write_5m_usd_per_mtok: None,
            cache_write_1h_usd_per_mtok: None,
        }
    }

    fn list() -> PriceList {
        let day = |text: &str| text.parse().unwrap();
        PriceList {
            source: "test".into(),
            as_of: day("2026-11-21"),
            periods: vec![
                PricePeriod { from: Some(day("2027-01-01")), tiers: vec![tier(0, 2.0, 8.0)] },
                PricePeriod {
                    from: Some(day("2026-01-01")),
                    tiers: vec![tier(100_000, 5.0, 10.0), tier(0, 1.0, 4.0)],
                },
            ],
        }
    }

    fn cost(usage: Usage, day: &str) -> Option<f64> {
        let cost = list().cost(&usage, day.parse().unwrap(), Method::Reported);
        cost.usd().map(|usd| usd.value().as_usd())
    }

    #[test]
    fn the_period_of_the_day_and_the_tier_of_the_input_apply() {
        let short = Usage::new(Tokens::new(100_000), Tokens::new(1_000_000));
        assert_eq!(cost(short, "2026-06-01"), Some(0.1 + 4.0));
        assert_eq!(cost(short, "2027-01-01"), Some(0.2 + 8.0));
        assert_eq!(cost(short, "2025-12-31"), None);
        let long = Usage::new(Tokens::new(200_000), Tokens::ZERO);
        assert_eq!(cost(long, "2026-06-01"), Some(1.0));
    }

    #[test]
    fn every_bucket_is_billed_once() {
        let usage = Usage {
            input_uncached: Tokens::new(10_000),
            cache_read: Tokens::new(20_000),
            cache_write_5m: Tokens::new(5_000),
            output_reasoning: Tokens::new(1_000),
            ..Usage::default()
        };
        let billed = cost(usage, "2026-06-01").unwrap();
        assert!((billed - (0.010 + 0.002 + 0.005 + 0.004)).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_part_makes_the_sum_unknown() {
        let one = Cost::Priced(Estimate::exact(Usd::from_usd(1.0), Method::Reported));
        assert_eq!(one + Cost::Unpriced, Cost::Unpriced);
        assert_eq!((one + one).usd().unwrap().value(), Usd::from_usd(2.0));
    }
}

use crate::grid::Zone;
use crate::time::Date;
use crate::units::ElectricityPrice;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What electricity costs, by zone and date.
///
/// The narrowest price counts: that of the zone where a model runs, of the zone around it (`US-TX` lies in `US`), or else
/// the one for everywhere. Where a zone has prices and none of them has begun, its electricity is unpriced.
///
/// ```
/// use greenroute_core::ElectricityTariff;
/// use greenroute_core::units::ElectricityPrice;
/// let [home, abroad] = [0.31, 0.20].map(ElectricityPrice::from_usd_per_kwh);
/// let tariff = ElectricityTariff::default().everywhere(abroad).in_zone("DE".parse()?, home);
/// assert_eq!(tariff.price(Some(&"DE".parse()?), "2026-11-21".parse()?).unwrap().price, home);
/// assert_eq!(tariff.price(None, "2026-11-21".parse()?).unwrap().price, abroad);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElectricityTariff {
    everywhere: Vec<DatedPrice>,
    zones: BTreeMap<Zone, Vec<DatedPrice>>,
}

/// A price of electricity from a date on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatedPrice {
    /// The price.
    #[serde(rename = "usd_per_kwh")]
    pub price: ElectricityPrice,
    /// The first day; `None` for since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Where it was read, or who set it.
    pub source: Cow<'static, str>,
}

impl DatedPrice {
    fn set_by_the_user(price: ElectricityPrice) -> Self {
        Self { price, from: None, source: "set by the user".into() }
    }
}

impl ElectricityTariff {
    /// With a price for every zone that has none of its own.
    #[must_use]
    pub fn everywhere(self, price: ElectricityPrice) -> Self {
        self.with(None, DatedPrice::set_by_the_user(price))
    }

    /// With the price of a zone.
    #[must_use]
    pub fn in_zone(self, zone: Zone, price: ElectricityPrice) -> Self {
        self.with(Some(zone), DatedPrice::set_by_the_user(price))
    }

    /// With a price from a date on, of a zone or for everywhere. It replaces the one that begins on the same day.
    #[must_use]
    pub fn with(mut self, zone: Option<Zone>, price: DatedPrice) -> Self {
        let prices = match zone {
            Some(zone) => self.zones.entry(zone).or_default(),
            None => &mut self.everywhere,
        };
        prices.retain(|held| held.from != price.from);
        prices.push(price);
        self
    }

    /// The price in `zone` on `day`; `None` where nobody set one.
    #[must_use]
    pub fn price(&self, zone: Option<&Zone>, day: Date) -> Option<&DatedPrice> {
        in_force(self.prices(zone), day)
    }

    /// All prices of the narrowest place around `zone` that has any.
    pub(crate) fn prices(&self, zone: Option<&Zone>) -> &[DatedPrice] {
        let mut place = zone.cloned();
        while let Some(zone) = place {
            if let Some(prices) = self.zones.get(&zone).filter(|prices| !prices.is_empty()) {
                return prices;
            }
            place = zone.around();
        }
        &self.everywhere
    }
}

/// The latest of `prices` that has begun on `day`.
pub(crate) fn in_force(prices: &[DatedPrice], day: Date) -> Option<&DatedPrice> {
    let begun = prices.iter().filter(|price| price.from.is_none_or(|from| from <= day));
    begun.max_by_key(|price| price.from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(price: f64) -> ElectricityPrice {
        ElectricityPrice::from_usd_per_kwh(price)
    }

    fn dated(price: f64, from: &str) -> DatedPrice {
        DatedPrice { price: usd(price), from: Some(from.parse().unwrap()), source: "the bill".into() }
    }

    #[test]
    fn the_narrowest_place_counts_and_in_it_the_latest_that_has_begun() {
        let zone = |id: &str| Some(id.parse::<Zone>().unwrap());
        let tariff = ElectricityTariff::default()
            .everywhere(usd(0.10))
            .with(zone("US"), dated(0.15, "2026-01-01"))
            .with(zone("US"), dated(0.17, "2027-01-01"))
            .in_zone("US-CA".parse().unwrap(), usd(0.30));
        let price = |zone: Option<Zone>, day: &str| {
            let found = tariff.price(zone.as_ref(), day.parse().unwrap());
            found.map(|dated| dated.price.as_usd_per_kwh())
        };
        assert_eq!(price(zone("US-CA"), "2026-06-01"), Some(0.30));
        assert_eq!(price(zone("US-TEX-ERCO"), "2026-06-01"), Some(0.15));
        assert_eq!(price(zone("US"), "2027-01-01"), Some(0.17));
        assert_eq!(price(zone("FR"), "2026-06-01"), Some(0.10));
        assert_eq!(price(None, "2026-06-01"), Some(0.10));
        assert_eq!(price(zone("US"), "2025-12-31"), None, "unpriced, rather than another place's");
        assert_eq!(ElectricityTariff::default().price(None, "2026-06-01".parse().unwrap()), None);
    }

    #[test]
    fn a_price_set_again_replaces_the_old_one() {
        let tariff = ElectricityTariff::default().everywhere(usd(0.1)).everywhere(usd(0.2));
        assert_eq!(tariff.prices(None).len(), 1);
        let json = serde_json::to_string(&tariff).unwrap();
        assert_eq!(json, r#"{"everywhere":[{"usd_per_kwh":0.2,"source":"set by the user"}],"zones":{}}"#);
        assert_eq!(serde_json::from_str::<ElectricityTariff>(&json).unwrap(), tariff);
    }
}

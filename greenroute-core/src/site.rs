use crate::estimate::Estimate;
use crate::grid::Zone;
use crate::model::{ModelCard, Privacy, ProviderName};
use crate::reading::Overheads;
use crate::units::{CarbonIntensity, WaterIntensity};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A place where models run: its buildings, its grid, its water.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// From the device to the server and from the server to the facility.
    pub overheads: Overheads,
    /// The grid zone, where it is known.
    pub zone: Option<Zone>,
    /// Whether `zone` is only where the provider usually runs: then a note says so.
    pub zone_assumed: bool,
    /// Water consumed on site, per energy of the servers.
    pub water: Option<Estimate<WaterIntensity>>,
    /// Emissions by contracts and certificates, which are told apart from those of the grid.
    pub market: Option<Estimate<CarbonIntensity>>,
    /// Where these facts were read.
    pub source: Cow<'static, str>,
}

/// Every place that is known: of this machine, of providers, and of the regions that clouds name.
#[derive(Debug, Clone, PartialEq)]
pub struct Sites {
    hosted: Site,
    local: Site,
    providers: BTreeMap<ProviderName, Site>,
    regions: BTreeMap<String, Site>,
}

/// Where one model runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed<'a> {
    /// The place.
    pub site: &'a Site,
    /// Its zone: the card's own, or else the place's.
    pub zone: Option<&'a Zone>,
    /// Whether the zone is only where the provider usually runs.
    pub assumed: bool,
    /// The region that was named where nobody knows where that is: then there is no zone, rather than another place's.
    pub unlisted: Option<&'a str>,
}

impl Site {
    /// A place of which only the overheads are known.
    #[must_use]
    pub fn new(overheads: Overheads) -> Self {
        let source = overheads.source.clone();
        Self { overheads, zone: None, zone_assumed: false, water: None, market: None, source }
    }
}

impl Sites {
    /// Where nothing is known of the provider, and this machine.
    #[must_use]
    pub const fn new(hosted: Site, local: Site) -> Self {
        Self { hosted, local, providers: BTreeMap::new(), regions: BTreeMap::new() }
    }

    /// With the place of a provider.
    #[must_use]
    pub fn with_provider(mut self, provider: ProviderName, site: Site) -> Self {
        self.providers.insert(provider, site);
        self
    }

    /// With the place of a region, by the name that its cloud gives it, such as `us-east-1`. Neither case nor
    /// blanks matter, so that `East US 2` is `eastus2`.
    #[must_use]
    pub fn with_region(mut self, name: &str, site: Site) -> Self {
        self.regions.insert(bare(name), site);
        self
    }

    /// With the zone of this machine.
    #[must_use]
    pub fn with_own_zone(mut self, zone: Zone) -> Self {
        self.local.zone = Some(zone);
        self.local.zone_assumed = false;
        self
    }

    /// The zone of this machine, where it is set.
    #[must_use]
    pub const fn own_zone(&self) -> Option<&Zone> {
        self.local.zone.as_ref()
    }

    /// Where `card`'s model runs: this machine, the region that the provider said it served from, the region that was
    /// asked, the provider's usual place, or nowhere in particular. A card's own zone beats that of its place.
    ///
    /// A region that is named and not known has the overheads of its provider and no zone. `global` names no region.
    #[must_use]
    pub fn of<'a>(&'a self, card: &'a ModelCard, served_region: Option<&'a str>) -> Placed<'a> {
        let Placed { site, zone, assumed, unlisted } = match card.privacy {
            Privacy::Local => Placed::at(&self.local),
            Privacy::Remote => self.hosted(card, served_region),
        };
        match &card.zone {
            Some(own) => Placed { site, zone: Some(own), assumed: false, unlisted: None },
            None => Placed { site, zone, assumed, unlisted },
        }
    }

    fn hosted<'a>(&'a self, card: &'a ModelCard, served_region: Option<&'a str>) -> Placed<'a> {
        let usual = Placed::at(self.providers.get(&card.key.provider).unwrap_or(&self.hosted));
        let asked = card.key.region.as_ref().map(|region| region.as_str());
        let mut named = [served_region, asked].into_iter().flatten();
        let somewhere = |name: &&str| !matches!(bare(name).as_str(), "" | ANYWHERE);
        match named.find(somewhere) {
            None => usual,
            Some(name) => match self.regions.get(&bare(name)) {
                Some(site) => Placed::at(site),
                None => Placed { zone: None, assumed: false, unlisted: Some(name), ..usual },
            },
        }
    }
}

impl<'a> Placed<'a> {
    fn at(site: &'a Site) -> Self {
        let zone = site.zone.as_ref();
        Self { site, zone, assumed: site.zone_assumed && zone.is_some(), unlisted: None }
    }
}

/// A region's name without case and blanks.
fn bare(name: &str) -> String {
    name.split_whitespace().collect::<String>().to_ascii_lowercase()
}

/// What providers name a region that is none.
const ANYWHERE: &str = "global";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Method;
    use crate::model::{ModelKey, Window};
    use crate::units::{Factor, Pue};

    fn site(pue: f64, zone: Option<&str>) -> Site {
        let overheads = Overheads {
            server: Estimate::exact(Factor::from_ratio(1.6), Method::Proxy),
            pue: Estimate::exact(Pue::from_ratio(pue), Method::Proxy),
            source: "test".into(),
        };
        Site { zone: zone.map(|zone| zone.parse().unwrap()), ..Site::new(overheads) }
    }

    fn sites() -> Sites {
        let usual = Site { zone_assumed: true, ..site(1.1, Some("US")) };
        Sites::new(site(1.2, None), site(1.0, Some("FR")))
            .with_provider(ProviderName::new("cloud"), usual)
            .with_region("EU-West-4", site(1.05, Some("NL")))
    }

    fn card(provider: &str, region: Option<&str>, privacy: Privacy) -> ModelCard {
        let key = ModelKey { region: region.map(Into::into), ..ModelKey::new(provider, "m") };
        ModelCard::new(key, Window { context: 8192, max_output: None }, privacy)
    }

    fn found(card: &ModelCard, served: Option<&str>) -> (f64, Option<String>, bool, Option<String>) {
        let sites = sites();
        let Placed { site, zone, assumed, unlisted } = sites.of(card, served);
        let pue = site.overheads.pue.value().as_ratio();
        (pue, zone.map(ToString::to_string), assumed, unlisted.map(str::to_owned))
    }

    #[test]
    fn where_it_was_served_beats_where_it_was_asked_and_that_the_usual_place() {
        let zone = |name: &str| Some(name.to_owned());
        let plain = card("cloud", None, Privacy::Remote);
        assert_eq!(found(&plain, None), (1.1, zone("US"), true, None));
        for nowhere in ["global", "Global ", "", " "] {
            assert_eq!(found(&plain, Some(nowhere)), (1.1, zone("US"), true, None));
        }
        for named in ["eu-west-4", "EU-West-4", " EU-west -4"] {
            assert_eq!(found(&plain, Some(named)), (1.05, zone("NL"), false, None));
        }
        let asked = card("cloud", Some("eu-west-4"), Privacy::Remote);
        assert_eq!(found(&asked, None), (1.05, zone("NL"), false, None));
        assert_eq!(found(&asked, Some("GLOBAL")), (1.05, zone("NL"), false, None));
        assert_eq!(found(&card("other", None, Privacy::Remote), None), (1.2, None, false, None));
        assert_eq!(
            found(&card("house", None, Privacy::Local), Some("eu-west-4")),
            (1.0, zone("FR"), false, None)
        );
    }

    #[test]
    fn a_zone_that_is_set_is_not_assumed() {
        let usual = Site { zone_assumed: true, ..site(1.0, Some("FR")) };
        let sites = Sites::new(site(1.2, None), usual).with_own_zone("SE".parse().unwrap());
        assert!(!sites.of(&card("house", None, Privacy::Local), None).assumed);
    }

    #[test]
    fn a_region_that_nobody_knows_has_no_zone_rather_than_another_places() {
        let mars = Some("mars-1".to_owned());
        let plain = card("cloud", None, Privacy::Remote);
        assert_eq!(found(&plain, Some("mars-1")), (1.1, None, false, mars.clone()));
        let asked = card("cloud", Some("eu-west-4"), Privacy::Remote);
        assert_eq!(found(&asked, Some("mars-1")), (1.1, None, false, mars));
        let mut known = plain;
        known.zone = Some("SE".parse().unwrap());
        assert_eq!(found(&known, Some("mars-1")), (1.1, Some("SE".to_owned()), false, None));
    }
}

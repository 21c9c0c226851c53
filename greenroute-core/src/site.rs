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

    /// With the place of a region, by the name that its cloud gives it, such as `us-east-1`. Case does not matter.
    #[must_use]
    pub fn with_region(mut self, name: &str, site: Site) -> Self {
        self.regions.insert(name.to_ascii_lowercase(), site);
        self
    }

    /// With the zone of this machine.
    #[must_use]
    pub fn with_own_zone(mut self, zone: Zone) -> Self {
        self.local.zone = Some(zone);
        self
    }

    /// The zone of this machine, where it is set.
    #[must_use]
    pub const fn own_zone(&self) -> Option<&Zone> {
        self.local.zone.as_ref()
    }

    /// All zones that some place is in.
    pub fn zones(&self) -> impl Iterator<Item = &Zone> {
        let all = [&self.hosted, &self.local].into_iter();
        all.chain(self.providers.values()).chain(self.regions.values()).filter_map(|site| site.zone.as_ref())
    }

    /// Where `card`'s model runs: this machine, the region that the provider said it served from, the region that was
    /// asked, the provider's usual place, or nowhere in particular. A card's own zone beats that of its place.
    #[must_use]
    pub fn of<'a>(&'a self, card: &'a ModelCard, served_region: Option<&str>) -> Placed<'a> {
        let region = |name: &str| self.regions.get(&name.to_ascii_lowercase());
        let asked = card.key.region.as_ref().map(|region| region.as_str());
        let site = match card.privacy {
            Privacy::Local => &self.local,
            Privacy::Remote => served_region
                .and_then(region)
                .or_else(|| asked.and_then(region))
                .or_else(|| self.providers.get(&card.key.provider))
                .unwrap_or(&self.hosted),
        };
        match &card.zone {
            Some(zone) => Placed { site, zone: Some(zone), assumed: false },
            None => {
                Placed { site, zone: site.zone.as_ref(), assumed: site.zone_assumed && site.zone.is_some() }
            }
        }
    }
}

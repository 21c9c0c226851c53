use crate::grid::CloudRegion;
use crate::table::{number, rows};
use greenroute_core::model::ProviderName;
use greenroute_core::units::{CarbonIntensity, Factor, Pue, Quantity, WaterIntensity};
use greenroute_core::{Estimate, Method, Overheads, Site, Sites};
use std::sync::OnceLock;

const TABLE: &str = include_str!("../data/sites.csv");

/// Where a published PUE of a region may lie for one building in one season: this much of its overhead, `PUE - 1`, by
/// judgement. What is published is the mean of a year and of all buildings.
const OVERHEAD_BAND: (f64, f64) = (0.7, 1.4);
/// The same for litres of water, which follow the weather more than energy does; by judgement.
const WATER_BAND: (f64, f64) = (0.5, 2.0);

/// The places of models: this machine, those of providers, and the regions that Amazon, Microsoft and Google name.
///
/// A provider's grid zone is where it usually runs, and is told as assumed. A region's is where that region is, and an
/// availability zone, such as `us-east-1a`, is in its region. A provider without a row counts as a data centre of which
/// nothing is known.
#[must_use]
pub fn sites() -> Sites {
    let mut sites = Sites::new(site("hosted"), site("local"));
    for row in table() {
        if let Some(&name) = row.first().filter(|name| !matches!(**name, "hosted" | "local")) {
            sites = sites.with_provider(ProviderName::new(name), site(name));
        }
    }
    CloudRegion::all().iter().fold(sites, |sites, region| {
        let site = region.site();
        region.names().fold(sites, |sites, name| sites.with_region(&name, site.clone()))
    })
}

/// From the accelerator to its server and to the facility, for a model at a provider of which nothing is known.
#[must_use]
pub fn hosted_overheads() -> Overheads {
    site("hosted").overheads
}

/// From the processor to the whole machine, for a model on this machine. There is no facility around it.
#[must_use]
pub fn local_overheads() -> Overheads {
    site("local").overheads
}

impl CloudRegion {
    /// The place that it is: its own zone, what its cloud publishes for it, and its cloud's mean for the rest.
    #[must_use]
    pub fn site(&self) -> Site {
        let mut site = site(self.cloud);
        if let Some(pue) = self.pue {
            let at = |times: f64| Pue::from_ratio(1.0 + (pue - 1.0) * times);
            let (least, most) = OVERHEAD_BAND;
            site.overheads.pue = Estimate::banded(at(least), at(1.0), at(most), Method::Reported);
        }
        if let Some(litres) = self.wue {
            let litres = WaterIntensity::from_litres_per_kwh(litres);
            site.water = Some(Estimate::scaled(litres, WATER_BAND.0, WATER_BAND.1, Method::Reported));
        }
        if let Some(grams) = self.market {
            let grams = CarbonIntensity::from_grams_per_kwh(grams);
            site.market = Some(Estimate::exact(grams, Method::Reported));
        }
        site.zone = Some(self.zone.clone());
        site.zone_assumed = false;
        if let Some((figures, year)) = self.efficiency_source {
            site.source = format!("{}; {figures} ({year}); else {}", self.source, site.source).into();
            site.overheads.source = site.source.clone();
        } else {
            site.source = format!("{}; {}", self.source, site.source).into();
        }
        site
    }
}

fn table() -> &'static [Vec<&'static str>] {
    static ROWS: OnceLock<Vec<Vec<&str>>> = OnceLock::new();
    ROWS.get_or_init(|| rows(TABLE).collect())
}

fn row(name: &str) -> &'static [&'static str] {
    table().iter().find(|row| row.first() == Some(&name)).map_or(&[], Vec::as_slice)
}

/// The place of a row. A factor that the table lacks would count as none at all; the tests hold it to what it must have.
fn site(name: &str) -> Site {
    let (row, hosted) = (row(name), row("hosted"));
    let told = |row: &[&'static str]| row.get(15).copied().unwrap_or_default();
    let own = estimate(row, 1, Factor::from_ratio);
    let source = match own {
        Some(_) => told(row).into(),
        // The server's factor is everybody's: its grounds come first in the text of the unknown host.
        None => format!("{}; {}", told(hosted).split("; ").next().unwrap_or_default(), told(row)).into(),
    };
    let overheads = Overheads {
        server: own
            .or_else(|| estimate(hosted, 1, Factor::from_ratio))
            .unwrap_or(Estimate::exact(Factor::from_ratio(1.0), Method::Proxy)),
        pue: estimate(row, 4, Pue::from_ratio)
            .unwrap_or(Estimate::exact(Pue::from_ratio(1.0), Method::Proxy)),
        source,
    };
    let zone = row.get(10).and_then(|zone| zone.parse().ok());
    Site {
        zone_assumed: zone.is_some(),
        zone,
        water: estimate(row, 7, WaterIntensity::from_litres_per_kwh),
        market: estimate(row, 11, CarbonIntensity::from_grams_per_kwh),
        ..Site::new(overheads)
    }
}

/// Low, value and high from a column on, where the row has them.
fn estimate<T: Quantity>(row: &[&str], column: usize, unit: impl Fn(f64) -> T) -> Option<Estimate<T>> {
    let cell = |offset| number(row, column + offset).map(&unit);
    Some(Estimate::banded(cell(0)?, cell(1)?, cell(2)?, Method::Proxy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::{Privacy, Window};
    use greenroute_core::{ModelCard, ModelKey};

    fn placed(provider: &str, region: Option<&str>) -> (Option<String>, bool, f64) {
        let sites = sites();
        let window = Window { context: 1000, max_output: None };
        let card = ModelCard::new(ModelKey::new(provider, "m"), window, Privacy::Remote);
        let placed = sites.of(&card, region);
        let pue = placed.site.overheads.pue.value().as_ratio();
        (placed.zone.map(|zone| zone.as_str().to_owned()), placed.assumed, pue)
    }

    #[test]
    fn every_row_is_plausible_and_names_its_source_and_year() {
        for row in table() {
            let name = row[0];
            assert_eq!(row.len(), 16, "{name}");
            assert!((2020..=2026).contains(&row[14].parse::<i32>().unwrap()), "{name}");
            assert!(row[15].len() > 10, "{name} has no source");
            assert!(row[10].is_empty() || row[10].parse::<greenroute_core::Zone>().is_ok(), "{name}");
            let site = site(name);
            assert!(site.overheads.source.starts_with("server: "), "{}", site.overheads.source);
            let pue = site.overheads.pue;
            assert!((1.0..1.6).contains(&pue.value().as_ratio()), "{name}");
            // An end on the wrong side would have been moved to the value without a word.
            for column in [1, 4, 7, 11] {
                let cells: Vec<f64> = (column..column + 3).filter_map(|column| number(row, column)).collect();
                assert!(matches!(cells.len(), 0 | 3) && cells.is_sorted(), "{name}: {cells:?}");
            }
            assert!(number(row, 4).is_some(), "{name} has no PUE");
            assert_eq!(site.water.is_some(), name != "local", "{name}");
        }
    }

    #[test]
    fn the_band_of_a_cloud_holds_all_its_regions() {
        for region in CloudRegion::all().iter().filter(|region| region.cloud != "hosted") {
            for place in [region.cloud, "hosted"] {
                let cloud = site(place);
                let (pue, water) = (cloud.overheads.pue, cloud.water.unwrap());
                let within = |value: f64, low: f64, high: f64| low <= value && value <= high;
                let least = if place == "hosted" { 1.0 } else { pue.low().as_ratio() };
                let pue = region.pue.is_none_or(|own| within(own, least, pue.high().as_ratio()));
                let (low, high) = (water.low().as_litres_per_kwh(), water.high().as_litres_per_kwh());
                assert!(
                    pue && region.wue.is_none_or(|own| within(own, low, high)),
                    "{place} {}",
                    region.name
                );
            }
        }
    }

    #[test]
    fn a_provider_has_its_figures_and_its_usual_zone_and_says_that_it_is_assumed() {
        assert_eq!(placed("gemini", None), (Some("US".to_owned()), true, 1.09));
        assert_eq!(placed("mistral", None), (Some("SE".to_owned()), true, 1.16));
        assert_eq!(
            placed("groq", None),
            (None, false, 1.2),
            "it publishes nothing: nobody's zone is made up"
        );
    }

    #[test]
    fn a_region_beats_the_provider_and_is_not_assumed() {
        assert_eq!(placed("gemini", Some("us-west1")), (Some("US-NW-BPAT".to_owned()), false, 1.085));
        assert_eq!(placed("openai", Some("EastUS")), (Some("US-MIDA-PJM".to_owned()), false, 1.14));
        for zone in ["us-west1-B", "us-west1-a"] {
            assert_eq!(placed("gemini", Some(zone)), placed("gemini", Some("us-west1")), "{zone}");
        }
        assert_eq!(placed("groq", Some("us-east-1a")), placed("groq", Some("us-east-1")));
        assert_eq!(placed("openai", Some("eastus-2")).0, Some("US-MIDA-PJM".to_owned()));
        assert_eq!(placed("groq", Some("us-east-1-bos-1a")).0, None, "Boston is not in Virginia");
        assert_eq!(placed("anthropic", Some("us")), (Some("US".to_owned()), false, 1.2));
        let (.., pue) = placed("openai", Some("no-such-region"));
        assert_eq!(pue, 1.17, "whose building it is, is still known");
        let mine = sites().with_own_zone("FR".parse().unwrap());
        assert!(mine.own_zone().is_some());
    }

    #[test]
    fn a_region_without_figures_of_its_own_has_its_clouds() {
        let site = CloudRegion::find("eu-west-3").unwrap().site();
        assert_eq!(site.overheads.pue, self::site("aws").overheads.pue);
        assert_eq!(site.market.unwrap().value().as_grams_per_kwh(), 0.0);
        assert!(site.source.contains("https://docs.aws.amazon.com"), "{}", site.source);
        let own = CloudRegion::find("ap-southeast-1").unwrap().site();
        assert_eq!(own.overheads.pue.value().as_ratio(), 1.32);
        assert_eq!(own.water.unwrap().value().as_litres_per_kwh(), 1.68);
    }

    #[test]
    fn an_unknown_host_and_this_machine_have_their_own_factors() {
        for (overheads, server, pue) in [(hosted_overheads(), 1.6, 1.2), (local_overheads(), 1.5, 1.0)] {
            assert_eq!(overheads.server.value().as_ratio(), server);
            assert_eq!(overheads.pue.value().as_ratio(), pue);
            assert!(overheads.server.low() < overheads.server.high());
        }
    }
}

use crate::table::{number, rows};
use greenroute_core::Zone;
use std::sync::OnceLock;

const TABLE: &str = include_str!("../../data/grid/regions.csv");

/// A region of a cloud, by the name that the cloud gives it: where it is, and what the cloud publishes about it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CloudRegion {
    /// `aws`, `azure` or `gcp`; `hosted` for a country that providers name as a region: whose buildings it is in is not
    /// known.
    pub cloud: &'static str,
    /// As in an API: `us-east-1`, `eastus`, `us-east1`.
    pub name: &'static str,
    /// The city, state or country that the cloud names.
    pub place: &'static str,
    /// The finest part of a grid that surely holds the place and of which a yearly average is known.
    pub zone: Zone,
    /// Electricity Maps' id, where known.
    pub electricity_maps: Option<&'static str>,
    /// WattTime's region, where known.
    pub watttime: Option<&'static str>,
    /// The region's own power usage effectiveness.
    pub pue: Option<f64>,
    /// Its own water usage effectiveness, in litres per kWh of its machines.
    pub wue: Option<f64>,
    /// Its intensity by contracts and certificates, in gCO2e/kWh.
    pub market: Option<f64>,
    /// The share of its hours' electricity that was carbon-free, grid and purchases together, as Google counts it.
    pub carbon_free: Option<f64>,
    /// The mean of its grid in gCO2e/kWh in operation, as Google states it.
    pub grid: Option<f64>,
    /// Where the place is named.
    pub source: &'static str,
    /// Where the cloud's own figures are named, and of which year they are.
    pub efficiency_source: Option<(&'static str, &'static str)>,
}

impl CloudRegion {
    /// Every region of the table.
    #[must_use]
    pub fn all() -> &'static [Self] {
        static REGIONS: OnceLock<Vec<CloudRegion>> = OnceLock::new();
        REGIONS.get_or_init(|| rows(TABLE).filter_map(|row| read(&row)).collect())
    }

    /// The region of this name; case and blanks do not matter, so that `East US 2` is `eastus2`. A zone in a region,
    /// `us-east-1a`, `us-east1-b` or `eastus-2`, is in that region. `None` for a name that no cloud or more than one
    /// knows, and for what only starts like a region: `us-east-1-bos-1a` is in Boston, not in Virginia.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let name: String = name.split_whitespace().collect::<String>().to_ascii_lowercase();
        let mut found = Self::all().iter().filter(|region| region.is_called(&name));
        found.next().filter(|_| found.next().is_none())
    }

    /// Its own name, and those of the zones in it, as far as clouds have any yet.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let (hyphen, zones) = match self.cloud {
            "aws" => ("", "abcdef"),
            "gcp" => ("-", "abcdef"),
            "azure" => ("-", "123"),
            _ => ("", ""),
        };
        let zones = zones.chars().map(move |zone| format!("{}{hyphen}{zone}", self.name));
        std::iter::once(self.name.to_owned()).chain(zones)
    }

    fn is_called(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.name) else { return false };
        let mut rest = rest.chars();
        let zone = match self.cloud {
            "aws" => rest.next(),
            _ => rest.next().filter(|first| *first == '-').and_then(|_| rest.next()),
        };
        let is_zone = |zone: char| match self.cloud {
            "aws" | "gcp" => zone.is_ascii_lowercase(),
            "azure" => matches!(zone, '1'..='3'),
            _ => false,
        };
        name == self.name || (rest.next().is_none() && zone.is_some_and(is_zone))
    }
}

fn read(row: &[&'static str]) -> Option<CloudRegion> {
    let cell = |column: usize| row.get(column).copied().filter(|cell| !cell.is_empty());
    Some(CloudRegion {
        cloud: cell(0)?,
        name: cell(1)?,
        place: cell(2)?,
        zone: cell(3)?.parse().ok()?,
        electricity_maps: cell(4),
        watttime: cell(5),
        pue: number(row, 6),
        wue: number(row, 7),
        market: number(row, 8),
        carbon_free: number(row, 9),
        grid: number(row, 10),
        source: cell(11)?,
        efficiency_source: cell(12).zip(cell(13)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::YearlyAverages;
    use greenroute_core::GridIntensity;
    use std::collections::HashSet;
    use std::time::SystemTime;

    #[tokio::test]
    async fn every_region_has_a_zone_with_a_yearly_average_and_a_source() {
        assert_eq!(CloudRegion::all().len(), rows(TABLE).count(), "a row cannot be read");
        let mut names = HashSet::new();
        for region in CloudRegion::all() {
            assert!(names.insert(region.name), "{} is there twice", region.name);
            assert!(matches!(region.cloud, "aws" | "azure" | "gcp" | "hosted"));
            assert!(region.source.starts_with("https://"), "{}", region.name);
            let figures = region.pue.is_some() || region.wue.is_some() || region.market.is_some();
            assert_eq!(figures, region.efficiency_source.is_some(), "{}", region.name);
            assert!(region.pue.is_none_or(|pue| (1.0..1.6).contains(&pue)), "{}", region.name);
            assert!(region.wue.is_none_or(|wue| (0.0..4.0).contains(&wue)), "{}", region.name);
            assert!(region.carbon_free.is_none_or(|share| (0.0..=1.0).contains(&share)), "{}", region.name);
            YearlyAverages.intensity(&region.zone, SystemTime::UNIX_EPOCH).await.expect(region.name);
        }
        for (cloud, least) in [("aws", 34), ("azure", 60), ("gcp", 45)] {
            let count = CloudRegion::all().iter().filter(|region| region.cloud == cloud).count();
            assert!(count >= least, "{cloud} has {count} regions");
        }
    }

    #[tokio::test]
    async fn our_zones_agree_with_what_google_states_of_its_regions() {
        for region in CloudRegion::all() {
            let Some(theirs) = region.grid else { continue };
            let reading = YearlyAverages.intensity(&region.zone, SystemTime::UNIX_EPOCH).await.unwrap();
            let ours = reading.intensity.value().as_grams_per_kwh();
            // Operation alone is less than a lifecycle, most where the grid is clean.
            assert!(
                ours < 2.2 * theirs + 60.0 && theirs < 1.5 * ours + 60.0,
                "{}: {ours} {theirs}",
                region.name
            );
        }
    }

    #[test]
    fn a_region_is_found_with_or_without_its_zone() {
        for (name, region) in [
            ("us-east-1", "us-east-1"),
            ("US-East-1", "us-east-1"),
            (" us-east-1a ", "us-east-1"),
            ("us-gov-west-1b", "us-gov-west-1"),
            ("europe-west1-b", "europe-west1"),
            ("europe-west12", "europe-west12"),
            ("europe-west1", "europe-west1"),
            ("East US 2", "eastus2"),
            ("eastus-2", "eastus"),
            ("US", "us"),
            ("westeurope-3", "westeurope"),
        ] {
            assert_eq!(CloudRegion::find(name).map(|region| region.name), Some(region), "{name}");
        }
    }

    #[test]
    fn every_name_is_that_of_one_region() {
        let mut names = HashSet::new();
        for region in CloudRegion::all() {
            for name in region.names() {
                assert_eq!(CloudRegion::find(&name), Some(region), "{name}");
                assert!(names.insert(name));
            }
        }
    }

    #[test]
    fn what_is_no_region_is_nowhere() {
        for name in [
            "",
            "us-a",
            "eu",
            "global",
            "europe",
            "us-east",
            "us-east-1-bos-1a",
            "us-west-2-lax-1a",
            "us-east-11",
            "us-east-1é",
            "eastus-9",
            "eastus2a",
            "us-east1a",
            "europe-west1-",
            "us-east-1-",
            "australia",
        ] {
            assert_eq!(CloudRegion::find(name), None, "{name}");
        }
    }
}

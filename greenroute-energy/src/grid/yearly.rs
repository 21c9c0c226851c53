use crate::table::{number, rows};
use async_trait::async_trait;
use greenroute_core::units::CarbonIntensity;
use greenroute_core::{
    Basis, Counting, Error, ErrorKind, Estimate, GridIntensity, GridReading, Method, Result, Zone,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Countries, states and provinces; and parts of grids by Electricity Maps' ids.
const TABLES: [&str; 2] =
    [include_str!("../../data/grid/yearly.csv"), include_str!("../../data/grid/zones.csv")];

/// Two good sources for the same country differ by this much: of EcoLogits' and codecarbon's averages of 213
/// countries, 90 % lie between 0.70 and 1.16 of each other.
const BAND: (f64, f64) = (0.70, 1.16);

/// Average intensities of a year, by country, US state and balancing authority, Canadian and Chinese province, Nordic
/// bidding zone, and some parts of the grids of Australia, India and Japan.
///
/// A zone is an ISO 3166 code with two letters or three (`FR`, `FRA`), a subdivision (`US-TX`, `CA-QC`, `CN-BJ`), or
/// Electricity Maps' id of a part of a grid (`SE-SE3`, `US-CAL-CISO`). A zone that is not in the tables is an error,
/// never another place's value: California's grid operator is not California, and Bavaria is not Germany.
#[derive(Debug, Clone, Copy, Default)]
pub struct YearlyAverages;

struct Row {
    zone: Zone,
    grams: f64,
    band: Option<(f64, f64)>,
    year: &'static str,
    source: Source,
    /// The cloud region whose grid it is, where a cloud says so.
    region: &'static str,
}

/// Who says so, in full, and which emissions they count.
#[derive(Clone, Copy)]
struct Source {
    name: &'static str,
    counting: Counting,
}

impl YearlyAverages {
    /// The mean of all countries by what they generate, with the 5 % and 95 % quantile of the same distribution:
    /// nobody knows where in it an unnamed place lies.
    #[must_use]
    pub fn world() -> GridReading {
        match table().get("WORLD") {
            Some(row) => row.reading(),
            None => unknown_world(),
        }
    }
}

/// Only reached if the table lost its row, which this crate's tests would say first: the full range of grids.
fn unknown_world() -> GridReading {
    let grams = CarbonIntensity::from_grams_per_kwh;
    let intensity = Estimate::banded(grams(20.0), grams(475.0), grams(900.0), Method::Proxy);
    GridReading::new(Zone::world(), intensity, Basis::Average, "the range of all grids", "unknown")
}

impl Row {
    fn reading(&self) -> GridReading {
        let grams = CarbonIntensity::from_grams_per_kwh;
        let value = grams(self.grams);
        let intensity = match self.band {
            Some((low, high)) => Estimate::banded(grams(low), value, grams(high), Method::Reported),
            None => Estimate::scaled(value, BAND.0, BAND.1, Method::Reported),
        };
        let source = match self.region {
            "" => self.source.name.into(),
            region => Cow::from(format!("{} {region}", self.source.name)),
        };
        let reading = GridReading::new(self.zone.clone(), intensity, Basis::Average, source, self.year);
        GridReading { counting: self.source.counting, ..reading }
    }
}

/// What a source's short name in the tables stands for.
fn source(short: &str) -> Option<Source> {
    let (name, counting) = match short {
        "owid" => ("Our World in Data via codecarbon", Counting::Lifecycle),
        "egrid" => ("EPA eGRID2023 via codecarbon", Counting::Direct),
        "canada" => ("generation mix via codecarbon, direct emissions only", Counting::Direct),
        "china" => ("provincial factors via codecarbon, CO2 only", Counting::Direct),
        "nordic" => ("bidding zones via codecarbon", Counting::Lifecycle),
        "mean" => {
            ("mean of all countries by generation, Our World in Data via codecarbon", Counting::Lifecycle)
        }
        "eia930" => ("generation by EIA-930 with IPCC factors", Counting::Lifecycle),
        "google" => ("Google's mean for the grid of its cloud region", Counting::Direct),
        _ => return None,
    };
    Some(Source { name, counting })
}

/// The reading of a zone, where there is one.
pub(super) fn reading(zone: &Zone) -> Option<GridReading> {
    table().get(zone.as_str()).map(Row::reading)
}

fn table() -> &'static HashMap<&'static str, Row> {
    static ROWS: OnceLock<HashMap<&'static str, Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let mut table = HashMap::new();
        for row in TABLES.into_iter().flat_map(rows) {
            let cell = |column: usize| row.get(column).copied().unwrap_or_default();
            let (id, alpha_3) = (cell(0), cell(1));
            let (Ok(zone), Some(grams), Some(source)) =
                (id.parse::<Zone>(), number(&row, 3), source(cell(5)))
            else {
                continue;
            };
            let entry = || Row {
                zone: zone.clone(),
                grams,
                band: number(&row, 6).zip(number(&row, 7)),
                year: cell(4),
                source,
                region: cell(10),
            };
            if !alpha_3.is_empty() {
                table.insert(alpha_3, entry());
            }
            table.insert(id, entry());
        }
        table
    })
}

#[async_trait]
impl GridIntensity for YearlyAverages {
    async fn intensity(&self, zone: &Zone, _at: SystemTime) -> Result<GridReading> {
        reading(zone).ok_or_else(|| {
            let message = format!("no yearly average is known for zone {zone}");
            Error::new(ErrorKind::Unsupported, "yearly averages", message)
        })
    }

    async fn forecast(&self, zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        let message = format!("yearly averages make no forecast for zone {zone}");
        Err(Error::new(ErrorKind::Unsupported, "yearly averages", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn grams(zone: &str) -> Result<f64> {
        let reading = YearlyAverages.intensity(&zone.parse()?, SystemTime::UNIX_EPOCH).await?;
        Ok(reading.intensity.value().as_grams_per_kwh())
    }

    #[tokio::test]
    async fn zones_have_their_own_value_or_none() {
        assert_eq!(grams("FR").await.unwrap(), 56.039);
        assert_eq!(grams("FRA").await.unwrap(), 56.039);
        assert_eq!(grams("us-tx").await.unwrap(), 349.800910304);
        assert_eq!(grams("CA-QC").await.unwrap(), 3.937355027);
        assert_eq!(grams("US-CAL-CISO").await.unwrap(), 256.2);
        assert_ne!(grams("US-CAL-CISO").await.unwrap(), grams("US-CA").await.unwrap());
        for unknown in ["US-ZZ", "QQ", "DE-BY", "ERCO", "US-CAL", "IN-SO"] {
            let error = grams(unknown).await.unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Unsupported, "{unknown}");
            assert!(error.message().contains(unknown));
        }
    }

    #[tokio::test]
    async fn a_reading_says_whose_number_it_is_and_what_it_counts() {
        let at = SystemTime::UNIX_EPOCH;
        let sydney = YearlyAverages.intensity(&"AU-NSW".parse().unwrap(), at).await.unwrap();
        assert!(sydney.source.contains("Google") && sydney.source.ends_with("australia-southeast1"));
        assert_eq!((sydney.counting, &*sydney.vintage), (Counting::Direct, "2025"));
        let france = YearlyAverages.intensity(&"FR".parse().unwrap(), at).await.unwrap();
        assert_eq!(france.counting, Counting::Lifecycle);
    }

    #[test]
    fn every_row_is_plausible() {
        assert!(table().len() > 500, "countries count twice, by both codes");
        for (id, row) in table() {
            assert!((1.0..1500.0).contains(&row.grams), "{id}: {}", row.grams);
            // Western Sahara was last counted in 2009, and its vintage says so.
            assert!((2009..=2026).contains(&row.year.parse::<i32>().unwrap()), "{id}: {}", row.year);
            let intensity = row.reading().intensity;
            assert!(intensity.low() < intensity.value() && intensity.value() < intensity.high(), "{id}");
        }
        let read = table().keys().filter(|id| id.len() != 3 || id.contains('-')).count();
        assert_eq!(
            read,
            TABLES.into_iter().flat_map(rows).count(),
            "a row cannot be read, or is there twice"
        );
        let world = YearlyAverages::world();
        assert_eq!(world.zone, Zone::world());
        assert!(world.intensity.high().as_grams_per_kwh() > 5.0 * world.intensity.low().as_grams_per_kwh());
    }
}

use crate::table::{number, rows};
use async_trait::async_trait;
use greenroute_core::units::CarbonIntensity;
use greenroute_core::{Basis, Error, ErrorKind, Estimate, GridIntensity, GridReading, Method, Result, Zone};
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::SystemTime;

const TABLE: &str = include_str!("../../data/grid/yearly.csv");

/// Two good sources for the same country differ by this much: of EcoLogits' and codecarbon's averages of 213
/// countries, 90 % lie between 0.70 and 1.16 of each other.
const BAND: (f64, f64) = (0.70, 1.16);

/// Average intensities of a year, by country, US state, Canadian and Chinese province and Nordic bidding zone.
///
/// A zone is an ISO 3166 code with two letters or three (`FR`, `FRA`), a subdivision (`US-TX`, `CA-QC`, `CN-BJ`), or
/// Electricity Maps' id of a bidding zone (`SE-SE3`). A zone that is not in the table is an error, never another
/// place's value.
#[derive(Debug, Clone, Copy, Default)]
pub struct YearlyAverages;

struct Row {
    zone: Zone,
    grams: f64,
    band: Option<(f64, f64)>,
    year: &'static str,
    source: &'static str,
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
        GridReading::new(self.zone.clone(), intensity, Basis::Average, self.source, self.year)
    }
}

/// What a source's short name in the table stands for.
fn source(short: &str) -> &'static str {
    match short {
        "owid" => "Our World in Data via codecarbon",
        "egrid" => "EPA eGRID2023 via codecarbon",
        "canada" => "generation mix via codecarbon, direct emissions only",
        "china" => "provincial factors via codecarbon, CO2 only",
        "nordic" => "bidding zones via codecarbon",
        "mean" => "mean of all countries by generation, Our World in Data via codecarbon",
        _ => "codecarbon",
    }
}

fn table() -> &'static HashMap<&'static str, Row> {
    static ROWS: OnceLock<HashMap<&'static str, Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let mut table = HashMap::new();
        for row in rows(TABLE) {
            let (Some(&id), Some(&alpha_3), Some(grams)) = (row.first(), row.get(1), number(&row, 3)) else {
                continue;
            };
            let Ok(zone) = id.parse::<Zone>() else { continue };
            let entry = || Row {
                zone: zone.clone(),
                grams,
                band: number(&row, 6).zip(number(&row, 7)),
                year: row.get(4).copied().unwrap_or_default(),
                source: source(row.get(5).copied().unwrap_or_default()),
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
        table().get(zone.as_str()).map(Row::reading).ok_or_else(|| {
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
        for unknown in ["US-ZZ", "QQ", "DE-BY", "US-TEX-ERCO"] {
            let error = grams(unknown).await.unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Unsupported, "{unknown}");
            assert!(error.message().contains(unknown));
        }
    }

    #[test]
    fn every_row_is_plausible() {
        assert!(table().len() > 500, "countries count twice, by both codes");
        for (id, row) in table() {
            assert!((1.0..1500.0).contains(&row.grams), "{id}: {}", row.grams);
            // Western Sahara was last counted in 2009, and its vintage says so.
            assert!((2009..=2026).contains(&row.year.parse::<i32>().unwrap()), "{id}: {}", row.year);
            assert_ne!(row.source, "codecarbon", "{id} has a source without a name");
        }
        let world = YearlyAverages::world();
        assert_eq!(world.zone, Zone::world());
        assert!(world.intensity.high().as_grams_per_kwh() > 5.0 * world.intensity.low().as_grams_per_kwh());
    }
}

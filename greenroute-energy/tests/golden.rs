//! Against what codecarbon 3.3.2 answers for the same places.

#![cfg(test)]

use greenroute_core::{ErrorKind, GridIntensity, GridReading, Result};
use greenroute_energy::grid::YearlyAverages;
use serde_json::Value;
use std::collections::HashMap;
use std::time::SystemTime;

/// What the table may differ by: its last digit.
const TOLERANCE: f64 = 1e-9;

fn cases(kind: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(include_str!("fixtures/codecarbon.json")).unwrap();
    golden[kind].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What codecarbon gives, per kilowatt-hour.
fn grams(case: &Value) -> f64 {
    let (kg, kwh) = (&case["expect"]["kg_co2e"], &case["inputs"]["energy_kwh"]);
    1000.0 * kg.as_f64().unwrap() / kwh.as_f64().unwrap()
}

async fn read(zone: &str) -> Result<GridReading> {
    YearlyAverages.intensity(&zone.parse()?, SystemTime::UNIX_EPOCH).await
}

fn agrees(reading: &GridReading, case: &Value) {
    let (found, expected) = (reading.intensity.value().as_grams_per_kwh(), grams(case));
    assert!((found - expected).abs() <= TOLERANCE * expected, "{}: {found}, not {expected}", case["id"]);
}

#[tokio::test]
async fn countries_have_codecarbons_intensity_and_year() {
    let cases = cases("country_emissions");
    assert_eq!(cases.len(), 146);
    for case in &cases {
        let alpha_3 = text(&case["inputs"]["country_iso3"]);
        let Some(year) = case["expect"]["year"].as_u64() else {
            // Codecarbon takes the world average for a country that it does not know; here that is an error, and
            // the case of the letters never matters.
            match read(&alpha_3).await {
                Ok(reading) => agrees(&reading, case),
                Err(error) => {
                    assert_eq!(error.kind(), &ErrorKind::Unsupported);
                    assert!(error.message().contains(&alpha_3), "{error}");
                }
            }
            continue;
        };
        let reading = read(&alpha_3).await.unwrap();
        agrees(&reading, case);
        assert_eq!(reading.vintage, year.to_string(), "{alpha_3}");
        assert!(reading.valid_until.is_none() && reading.source.contains("Our World in Data"));
    }
}

/// The zone of each name in codecarbon's cases, by the names in the table.
fn zones() -> HashMap<String, String> {
    let table = include_str!("../data/grid/yearly.csv");
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let (country, _) = cells[0].split_once('-')?;
        Some((format!("{country}/{}", cells[2].to_lowercase()), cells[0].to_owned()))
    });
    rows.collect()
}

#[tokio::test]
async fn states_and_provinces_have_codecarbons_intensity_and_no_other_places() {
    let (zones, cases) = (zones(), cases("region_emissions"));
    assert_eq!(cases.len(), 53);
    let mut agreed = 0;
    for case in &cases {
        let country = text(&case["inputs"]["country_iso3"]);
        let region = text(&case["inputs"]["region"]).to_lowercase();
        let zone = match country.as_str() {
            // The whole country under the states' heading; it has its own row among the countries.
            "USA" if region == "usa" => "US-USA".to_owned(),
            "USA" => zones[&format!("US/{region}")].clone(),
            "CAN" => zones[&format!("CA/{region}")].clone(),
            "CHN" => {
                let suffixes = [" sheng", " province", " municipality", " autonomous region"];
                let name = suffixes.iter().fold(region.as_str(), |name, end| name.trim_end_matches(end));
                let nowhere = "CN-NOWHERE".to_owned();
                zones.get(&format!("CN/{name}")).cloned().unwrap_or(nowhere)
            }
            // Codecarbon keeps an undated prior for the whole of Finland, which the country's row replaces.
            "FIN" => continue,
            "SWE" => format!("SE-{region}"),
            "NOR" => format!("NO-{region}"),
            "DEU" => format!("DE-{region}"),
            other => panic!("{other}"),
        };
        match read(&zone).await {
            Ok(reading) => {
                agrees(&reading, case);
                agreed += 1;
            }
            // Codecarbon answers with the country's value; a place without its own has none here.
            Err(error) => {
                assert_eq!(error.kind(), &ErrorKind::Unsupported);
                assert!(
                    ["SE-xx", "DE-se1", "CN-NOWHERE", "US-USA"].contains(&zone.as_str()),
                    "{zone}: {error}"
                );
            }
        }
    }
    assert_eq!(agreed, 47);
}

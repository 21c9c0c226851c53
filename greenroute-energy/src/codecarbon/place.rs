use crate::grid::YearlyAverages;
use crate::table::{number, rows};
use futures_util::FutureExt;
use greenroute_core::units::CarbonIntensity;
use greenroute_core::{GridIntensity, GridReading};
use std::time::SystemTime;

const PLACES: &str = include_str!("../../data/codecarbon/places.csv");
const CLOUDS: &str = include_str!("../../data/codecarbon/clouds.csv");

/// A place as codecarbon's `GeoMetadata` names it: an alpha-3 code and a region in words (`texas`, `SE1`), of any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place<'a> {
    /// The country.
    pub country: Option<&'a str>,
    /// Its state, province or bidding zone.
    pub region: Option<&'a str>,
}

/// A carbon intensity, and how far codecarbon had to fall back for it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// The cloud's own figure for its region.
    Cloud(CarbonIntensity),
    /// The region's.
    Region(CarbonIntensity),
    /// The country's, with the year of its generation.
    Country(CarbonIntensity, String),
    /// The world's, since the place is not known; codecarbon says so only in its log.
    World(CarbonIntensity),
}

impl Answer {
    /// The number that codecarbon calculates with.
    #[must_use]
    pub const fn intensity(&self) -> CarbonIntensity {
        match self {
            Self::Cloud(it) | Self::Region(it) | Self::Country(it, _) | Self::World(it) => *it,
        }
    }
}

/// What codecarbon calculates with for a place: its region's intensity, else its country's, else the world's.
#[must_use]
pub fn intensity(place: Place<'_>) -> Answer {
    let Some(country) = place.country.map(str::to_uppercase) else { return world() };
    let region = place.region.and_then(|region| {
        let name = in_table(&country, region);
        rows(PLACES).find(|row| row.first() == Some(&country.as_str()) && row.get(1) == Some(&name.as_str()))
    });
    if let Some(own) = region.as_ref().and_then(|row| number(row, 3)) {
        return Answer::Region(CarbonIntensity::from_grams_per_kwh(own));
    }
    if let Some(reading) = region.and_then(|row| yearly(row.get(2)?)) {
        return Answer::Region(reading.intensity.value());
    }
    let own = || {
        let row =
            rows(PLACES).find(|row| row.first() == Some(&country.as_str()) && row.get(1) == Some(&""))?;
        let year = (*row.get(4).filter(|year| !year.is_empty())?).to_owned();
        Some(Answer::Country(CarbonIntensity::from_grams_per_kwh(number(&row, 3)?), year))
    };
    // Codecarbon knows countries by three letters only, and no other zone.
    let reading = (country.len() == 3).then(|| yearly(&country)).flatten();
    let of_country =
        |reading: GridReading| Answer::Country(reading.intensity.value(), reading.vintage.into());
    reading.map(of_country).or_else(own).unwrap_or_else(world)
}

/// The same in a cloud's region. Codecarbon knows those of Google alone; any other gets the answer for `place`, or
/// without one the world's.
#[must_use]
pub fn cloud_intensity(provider: &str, region: &str, place: Option<Place<'_>>) -> Answer {
    let row = rows(CLOUDS).find(|row| row.first() == Some(&provider) && row.get(1) == Some(&region));
    match row.and_then(|row| number(&row, 3)) {
        Some(grams) => Answer::Cloud(CarbonIntensity::from_grams_per_kwh(grams)),
        None => place.map_or_else(world, intensity),
    }
}

/// A region as codecarbon looks it up: in lower case, for China with single spaces and without the kind of the place.
fn in_table(country: &str, region: &str) -> String {
    let region = region.to_lowercase();
    if country != "CHN" {
        return region;
    }
    let words: Vec<&str> = region.split_whitespace().collect();
    let name = words.join(" ");
    let kinds = ["autonomous region", "municipality", "province", "sheng", "shi", "zizhiqu"];
    let bare = kinds.iter().find_map(|kind| name.strip_suffix(kind)?.strip_suffix(' '));
    bare.map_or_else(|| name.clone(), str::to_owned)
}

fn world() -> Answer {
    let row = rows(PLACES).find(|row| row.first() == Some(&"WORLD"));
    let grams = row.and_then(|row| number(&row, 3)).unwrap_or_default();
    Answer::World(CarbonIntensity::from_grams_per_kwh(grams))
}

/// The row of greenroute's own table, which answers at once.
fn yearly(zone: &str) -> Option<GridReading> {
    let zone = zone.parse().ok()?;
    YearlyAverages.intensity(&zone, SystemTime::UNIX_EPOCH).now_or_never()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(country: &str, region: Option<&str>) -> Answer {
        intensity(Place { country: Some(country), region })
    }

    fn grams(answer: &Answer) -> f64 {
        answer.intensity().as_grams_per_kwh()
    }

    #[test]
    fn every_place_of_the_table_has_an_intensity() {
        for row in rows(PLACES) {
            let answer = of(row[0], (!row[1].is_empty()).then_some(row[1]));
            match (row[0], row[1]) {
                ("WORLD", _) => assert_eq!(answer, Answer::World(CarbonIntensity::from_grams_per_kwh(475.0))),
                (_, "") => assert!(matches!(answer, Answer::Country(..)), "{row:?}"),
                _ => assert!(matches!(answer, Answer::Region(..)), "{row:?}"),
            }
        }
        assert_eq!(rows(CLOUDS).count(), 40);
        assert!(rows(CLOUDS).all(|row| matches!(cloud_intensity(row[0], row[1], None), Answer::Cloud(_))));
    }

    #[test]
    fn what_codecarbon_does_not_know_gets_the_country_and_then_the_world() {
        assert!(matches!(of("fra", Some("bretagne")), Answer::Country(it, year)
            if it.as_grams_per_kwh() == 56.039 && year == "2023"));
        assert_eq!(of("DEU", Some("SE1")), of("DEU", None));
        assert_eq!(of("SWE", Some("se9")), of("SWE", None));
        assert_eq!(grams(&of("CHN", Some("  Guangxi   Zhuang Autonomous Region "))), 447.6);
        assert_eq!(grams(&of("USA", Some("usa"))), 770.884 * 0.45359237);
        for nowhere in ["XXX", "FR", "US-TX", "WORLD", "", "Ünbekannt"] {
            assert!(matches!(of(nowhere, None), Answer::World(_)), "{nowhere}");
        }
        assert!(matches!(intensity(Place::default()), Answer::World(_)));
        let here = Place { country: Some("IRL"), region: None };
        assert!(matches!(cloud_intensity("aws", "eu-west-1", Some(here)), Answer::Country(..)));
        assert!(matches!(cloud_intensity("GCP", "us-east4", None), Answer::World(_)), "case matters here");
    }
}

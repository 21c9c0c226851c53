//! What a kilowatt-hour causes in each zone that EcoLogits knows.

use super::{Footprint, Mix, Warning};
use crate::table::{number, rows};
use std::collections::HashMap;
use std::sync::OnceLock;

const MIXES: &str = include_str!("../../data/ecologits/mixes.csv");

/// The mix of one zone, and what EcoLogits says beside its impacts.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneMix {
    /// What a kilowatt-hour causes.
    pub mix: Mix,
    /// Which of its numbers are the world's.
    pub warnings: Vec<Warning>,
}

impl ZoneMix {
    /// Whether its water is the world's, since nobody told its own.
    #[must_use]
    pub fn has_world_water(&self) -> bool {
        self.warnings.contains(&Warning::WorldWue)
    }
}

/// The mix of a zone by its alpha-3 code (`WOR` is the world), as EcoLogits spells it: upper case only.
#[must_use]
pub fn mix(zone: &str) -> Option<&'static ZoneMix> {
    mixes().get(zone)
}

fn mixes() -> &'static HashMap<&'static str, ZoneMix> {
    static TABLE: OnceLock<HashMap<&'static str, ZoneMix>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let row = |row: Vec<&'static str>| {
            let footprint = Footprint { gwp: number(&row, 2)?, adpe: number(&row, 3)?, pe: number(&row, 4)? };
            let mix = Mix { footprint, wue: number(&row, 5)? };
            Some((*row.first()?, ZoneMix { mix, warnings: Warning::shorts(row.get(6)?) }))
        };
        rows(MIXES).filter_map(row).collect()
    })
}

/// The alpha-3 code of a country, or `WOR` for greenroute's `WORLD`; alpha-3 codes stay what they are. `None` where
/// EcoLogits has no mix of it.
pub(crate) fn zone_code(country: &str) -> Option<&'static str> {
    static CODES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    let codes = CODES.get_or_init(|| {
        let mut codes = HashMap::new();
        for row in rows(MIXES) {
            let (Some(&alpha_3), Some(&alpha_2)) = (row.first(), row.get(1)) else { continue };
            codes.insert(alpha_3, alpha_3);
            if !alpha_2.is_empty() {
                codes.insert(alpha_2, alpha_3);
            }
        }
        codes
    });
    codes.get(country).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_is_found_by_either_code() {
        assert_eq!((mixes().len(), rows(MIXES).count()), (215, 215));
        assert_eq!(
            (zone_code("FR"), zone_code("FRA"), zone_code("WORLD")),
            (Some("FRA"), Some("FRA"), Some("WOR"))
        );
        assert_eq!((zone_code("QQ"), zone_code("")), (None, None));
        assert!(mix("fra").is_none(), "EcoLogits takes upper case only");
        let own = rows(MIXES).filter(|row| !mix(row[0]).unwrap().has_world_water());
        assert_eq!(own.count(), 50);
    }
}

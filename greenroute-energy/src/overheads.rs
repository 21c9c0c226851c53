use crate::table::{number, rows};
use greenroute_core::units::{Factor, Pue};
use greenroute_core::{Estimate, Method, Overheads, Site, Sites};

const TABLE: &str = include_str!("../data/overheads.csv");

/// From the accelerator to its server and to the facility, for a model at a provider.
#[must_use]
pub fn hosted_overheads() -> Overheads {
    read("hosted")
}

/// From the processor to the whole machine, for a model on this machine. There is no facility around it.
#[must_use]
pub fn local_overheads() -> Overheads {
    read("local")
}

/// Where models run.
#[must_use]
pub fn sites() -> Sites {
    Sites::new(Site::new(hosted_overheads()), Site::new(local_overheads()))
}

fn read(place: &str) -> Overheads {
    let row = rows(TABLE).find(|row| row.first() == Some(&place)).unwrap_or_default();
    // A missing cell would mean no overhead at all; the test below holds the table to what it must have.
    let cell = |column| number(&row, column).unwrap_or(1.0);
    let factor = |column| Factor::from_ratio(cell(column));
    let pue = |column| Pue::from_ratio(cell(column));
    Overheads {
        server: Estimate::banded(factor(2), factor(1), factor(3), Method::Proxy),
        pue: Estimate::banded(pue(5), pue(4), pue(6), Method::Proxy),
        source: row.get(7).copied().unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_are_in_the_table_with_their_source() {
        for (overheads, server, pue) in [(hosted_overheads(), 1.6, 1.2), (local_overheads(), 1.5, 1.0)] {
            assert_eq!(overheads.server.value().as_ratio(), server);
            assert_eq!(overheads.pue.value().as_ratio(), pue);
            assert!(overheads.server.low() < overheads.server.high());
            assert!(overheads.source.contains("server:"), "{}", overheads.source);
        }
    }
}

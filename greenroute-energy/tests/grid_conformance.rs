//! Bundled grids keep every promise of a source of carbon intensities.

#![cfg(test)]

use greenroute_core::GridIntensity;
use greenroute_core::conformance::{grid, run_async};
use greenroute_energy::grid::{Chain, HourlyShapes, WithStanding, YearlyAverages};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const FORECASTS: &str = "forecasts_in_order_or_says_that_it_does_not";

async fn keeps_every_promise(source: impl GridIntensity, zone: &str, skips: &[(&str, &str)]) {
    let subject = grid::Subject {
        grid: Arc::new(source),
        known: zone.parse().unwrap(),
        // On the hour, where one hour ends and the next begins.
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 / 3600 * 3600),
    };
    let report = run_async(grid::ALL, &subject, skips).await.conforms();
    assert!(report.is_ok(), "{}", report.unwrap_err());
}

#[tokio::test]
async fn yearly_averages() {
    let none = [(FORECASTS, "an average of a year makes no forecasts")];
    for zone in ["FR", "US-TX", "US-CAL-CISO", "AU-NSW"] {
        keeps_every_promise(YearlyAverages, zone, &none).await;
    }
}

#[tokio::test]
async fn hourly_shapes() {
    keeps_every_promise(HourlyShapes, "US-TEX-ERCO", &[]).await;
}

#[tokio::test]
async fn a_chain() {
    keeps_every_promise(Chain::bundled(), "US-NW-BPAT", &[]).await;
    let none = [(FORECASTS, "no source in the chain forecasts France")];
    keeps_every_promise(Chain::bundled(), "FR", &none).await;
}

#[tokio::test]
async fn a_decorated_source() {
    keeps_every_promise(WithStanding::new(Chain::bundled()), "US-CAL-CISO", &[]).await;
    keeps_every_promise(WithStanding::new(HourlyShapes), "US-MIDA-PJM", &[]).await;
}

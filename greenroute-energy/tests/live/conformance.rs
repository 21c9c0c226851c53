//! What every source of intensities promises, over real HTTP, bare and cached.

use crate::world::{Fakes, Hand, noon, zone};
use greenroute_core::GridIntensity;
use greenroute_core::conformance::{grid, run_async};
use greenroute_energy::grid::live::Cached;
use std::sync::Arc;

async fn conforms(source: impl GridIntensity, known: &str, skips: &[(&str, &str)]) {
    let source: Arc<dyn GridIntensity> = Arc::new(source);
    let cached = Cached::new(Arc::clone(&source)).runtime(Arc::new(Hand::new()));
    for grid in [source, Arc::new(cached)] {
        let subject = grid::Subject { grid, known: zone(known), at: noon() };
        run_async(grid::ALL, &subject, skips).await.conforms().unwrap();
    }
}

#[tokio::test]
async fn electricity_maps_conforms() {
    let fakes = Fakes::start().await;
    conforms(fakes.maps(), "DE", &[]).await;
}

#[tokio::test]
async fn uk_carbon_intensity_conforms() {
    let fakes = Fakes::start().await;
    conforms(fakes.uk(), "GB", &[]).await;
    conforms(fakes.uk(), "GB-SOUTH", &[]).await;
}

#[tokio::test]
async fn eia_conforms() {
    let fakes = Fakes::start().await;
    conforms(fakes.eia(), "US-TEX-ERCO", &[]).await;
}

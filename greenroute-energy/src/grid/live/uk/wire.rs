use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// One region, alone or in a list: the service does both.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Regions {
    Listed(Vec<Region>),
    Alone(Region),
}

#[derive(Debug, Deserialize)]
pub(super) struct Region {
    pub(super) postcode: Option<String>,
    pub(super) data: Vec<HalfHour>,
}

#[derive(Debug, Deserialize)]
pub(super) struct HalfHour {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) intensity: Intensity,
}

/// Of what has not been metered, or is of a region, `actual` is null or absent.
#[derive(Debug, Deserialize)]
pub(super) struct Intensity {
    pub(super) forecast: Option<f64>,
    pub(super) actual: Option<f64>,
}

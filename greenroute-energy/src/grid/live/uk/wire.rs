use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
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

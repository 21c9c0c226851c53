//! The bodies of version 3.

use serde::Deserialize;

/// One hour. The zone stands beside the list of a forecast, not in its points.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Point {
    pub(super) zone: Option<String>,
    pub(super) carbon_intensity: Option<f64>,
    pub(super) datetime: String,
    pub(super) emission_factor_type: Option<String>,
    pub(super) is_estimated: Option<bool>,
    pub(super) estimation_method: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct History {
    pub(super) zone: String,
    pub(super) history: Vec<Point>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Forecast {
    pub(super) zone: String,
    pub(super) forecast: Vec<Point>,
}

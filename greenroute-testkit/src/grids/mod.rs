//! Fake sources of carbon intensities: strict about requests, answering from a [`GridWorld`] that a test programs.
//!
//! Each is a [`Vendor`](crate::Vendor) without models, so that keys, faults, laid-down replies and the log of requests are the
//! server's:
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use greenroute_testkit::{FakeServer, grids};
//! use std::time::SystemTime;
//!
//! let world = grids::GridWorld::at(SystemTime::now());
//! world.set("DE", SystemTime::UNIX_EPOCH, Some(302.0));
//! let server = FakeServer::builder().vendor(grids::ElectricityMaps::new(&world)).start().await?;
//! assert!(server.url("electricity_maps").ends_with("/electricity_maps/v3"));
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! The bodies have the shape of recorded ones ([`recorded`]). What the real services say of a zone that they do not
//! know, and of an account without access, was not recorded; those are the likeliest words.

mod clock;
mod eia;
mod electricity_maps;
mod source;
mod uk;
mod watt_time;
mod world;

pub use eia::Eia;
pub use electricity_maps::ElectricityMaps;
pub use uk::CarbonIntensityUk;
pub use watt_time::WattTime;
pub use world::GridWorld;

use crate::reply::Reply;

const RECORDED: &[(&str, &str)] = &[
    ("eia_v2_fuel_type", include_str!("../../grids/eia_v2_fuel_type.json")),
    ("eia_v2_fuel_type_numeric_2022", include_str!("../../grids/eia_v2_fuel_type_numeric_2022.json")),
    ("electricitymaps_v3_forecast", include_str!("../../grids/electricitymaps_v3_forecast.json")),
    ("electricitymaps_v3_history", include_str!("../../grids/electricitymaps_v3_history.json")),
    ("electricitymaps_v3_latest", include_str!("../../grids/electricitymaps_v3_latest.json")),
    ("electricitymaps_v3_latest_2025", include_str!("../../grids/electricitymaps_v3_latest_2025.json")),
    ("uk_error", include_str!("../../grids/uk_error.json")),
    ("uk_intensity", include_str!("../../grids/uk_intensity.json")),
    ("watttime_v3_forecast", include_str!("../../grids/watttime_v3_forecast.json")),
    ("watttime_v3_login", include_str!("../../grids/watttime_v3_login.json")),
    ("watttime_v3_region_from_loc", include_str!("../../grids/watttime_v3_region_from_loc.json")),
];

/// The recorded body of this name, with status 200: vendors' documented answers and test fixtures of their clients.
///
/// # Panics
/// Where there is none of this name.
#[must_use]
#[track_caller]
#[expect(clippy::panic, reason = "a misspelt name in a test is the test's defect, and is best told there")]
pub fn recorded(name: &str) -> Reply {
    let body = RECORDED.iter().find(|(known, _)| *known == name).map(|(_, body)| serde_json::from_str(body));
    match body {
        Some(Ok(body)) => Reply::json(200, body),
        _ => {
            let names: Vec<&str> = RECORDED.iter().map(|(known, _)| *known).collect();
            panic!("no grid body is called `{name}`; there are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;

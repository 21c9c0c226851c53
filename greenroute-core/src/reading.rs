use crate::estimate::{Estimate, Method};
use crate::units::{Energy, Factor, Pue};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// What an energy figure includes. Forecasts and receipts are compared at [`Boundary::Facility`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// The chip that computed, with its own memory: an accelerator board, a CPU package.
    Device,
    /// The whole computer and its share of idle machines kept ready.
    Server,
    /// The building: cooling and power distribution too.
    Facility,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "device",
            Self::Server => "server",
            Self::Facility => "facility",
        })
    }
}

/// The name and version of a meter: readings of two versions are not mixed in one calibration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MeterId {
    /// The name, such as `rapl`.
    pub name: Cow<'static, str>,
    /// The version, raised whenever the same work would give another number.
    pub version: u32,
}

impl MeterId {
    /// A meter whose name is known when compiled.
    #[must_use]
    pub const fn new(name: &'static str, version: u32) -> Self {
        Self { name: Cow::Borrowed(name), version }
    }
}

impl fmt::Display for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// The named factors that widen a reading: from the device to its server, and from the server to its facility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overheads {
    /// Server energy per device energy.
    pub server: Estimate<Factor>,
    /// Facility energy per server energy.
    pub pue: Estimate<Pue>,
    /// Where the two come from.
    pub source: Cow<'static, str>,
}

impl Overheads {
    /// Device to facility as one factor.
    #[must_use]
    pub fn device_to_facility(&self) -> Estimate<Factor> {
        self.server * self.pue
    }
}

/// Energy as an instrument or a model gives it, with what it includes and who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The energy inside `boundary`.
    pub energy: Estimate<Energy>,
    /// Of `energy`, the part that the hardware would have drawn idle during the same time, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Estimate<Energy>>,
    /// What is included.
    pub boundary: Boundary,
    /// Who says so.
    pub meter: MeterId,
}

impl Reading {
    /// A reading without a stated idle part.
    #[must_use]
    pub const fn new(energy: Estimate<Energy>, boundary: Boundary, meter: MeterId) -> Self {
        Self { energy, idle: None, boundary, meter }
    }

    /// How the energy is known.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.energy.method()
    }

    /// The same energy at the facility's boundary: each factor is applied once, and only where the boundary widens.
    ///
    /// The idle part widens by the same factors, so that it stays a part of `energy`.
    #[must_use]
    pub fn to_facility(&self, overheads: &Overheads) -> Self {
        // A factor known by judgement does not make a measurement less measured: its width is in the band.
        let widen = |energy: Estimate<Energy>| {
            let method = energy.method();
            let wide = match self.boundary {
                Boundary::Device => energy * overheads.device_to_facility(),
                Boundary::Server => energy * overheads.pue,
                Boundary::Facility => energy,
            };
            Estimate::banded(wide.low(), wide.value(), wide.high(), method)
        };
        Self {
            energy: widen(self.energy),
            idle: self.idle.map(widen),
            boundary: Boundary::Facility,
            meter: self.meter.clone(),
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at the {}, by {}", self.energy, self.boundary, self.meter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overheads(server: f64, pue: f64) -> Overheads {
        Overheads {
            server: Estimate::exact(Factor::from_ratio(server), Method::Proxy),
            pue: Estimate::exact(Pue::from_ratio(pue), Method::Proxy),
            source: "test".into(),
        }
    }

    fn reading(joules: f64, boundary: Boundary) -> Reading {
        let energy = Estimate::exact(Energy::from_joules(joules), Method::Measured);
        Reading::new(energy, boundary, MeterId::new("test", 1))
    }

    #[test]
    fn a_measurement_stays_measured_at_the_facility() {
        let facility = reading(10.0, Boundary::Device).to_facility(&overheads(1.6, 1.5));
        assert!((facility.energy.value().as_joules() - 24.0).abs() < 1e-12);
        assert_eq!((facility.method(), facility.boundary), (Method::Measured, Boundary::Facility));
        assert_eq!(facility.to_string(), "24.0 J (measured) at the facility, by test@1");
    }

    proptest! {
        #[test]
        fn pue_is_applied_once(joules in 0.0..1e9f64, server in 1.0..3.0f64, pue in 1.0..2.0f64) {
            let overheads = overheads(server, pue);
            for (boundary, factor) in
                [(Boundary::Device, server * pue), (Boundary::Server, pue), (Boundary::Facility, 1.0)]
            {
                let once = reading(joules, boundary).to_facility(&overheads);
                let expected = joules * factor;
                prop_assert!((once.energy.value().as_joules() - expected).abs() <= 1e-9 * expected);
                prop_assert_eq!(once.to_facility(&overheads), once);
            }
        }
    }
}

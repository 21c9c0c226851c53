use serde::Serialize;
use std::fmt;

/// Two ends, as EcoLogits' `RangeValue`; equal where there is one number. No interval of confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// The lower end.
    pub min: f64,
    /// The upper end.
    pub max: f64,
}

impl Range {
    /// The middle, which EcoLogits shows.
    #[must_use]
    pub fn mean(&self) -> f64 {
        0.5 * (self.min + self.max)
    }

    /// End added to end.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { min: self.min + other.min, max: self.max + other.max }
    }
}

/// As EcoLogits shows it: `mean [min - max]`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mean().fmt(f)?;
        f.write_str(" [")?;
        self.min.fmt(f)?;
        f.write_str(" - ")?;
        self.max.fmt(f)?;
        f.write_str("]")
    }
}

use super::quantity;
use std::ops::Mul;

quantity! {
    /// Power usage effectiveness: energy of the facility per energy of its computers, at least 1.
    Pue: "PUE" in 1.0..=1000.0, "between 1 and 1000",
    "pue", "pue_low", "pue_high",
    from_ratio, try_from_ratio, as_ratio,
    |value, f| write!(f, "{value:.2}")
}

quantity! {
    /// How much larger one boundary is than the one inside it, at least 1: the server per accelerator, say.
    Factor: "boundary factor" in 1.0..=1000.0, "between 1 and 1000",
    "factor", "factor_low", "factor_high",
    from_ratio, try_from_ratio, as_ratio,
    |value, f| write!(f, "×{value:.2}")
}

quantity! {
    /// A probability, or a share of a whole.
    Probability: "probability" in 0.0..=1.0, "between 0 and 1",
    "probability", "probability_low", "probability_high",
    from_fraction, try_from_fraction, as_fraction,
    |value, f| write!(f, "{:.1} %", value * 100.0)
}

/// Both widen the boundary, so together they are one factor.
impl Mul<Pue> for Factor {
    type Output = Self;

    fn mul(self, pue: Pue) -> Self {
        Self::from_ratio(self.as_ratio() * pue.as_ratio())
    }
}

impl Probability {
    /// Certain not to happen.
    pub const ZERO: Self = Self(0.0);
    /// Certain to happen.
    pub const ONE: Self = Self(1.0);
}

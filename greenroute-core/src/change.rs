use crate::units::Quantity;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The difference of an actual amount from a named baseline; amounts themselves are never negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change<T> {
    /// The actual amount was smaller than the baseline's by this much.
    Saved(T),
    /// The actual amount was larger than the baseline's by this much.
    Added(T),
}

impl<T: Quantity> Change<T> {
    /// The change from `baseline` to `actual`; equal amounts save nothing.
    #[must_use]
    pub fn between(baseline: T, actual: T) -> Self {
        let difference = baseline.base() - actual.base();
        if difference >= 0.0 {
            Self::Saved(T::from_base(difference))
        } else {
            Self::Added(T::from_base(-difference))
        }
    }
}

impl<T: Quantity> fmt::Display for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saved(amount) => {
                amount.write(f)?;
                f.write_str(" saved")
            }
            Self::Added(amount) => {
                amount.write(f)?;
                f.write_str(" added")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Energy;

    #[test]
    fn the_sign_is_a_word() {
        let [small, large] = [2.0, 5.0].map(Energy::from_joules);
        assert_eq!(Change::between(large, small), Change::Saved(Energy::from_joules(3.0)));
        assert_eq!(Change::between(small, large).to_string(), "3.00 J added");
        assert_eq!(Change::between(small, small), Change::Saved(Energy::ZERO));
    }
}

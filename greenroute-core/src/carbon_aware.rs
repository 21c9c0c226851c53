use crate::error::{Error, ErrorKind, Result};
use crate::grid::Standing;
use crate::objective::{Floor, Objective};
use crate::units::Probability;
use serde::{Deserialize, Serialize};

/// How far the state of the grid moves an objective: towards eco while it is dirty, towards performance while it is
/// clean. What counts as dirty is the zone's own affair: a usual hour in Poland is no dirty hour, though every hour in
/// Norway is cleaner.
///
/// No preset has it: it lets the same prompt go to another model at another hour, which only its owner can want.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CarbonAware {
    /// The grid is clean while a smaller share than this of its zone's time is cleaner. By default a quarter.
    pub clean_below: Probability,
    /// The grid is dirty while a larger share than this of its zone's time is cleaner. By default three quarters.
    pub dirty_above: Probability,
    /// The part of the way to eco or to performance that the objective goes. By default half.
    pub strength: Probability,
}

/// What the grid is to its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Air {
    Clean,
    Usual,
    Dirty,
}

impl Default for CarbonAware {
    fn default() -> Self {
        Self {
            clean_below: Probability::from_fraction(0.25),
            dirty_above: Probability::from_fraction(0.75),
            strength: Probability::from_fraction(0.5),
        }
    }
}

impl CarbonAware {
    /// # Errors
    /// [`ErrorKind::Config`] where the thresholds are not in order.
    pub(crate) fn validate(&self) -> Result<()> {
        let Self { clean_below, dirty_above, .. } = self;
        if clean_below <= dirty_above {
            return Ok(());
        }
        let message = format!(
            "`carbon_aware.clean_below` must be at most `dirty_above`, not {clean_below} and {dirty_above}"
        );
        Err(Error::new(ErrorKind::Config, "objective", message))
    }

    pub(crate) fn air(&self, standing: &Standing) -> Air {
        if standing.cleaner > self.dirty_above {
            Air::Dirty
        } else if standing.cleaner < self.clean_below {
            Air::Clean
        } else {
            Air::Usual
        }
    }

    /// `objective` while the grid is so.
    ///
    /// A floor of the best moves by `strength` of its distance to eco's or performance's, and never the wrong way. An
    /// absolute floor is a promise, and stays. Of the weights only that of energy changes, by the factor `1 + strength`
    /// or its inverse: so a dirtier grid never leads to a hungrier choice, whatever the other weights.
    pub(crate) fn shifted(&self, objective: &Objective, air: Air) -> Objective {
        let strength = self.strength.as_fraction();
        let mut shifted = objective.clone();
        if let Floor::OfBest(share) = objective.floor {
            let share = share.as_fraction();
            let way = match air {
                Air::Dirty => (Objective::ECO_SHARE - share).min(0.0),
                Air::Usual => 0.0,
                Air::Clean => (Objective::PERFORMANCE_SHARE - share).max(0.0),
            };
            shifted.floor = Floor::of_best(share + strength * way);
        }
        shifted.weights.energy *= self.energy_factor(air);
        shifted
    }

    /// What the weight of energy is multiplied with.
    pub(crate) fn energy_factor(&self, air: Air) -> f64 {
        let strength = self.strength.as_fraction();
        match air {
            Air::Dirty => 1.0 + strength,
            Air::Usual => 1.0,
            Air::Clean => 1.0 / (1.0 + strength),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn standing(cleaner: f64) -> Standing {
        Standing {
            cleaner: Probability::from_fraction(cleaner),
            samples: 8760,
            of: "the hours of 2022".into(),
        }
    }

    fn share(objective: &Objective) -> f64 {
        match objective.floor {
            Floor::OfBest(share) | Floor::Absolute(share) => share.as_fraction(),
        }
    }

    #[test]
    fn balanced_goes_half_of_the_way_to_eco_or_to_performance() {
        let aware = CarbonAware::default();
        let at = |cleaner| aware.shifted(&Objective::balanced(), aware.air(&standing(cleaner)));
        for (cleaner, expected) in [(0.0, 0.98), (0.25, 0.97), (0.75, 0.97), (0.76, 0.935), (1.0, 0.935)] {
            assert!((share(&at(cleaner)) - expected).abs() < 1e-12, "{cleaner}");
        }
        assert_eq!(at(0.5), Objective::balanced());
    }

    #[test]
    fn a_promise_stays_and_nothing_moves_the_wrong_way() {
        let aware = CarbonAware::default();
        let promise = Objective::balanced().floor(Floor::absolute(0.8));
        for air in [Air::Clean, Air::Usual, Air::Dirty] {
            assert_eq!(aware.shifted(&promise, air).floor, promise.floor);
        }
        let [lax, strict] = [0.5, 1.0].map(|share| Objective::balanced().floor(Floor::of_best(share)));
        assert_eq!(aware.shifted(&lax, Air::Dirty).floor, lax.floor);
        assert_eq!(aware.shifted(&strict, Air::Clean).floor, strict.floor);
    }

    proptest! {
        #[test]
        fn a_dirtier_grid_never_raises_the_floor(
            share_of_best in 0.0..=1.0f64, strength in 0.0..=1.0f64, a in 0.0..=1.0f64, b in 0.0..=1.0f64,
            low in 0.0..=1.0f64, high in 0.0..=1.0f64,
        ) {
            let p = Probability::from_fraction;
            let aware = CarbonAware {
                clean_below: p(low.min(high)), dirty_above: p(low.max(high)), strength: p(strength),
            };
            prop_assert!(aware.validate().is_ok());
            let objective = Objective::balanced().floor(Floor::of_best(share_of_best));
            let at = |cleaner: f64| aware.shifted(&objective, aware.air(&standing(cleaner)));
            let (cleaner, dirtier) = (at(a.min(b)), at(a.max(b)));
            prop_assert!(share(&dirtier) <= share(&cleaner));
            prop_assert!(dirtier.weights.energy >= cleaner.weights.energy);
        }
    }
}

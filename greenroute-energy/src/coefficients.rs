use crate::table::{number, rows};

/// The numbers of a fit, by name: a table of `data/fit/`.
#[derive(Debug, Clone)]
pub(crate) struct Coefficients(Vec<(&'static str, f64)>);

impl Coefficients {
    pub(crate) fn read(text: &'static str) -> Self {
        Self(rows(text).filter_map(|row| Some((*row.first()?, number(&row, 1)?))).collect())
    }

    /// The number of this name. One that is missing makes every product that needs it not a number, which no meter
    /// passes on; this crate's tests read every name.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.find(name).unwrap_or(f64::NAN)
    }

    pub(crate) fn find(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
    }

    /// A 90 % band: `name_low` and `name_high`.
    pub(crate) fn band(&self, name: &str) -> (f64, f64) {
        (self.get(&format!("{name}_low")), self.get(&format!("{name}_high")))
    }

    /// Whether a number lies among those that the fit saw: between `name_low` and `name_high`.
    pub(crate) fn saw(&self, name: &str, number: f64) -> bool {
        let (least, most) = self.band(name);
        (least..=most).contains(&number)
    }
}

use super::{format, quantity};

quantity! {
    /// Greenhouse gas emissions in grams of CO2 equivalent, never negative.
    Emissions: "emissions in grams of CO2e" in 0.0..=f64::MAX, "finite and at least 0",
    "grams_co2e", "grams_co2e_low", "grams_co2e_high",
    from_grams, try_from_grams, as_grams,
    |value, f| format::grams(f, value)
}
quantity!(additive Emissions, from_grams);

quantity! {
    /// Emissions per unit of electricity. Whether average or marginal is said by
    /// [`Basis`](crate::Basis), never by the number.
    CarbonIntensity: "carbon intensity in gCO2e/kWh" in 0.0..=f64::MAX, "finite and at least 0",
    "grams_co2e_per_kwh", "grams_co2e_per_kwh_low", "grams_co2e_per_kwh_high",
    from_grams_per_kwh, try_from_grams_per_kwh, as_grams_per_kwh,
    |value, f| {
        format::significant(f, value)?;
        f.write_str(" gCO2e/kWh")
    }
}

impl Emissions {
    /// From whole micrograms, the unit of ledgers and budgets.
    #[must_use]
    pub fn from_micrograms(micrograms: u64) -> Self {
        Self::from_grams(format::to_f64(micrograms) / 1e6)
    }

    /// The nearest whole number of micrograms.
    #[must_use]
    pub fn as_micrograms(self) -> u64 {
        format::to_u64(self.as_grams() * 1e6)
    }
}

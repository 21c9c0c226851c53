use super::{CarbonIntensity, ElectricityPrice, Emissions, Factor, Pue, Usd, format, quantity};
use std::ops::Mul;
use std::time::Duration;

const JOULES_PER_WH: f64 = 3600.0;
const JOULES_PER_KWH: f64 = 3_600_000.0;

quantity! {
    /// An amount of energy, never negative: what is saved or added is a [`Change`](crate::Change).
    ///
    /// ```
    /// use greenroute_core::units::{Energy, Power};
    /// let energy = Power::from_watts(60.0) * std::time::Duration::from_secs(60);
    /// assert_eq!(energy.as_wh(), 1.0);
    /// assert_eq!(energy.to_string(), "3.60 kJ");
    /// ```
    Energy: "energy in joules" in 0.0..=f64::MAX, "finite and at least 0",
    "joules", "joules_low", "joules_high",
    from_joules, try_from_joules, as_joules,
    |value, f| format::si(f, value, "J")
}
quantity!(additive Energy, from_joules);

quantity! {
    /// A rate of energy use.
    Power: "power in watts" in 0.0..=f64::MAX, "finite and at least 0",
    "watts", "watts_low", "watts_high",
    from_watts, try_from_watts, as_watts,
    |value, f| format::si(f, value, "W")
}
quantity!(additive Power, from_watts);

impl Energy {
    /// From a trusted number of watt-hours.
    #[must_use]
    pub const fn from_wh(wh: f64) -> Self {
        Self::from_joules(wh * JOULES_PER_WH)
    }

    /// From a trusted number of kilowatt-hours.
    #[must_use]
    pub const fn from_kwh(kwh: f64) -> Self {
        Self::from_joules(kwh * JOULES_PER_KWH)
    }

    /// From whole microjoules, the unit of ledgers and budgets.
    #[must_use]
    pub fn from_microjoules(microjoules: u64) -> Self {
        Self::from_joules(format::to_f64(microjoules) / 1e6)
    }

    /// The value in watt-hours.
    #[must_use]
    pub const fn as_wh(self) -> f64 {
        self.as_joules() / JOULES_PER_WH
    }

    /// The value in kilowatt-hours.
    #[must_use]
    pub const fn as_kwh(self) -> f64 {
        self.as_joules() / JOULES_PER_KWH
    }

    /// The nearest whole number of microjoules, so that sums over a ledger are exact.
    #[must_use]
    pub fn as_microjoules(self) -> u64 {
        format::to_u64(self.as_joules() * 1e6)
    }
}

impl Mul<Duration> for Power {
    type Output = Energy;

    fn mul(self, time: Duration) -> Energy {
        Energy::from_joules(self.as_watts() * time.as_secs_f64())
    }
}

impl Mul<CarbonIntensity> for Energy {
    type Output = Emissions;

    fn mul(self, intensity: CarbonIntensity) -> Emissions {
        Emissions::from_grams(self.as_kwh() * intensity.as_grams_per_kwh())
    }
}

impl Mul<Pue> for Energy {
    type Output = Self;

    fn mul(self, pue: Pue) -> Self {
        self * pue.as_ratio()
    }
}

impl Mul<Factor> for Energy {
    type Output = Self;

    fn mul(self, factor: Factor) -> Self {
        self * factor.as_ratio()
    }
}

impl Mul<ElectricityPrice> for Energy {
    type Output = Usd;

    fn mul(self, price: ElectricityPrice) -> Usd {
        Usd::from_usd(self.as_kwh() * price.as_usd_per_kwh())
    }
}

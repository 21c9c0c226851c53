use super::{format, quantity};

quantity! {
    /// An amount of money in US dollars, never negative. An unknown price is
    /// [`Cost::Unpriced`](crate::Cost::Unpriced), never zero dollars.
    Usd: "money in US dollars" in 0.0..=f64::MAX, "finite and at least 0",
    "usd", "usd_low", "usd_high",
    from_usd, try_from_usd, as_usd,
    |value, f| format::dollars(f, value)
}
quantity!(additive Usd, from_usd);

quantity! {
    /// The price of electricity in US dollars per kilowatt-hour.
    ElectricityPrice: "electricity price in USD/kWh" in 0.0..=f64::MAX, "finite and at least 0",
    "usd_per_kwh", "usd_per_kwh_low", "usd_per_kwh_high",
    from_usd_per_kwh, try_from_usd_per_kwh, as_usd_per_kwh,
    |value, f| {
        format::dollars(f, value)?;
        f.write_str("/kWh")
    }
}

impl Usd {
    /// From whole billionths of a dollar, the unit of ledgers and budgets.
    #[must_use]
    pub fn from_nano_usd(nano: u64) -> Self {
        Self::from_usd(format::to_f64(nano) / 1e9)
    }

    /// The nearest whole number of billionths of a dollar.
    #[must_use]
    pub fn as_nano_usd(self) -> u64 {
        format::to_u64(self.as_usd() * 1e9)
    }
}

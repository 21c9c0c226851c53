use super::{Energy, format, quantity};
use std::ops::Mul;

quantity! {
    /// Fresh water that is consumed: evaporated and not returned. It stands beside energy and is never summed into it.
    Water: "water in litres" in 0.0..=f64::MAX, "finite and at least 0",
    "litres", "litres_low", "litres_high",
    from_litres, try_from_litres, as_litres,
    |value, f| format::litres(f, value)
}
quantity!(additive Water, from_litres);

quantity! {
    /// Water consumed per unit of electricity: on site for cooling (WUE), or at the power plants of a grid.
    WaterIntensity: "water intensity in L/kWh" in 0.0..=f64::MAX, "finite and at least 0",
    "litres_per_kwh", "litres_per_kwh_low", "litres_per_kwh_high",
    from_litres_per_kwh, try_from_litres_per_kwh, as_litres_per_kwh,
    |value, f| {
        format::significant(f, value)?;
        f.write_str(" L/kWh")
    }
}

impl Mul<WaterIntensity> for Energy {
    type Output = Water;

    fn mul(self, intensity: WaterIntensity) -> Water {
        Water::from_litres(self.as_kwh() * intensity.as_litres_per_kwh())
    }
}

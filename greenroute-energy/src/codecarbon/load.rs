use greenroute_core::units::Power;

/// The power of a processor under a load of `percent`, for the whole machine: `TDP · (0.1 + 0.9 · load³)`. What
/// codecarbon takes where it can read no counter.
#[must_use]
pub fn machine_power(tdp: Power, percent: f64) -> Power {
    tdp * (0.1 + 0.9 * (percent / 100.0).powi(3))
}

/// The power by the straight line that codecarbon kept beside it: `TDP · load`, at least a tenth; for a Threadripper,
/// by its `model` name, a curve in four parts.
#[must_use]
pub fn load_power(tdp: Power, percent: f64, model: &str) -> Power {
    let load = percent / 100.0;
    if model.contains("AMD Ryzen Threadripper") { tdp * threadripper(load) } else { tdp * load.max(0.1) }
}

/// Share of the TDP. It falls from 0.95 to 0.85 just above a load of a half, as codecarbon's does.
fn threadripper(load: f64) -> f64 {
    if load < 0.1 {
        0.05 * load * 10.0
    } else if load <= 0.3 {
        0.05 + 1.8 * (load - 0.1)
    } else if load <= 0.5 {
        0.45 + 0.50 * ((load - 0.3) / 0.2).powf(1.8)
    } else {
        0.85 + 0.15 * (1.0 - (-(load - 0.5) * 5.0).exp())
    }
}

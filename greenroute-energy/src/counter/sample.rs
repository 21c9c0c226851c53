use greenroute_core::units::{Energy, Quantity};
use greenroute_core::{Boundary, Estimate, MeterId, Method, Reading};

/// What a counter shows: energy that this process has used since the counter was opened, with its band.
///
/// Every part but [`grain`](Self::grain) only grows. A difference of two samples is a [reading](Self::reading).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// All of it.
    pub energy: Energy,
    /// Its 5 % quantile.
    pub low: Energy,
    /// Its 95 % quantile.
    pub high: Energy,
    /// Of it, what the hardware would have drawn idle during the same time; `None` where that is not known.
    pub idle: Option<Energy>,
    /// Of it, what no instrument measured: power by a table, an average that stood in.
    pub modelled: Energy,
    /// What is counted too late: the counter moves in steps, so that a window of any length may lack as much at its
    /// end, and have as much from before its beginning.
    pub grain: Energy,
}

/// As much of a sum as may be modelled without the sum being so: the same hundredth as on a receipt.
const NEGLIGIBLE: f64 = 0.01;

impl Sample {
    /// Nothing yet.
    pub const ZERO: Self = Self {
        energy: Energy::ZERO,
        low: Energy::ZERO,
        high: Energy::ZERO,
        idle: Some(Energy::ZERO),
        modelled: Energy::ZERO,
        grain: Energy::ZERO,
    };

    /// Measured without an error worth telling.
    #[must_use]
    pub const fn exact(energy: Energy) -> Self {
        Self { energy, low: energy, high: energy, idle: None, ..Self::ZERO }
    }

    /// Measured, and true to between `down` and `up` times what is shown.
    #[must_use]
    pub fn measured(energy: Energy, (down, up): (f64, f64)) -> Self {
        Self { low: energy * down.min(1.0), high: energy * up.max(1.0), ..Self::exact(energy) }
    }

    /// Not measured, and true to between `down` and `up` times what is shown.
    #[must_use]
    pub fn modelled(energy: Energy, band: (f64, f64)) -> Self {
        Self { modelled: energy, ..Self::measured(energy, band) }
    }

    /// With its idle part.
    #[must_use]
    pub fn with_idle(self, idle: Energy) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// With what another instrument shows of the same time.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        Self { grain: self.grain + other.grain, ..self.then(other) }
    }

    /// With what the same instrument showed later: its steps tell at the two ends only.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        let grain = if later.grain > self.grain { later.grain } else { self.grain };
        Self {
            energy: self.energy + later.energy,
            low: self.low + later.low,
            high: self.high + later.high,
            idle: self.idle.zip(later.idle).map(|(one, two)| one + two),
            modelled: self.modelled + later.modelled,
            grain,
        }
    }

    /// The part `share` of it, from 0 to 1.
    #[must_use]
    pub fn times(self, share: f64) -> Self {
        Self {
            energy: self.energy * share,
            low: self.low * share,
            high: self.high * share,
            idle: self.idle.map(|idle| idle * share),
            modelled: self.modelled * share,
            grain: self.grain * share,
        }
    }

    /// What was added since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            energy: self.energy.saturating_sub(before.energy),
            low: self.low.saturating_sub(before.low),
            high: self.high.saturating_sub(before.high),
            idle: self.idle.zip(before.idle).map(|(now, before)| now.saturating_sub(before)),
            modelled: self.modelled.saturating_sub(before.modelled),
            grain: self.grain,
        }
    }

    /// As a reading: *measured* where at least 99 % of it is, else *modelled*.
    #[must_use]
    pub fn reading(self, boundary: Boundary, meter: MeterId) -> Reading {
        let method =
            if self.modelled > self.energy * NEGLIGIBLE { Method::Modelled } else { Method::Measured };
        let low = self.low.saturating_sub(self.grain);
        let energy = Estimate::banded(low, self.energy, self.high + self.grain, method);
        let whole = self.energy.base();
        let idle = self.idle.filter(|_| whole > 0.0).map(|idle| {
            let share = (idle.base() / whole).min(1.0);
            let part = |end: Energy| end * share;
            Estimate::banded(part(energy.low()), part(self.energy), part(energy.high()), method)
        });
        Reading { idle, ..Reading::new(energy, boundary, meter) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joules(joules: f64) -> Energy {
        Energy::from_joules(joules)
    }

    fn read(sample: Sample) -> Reading {
        sample.reading(Boundary::Device, MeterId::new("test", 1))
    }

    #[test]
    fn a_sum_is_measured_while_a_hundredth_is_not() {
        let measured = Sample::measured(joules(99.5), (0.9, 1.1));
        let little = read(measured.beside(Sample::modelled(joules(0.5), (0.0, 4.0))));
        assert_eq!(little.method(), Method::Measured);
        assert!((little.energy.high().as_joules() - (99.5 * 1.1 + 2.0)).abs() < 1e-9);
        let much = read(measured.beside(Sample::modelled(joules(5.0), (0.0, 4.0))));
        assert_eq!(much.method(), Method::Modelled);
    }

    #[test]
    fn the_steps_of_a_counter_tell_at_the_ends_of_a_window_however_long() {
        let piece = Sample { grain: joules(3.0), ..Sample::measured(joules(10.0), (0.9, 1.1)) };
        let long = (0..9).fold(piece, |sum, _| sum.then(piece));
        let energy = read(long).energy;
        assert!((energy.low().as_joules() - 87.0).abs() < 1e-9, "{energy}");
        assert!((energy.high().as_joules() - 113.0).abs() < 1e-9, "{energy}");
        assert_eq!(piece.beside(piece).grain, joules(6.0), "two instruments may both be late");
    }

    #[test]
    fn an_idle_part_is_known_where_every_part_knows_it() {
        let known = Sample::exact(joules(10.0)).with_idle(joules(4.0));
        let idle = read(known.beside(known)).idle.unwrap();
        assert_eq!(idle.value(), joules(8.0));
        assert_eq!(read(known.beside(Sample::exact(joules(1.0)))).idle, None);
        assert_eq!(read(Sample::ZERO).idle, None, "of nothing there is no part");
    }
}

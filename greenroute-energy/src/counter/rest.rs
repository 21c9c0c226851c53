use super::{Counter, Sample};
use crate::table::{number, rows};
use greenroute_core::units::Factor;
use greenroute_core::{Boundary, Estimate, MeterId, Method, Result};
use std::sync::Arc;
use std::time::Duration;

const TABLE: &str = include_str!("../../data/machine.csv");

/// A part of the machine as an instrument counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Gpu,
    Processor,
    ProcessorWithMemory,
    Memory,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Processor => "processor",
            Self::ProcessorWithMemory => "processor_with_memory",
            Self::Memory => "memory",
        }
    }

    /// The whole machine's energy that goes with this part's; `None` where the table lacks it, which a test forbids.
    fn factor(self) -> Option<Estimate<Factor>> {
        let row = rows(TABLE).find(|row| row.first() == Some(&self.name()))?;
        let cell = |column| number(&row, column).map(Factor::from_ratio);
        Some(Estimate::banded(cell(1)?, cell(2)?, cell(3)?, Method::Proxy))
    }
}

/// An instrument of one part of the machine, with the rest of the machine that goes with it: boards, fans, the power supply.
///
/// One factor from a chip to its server cannot be right for an instrument that has counted more than the chip: what it
/// has counted already would be added again.
#[derive(Debug)]
struct WithRest {
    part: Arc<dyn Counter>,
    factor: Estimate<Factor>,
}

/// The instruments, each with its part of the rest of the machine, and one for the name; as they are where a factor is
/// missing.
pub(super) fn with_rest(parts: Vec<(Part, Arc<dyn Counter>)>) -> Vec<Arc<dyn Counter>> {
    let factors: Option<Vec<_>> = parts.iter().map(|(part, _)| part.factor()).collect();
    let counters = parts.into_iter().map(|(_, counter)| counter);
    let Some(factors) = factors else { return counters.collect() };
    let whole =
        counters.zip(factors).map(|(part, factor)| Arc::new(WithRest { part, factor }) as Arc<dyn Counter>);
    whole.chain([Arc::new(Rest) as Arc<dyn Counter>]).collect()
}

impl Counter for WithRest {
    fn id(&self) -> MeterId {
        self.part.id()
    }

    fn boundary(&self) -> Boundary {
        Boundary::Server
    }

    fn sample(&self) -> Result<Sample> {
        let shown = self.part.sample()?;
        let (low, high) = (self.factor.low().as_ratio(), self.factor.high().as_ratio());
        Ok(Sample {
            low: shown.low * low,
            high: shown.high * high,
            ..shown.times(self.factor.value().as_ratio())
        })
    }

    fn tend(&self) -> Result<Option<Duration>> {
        self.part.tend()
    }
}

/// Says in the name of a sum that the rest of the machine is in it. It is in the parts, and shows nothing itself.
#[derive(Debug)]
struct Rest;

impl Counter for Rest {
    fn id(&self) -> MeterId {
        MeterId::new("rest", 1)
    }

    fn boundary(&self) -> Boundary {
        Boundary::Server
    }

    fn sample(&self) -> Result<Sample> {
        Ok(Sample::ZERO)
    }

    fn tend(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::units::Energy;

    const ALL: [Part; 4] = [Part::Gpu, Part::Processor, Part::ProcessorWithMemory, Part::Memory];

    #[derive(Debug)]
    struct Shows(f64);

    impl Counter for Shows {
        fn id(&self) -> MeterId {
            MeterId::new("shows", 1)
        }

        fn boundary(&self) -> Boundary {
            Boundary::Device
        }

        fn sample(&self) -> Result<Sample> {
            let energy = Energy::from_joules(self.0);
            Ok(Sample {
                grain: energy * 0.1,
                ..Sample::measured(energy, (0.8, 1.25)).with_idle(energy * 0.5)
            })
        }

        fn tend(&self) -> Result<Option<Duration>> {
            Ok(Some(Duration::from_secs(9)))
        }
    }

    #[test]
    fn every_part_has_a_factor_and_its_grounds() {
        for part in ALL {
            let factor = part.factor().unwrap();
            let ratios = [factor.low(), factor.value(), factor.high()].map(Factor::as_ratio);
            assert!(1.0 < ratios[0] && ratios.is_sorted() && ratios[2] < 3.0, "{part:?}");
        }
        assert_eq!(rows(TABLE).count(), ALL.len());
        assert!(rows(TABLE).all(|row| row.len() == 5 && row[4].len() > 20));
    }

    /// The desktop of the factor from a bare processor: 65 W, 10 W of memory, 15 W of board, a supply of 88 %.
    #[test]
    fn memory_counted_apart_or_with_the_processor_is_the_same_machine() {
        let of = |part: Part, watts: f64| part.factor().unwrap().value().as_ratio() * watts;
        let apart = of(Part::Processor, 65.0) + of(Part::Memory, 10.0);
        let together = of(Part::ProcessorWithMemory, 75.0);
        assert!(
            (apart - 90.0 / 0.88).abs() < 1.0 && (together - 90.0 / 0.88).abs() < 1.0,
            "{apart} {together}"
        );
    }

    #[test]
    fn what_a_part_shows_keeps_its_order_and_its_share_of_idle() {
        let parts = vec![(Part::Gpu, Arc::new(Shows(100.0)) as Arc<dyn Counter>)];
        let [gpu, rest] = &with_rest(parts)[..] else { panic!() };
        let sample = gpu.sample().unwrap().beside(rest.sample().unwrap());
        assert!((sample.energy.as_joules() - 120.0).abs() < 1e-9);
        assert!((sample.idle.unwrap().as_joules() - 60.0).abs() < 1e-9);
        assert!((sample.grain.as_joules() - 12.0).abs() < 1e-9);
        assert!(
            (sample.low.as_joules() - 84.0).abs() < 1e-9 && (sample.high.as_joules() - 206.25).abs() < 1e-9
        );
        assert_eq!(gpu.boundary(), Boundary::Server);
        assert_eq!(gpu.tend().unwrap(), Some(Duration::from_secs(9)));
    }
}

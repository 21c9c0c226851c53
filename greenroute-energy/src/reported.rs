use greenroute_core::{EnergyMeter, EnergyRate, MeterId, ModelCard, Reading, Skip, Work};

/// Passes on what the provider reported, if it can be true.
///
/// Believed between nothing and 10 MJ, and where the time is known between 0.1 W and 20 kW: from one of four thousand
/// requests that share a board (the least that ML.ENERGY v3 measured is 0.15 W, one run in twenty is below 1 W) to a
/// node of sixteen accelerators. Anything else is a unit gone wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reported;

const MAX_JOULES: f64 = 10e6;
const MIN_WATTS: f64 = 0.1;
const MAX_WATTS: f64 = 20e3;

impl EnergyMeter for Reported {
    fn id(&self) -> MeterId {
        MeterId::new("reported", 1)
    }

    fn rate(&self, _card: &ModelCard) -> Result<EnergyRate, Skip> {
        Err(Skip("a provider states energy only of finished calls".into()))
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        let reading = work.stated.ok_or(Skip("the provider stated no energy".into()))?;
        let joules = reading.energy.value().as_joules();
        if !(joules > 0.0 && joules < MAX_JOULES) {
            return Err(Skip(format!("the provider's {joules} J cannot be true").into()));
        }
        let seconds = work.timing.and_then(|timing| timing.compute()).map(|time| time.as_secs_f64());
        if let Some(watts) = seconds.filter(|&seconds| seconds > 0.0).map(|seconds| joules / seconds)
            && !(MIN_WATTS..=MAX_WATTS).contains(&watts)
        {
            return Err(Skip(
                format!("the provider's {joules} J imply {watts:.1} W, which cannot be true").into(),
            ));
        }
        Ok(reading.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::model::{Privacy, Window};
    use greenroute_core::units::{Energy, Tokens};
    use greenroute_core::{
        Boundary, Counted, Estimate, Method, ModelCard, ModelKey, ServerTiming, TimingSource, Usage,
    };
    use std::time::Duration;

    #[test]
    fn impossible_reports_are_skipped_with_the_reason() {
        let card =
            ModelCard::new(ModelKey::new("p", "m"), Window { context: 9, max_output: None }, Privacy::Remote);
        let counted = Counted::Reported(Usage::new(Tokens::new(10), Tokens::new(10)));
        let timing = ServerTiming {
            elapsed: Some(Duration::from_secs(1)),
            ..ServerTiming::by(TimingSource::ModelCompute)
        };
        for (joules, says) in
            [(50.0, None), (0.0, Some("0 J cannot")), (2e7, Some("cannot be true")), (0.05, Some("0.1 W"))]
        {
            let energy = Estimate::exact(Energy::from_joules(joules), Method::Reported);
            let reading = Reading::new(energy, Boundary::Facility, MeterId::new("provider", 1));
            let work = Work { stated: Some(&reading), timing: Some(&timing), ..Work::done(&card, &counted) };
            match (Reported.read(&work), says) {
                (Ok(read), None) => assert_eq!(read, reading),
                (Err(skip), Some(says)) => assert!(skip.0.contains(says), "{}", skip.0),
                (other, _) => panic!("{joules} J: {other:?}"),
            }
        }
    }
}

use greenroute_core::{EnergyMeter, EnergyRate, MeterId, ModelCard, Reading, Skip, Work};
use std::time::Duration;

/// Passes on what the provider reported, if it can be true.
///
/// Believed between nothing and 10 MJ, and where the time is known between 1 W and 20 kW: from a small part of a board to
/// a node of sixteen accelerators. Anything else is a unit gone wrong. Of the runs of ML.ENERGY v3 one in twenty took less
/// than 1 W a request, all of them with more than 500 requests at once, down to 0.15 W: where the card states as many,
/// 0.1 W is believed.
///
/// The time is that of computing by the server's clock, else the whole call by ours, which only bounds the power from
/// below: who waits draws nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reported;

const MAX_JOULES: f64 = 10e6;
const MIN_WATTS: f64 = 1.0;
const MAX_WATTS: f64 = 20e3;
/// With so many requests at once, so little was measured.
const CROWD: (f64, f64) = (500.0, 0.1);

impl EnergyMeter for Reported {
    fn id(&self) -> MeterId {
        MeterId::new("reported", 2)
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
        let watts = |time: Duration| Some(joules / time.as_secs_f64()).filter(|watts| watts.is_finite());
        let computing = work.timing.and_then(|timing| timing.compute()).and_then(watts);
        let absurd = |watts: f64| {
            Err(Skip(format!("the provider's {joules} J imply {watts:.3} W, which cannot be true").into()))
        };
        match (computing, work.duration.and_then(watts)) {
            (Some(watts), _) if !(least_watts(work.card)..=MAX_WATTS).contains(&watts) => absurd(watts),
            (_, Some(watts)) if watts > MAX_WATTS => absurd(watts),
            _ => Ok(reading.clone()),
        }
    }
}

fn least_watts(card: &ModelCard) -> f64 {
    let (crowd, watts) = CROWD;
    let requests = card.deployment.as_ref().and_then(|deployment| deployment.batch);
    if requests.is_some_and(|requests| requests >= crowd) { watts } else { MIN_WATTS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{exact, hosted};
    use greenroute_core::model::Deployment;
    use greenroute_core::units::Energy;
    use greenroute_core::{Boundary, Estimate, Method, ServerTiming, TimingSource};

    fn stated(joules: f64) -> Reading {
        let energy = Estimate::exact(Energy::from_joules(joules), Method::Reported);
        Reading::new(energy, Boundary::Facility, MeterId::new("provider", 1))
    }

    fn timing(seconds: u64) -> ServerTiming {
        let elapsed = Some(Duration::from_secs(seconds));
        ServerTiming { elapsed, ..ServerTiming::by(TimingSource::ModelCompute) }
    }

    #[test]
    fn impossible_reports_are_skipped_with_the_reason() {
        let card = hosted(8.0);
        for (joules, computed, waited, says) in [
            (50.0, Some(1), None, None),
            (1.0, Some(1), None, None),
            (20e3, Some(1), Some(1), None),
            (0.0, Some(1), None, Some("0 J cannot")),
            (2e7, None, None, Some("cannot be true")),
            (0.9, Some(1), None, Some("0.900 W")),
            (20_001.0, Some(1), None, Some("20001.000 W")),
            // A call that waits long may have taken little; nothing draws more while it is waited for.
            (0.9, None, Some(600), None),
            (1e5, None, Some(1), Some("100000.000 W")),
            (5.0, Some(0), Some(0), None),
        ] {
            let (reading, timing) = (stated(joules), computed.map(timing));
            let work = Work {
                stated: Some(&reading),
                timing: timing.as_ref(),
                duration: waited.map(Duration::from_secs),
                ..Work::expected(&card, exact(10), exact(10))
            };
            match (Reported.read(&work), says) {
                (Ok(read), None) => assert_eq!(read, reading),
                (Err(skip), Some(says)) => assert!(skip.0.contains(says), "{}", skip.0),
                (other, _) => panic!("{joules} J: {other:?}"),
            }
        }
    }

    #[test]
    fn a_crowd_that_the_card_states_may_take_less_than_a_watt_each() {
        let (mut card, reading, timing) = (hosted(8.0), stated(0.2), timing(1));
        for (batch, believed) in [(499.0, false), (1024.0, true)] {
            card.deployment = Some(Deployment { batch: Some(batch), ..Deployment::new("H100", 1) });
            let work = Work {
                stated: Some(&reading),
                timing: Some(&timing),
                ..Work::expected(&card, exact(10), exact(10))
            };
            assert_eq!(Reported.read(&work).is_ok(), believed, "{batch}");
        }
    }
}

//! The power of the boards that a deployment names, and the part of it that one request has.

use crate::accelerator::Accelerator;
use crate::roofline::{coefficients, is_fitted};
use crate::simple::{CACHED_SHARE, constant, constant_band};
use greenroute_core::model::{Deployment, ModelCard, Privacy};
use greenroute_core::units::{Energy, Power, Quantity};
use greenroute_core::{Boundary, EnergyRate, Estimate, MeterId, Method, Reading, Skip, Spread, Work};
use std::time::Duration;

/// What one request has of its boards: `P = n · watts / requests at once`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoardPower {
    power: Power,
    spread: Spread,
    measured: bool,
}

impl BoardPower {
    /// The power of one board is what was measured while serving, else a share of its thermal design power. On this
    /// machine a request has its boards alone unless the card says otherwise; at a provider the number of requests that
    /// share them moves the truth by a factor of seven, so that it must be stated.
    pub(crate) fn of(card: &ModelCard, deployment: &Deployment) -> Result<Self, Skip> {
        let requests = match (deployment.batch, card.privacy) {
            (Some(batch), _) => batch,
            (None, Privacy::Local) => 1.0,
            (None, Privacy::Remote) => {
                return Err(Skip("how many requests share the boards is not stated".into()));
            }
        };
        let (watts, spread, measured) = match deployment.mean_power_watts {
            Some(power) => (power, constant_band("measured"), true),
            None => {
                let unknown = || Skip(format!("the power of `{}` is not known", deployment.device).into());
                let tdp = Accelerator::of(deployment).tdp.ok_or_else(unknown)?;
                (tdp * constant("board"), share_of_tdp(deployment, requests), false)
            }
        };
        let power = watts * (f64::from(deployment.count) / requests);
        Ok(Self { power, spread, measured })
    }

    /// Before the call, by the speed of the card.
    pub(crate) fn rate(&self, card: &ModelCard, meter: MeterId) -> Result<EnergyRate, Skip> {
        if card.privacy == Privacy::Remote {
            return Err(Skip("before a call, its throughput tells more than the power of its boards".into()));
        }
        let speed = card.speed.ok_or(Skip("the card has no speed".into()))?;
        let output = self.power * Duration::from_base(1.0 / speed.tokens_per_second);
        let spread = self.spread.and(constant_band("forecast"));
        let rate = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Device, meter);
        let input = output * constant("input_share");
        Ok(EnergyRate { input, cached: input * CACHED_SHARE, ..rate })
    }

    /// After the call, by its time.
    pub(crate) fn reading(&self, work: &Work<'_>, time: Time, meter: MeterId) -> Result<Reading, Skip> {
        if (time.waiting || !self.measured) && has_throughput(work) {
            return Err(Skip("the power or the time was not measured, and the throughput tells more".into()));
        }
        let energy: Energy = self.power * time.length;
        let energy = Estimate::with_spread(energy, self.spread.and(time.spread()), Method::Modelled);
        Ok(Reading::new(energy, Boundary::Device, meter))
    }
}

/// The band of the share of its thermal design power that a board draws: the study's, wider for another board and for
/// a load that the study did not see.
fn share_of_tdp(deployment: &Deployment, requests: f64) -> Spread {
    let wider = |known: bool, name: &str| if known { Spread::even(0.0) } else { constant_band(name) };
    let board = is_fitted(&Accelerator::of(deployment), deployment);
    let load = coefficients().saw("batch", requests);
    constant_band("board").and(wider(board, "other_board")).and(wider(load, "other_load"))
}

/// Whether the throughput of the boards is known: as the card states it, or by the time between two tokens.
fn has_throughput(work: &Work<'_>) -> bool {
    let Some(deployment) = &work.card.deployment else { return false };
    if deployment.tokens_per_second.is_some() {
        return true;
    }
    let decode = work.timing.and_then(|timing| timing.decode);
    deployment.batch.is_some()
        && work.output.value().get() > 1
        && (decode.is_some() || work.duration.and(work.first_chunk).is_some())
}

/// For how long a model computed, as far as clocks tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    pub(crate) length: Duration,
    pub(crate) waiting: bool,
}

impl Time {
    /// By the server's clock, else by our own, which counts waiting too; `None` before the call.
    ///
    /// A server that computed for longer than we waited has a wrong clock: ours counts.
    pub(crate) fn of(work: &Work<'_>) -> Result<Option<Self>, Skip> {
        let computed = work.timing.and_then(|timing| timing.compute());
        let length = match (computed, work.duration) {
            (Some(computed), whole) if whole.is_none_or(|whole| computed <= whole) => {
                Self { length: computed, waiting: false }
            }
            (_, Some(whole)) => Self { length: whole, waiting: true },
            _ => return Ok(None),
        };
        if length.length == Duration::ZERO {
            return Err(Skip("the call took no time by the clock".into()));
        }
        Ok(Some(length))
    }

    /// How far it may be off.
    pub(crate) fn spread(self) -> Spread {
        if self.waiting { constant_band("wall") } else { Spread::even(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{exact, hosted};
    use greenroute_core::model::Speed;
    use greenroute_core::{ServerTiming, TimingSource};

    const ID: MeterId = MeterId::new("test", 1);

    fn served(deployment: Deployment, privacy: Privacy) -> ModelCard {
        let mut card = hosted(70.0);
        (card.privacy, card.deployment) = (privacy, Some(deployment));
        card
    }

    fn power(card: &ModelCard) -> Result<BoardPower, Skip> {
        BoardPower::of(card, card.deployment.as_ref().unwrap())
    }

    fn read(card: &ModelCard, timing: Option<&ServerTiming>, duration: Option<u64>) -> Result<Reading, Skip> {
        let duration = duration.map(Duration::from_secs);
        let work = Work { timing, duration, ..Work::expected(card, exact(100), exact(200)) };
        let time = Time::of(&work)?.unwrap();
        power(card)?.reading(&work, time, ID)
    }

    fn joules(reading: &Reading) -> f64 {
        reading.energy.value().as_joules()
    }

    #[test]
    fn boards_are_shared_among_the_requests_that_the_card_states() {
        let deployment = Deployment { batch: Some(64.0), ..Deployment::new("H100", 8) };
        let stated = served(deployment.clone(), Privacy::Remote);
        // 8 · 700 W · 0.7 / 64 · 10 s
        let ours = read(&stated, None, Some(10)).unwrap();
        assert!((joules(&ours) - 612.5).abs() < 1e-9);
        assert!(ours.energy.low().as_joules() < 0.3 * joules(&ours), "waiting may be most of it");
        let timing = ServerTiming {
            elapsed: Some(Duration::from_secs(10)),
            ..ServerTiming::by(TimingSource::ModelCompute)
        };
        let theirs = read(&stated, Some(&timing), Some(12)).unwrap();
        assert_eq!(joules(&theirs), joules(&ours));
        assert!(theirs.energy.low() > ours.energy.low());
        let measured = Deployment { mean_power_watts: Some(Power::from_watts(500.0)), ..deployment.clone() };
        let measured = read(&served(measured, Privacy::Remote), Some(&timing), None).unwrap();
        assert!((joules(&measured) - 625.0).abs() < 1e-9);
        assert!(measured.energy.low() > theirs.energy.low());

        let unstated = served(Deployment { batch: None, ..deployment }, Privacy::Remote);
        assert!(read(&unstated, Some(&timing), None).unwrap_err().0.contains("not stated"));
        let unknown = served(Deployment::new("a box of wires", 1), Privacy::Local);
        assert!(read(&unknown, Some(&timing), None).unwrap_err().0.contains("a box of wires"));
    }

    #[test]
    fn a_model_on_ones_own_board_has_it_alone() {
        let mut card = served(Deployment::new("NVIDIA GeForce RTX 4090", 1), Privacy::Local);
        // 450 W · 0.7 · 4 s
        assert!((joules(&read(&card, None, Some(4)).unwrap()) - 1260.0).abs() < 1e-9);
        assert!(power(&card).unwrap().rate(&card, ID).is_err(), "no speed");
        card.speed = Some(Speed { tokens_per_second: 50.0, time_to_first_chunk_seconds: 0.1 });
        let rate = power(&card).unwrap().rate(&card, ID).unwrap();
        assert!((rate.output.as_joules() - 6.3).abs() < 1e-9 && rate.cached < rate.input);
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_not_believed() {
        let card = served(Deployment::new("H100", 1), Privacy::Local);
        let timing = ServerTiming {
            elapsed: Some(Duration::from_secs(1_000_000)),
            ..ServerTiming::by(TimingSource::ModelCompute)
        };
        let reading = read(&card, Some(&timing), Some(2)).unwrap();
        assert!((joules(&reading) - 980.0).abs() < 1e-9, "{reading}");
        assert!(read(&card, None, Some(0)).unwrap_err().0.contains("no time"));
    }

    #[test]
    fn throughput_is_let_before_where_it_tells_more() {
        let deployment = Deployment { batch: Some(8.0), ..Deployment::new("H100", 1) };
        let card = served(deployment, Privacy::Remote);
        let second = Some(Duration::from_secs(1));
        let timing =
            ServerTiming { prefill: second, decode: second, ..ServerTiming::by(TimingSource::ModelCompute) };
        assert!(read(&card, Some(&timing), None).unwrap_err().0.contains("throughput"));
    }

    #[test]
    fn a_stated_throughput_is_let_before_where_the_clock_or_the_power_is_a_guess() {
        let told =
            Deployment { batch: Some(64.0), tokens_per_second: Some(2000.0), ..Deployment::new("H100", 4) };
        let timing = ServerTiming {
            elapsed: Some(Duration::from_secs(10)),
            ..ServerTiming::by(TimingSource::ModelCompute)
        };
        let guess = served(told.clone(), Privacy::Remote);
        assert!(read(&guess, None, Some(10)).unwrap_err().0.contains("throughput"));
        assert!(read(&guess, Some(&timing), Some(12)).is_err());
        let measured = Deployment { mean_power_watts: Some(Power::from_watts(500.0)), ..told };
        let measured = served(measured, Privacy::Remote);
        assert!(read(&measured, None, Some(10)).is_err());
        assert!(read(&measured, Some(&timing), Some(12)).is_ok(), "both factors were measured");
    }

    #[test]
    fn a_board_or_a_load_that_the_study_did_not_see_has_a_wider_band() {
        let timing = ServerTiming {
            elapsed: Some(Duration::from_secs(10)),
            ..ServerTiming::by(TimingSource::ModelCompute)
        };
        let width = |device: &str, batch| {
            let card = served(Deployment { batch, ..Deployment::new(device, 1) }, Privacy::Local);
            let energy = read(&card, Some(&timing), None).unwrap().energy;
            energy.high().as_joules() / energy.low().as_joules()
        };
        let fitted = width("H100", Some(64.0));
        assert!((fitted / (1.376 / 0.668) - 1.0).abs() < 1e-9);
        for (device, batch) in [("RTX 4090", Some(64.0)), ("H100", None), ("B200", Some(1e4))] {
            assert!(width(device, batch) > 1.1 * fitted, "{device} {batch:?}");
        }
    }
}

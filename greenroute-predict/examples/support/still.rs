//! A meter that reads cards, and a clock that stands: what an advisor needs that decides the same on every machine and day.

use futures_core::future::BoxFuture;
use greenroute_core::{
    Boundary, EnergyMeter, EnergyRate, MeterId, Method, ModelCard, Reading, Result, Runtime, Skip, Spread,
    Work,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads the card's own energy per token.
#[derive(Debug)]
pub(crate) struct FromCard;

impl EnergyMeter for FromCard {
    fn id(&self) -> MeterId {
        MeterId::new("from-card", 1)
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let profile = card.energy_profile.as_ref().ok_or_else(|| Skip("no energy on the card".into()))?;
        let spread = Spread::of(profile.low, profile.high);
        let output = profile.joules_per_output_token;
        let rate = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Device, self.id());
        let input = profile.joules_per_input_token;
        Ok(EnergyRate { input, cached: input, ..rate })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

/// A world in which it is always the same moment: no price and no retirement depends on the day of the run.
#[derive(Debug)]
pub(crate) struct Still;

impl Runtime for Still {
    fn now(&self) -> SystemTime {
        // 2026-11-21T00:00:00Z.
        UNIX_EPOCH + Duration::from_secs(1_795_219_200)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    // An advisor has no tasks to run.
    fn spawn(&self, _task: BoxFuture<'static, ()>) {}

    fn unique_id(&self) -> u128 {
        0
    }
}

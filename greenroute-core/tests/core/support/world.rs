use super::Scripted;
use async_trait::async_trait;
use futures_core::future::BoxFuture;
use greenroute_core::model::{
    EnergyProfile, PriceList, PricePeriod, PriceTier, Pricing, Privacy, Score, Window,
};
use greenroute_core::units::{
    CarbonIntensity, Emissions, Energy, Factor, Probability, Pue, Usd, WaterIntensity,
};
use greenroute_core::*;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// 2026-11-21T10:00:00Z.
pub(crate) const EPOCH: u64 = 1_795_255_200;

/// Tokio's paused clock, from a fixed date on; ids count up.
#[derive(Debug)]
pub(crate) struct TestRuntime {
    started: Instant,
    ids: AtomicU64,
}

impl TestRuntime {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), ids: AtomicU64::new(0) })
    }
}

impl Runtime for TestRuntime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(EPOCH) + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn unique_id(&self) -> u128 {
        self.ids.fetch_add(1, Ordering::SeqCst).into()
    }
}

/// Passes on what an instrument said.
#[derive(Debug)]
pub(crate) struct Instrument;

impl EnergyMeter for Instrument {
    fn id(&self) -> MeterId {
        MeterId::new("instrument", 1)
    }

    fn rate(&self, _card: &ModelCard) -> Result<EnergyRate, Skip> {
        Err(Skip("no instrument".into()))
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        work.reading.cloned().ok_or_else(|| Skip("no instrument".into()))
    }
}

/// Joules per token by the card's profile, a fifth up or down.
#[derive(Debug)]
pub(crate) struct PerToken;

impl EnergyMeter for PerToken {
    fn id(&self) -> MeterId {
        MeterId::new("per-token", 1)
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let profile = card.energy_profile.as_ref().ok_or_else(|| Skip("no profile".into()))?;
        let spread = Spread::of(0.8, 1.25);
        let output = profile.joules_per_output_token;
        let rate = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Device, self.id());
        let (fixed, input) = (profile.overhead_joules, profile.joules_per_input_token);
        Ok(EnergyRate { fixed, input, cached: input, ..rate })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

/// Two litres per kilowatt-hour, and a gram of the hardware per second of our own clock, where it ran.
#[derive(Debug)]
pub(crate) struct Ponds;

impl ImpactModel for Ponds {
    fn id(&self) -> MeterId {
        MeterId::new("ponds", 1)
    }

    fn impacts(&self, work: &Work<'_>, reading: &Reading, _placed: &Placed<'_>) -> Impacts {
        let litres = Estimate::exact(WaterIntensity::from_litres_per_kwh(2.0), Method::Modelled);
        let grams = |time: Duration| Emissions::from_grams(time.as_secs_f64());
        let embodied = work.duration.map(|time| Estimate::exact(grams(time), Method::Modelled));
        let missing = embodied.is_none().then(|| Skip("nobody timed it: its hardware is not told".into()));
        Impacts {
            water: Some(reading.energy * litres),
            embodied,
            sources: vec!["test".into()],
            missing: missing.into_iter().collect(),
        }
    }
}

pub(crate) fn joules(joules: f64) -> Energy {
    Energy::from_joules(joules)
}

/// What an instrument says, at the device.
pub(crate) fn measured(joules: f64) -> Reading {
    let energy = Estimate::exact(Energy::from_joules(joules), Method::Measured);
    Reading::new(energy, Boundary::Device, MeterId::new("instrument", 1))
}

pub(crate) fn key(name: &str) -> ModelKey {
    let (provider, model) = name.split_once('/').unwrap();
    ModelKey::new(provider, model)
}

/// A card: `house/…` is local and costs electricity, all others are remote at one dollar per million tokens.
pub(crate) fn card(name: &str, joules_per_token: f64, score: f64) -> ModelCard {
    let key = key(name);
    let local = key.provider.as_str() == "house";
    let window = Window { context: 8_192, max_output: None };
    let privacy = if local { Privacy::Local } else { Privacy::Remote };
    let mut card = ModelCard::new(key, window, privacy);
    card.energy_profile = Some(EnergyProfile::new(
        Energy::ZERO,
        Energy::from_joules(joules_per_token / 10.0),
        Energy::from_joules(joules_per_token),
    ));
    for benchmark in ["mmlu", "gsm8k", "humaneval", "gpqa", "ifeval", "mgsm", "alpaca_eval", "simple"] {
        let value = Probability::from_fraction(score);
        card.scores.insert(benchmark.to_owned(), Score { value, source: "test".into() });
    }
    let dollar = Usd::from_usd(1.0);
    let tier = PriceTier {
        above_input_tokens: 0,
        input_usd_per_mtok: dollar,
        output_usd_per_mtok: dollar,
        cache_read_usd_per_mtok: None,
        cache_write_5m_usd_per_mtok: None,
        cache_write_1h_usd_per_mtok: None,
    };
    let list = PriceList {
        source: "test".into(),
        as_of: "2026-11-01".parse().unwrap(),
        periods: vec![PricePeriod { from: None, tiers: vec![tier] }],
    };
    card.pricing = if local { Pricing::Electricity } else { Pricing::Listed(list) };
    card
}

/// Greenest first: `house/small`, `cloud/medium`, `cloud/large`, ten times as hungry each.
pub(crate) fn three() -> Vec<ModelCard> {
    vec![card("house/small", 1.0, 0.5), card("cloud/medium", 10.0, 0.7), card("cloud/large", 100.0, 0.9)]
}

pub(crate) fn reading(zone: Zone, grams_per_kwh: f64) -> GridReading {
    let intensity = Estimate::exact(CarbonIntensity::from_grams_per_kwh(grams_per_kwh), Method::Reported);
    GridReading::new(zone, intensity, Basis::Average, "test", "2025")
}

pub(crate) fn world() -> GridReading {
    reading(Zone::world(), 480.0)
}

pub(crate) fn overheads(server: f64, pue: f64) -> Overheads {
    Overheads {
        server: Estimate::exact(Factor::from_ratio(server), Method::Proxy),
        pue: Estimate::exact(Pue::from_ratio(pue), Method::Proxy),
        source: "test".into(),
    }
}

/// Facility energy is twice the device's in the cloud, and the device's own in the house.
pub(crate) fn accountant() -> Accountant {
    Accountant::new(meters(), sites())
}

pub(crate) fn meters() -> Ladder {
    Ladder::new(vec![Arc::new(Instrument), Arc::new(PerToken)])
}

pub(crate) fn sites() -> Sites {
    Sites::new(Site::new(overheads(1.6, 1.25)), Site::new(overheads(1.0, 1.0)))
}

/// A router over the three cards by this accountant.
pub(crate) fn router_by(accountant: Accountant, house: &Scripted, cloud: &Scripted) -> RouterBuilder {
    let builder = Router::builder(accountant, world(), TestRuntime::new()).objective(anybody());
    let builder = builder.provider(house.clone()).provider(cloud.clone());
    three().into_iter().fold(builder, RouterBuilder::card)
}

/// Everybody is good enough, so that the order is by energy.
pub(crate) fn anybody() -> Objective {
    Objective::eco().floor(Floor::absolute(0.0))
}

/// A router over the three cards, played by `house` and `cloud`.
pub(crate) fn router(house: &Scripted, cloud: &Scripted) -> RouterBuilder {
    router_at(&TestRuntime::new(), house, cloud)
}

pub(crate) fn router_at(runtime: &Arc<TestRuntime>, house: &Scripted, cloud: &Scripted) -> RouterBuilder {
    let builder = Router::builder(accountant(), world(), Arc::clone(runtime) as Arc<dyn Runtime>)
        .objective(anybody())
        .provider(house.clone())
        .provider(cloud.clone());
    three().into_iter().fold(builder, RouterBuilder::card)
}

/// Both providers, without a script.
pub(crate) fn players() -> (Scripted, Scripted) {
    (Scripted::new("house"), Scripted::new("cloud"))
}

/// A grid whose answers are set, and that counts how often it was asked.
#[derive(Debug, Default)]
pub(crate) struct SetGrid {
    pub(crate) answers: Mutex<Vec<Result<GridReading, ErrorKind>>>,
    pub(crate) asked: AtomicUsize,
    pub(crate) takes: Duration,
}

impl SetGrid {
    /// A grid that gives these in turn, and the last of them for ever.
    pub(crate) fn new(answers: Vec<Result<GridReading, ErrorKind>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }
}

#[async_trait]
impl GridIntensity for SetGrid {
    async fn intensity(&self, _zone: &Zone, _at: SystemTime) -> Result<GridReading> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        answer.map_err(|kind| Error::new(kind, "grid", "no number today"))
    }

    async fn forecast(&self, _zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Err(Error::new(ErrorKind::Unsupported, "grid", "no forecasts"))
    }
}

/// Asserts that two energies differ by no more than rounding.
#[track_caller]
pub(crate) fn assert_joules(found: Energy, expected: f64) {
    let found = found.as_joules();
    assert!((found - expected).abs() <= 1e-9 * expected.max(1.0), "{found} J, not {expected} J");
}

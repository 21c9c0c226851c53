//! A model whose energy is known: it turns a dial, and the clock.

use futures_core::future::BoxFuture;
use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason};
use greenroute_core::model::{ModelCard, Privacy, Window};
use greenroute_core::units::{Energy, Tokens};
use greenroute_core::{
    Accountant, Boundary, Counted, Error, ErrorKind, MeterId, ModelKey, ModelProvider, Result, Runtime,
    Usage, completion_fn,
};
use greenroute_energy::counter::{Counter, Sample};
use greenroute_energy::{Machine, Metered, ladder, sites};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2026-11-21T10:00:00Z.
const EPOCH: u64 = 1_795_255_200;

/// A counter and a clock that the model turns: its power is twenty watts.
#[derive(Debug, Default)]
pub(crate) struct World {
    microjoules: AtomicU64,
    nanoseconds: AtomicU64,
    ids: AtomicU64,
    pub(crate) broken: AtomicBool,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Works, for as long as that takes.
    pub(crate) fn work(&self, joules: f64, watts: f64) {
        self.microjoules.fetch_add((joules * 1e6) as u64, Ordering::SeqCst);
        self.pass(Duration::from_secs_f64(joules / watts));
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::SeqCst);
    }
}

impl Counter for World {
    fn id(&self) -> MeterId {
        MeterId::new("dial", 1)
    }

    fn boundary(&self) -> Boundary {
        Boundary::Device
    }

    fn sample(&self) -> Result<Sample> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Meter, "dial", "the dial is broken"));
        }
        Ok(Sample::exact(Energy::from_microjoules(self.microjoules.load(Ordering::SeqCst))))
    }

    fn tend(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}

impl Runtime for World {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(EPOCH) + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::SeqCst))
    }

    /// Nothing here waits for time to pass: a deadline never comes.
    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn unique_id(&self) -> u128 {
        self.ids.fetch_add(1, Ordering::SeqCst).into()
    }
}

pub(crate) fn key() -> ModelKey {
    ModelKey::new("local", "tiny")
}

pub(crate) fn card() -> ModelCard {
    ModelCard::new(key(), Window { context: 8192, max_output: None }, Privacy::Local)
}

/// A call as the model sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// From 0 on.
    pub(crate) place: u64,
    pub(crate) input: u64,
    /// The longest answer wanted.
    pub(crate) wanted: u64,
}

/// What the model does with a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) output: u64,
    pub(crate) joules: f64,
    pub(crate) watts: f64,
}

/// 2 J, 10 mJ per token of input, 50 mJ per token of output.
pub(crate) fn honest(call: Call) -> Result<Done> {
    let joules = 2.0 + 0.01 * call.input as f64 + 0.05 * call.wanted as f64;
    Ok(Done { output: call.wanted, joules, watts: 20.0 })
}

/// A model that counts a word as a token and does what `act` says; nobody meters it.
pub(crate) fn model(
    world: &Arc<World>,
    card: ModelCard,
    act: impl Fn(Call) -> Result<Done> + Send + Sync + 'static,
) -> impl ModelProvider {
    let (world, calls, act) = (Arc::clone(world), Arc::new(AtomicU64::new(0)), Arc::new(act));
    completion_fn(card, move |request: ChatRequest| {
        let (world, calls, act) = (Arc::clone(&world), Arc::clone(&calls), Arc::clone(&act));
        async move {
            let words =
                |message: &greenroute_core::chat::Message| message.plain_text().split_whitespace().count();
            let input = request.messages.iter().map(words).sum::<usize>() as u64;
            let place = calls.fetch_add(1, Ordering::SeqCst);
            let wanted = request.max_output_tokens.unwrap_or(100);
            let Done { output, joules, watts } = act(Call { place, input, wanted })?;
            world.work(joules, watts);
            let usage = Counted::Reported(Usage::new(Tokens::new(input), Tokens::new(output)));
            let said = vec![Block::text("one, two, three")];
            Ok(ChatResponse::new(request.model, said, FinishReason::Length, usage))
        }
    })
}

pub(crate) fn metered(
    world: &Arc<World>,
    card: ModelCard,
    act: impl Fn(Call) -> Result<Done> + Send + Sync + 'static,
) -> Metered<impl ModelProvider> {
    Metered::new(model(world, card, act), Arc::clone(world) as Arc<dyn Counter>)
}

pub(crate) fn accountant() -> Accountant {
    Accountant::new(ladder(&Machine::detect()), sites())
}

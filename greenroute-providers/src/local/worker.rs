//! The threads that compute. A request waits for a free one, so that a crowd does not share the cores to death.

use super::NAME;
use super::generate::{Generated, Plan, generate};
use super::model::LocalModel;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use greenroute_core::chat::{Block, ChatEvent, ChatResponse};
use greenroute_core::units::Tokens;
use greenroute_core::usage::{Counted, ServerTiming, TimingSource, Usage};
use greenroute_core::{Error, ErrorKind, ModelKey, Result};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// One request on its way to a thread.
#[derive(Debug)]
struct Job {
    key: ModelKey,
    plan: Plan,
    timeout: Option<Duration>,
    arrived: Instant,
    events: UnboundedSender<Result<ChatEvent>>,
}

/// A fixed number of threads over one model. They end when this is dropped and their work is done.
#[derive(Debug)]
pub(super) struct Workers(mpsc::Sender<Job>);

impl Workers {
    pub(super) fn start(model: &LocalModel, count: NonZeroUsize) -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..count.get() {
            let (model, receiver) = (model.clone(), Arc::clone(&receiver));
            let work = move || {
                while let Ok(job) = next(&receiver) {
                    serve(&model, job);
                }
            };
            thread::Builder::new().name(format!("greenroute-local-{index}")).spawn(work).map_err(
                |source| {
                    Error::new(ErrorKind::Config, NAME, "a thread for the model would not start")
                        .with_source(source)
                },
            )?;
        }
        Ok(Self(sender))
    }

    /// Queues a request. Its events come by the receiver; dropping that cancels it between two tokens.
    pub(super) fn submit(
        &self,
        key: ModelKey,
        plan: Plan,
        timeout: Option<Duration>,
    ) -> Result<UnboundedReceiver<Result<ChatEvent>>> {
        let (events, receiver) = unbounded();
        let job = Job { key, plan, timeout, arrived: Instant::now(), events };
        let gone = |_| Error::new(ErrorKind::Internal, NAME, "the threads of the model are gone");
        self.0.send(job).map_err(gone)?;
        Ok(receiver)
    }
}

fn next(receiver: &Mutex<mpsc::Receiver<Job>>) -> Result<Job, mpsc::RecvError> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv()
}

fn serve(model: &LocalModel, job: Job) {
    let events = job.events.clone();
    let served = catch_unwind(AssertUnwindSafe(|| answer(model, job)));
    let last = match served {
        Ok(Ok(None)) => return,
        Ok(Ok(Some(response))) => Ok(ChatEvent::Done(Box::new(response))),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::new(ErrorKind::Internal, NAME, "the forward pass panicked")),
    };
    // Whoever asked may have left meanwhile.
    let _ = events.unbounded_send(last);
}

/// The answer, or `None` where nobody waits for it any more.
fn answer(model: &LocalModel, job: Job) -> Result<Option<ChatResponse>> {
    let Job { key, plan, timeout, arrived, events } = job;
    let queue = arrived.elapsed();
    let late = || timeout.is_some_and(|timeout| arrived.elapsed() >= timeout);
    let mut timed_out = late();
    if !timed_out && !events.is_closed() {
        let done = generate(model, plan, |text| {
            timed_out = late();
            let told = text.is_empty() || events.unbounded_send(Ok(ChatEvent::Text(text.to_owned()))).is_ok();
            if timed_out || !told || events.is_closed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if done.finish_reason.is_some() {
            return Ok(response(key, done, queue, arrived.elapsed()));
        }
    }
    match timeout.filter(|_| timed_out) {
        Some(timeout) => {
            let message = format!("no whole answer within {} ms", timeout.as_millis());
            Err(Error::new(ErrorKind::Timeout, key.to_string(), message))
        }
        None => Ok(None),
    }
}

fn response(key: ModelKey, done: Generated, queue: Duration, elapsed: Duration) -> Option<ChatResponse> {
    let usage = Usage::new(Tokens::from(done.input_tokens), Tokens::from(done.output_tokens));
    let timing = ServerTiming {
        queue: Some(queue),
        prefill: Some(done.prefill),
        decode: Some(done.decode),
        elapsed: Some(elapsed),
        ..ServerTiming::by(TimingSource::ModelCompute)
    };
    let blocks = if done.text.is_empty() { Vec::new() } else { vec![Block::text(done.text)] };
    Some(ChatResponse {
        returned: key,
        blocks,
        finish_reason: done.finish_reason?,
        usage: Counted::Reported(usage),
        timing: Some(timing),
        reading: None,
        log_probabilities: None,
    })
}

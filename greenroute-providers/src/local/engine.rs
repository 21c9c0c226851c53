//! The thread that computes. All requests to a model share its steps.
//!
//! A request joins at the next step; nobody waits for a batch to fill. Between two steps of those that write, at
//! most one part of one prompt is read, in turn: that part is all that a newcomer can delay the others by.

use super::NAME;
use super::lane::{Job, Lane};
use super::model::LocalModel;
use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use greenroute_core::chat::ChatEvent;
use greenroute_core::{Error, ErrorKind, Result};
use rayon::prelude::*;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How much of a prompt is read at once while nobody writes: more would not be faster, and needs memory by its
/// square.
pub(super) const CHUNK: usize = 128;

/// And while somebody writes: about as long as four of their steps.
const CHUNK_BESIDE: usize = 32;

/// A thread over one model. It ends when this is dropped and its work is done.
#[derive(Debug)]
pub(super) struct Engine(mpsc::Sender<Job>);

impl Engine {
    /// Serves at most `lanes` requests at a time; others wait in the order in which they came.
    pub(super) fn start(model: LocalModel, lanes: NonZeroUsize) -> Result<Self> {
        let (sender, jobs) = mpsc::channel();
        let shift = Shift { model, most: lanes.get(), waiting: VecDeque::new(), lanes: Vec::new() };
        let run = move || shift.run(&jobs);
        thread::Builder::new().name("greenroute-local".into()).spawn(run).map_err(|source| {
            Error::new(ErrorKind::Config, NAME, "a thread for the model would not start").with_source(source)
        })?;
        Ok(Self(sender))
    }

    /// Queues a request that `job` makes of the place to which its events go. Dropping the receiver cancels it
    /// between two steps.
    pub(super) fn submit(
        &self,
        job: impl FnOnce(futures_channel::mpsc::UnboundedSender<Result<ChatEvent>>) -> Job,
    ) -> Result<UnboundedReceiver<Result<ChatEvent>>> {
        let (events, receiver) = unbounded();
        let job = job(events);
        job.asked.compute_time.track();
        self.0
            .send(job)
            .map_err(|_| Error::new(ErrorKind::Internal, NAME, "the thread of the model is gone"))?;
        Ok(receiver)
    }
}

/// What the thread has at hand.
struct Shift {
    model: LocalModel,
    most: usize,
    waiting: VecDeque<Job>,
    lanes: Vec<Lane>,
}

impl Shift {
    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        loop {
            if self.lanes.is_empty() && self.waiting.is_empty() {
                let Ok(job) = jobs.recv() else { return };
                self.waiting.push_back(job);
            }
            self.waiting.extend(jobs.try_iter());
            self.turn();
        }
    }

    /// Everybody who writes comes one token further, and somebody who reads one part.
    fn turn(&mut self) {
        self.waiting.retain(|job| job.asked.waits(&job.key));
        self.lanes.retain(Lane::waits);
        self.admit();
        self.read();
        self.write();
    }

    fn admit(&mut self) {
        while self.lanes.len() < self.most {
            let Some(job) = self.waiting.pop_front() else { return };
            self.lanes.extend(Lane::open(job, self.model.network()));
        }
    }

    /// Reads a part of the prompt whose turn it is; the next turn is another's.
    fn read(&mut self) {
        let writing = self.lanes.iter().any(|lane| !lane.is_reading());
        let most = if writing { CHUNK_BESIDE } else { CHUNK };
        let unread: Vec<usize> =
            self.lanes.iter().filter(|lane| lane.is_reading()).map(|lane| lane.context.unread()).collect();
        if unread.is_empty() {
            return;
        }
        let together = self.model.network().read_together(&unread, most);
        let mut taken = 0;
        let (mut group, others): (Vec<Lane>, Vec<Lane>) = self.lanes.drain(..).partition(|lane| {
            let takes = lane.is_reading() && taken < together;
            taken += usize::from(takes);
            takes
        });
        self.lanes = others;
        let started = Instant::now();
        let read = guarded(|| {
            let mut contexts: Vec<_> = group.iter_mut().map(|lane| &mut lane.context).collect();
            self.model.compute(|network| network.read(&mut contexts, most))
        });
        let elapsed = started.elapsed();
        match read {
            Ok(counts) => {
                let sum: usize = counts.iter().sum();
                for (lane, count) in group.iter_mut().zip(counts) {
                    lane.computed(part(elapsed, count, sum));
                }
                self.lanes.append(&mut group);
            }
            Err(fault) => group.iter().for_each(|lane| lane.fail(fault.error())),
        }
    }

    /// One step of all whose prompts were read.
    fn write(&mut self) {
        let (mut group, others): (Vec<Lane>, Vec<Lane>) =
            self.lanes.drain(..).partition(|lane| !lane.is_reading());
        self.lanes = others;
        if group.is_empty() {
            return;
        }
        let started = Instant::now();
        let logits = guarded(|| {
            let mut contexts: Vec<_> = group.iter_mut().map(|lane| &mut lane.context).collect();
            self.model.compute(|network| network.step(&mut contexts))
        });
        let logits = match logits {
            Ok(logits) => logits,
            Err(fault) => return group.iter().for_each(|lane| lane.fail(fault.error())),
        };
        let count = group.len();
        group.iter_mut().for_each(|lane| lane.computed(part(started.elapsed(), 1, count)));
        // Vocabularies are long: to choose among them takes threads too.
        let started = Instant::now();
        let vocabulary = self.model.vocabulary();
        let choose = |(lane, logits): (&mut Lane, Vec<f32>)| {
            guarded(|| Ok(lane.choose(&logits, vocabulary))).unwrap_or_else(|fault| Err(fault.error()))
        };
        let pairs: Vec<_> = group.iter_mut().zip(logits).collect();
        let written: Vec<_> = self.model.compute(|_| pairs.into_par_iter().map(choose).collect());
        // Told before anybody hears of an end: a meter looks at it then.
        group.iter_mut().for_each(|lane| lane.computed(part(started.elapsed(), 1, count)));
        self.lanes.extend(group.into_iter().zip(written).filter_map(|(lane, written)| lane.tell(written)));
    }
}

/// `count` parts of `sum`.
fn part(whole: Duration, count: usize, sum: usize) -> Duration {
    let (count, sum) = (u32::try_from(count).unwrap_or(u32::MAX), u32::try_from(sum).unwrap_or(u32::MAX));
    whole.mul_f64(f64::from(count) / f64::from(sum.max(1)))
}

/// Why a step failed.
enum Fault {
    Failed(String),
    Panicked,
}

impl Fault {
    /// The error for one of those who shared the step.
    fn error(&self) -> Error {
        let message = match self {
            Self::Failed(cause) => format!("the forward pass failed: {cause}"),
            Self::Panicked => "the forward pass panicked".to_owned(),
        };
        Error::new(ErrorKind::Internal, NAME, message)
    }
}

/// A panic in a step costs the requests of that step, not the thread.
fn guarded<T>(step: impl FnOnce() -> candle_core::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(cause)) => Err(Fault::Failed(cause.to_string())),
        Err(_) => Err(Fault::Panicked),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Precision;
    use super::super::lane::Asked;
    use super::super::sample::Sampler;
    use super::super::writer::Style;
    use super::*;
    use greenroute_core::ModelKey;
    use greenroute_core::chat::{ComputeTime, FinishReason, Sampling};

    type Events = UnboundedReceiver<Result<ChatEvent>>;

    /// A thread's work, turned by hand.
    fn shift(most: usize) -> Shift {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-gemma3.gguf");
        let model = LocalModel::open(path, Precision::Stored).unwrap();
        Shift { model, most, waiting: VecDeque::new(), lanes: Vec::new() }
    }

    fn job(prompt: usize, max_output: usize) -> (Job, Events, ComputeTime) {
        let (events, receiver) = unbounded();
        let compute_time = ComputeTime::default();
        let style = Style {
            max_output,
            at_limit: FinishReason::Length,
            sampler: Sampler::new(Sampling::default()),
            stops: Vec::new(),
            trim: false,
            log_probabilities: false,
        };
        let asked = Asked {
            arrived: Instant::now(),
            timeout: None,
            compute_time: compute_time.clone(),
            notes: Vec::new(),
            events,
        };
        let prompt = (0..prompt).map(|at| 300 + u32::try_from(at % 7).unwrap()).collect();
        (Job { key: ModelKey::new("local", "tiny"), prompt, style, asked }, receiver, compute_time)
    }

    /// How many turns pass until the events end, at most `most`.
    fn turns(shift: &mut Shift, events: &mut Events, most: usize) -> usize {
        for turn in 1..=most {
            shift.turn();
            while let Ok(event) = events.try_recv() {
                if let ChatEvent::Done(_) = event.unwrap() {
                    return turn;
                }
            }
        }
        panic!("no end within {most} turns")
    }

    #[test]
    fn a_short_prompt_does_not_wait_for_a_long_one() {
        let mut shift = shift(8);
        let (long, mut late, _) = job(220, 4);
        let (short, mut soon, _) = job(3, 4);
        shift.waiting.extend([long, short]);
        // The long one reads 128, the short one all of its 3; then it writes four while the long one reads on.
        assert_eq!(turns(&mut shift, &mut soon, 10), 5);
        assert!(turns(&mut shift, &mut late, 10) <= 6);
        assert!(shift.lanes.is_empty());
    }

    #[test]
    fn whoever_writes_goes_on_in_every_turn_whoever_comes() {
        let mut shift = shift(4);
        let (first, mut events, _) = job(2, 30);
        shift.waiting.push_back(first);
        shift.turn();
        let others: Vec<_> = (0..6).map(|_| job(200, 2)).collect();
        let (jobs, kept): (Vec<_>, Vec<_>) = others.into_iter().map(|(job, events, _)| (job, events)).unzip();
        shift.waiting.extend(jobs);
        // One token was written above; each further turn writes one.
        assert_eq!(turns(&mut shift, &mut events, 40), 29);
        drop(kept);
    }

    #[test]
    fn as_many_as_there_are_lanes_are_served_and_the_rest_waits_in_order() {
        let mut shift = shift(2);
        let (jobs, mut events): (Vec<_>, Vec<_>) =
            (0..4).map(|_| job(2, 3)).map(|(job, events, _)| (job, events)).unzip();
        shift.waiting.extend(jobs);
        shift.turn();
        assert_eq!((shift.lanes.len(), shift.waiting.len()), (2, 2));
        let ends: Vec<usize> = events.iter_mut().map(|events| turns(&mut shift, events, 20)).collect();
        assert!(ends.iter().sum::<usize>() <= 12, "{ends:?}");
    }

    #[test]
    fn who_left_is_forgotten_before_the_next_step() {
        let mut shift = shift(2);
        let (one, events, time) = job(2, 200);
        let (two, waiting, idle) = job(2, 200);
        let (three, left, never) = job(2, 200);
        shift.waiting.extend([one, two, three]);
        shift.turn();
        let before = time.total();
        drop((events, left));
        shift.turn();
        assert_eq!((shift.lanes.len(), shift.waiting.len()), (1, 0));
        assert_eq!((time.total(), never.total()), (before, None));
        assert!(idle.total().unwrap() > Duration::ZERO);
        drop(waiting);
    }
}

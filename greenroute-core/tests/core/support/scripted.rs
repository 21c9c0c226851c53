use super::key;
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream;
use greenroute_core::chat::{Block, ChatEvent, ChatRequest, ChatResponse, FinishReason, Served, Spent};
use greenroute_core::model::{ModelCard, ProviderName};
use greenroute_core::units::Tokens;
use greenroute_core::*;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A provider that plays a script: for each model a queue of plays. Whoever has none left answers with its name.
#[derive(Debug, Clone)]
pub(crate) struct Scripted(Arc<Stage>);

#[derive(Debug)]
struct Stage {
    name: ProviderName,
    scripts: Mutex<HashMap<String, VecDeque<Play>>>,
    requests: Mutex<Vec<ChatRequest>>,
}

/// What happens at one request.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    delay: Duration,
    act: Act,
    spent: Vec<Reading>,
    left: Option<Reading>,
    gap: Duration,
    fault: Option<(usize, Fault)>,
    thoughts: usize,
}

#[derive(Debug, Clone)]
enum Act {
    Answer(Box<Answering>),
    Fail(ErrorKind),
    Never,
}

#[derive(Debug, Clone)]
struct Answering {
    blocks: Vec<Block>,
    returned: Option<ModelKey>,
    finish_reason: FinishReason,
    usage: Counted,
    reading: Option<Reading>,
    log_probabilities: Option<Vec<f64>>,
    region: Option<String>,
}

/// What befalls a stream after some pieces.
#[derive(Debug, Clone)]
enum Fault {
    Error(ErrorKind),
    Truncated,
    Silence,
    More,
}

fn play(act: Act) -> Play {
    let (delay, gap) = (Duration::ZERO, Duration::ZERO);
    Play { delay, act, spent: Vec::new(), left: None, gap, fault: None, thoughts: 0 }
}

/// Answers `text`, for ten tokens in and twenty out.
pub(crate) fn says(text: &str) -> Play {
    play(Act::Answer(Box::new(Answering {
        blocks: vec![Block::text(text)],
        returned: None,
        finish_reason: FinishReason::Stop,
        usage: Counted::Reported(Usage::new(Tokens::new(10), Tokens::new(20))),
        reading: None,
        log_probabilities: None,
        region: None,
    })))
}

/// Fails with an error of `kind`.
pub(crate) fn fails(kind: ErrorKind) -> Play {
    play(Act::Fail(kind))
}

/// Never answers.
pub(crate) fn never() -> Play {
    play(Act::Never)
}

impl Play {
    fn answer(mut self, change: impl FnOnce(&mut Answering)) -> Self {
        match &mut self.act {
            Act::Answer(answering) => change(answering),
            other => panic!("{other:?} is no answer"),
        }
        self
    }

    /// With the log-probabilities of its tokens.
    pub(crate) fn sure(self, log_probabilities: &[f64]) -> Self {
        self.answer(|answering| answering.log_probabilities = Some(log_probabilities.to_vec()))
    }

    /// After so many seconds.
    pub(crate) fn after(mut self, seconds: f64) -> Self {
        self.delay = Duration::from_secs_f64(seconds);
        self
    }

    /// With so many seconds before every piece of a stream.
    pub(crate) fn gap(mut self, seconds: f64) -> Self {
        self.gap = Duration::from_secs_f64(seconds);
        self
    }

    /// An error that carries so many joules at the device.
    pub(crate) fn spending(mut self, joules: f64) -> Self {
        self.spent.push(super::measured(joules));
        self
    }

    /// Leaves so many joules at the device where it is dropped before its end.
    pub(crate) fn leaving(mut self, joules: f64) -> Self {
        self.left = Some(super::measured(joules));
        self
    }

    /// With a reading of so many joules at the device.
    pub(crate) fn reading(self, joules: f64) -> Self {
        self.answer(|answer| answer.reading = Some(super::measured(joules)))
    }

    /// Served from a region.
    pub(crate) fn served_from(self, region: &str) -> Self {
        self.answer(|answer| answer.region = Some(region.to_owned()))
    }

    /// From another model.
    pub(crate) fn returned(self, name: &str) -> Self {
        self.answer(|answer| answer.returned = Some(key(name)))
    }

    pub(crate) fn blocks(self, blocks: Vec<Block>) -> Self {
        self.answer(|answer| answer.blocks = blocks)
    }

    pub(crate) fn finish(self, finish_reason: FinishReason) -> Self {
        self.answer(|answer| answer.finish_reason = finish_reason)
    }

    pub(crate) fn usage(self, usage: Counted) -> Self {
        self.answer(|answer| answer.usage = usage)
    }

    /// Thinks so many pieces before it speaks.
    pub(crate) fn thinking(mut self, pieces: usize) -> Self {
        self.thoughts = pieces;
        self
    }

    /// Its stream fails after so many pieces.
    pub(crate) fn breaking(mut self, pieces: usize, kind: ErrorKind) -> Self {
        self.fault = Some((pieces, Fault::Error(kind)));
        self
    }

    /// Its stream ends after so many pieces without a word.
    pub(crate) fn truncated(mut self, pieces: usize) -> Self {
        self.fault = Some((pieces, Fault::Truncated));
        self
    }

    /// Its stream says nothing more after so many pieces.
    pub(crate) fn silent(mut self, pieces: usize) -> Self {
        self.fault = Some((pieces, Fault::Silence));
        self
    }

    /// Its stream goes on after it was done.
    pub(crate) fn going_on(mut self) -> Self {
        self.fault = Some((usize::MAX, Fault::More));
        self
    }
}

impl Scripted {
    pub(crate) fn new(name: &str) -> Self {
        let (scripts, requests) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Stage { name: ProviderName::new(name), scripts, requests }))
    }

    /// Appends plays to a model's queue.
    pub(crate) fn on(&self, model: &str, plays: impl IntoIterator<Item = Play>) -> &Self {
        self.0.scripts.lock().unwrap().entry(model.to_owned()).or_default().extend(plays);
        self
    }

    /// The requests that came so far.
    pub(crate) fn requests(&self) -> Vec<ChatRequest> {
        self.0.requests.lock().unwrap().clone()
    }

    /// The models that were asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.model.model.to_string()).collect()
    }

    fn next(&self, request: &ChatRequest) -> Play {
        self.0.requests.lock().unwrap().push(request.clone());
        let model = request.model.model.as_str();
        let scripted = self.0.scripts.lock().unwrap().get_mut(model).and_then(VecDeque::pop_front);
        scripted.unwrap_or_else(|| says(&format!("{model} says so")))
    }
}

/// Leaves a reading unless it was all over in time.
struct Leaving {
    spent: Spent,
    reading: Option<Reading>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.spent.leave(reading);
        }
    }
}

impl Answering {
    fn response(self, asked: &ModelKey) -> ChatResponse {
        let Self { blocks, returned, finish_reason, usage, reading, log_probabilities, region } = self;
        let returned = returned.unwrap_or_else(|| asked.clone());
        ChatResponse {
            reading,
            log_probabilities,
            served: Served { region, ..Served::default() },
            ..ChatResponse::new(returned, blocks, finish_reason, usage)
        }
    }
}

fn error(kind: ErrorKind, request: &ChatRequest, spent: &[Reading]) -> Error {
    let error = Error::new(kind, request.model.to_string(), "as the script says");
    spent.iter().cloned().fold(error, Error::with_spent)
}

#[async_trait]
impl ModelProvider for Scripted {
    fn name(&self) -> ProviderName {
        self.0.name.clone()
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        Vec::new()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        let play = self.next(&request);
        let mut leaving = Leaving { spent: request.spent.clone(), reading: play.left };
        tokio::time::sleep(play.delay).await;
        let done = match play.act {
            Act::Answer(answering) => Ok(answering.response(&request.model)),
            Act::Fail(kind) => Err(error(kind, &request, &play.spent)),
            Act::Never => std::future::pending().await,
        };
        leaving.reading = None;
        done
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let play = self.next(&request);
        let leaving = Leaving { spent: request.spent.clone(), reading: play.left.clone() };
        tokio::time::sleep(play.delay).await;
        let response = match play.act.clone() {
            Act::Answer(answering) => answering.response(&request.model),
            Act::Fail(kind) => {
                // What fails has its say in the error, not in what it leaves.
                std::mem::forget(leaving);
                return Err(error(kind, &request, &play.spent));
            }
            Act::Never => std::future::pending().await,
        };
        let mut events: VecDeque<Result<ChatEvent>> = VecDeque::new();
        events.extend((0..play.thoughts).map(|_| Ok(ChatEvent::Thinking("hmm, let me see ".to_owned()))));
        let text = response.text();
        events.extend(text.split_inclusive(' ').map(|piece| Ok(ChatEvent::Text(piece.to_owned()))));
        events.push_back(Ok(ChatEvent::Done(Box::new(response))));
        let mut silence = false;
        match &play.fault {
            Some((_, Fault::More)) => events.push_back(Ok(ChatEvent::Text("after the end".to_owned()))),
            Some((pieces, fault)) => {
                events.truncate(*pieces);
                silence = matches!(fault, Fault::Silence);
                if let Fault::Error(kind) = fault {
                    events.push_back(Err(error(kind.clone(), &request, &play.spent)));
                }
            }
            None => {}
        }
        let state = (events, leaving, play.gap);
        Ok(Box::pin(stream::unfold(state, move |(mut events, mut leaving, gap)| async move {
            tokio::time::sleep(gap).await;
            match events.pop_front() {
                Some(event) => {
                    if matches!(event, Ok(ChatEvent::Done(_)) | Err(_)) {
                        leaving.reading = None;
                    }
                    Some((event, (events, leaving, gap)))
                }
                None if silence => std::future::pending().await,
                None => None,
            }
        })))
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scripted provider {}", self.0.name)
    }
}

//! [`Metered`] around a provider that answers, streams, fails and is dropped.

#![cfg(test)]

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use greenroute_core::chat::{Block, ChatEvent, ChatRequest, ChatResponse, FinishReason, Message, Role};
use greenroute_core::model::{Privacy, ProviderName, Window};
use greenroute_core::units::{Energy, Tokens};
use greenroute_core::{
    Boundary, Counted, Error, ErrorKind, Estimate, MeterId, Method, ModelCard, ModelKey, ModelProvider,
    NoteCode, Reading, Result, Usage,
};
use greenroute_energy::Metered;
use greenroute_energy::counter::{Counter, Sample};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A counter that the test turns by hand.
#[derive(Debug, Default)]
struct Dial {
    joules: AtomicU64,
    broken: AtomicBool,
}

impl Dial {
    fn turn(&self, joules: u64) {
        self.joules.fetch_add(joules, Ordering::SeqCst);
    }
}

impl Counter for Dial {
    fn id(&self) -> MeterId {
        MeterId::new("dial", 1)
    }

    fn sample(&self) -> Result<Sample> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Meter, "dial", "broken"));
        }
        let energy = Energy::from_microjoules(self.joules.load(Ordering::SeqCst) * 1_000_000);
        Ok(Sample::exact(energy))
    }

    fn boundary(&self) -> Boundary {
        Boundary::Device
    }

    fn tend(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}

/// What the provider does with a request; each turns the dial by three joules while it works.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Answers,
    AnswersForNothing,
    FailsForNothing,
    HangsForNothing,
    AnswersWithItsOwnReading,
    Fails,
    Hangs,
    StreamBreaks,
    StreamEndsEarly,
    BreaksTheCounter,
}

#[derive(Debug)]
struct Scripted {
    does: Does,
    dial: Arc<Dial>,
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scripted")
    }
}

fn own_reading() -> Reading {
    let energy = Estimate::exact(Energy::from_joules(99.0), Method::Reported);
    Reading::new(energy, Boundary::Facility, MeterId::new("scripted", 1))
}

impl Scripted {
    fn response(&self) -> ChatResponse {
        let usage = Counted::Reported(Usage::new(Tokens::new(1), Tokens::new(1)));
        let (key, blocks) = (ModelKey::new("local", "m"), vec![Block::text("hi")]);
        ChatResponse {
            reading: (self.does == Does::AnswersWithItsOwnReading).then(own_reading),
            ..ChatResponse::new(key, blocks, FinishReason::Stop, usage)
        }
    }
}

#[async_trait]
impl ModelProvider for Scripted {
    fn name(&self) -> ProviderName {
        "local".into()
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        let window = Window { context: 8, max_output: None };
        vec![Arc::new(ModelCard::new(ModelKey::new("local", "m"), window, Privacy::Local))]
    }

    async fn chat(&self, _request: ChatRequest) -> Result<ChatResponse> {
        let nothing =
            matches!(self.does, Does::AnswersForNothing | Does::FailsForNothing | Does::HangsForNothing);
        self.dial.turn(if nothing { 0 } else { 3 });
        match self.does {
            Does::Fails | Does::FailsForNothing => Err(Error::new(ErrorKind::ModelFault, "scripted", "no")),
            Does::Hangs | Does::HangsForNothing => std::future::pending().await,
            Does::BreaksTheCounter => {
                self.dial.broken.store(true, Ordering::SeqCst);
                Ok(self.response())
            }
            _ => Ok(self.response()),
        }
    }

    async fn chat_stream(&self, _request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        if self.does == Does::Fails {
            self.dial.turn(3);
            return Err(Error::new(ErrorKind::Overloaded, "scripted", "no"));
        }
        let last = match self.does {
            Does::StreamBreaks => Some(Err(Error::new(ErrorKind::StreamError, "scripted", "broke"))),
            Does::StreamEndsEarly => None,
            _ => Some(Ok(ChatEvent::Done(Box::new(self.response())))),
        };
        let dial = self.dial.clone();
        let text = stream::once(async move {
            dial.turn(3);
            Ok(ChatEvent::Text("hi".into()))
        });
        Ok(text.chain(stream::iter(last)).boxed())
    }
}

fn metered(does: Does) -> (Metered<Scripted>, Arc<Dial>, ChatRequest) {
    let dial = Arc::new(Dial::default());
    // What the counter shows before the call is nobody's.
    dial.turn(1000);
    let provider = Metered::new(Scripted { does, dial: dial.clone() }, dial.clone());
    let request = ChatRequest::new(ModelKey::new("local", "m"), vec![Message::text(Role::User, "hi")]);
    (provider, dial, request)
}

fn joules(readings: &[Reading]) -> Vec<f64> {
    readings.iter().map(|reading| reading.energy.value().as_joules()).collect()
}

/// What is said of the meter.
fn notes(response: &ChatResponse) -> Vec<String> {
    assert!(response.notes.iter().all(|note| note.code == NoteCode::MeterDegraded));
    response.notes.iter().map(ToString::to_string).collect()
}

async fn events(provider: &Metered<Scripted>, request: ChatRequest) -> Vec<Result<ChatEvent>> {
    provider.chat_stream(request).await.unwrap().collect().await
}

#[test]
fn the_provider_shows_through() {
    let (provider, _, _) = metered(Does::Answers);
    assert_eq!(provider.name().as_str(), "local");
    assert_eq!(provider.models().len(), 1);
    assert!(
        provider.to_string().contains("scripted") && provider.to_string().contains("dial@1"),
        "{provider}"
    );
}

#[tokio::test]
async fn an_answer_carries_its_reading() {
    let (provider, dial, request) = metered(Does::Answers);
    let spent = request.spent.clone();
    let reading = provider.chat(request).await.unwrap().reading.unwrap();
    dial.turn(50);
    assert_eq!(joules(std::slice::from_ref(&reading)), [3.0]);
    assert_eq!((reading.boundary, reading.meter.name.as_ref()), (Boundary::Device, "dial"));
    assert!(spent.take().is_empty(), "it is on the answer, and nowhere else");
}

#[tokio::test]
async fn what_the_provider_reports_stays() {
    let (provider, _, request) = metered(Does::AnswersWithItsOwnReading);
    let answer = provider.chat(request).await.unwrap();
    assert_eq!((notes(&answer), answer.reading), (vec![], Some(own_reading())));
}

#[tokio::test]
async fn an_error_carries_what_it_spent() {
    let (provider, _, request) = metered(Does::Fails);
    let spent = request.spent.clone();
    assert_eq!(joules(provider.chat(request.clone()).await.unwrap_err().spent()), [3.0]);
    let error = provider.chat_stream(request).await.err().unwrap();
    assert_eq!(joules(error.spent()), [3.0]);
    assert!(spent.take().is_empty());
}

#[tokio::test]
async fn the_last_event_of_a_stream_carries_the_reading() {
    let (provider, _, request) = metered(Does::Answers);
    let spent = request.spent.clone();
    let events = events(&provider, request).await;
    let [Ok(ChatEvent::Text(_)), Ok(ChatEvent::Done(response))] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(joules(response.reading.as_slice()), [3.0]);
    assert!(spent.take().is_empty());
}

#[tokio::test]
async fn a_stream_that_breaks_carries_the_reading_on_its_error() {
    let (provider, _, request) = metered(Does::StreamBreaks);
    let spent = request.spent.clone();
    let events = events(&provider, request).await;
    let [Ok(_), Err(error)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(joules(error.spent()), [3.0]);
    assert!(spent.take().is_empty());
}

#[tokio::test]
async fn a_stream_that_ends_without_done_leaves_the_reading() {
    let (provider, _, request) = metered(Does::StreamEndsEarly);
    let spent = request.spent.clone();
    assert_eq!(events(&provider, request).await.len(), 1);
    assert_eq!(joules(&spent.take()), [3.0]);
}

#[tokio::test]
async fn a_dropped_stream_leaves_its_reading_once() {
    let (provider, dial, request) = metered(Does::Answers);
    let spent = request.spent.clone();
    let mut stream = provider.chat_stream(request).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    dial.turn(2);
    drop(stream);
    dial.turn(50);
    assert_eq!(joules(&spent.take()), [5.0]);
    assert!(spent.take().is_empty());
}

#[tokio::test]
async fn a_stream_that_was_never_polled_leaves_a_reading_too() {
    let (provider, dial, request) = metered(Does::Answers);
    let spent = request.spent.clone();
    let stream = provider.chat_stream(request).await.unwrap();
    dial.turn(1);
    drop(stream);
    assert_eq!(joules(&spent.take()), [1.0]);
}

#[tokio::test]
async fn a_dropped_call_leaves_its_reading() {
    let (provider, dial, request) = metered(Does::Hangs);
    let spent = request.spent.clone();
    let mut call = Box::pin(provider.chat(request));
    assert!(call.as_mut().now_or_never().is_none());
    dial.turn(4);
    drop(call);
    assert_eq!(joules(&spent.take()), [7.0]);
}

#[tokio::test]
async fn a_counter_that_stands_still_says_nothing_of_an_answer() {
    let (provider, _, request) = metered(Does::AnswersForNothing);
    let answer = provider.chat(request).await.unwrap();
    assert_eq!((answer.text().as_str(), &answer.reading), ("hi", &None));
    assert_eq!(notes(&answer), ["the call was not counted by dial@1: it did not move during the call"]);
}

#[tokio::test]
async fn a_counter_that_stands_still_does_not_make_a_failed_or_dropped_call_free() {
    let (provider, _, request) = metered(Does::FailsForNothing);
    let error = provider.chat(request).await.unwrap_err();
    assert!(error.may_have_run());
    assert_eq!(error.spent(), []);
    let (provider, _, request) = metered(Does::HangsForNothing);
    let spent = request.spent.clone();
    let mut call = Box::pin(provider.chat(request));
    assert!(call.as_mut().now_or_never().is_none());
    drop(call);
    assert_eq!(spent.take(), []);
}

#[tokio::test]
async fn a_broken_counter_costs_the_reading_and_not_the_answer() {
    let (provider, _, request) = metered(Does::BreaksTheCounter);
    let answer = provider.chat(request.clone()).await.unwrap();
    assert_eq!((answer.text().as_str(), &answer.reading), ("hi", &None));
    let says = ["the call was not counted by dial@1: broken"];
    assert_eq!(notes(&answer), says);
    // The counter is still broken when the next call begins.
    let next = provider.chat(request.clone()).await.unwrap();
    assert_eq!((notes(&next), next.reading), (says.map(str::to_owned).to_vec(), None));
    let streamed = events(&provider, request).await;
    let Some(Ok(ChatEvent::Done(streamed))) = streamed.last() else { panic!("{streamed:?}") };
    assert_eq!((notes(streamed), &streamed.reading), (says.map(str::to_owned).to_vec(), &None));
}

#[tokio::test]
async fn two_providers_on_one_counter_share_it() {
    let (provider, dial, request) = metered(Does::Answers);
    let other = provider.beside(Scripted { does: Does::Answers, dial: dial.clone() });
    let mut first = provider.chat_stream(request.clone()).await.unwrap();
    assert!(first.next().await.is_some());
    let second = other.chat(request).await.unwrap().reading;
    let Some(Ok(ChatEvent::Done(first))) = first.next().await else { panic!() };
    assert_eq!((joules(first.reading.as_slice()), joules(second.as_slice())), (vec![4.5], vec![1.5]));
}

#[tokio::test]
async fn concurrent_streams_share_what_the_counter_shows() {
    let (provider, dial, request) = metered(Does::Answers);
    let before = dial.joules.load(Ordering::SeqCst);
    let mut first = provider.chat_stream(request.clone()).await.unwrap();
    assert!(first.next().await.is_some());
    let second = provider.chat_stream(request).await.unwrap();
    let second: Vec<_> = second.collect().await;
    let first: Vec<_> = first.collect().await;
    let done = |events: &[Result<ChatEvent>]| match events.last() {
        Some(Ok(ChatEvent::Done(response))) => joules(response.reading.as_slice())[0],
        other => panic!("{other:?}"),
    };
    // Three joules were the first one's alone, three were spent while both were open.
    assert_eq!((done(&first), done(&second)), (4.5, 1.5));
    let shown = dial.joules.load(Ordering::SeqCst) - before;
    assert_eq!(shown, 6);
}

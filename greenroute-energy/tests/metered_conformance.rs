//! [`Metered`] keeps every promise of a provider that the provider in it keeps.

#![cfg(test)]

use futures_core::future::BoxFuture;
use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason};
use greenroute_core::conformance::{Verdict, provider, run_async};
use greenroute_core::model::{Privacy, Window};
use greenroute_core::units::{Energy, Tokens};
use greenroute_core::{
    Boundary, Counted, Error, ErrorKind, MeterId, ModelCard, ModelKey, ModelProvider, Note, NoteCode, Result,
    Runtime, Usage, completion_fn,
};
use greenroute_energy::Metered;
use greenroute_energy::counter::{Counter, Sample};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

#[derive(Debug)]
struct Clock(Instant);

impl Runtime for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn unique_id(&self) -> u128 {
        7
    }
}

/// Three joules for every answer.
#[derive(Debug, Default)]
struct Dial(AtomicU64);

impl Counter for Dial {
    fn id(&self) -> MeterId {
        MeterId::new("dial", 1)
    }

    fn sample(&self) -> Result<Sample> {
        let energy = Energy::from_microjoules(self.0.load(Ordering::SeqCst) * 3_000_000);
        Ok(Sample::exact(energy))
    }

    fn boundary(&self) -> Boundary {
        Boundary::Device
    }

    fn tend(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}

const WINDOW: usize = 2_000;

/// Says what it was told, and counts to twelve. A word is a token.
fn echo(request: ChatRequest) -> Result<ChatResponse> {
    let blocks = request.messages.iter().flat_map(|message| &message.blocks);
    let texts = blocks.filter_map(|block| match block {
        Block::Text { text } => Some(text.as_str()),
        _ => None,
    });
    let read: Vec<&str> = texts.clone().flat_map(str::split_whitespace).collect();
    if read.len() > WINDOW {
        return Err(Error::new(ErrorKind::ContextOverflow, "house/echo", "too many words"));
    }
    let last = texts.rev().find(|text| !text.trim().is_empty()).unwrap_or_default();
    let count = "one two three four five six seven eight nine ten eleven twelve";
    let said: Vec<&str> = last.split_whitespace().chain(count.split(' ')).collect();
    let most = request.max_output_tokens.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let mut finish = if said.len() > most { FinishReason::Length } else { FinishReason::Stop };
    let mut text = said[..said.len().min(most)].join(" ");
    if let Some(at) = request.stop.iter().filter_map(|stop| text.find(stop)).min() {
        text.truncate(at);
        finish = FinishReason::Stop;
    }
    let tokens = |count: usize| Tokens::new(u64::try_from(count).unwrap());
    let usage = Usage::new(tokens(read.len()), tokens(text.split_whitespace().count()));
    let blocks = vec![Block::text(text)];
    let mut response = ChatResponse::new(request.model, blocks, finish, Counted::Reported(usage));
    response.notes.extend(request.effort.map(|_| Note::new(NoteCode::Setting, "it knows no `effort`")));
    Ok(response)
}

#[tokio::test]
async fn a_metered_provider_conforms_as_the_provider_does() {
    let dial = Arc::new(Dial::default());
    let window = Window { context: WINDOW.try_into().unwrap(), max_output: None };
    let model = ModelKey::new("house", "echo");
    let counter = Arc::clone(&dial);
    let bare =
        Arc::new(completion_fn(ModelCard::new(model.clone(), window, Privacy::Local), move |request| {
            let counter = Arc::clone(&counter);
            async move {
                counter.0.fetch_add(1, Ordering::SeqCst);
                echo(request)
            }
        }));
    let metered = Arc::new(Metered::new(Arc::clone(&bare), dial));
    let skips = [("streams_the_text_of_its_answer", "a closure gives its answer whole")];
    let mut passed = Vec::new();
    for provider in [bare as Arc<dyn ModelProvider>, metered] {
        let subject = provider::Subject::new(provider, Arc::new(Clock(Instant::now())), model.clone());
        let report = run_async(provider::ALL, &subject, &skips).await.conforms().unwrap();
        let names = report.verdicts().iter().filter(|(_, verdict)| *verdict == Verdict::Passed);
        passed.push(names.map(|(name, _)| *name).collect::<Vec<_>>());
    }
    assert_eq!(passed[0], passed[1]);
    assert!(passed[0].len() > 40, "{passed:?}");
}

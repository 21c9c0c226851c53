//! A provider that behaves, and one with each flaw that its suite must catch.

use super::catches_async;
use crate::support::{TestRuntime, card};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream;
use greenroute_core::chat::*;
use greenroute_core::conformance::{Verdict, provider, run_async};
use greenroute_core::model::ProviderName;
use greenroute_core::units::Tokens;
use greenroute_core::*;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Repeats what it is told, and goes on with numbers. A word is a token.
#[derive(Debug, Clone, Default)]
struct Parrot(Arc<Mind>);

#[derive(Debug, Default)]
struct Mind {
    /// The scenario that it fails.
    flaw: &'static str,
    calls: AtomicU32,
    refused: AtomicU32,
    /// Held by a call on its way.
    permits: Mutex<u32>,
    /// What was said last, by whomever.
    last: Mutex<String>,
}

/// Gives the permit back, also where the call is dropped.
struct Permit(Option<Parrot>);

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(parrot) = &self.0 {
            *parrot.0.permits.lock().unwrap() -= 1;
        }
    }
}

fn words(text: &str) -> u64 {
    u64::try_from(text.split_whitespace().count()).unwrap()
}

impl Parrot {
    fn with(flaw: &'static str) -> Self {
        Self(Arc::new(Mind { flaw, ..Mind::default() }))
    }

    fn has(&self, flaw: &str) -> bool {
        self.0.flaw == flaw
    }

    fn card(&self) -> ModelCard {
        let mut card = card("parrot/grey", 1.0, 0.5);
        card.window.context = 400;
        card
    }

    fn check(&self, request: &ChatRequest) -> Result<()> {
        let fault = |kind, flaw: &str, message: &str| {
            if self.has(flaw) {
                return Ok(());
            }
            self.0.refused.fetch_add(1, Ordering::SeqCst);
            Err(Error::new(kind, "parrot", message))
        };
        let blocks = || request.messages.iter().flat_map(|message| &message.blocks);
        let text: String = request.messages.iter().map(Message::plain_text).collect();
        if request.model != self.card().key {
            fault(ErrorKind::ModelNotFound, "refuses_an_unknown_model", "no such parrot")?;
        }
        if text.trim().is_empty() {
            fault(ErrorKind::InvalidRequest, "refuses_an_empty_prompt", "nothing to repeat")?;
        }
        if words(&text) > self.card().window.context {
            fault(ErrorKind::ContextOverflow, "refuses_an_overlong_prompt", "too long to remember")?;
        }
        if blocks().any(|block| matches!(block, Block::Image { .. })) {
            fault(ErrorKind::Unsupported, "refuses_an_image_that_it_does_not_take", "it cannot see")?;
        }
        if !request.tools.is_empty() {
            fault(ErrorKind::Unsupported, "refuses_tools_that_it_does_not_take", "it has no hands")?;
        }
        if request.schema.is_some() {
            fault(ErrorKind::Unsupported, "refuses_a_schema_that_it_does_not_take", "it knows no forms")?;
        }
        Ok(())
    }

    /// The whole answer, as a model computes it from the request.
    fn respond(&self, request: &ChatRequest) -> ChatResponse {
        let said = request.messages.last().map(Message::plain_text).unwrap_or_default();
        let mut text =
            format!("{} said: one, two, three, four, five, six, seven, eight, nine, ten. ", self.name());
        text.push_str(&said.chars().take(200).collect::<String>());
        if self.has("repeats_itself_when_greedy") {
            text = format!("{} {text}", self.0.calls.fetch_add(1, Ordering::SeqCst));
        }
        if self.has("answers_after_a_refusal") && self.0.refused.swap(0, Ordering::SeqCst) > 0 {
            text = format!("Hmph! {text}");
        }
        let mut finish_reason = FinishReason::Stop;
        let limit = usize::try_from(request.max_output_tokens.unwrap_or(u64::MAX)).unwrap();
        if text.split_whitespace().count() > limit && !self.has("stops_at_the_output_limit") {
            let pieces = text.split_inclusive(' ').take(limit);
            text = pieces.collect();
            finish_reason = FinishReason::Length;
        }
        if let Some(at) = request.stop.iter().filter_map(|stop| text.find(stop.as_str())).min()
            && !self.has("stops_before_a_stop_text")
        {
            text.truncate(at);
            finish_reason = FinishReason::Stop;
        }
        if self.has("answers_a_prompt") {
            text.clear();
        }
        let read = |message: &&Message| match message.role {
            Role::System => !self.has("reads_a_system_message"),
            _ => !self.has("reads_the_history") || std::ptr::eq(*message, request.messages.last().unwrap()),
        };
        let input = request.messages.iter().filter(read).map(|message| words(&message.plain_text())).sum();
        let counted = if self.has("counts_its_tokens") { (0, 0) } else { (input, words(&text)) };
        let mut timing = ServerTiming::by(TimingSource::ModelCompute);
        let boasting = self.has("tells_sane_time_and_energy");
        timing.elapsed = Some(Duration::from_secs(if boasting { 3600 } else { 0 }));
        let usage = Counted::Reported(Usage::new(Tokens::new(counted.0), Tokens::new(counted.1)));
        let blocks = vec![Block::text(text)];
        ChatResponse {
            timing: Some(timing),
            ..ChatResponse::new(request.model.clone(), blocks, finish_reason, usage)
        }
    }

    /// A parrot that does not give its permit back hangs at the next call.
    async fn begin(&self, leaks: bool) -> Permit {
        loop {
            let leaking = self.has("stands_a_dropped_stream") || self.has("stands_a_dropped_chat");
            let taken = {
                let mut permits = self.0.permits.lock().unwrap();
                let free = !leaking || *permits == 0;
                *permits += u32::from(free);
                free
            };
            if taken {
                return Permit((!leaks).then(|| self.clone()));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

#[async_trait]
impl ModelProvider for Parrot {
    fn name(&self) -> ProviderName {
        if self.has("keeps_its_name") {
            return ProviderName::new(format!("parrot-{}", self.0.calls.fetch_add(1, Ordering::SeqCst)));
        }
        ProviderName::new("parrot")
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        let mut cards = vec![self.card()];
        if self.has("describes_its_models") {
            cards.push(self.card());
        }
        cards.into_iter().map(Arc::new).collect()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        self.check(&request)?;
        let permit = self.begin(self.has("stands_a_dropped_chat")).await;
        let mut response = self.respond(&request);
        *self.0.last.lock().unwrap() = response.text();
        tokio::time::sleep(Duration::from_millis(10)).await;
        if self.has("answers_two_at_once_as_alone") {
            response.blocks = vec![Block::text(self.0.last.lock().unwrap().clone())];
        }
        // A permit that is leaked by a drop is given back by a call that ends.
        drop(Permit(permit.0.is_none().then(|| self.clone())));
        Ok(response)
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        self.check(&request)?;
        let leaks = self.has("stands_a_dropped_stream");
        let permit = self.begin(leaks).await;
        let mut response = self.respond(&request);
        if self.has("streams_what_it_says_whole") {
            response.blocks = vec![Block::text(response.text().to_uppercase())];
        }
        let text = response.text();
        let mut pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        if self.has("keeps_unicode_whole_in_pieces") {
            let bytes = text.as_bytes().chunks(3);
            pieces = bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        }
        if self.has("streams_the_text_of_its_answer") {
            pieces.pop();
        }
        let mut events: VecDeque<_> = pieces.into_iter().map(ChatEvent::Text).collect();
        events.push_back(ChatEvent::Done(Box::new(response)));
        if self.has("ends_a_stream_in_one_done") {
            events.extend(events.back().cloned());
        }
        let parrot = self.clone();
        Ok(Box::pin(stream::unfold((events, permit), move |(mut events, permit)| {
            let parrot = parrot.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let event = events.pop_front()?;
                if leaks && events.is_empty() {
                    drop(Permit(Some(parrot)));
                }
                Some((Ok(event), (events, permit)))
            }
        })))
    }
}

impl fmt::Display for Parrot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parrot")
    }
}

fn subject(flaw: &'static str) -> provider::Subject {
    let parrot = Arc::new(Parrot::with(flaw));
    let model = parrot.card().key;
    provider::Subject::new(parrot, TestRuntime::new(), model)
}

#[tokio::test(start_paused = true)]
async fn a_parrot_conforms() {
    let report = run_async(provider::ALL, &subject(""), &[]).await.conforms().unwrap();
    assert!(report.verdicts().iter().all(|(_, verdict)| *verdict == Verdict::Passed), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_parrot_in_a_closure_conforms_in_one_piece() {
    let parrot = Parrot::default();
    let card = parrot.card();
    let model = card.key.clone();
    let closure = completion_fn(card, move |request| {
        let parrot = parrot.clone();
        async move { parrot.chat(request).await }
    });
    let subject = provider::Subject::new(Arc::new(closure), TestRuntime::new(), model);
    let skips = [("streams_the_text_of_its_answer", "a closure gives its answer whole")];
    let report = run_async(provider::ALL, &subject, &skips).await.conforms().unwrap();
    let skipped = report.verdicts().iter().filter(|(_, verdict)| *verdict != Verdict::Passed).count();
    assert_eq!(skipped, 1, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_cannot_repeat_itself_is_judged_by_the_rest() {
    let subject = provider::Subject { repeatable: false, ..subject("repeats_itself_when_greedy") };
    let report = run_async(provider::ALL, &subject, &[]).await.conforms().unwrap();
    let skipped: Vec<&str> = report
        .verdicts()
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Skipped(_)))
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(skipped, ["repeats_itself_when_greedy"]);
}

#[tokio::test(start_paused = true)]
async fn a_flawed_provider_is_caught() {
    let flaws: Vec<(&str, &'static str)> = provider::ALL.iter().map(|s| (s.name, s.name)).collect();
    catches_async(provider::ALL, &flaws, |flaw| Box::new(subject(flaw))).await;
}

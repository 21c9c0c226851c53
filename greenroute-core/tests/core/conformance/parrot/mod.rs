//! A provider that behaves, and one with each flaw that its suite must catch.

mod mind;
mod rules;

use crate::support::{TestRuntime, card};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream;
use greenroute_core::chat::*;
use greenroute_core::conformance::{Verdict, provider, run_async};
use greenroute_core::model::{Accepts, ProviderName};
use greenroute_core::*;
use mind::THOUGHT;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Repeats what it is told, and goes on with numbers. A word is a token.
#[derive(Debug, Clone)]
struct Parrot {
    /// Whether it takes images, tools and schemas, and thinks.
    able: bool,
    mind: Arc<Mind>,
}

#[derive(Debug, Default)]
struct Mind {
    /// The scenario that it fails.
    flaw: &'static str,
    calls: AtomicU32,
    answers: AtomicU32,
    refused: AtomicU32,
    /// The limit of the last request.
    limit: AtomicUsize,
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
            *parrot.mind.permits.lock().unwrap() -= 1;
        }
    }
}

fn words(text: &str) -> u64 {
    u64::try_from(text.split_whitespace().count()).unwrap()
}

impl Parrot {
    fn new(able: bool, flaw: &'static str) -> Self {
        let limit = AtomicUsize::new(usize::MAX);
        Self { able, mind: Arc::new(Mind { flaw, limit, ..Mind::default() }) }
    }

    fn has(&self, flaw: &str) -> bool {
        self.mind.flaw == flaw
    }

    fn card(&self) -> ModelCard {
        let mut card = card("parrot/grey", 1.0, 0.5);
        card.window.context = 1_400;
        card.accepts = Accepts { images: self.able, tools: self.able, schema: self.able };
        card
    }

    /// A parrot that does not give its permit back hangs when it has none left.
    async fn begin(&self, leaks: bool) -> Permit {
        let most = match self.mind.flaw {
            "stands_a_dropped_stream" | "stands_a_dropped_chat" => 1,
            "stands_twenty_dropped_at_once" => 8,
            _ => u32::MAX,
        };
        loop {
            let taken = {
                let mut permits = self.mind.permits.lock().unwrap();
                let free = *permits < most;
                *permits += u32::from(free);
                free
            };
            if taken {
                return Permit((!leaks).then(|| self.clone()));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether a call that is dropped keeps its permit.
    fn leaks(&self, flaw: &str) -> bool {
        self.has(flaw) || self.has("stands_twenty_dropped_at_once")
    }

    /// Others that are answered at this moment.
    fn is_busy(&self) -> bool {
        *self.mind.permits.lock().unwrap() > 4
    }

    async fn in_time(&self, request: &ChatRequest) -> Result<()> {
        if request.timeout.is_none_or(|timeout| timeout > Duration::from_millis(10)) {
            return Ok(());
        }
        if self.has("takes its time") {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        let kind = if self.has("gives_up_in_time") { ErrorKind::Internal } else { ErrorKind::Timeout };
        Err(Error::new(kind, "parrot", "it was not given the time"))
    }

    /// The error as a stream gives it.
    fn other(&self, error: Error) -> Error {
        if self.has("refuses otherwise in a stream") {
            return Error::new(ErrorKind::Unsupported, error.origin(), error.message());
        }
        error
    }

    /// The pieces that it says an answer in.
    fn pieces(&self, response: &ChatResponse) -> Vec<String> {
        let text = response.text();
        if self.has("keeps_unicode_whole_in_pieces") {
            let bytes = text.as_bytes().chunks(3);
            return bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        }
        let mut pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        if self.has("streams_the_text_of_its_answer") {
            pieces.pop();
        }
        let calls = response.finish_reason == FinishReason::ToolCalls;
        if calls && self.has("tells calls as text") {
            pieces.push("weather()".to_owned());
        }
        if self.has("streams_the_form_of_a_schema") {
            pieces.insert(0, "```json\n".to_owned());
        }
        pieces
    }

    /// What it makes of an answer on the way into a stream.
    fn streamed(&self, mut response: ChatResponse) -> ChatResponse {
        match self.mind.flaw {
            "streams_what_it_says_whole" => {
                response.blocks = vec![Block::text(response.text().to_uppercase())];
            }
            "streams_its_calls" if response.finish_reason == FinishReason::ToolCalls => {
                response.blocks.clear();
            }
            "notes_the_same_whole_and_in_pieces" => response.notes.clear(),
            "keeps its thoughts from a stream" => {
                response.blocks.retain(|block| !matches!(block, Block::Opaque { .. }));
            }
            "names another model in a stream" => response.returned = ModelKey::new("parrot", "macaw"),
            "states nothing in a stream" => response.stated = None,
            "streams other arguments" => {
                for block in &mut response.blocks {
                    if let Block::ToolCall { arguments, .. } = block {
                        arguments["city"] = "Bergen".into();
                    }
                }
            }
            "counts_the_same_input_every_time" => {
                if let Counted::Reported(usage) = &mut response.usage {
                    usage.input_uncached = usage.input_uncached + usage.input_uncached;
                }
            }
            _ => {}
        }
        response
    }
}

#[async_trait]
impl ModelProvider for Parrot {
    fn name(&self) -> ProviderName {
        if self.has("keeps_its_name") {
            return ProviderName::new(format!("parrot-{}", self.mind.calls.fetch_add(1, Ordering::SeqCst)));
        }
        ProviderName::new("parrot")
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        let mut cards = vec![self.card()];
        if self.has("describes_its_models") {
            cards.push(self.card());
        }
        if self.has("keeps_its_cards") && self.mind.answers.load(Ordering::SeqCst) > 0 {
            cards[0].display_name.push_str(", tired");
        }
        cards.into_iter().map(Arc::new).collect()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        self.check(&request)?;
        self.in_time(&request).await?;
        let permit = self.begin(self.leaks("stands_a_dropped_chat")).await;
        let mut response = self.respond(&request);
        *self.mind.last.lock().unwrap() = response.text();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let muddled = self.has("answers_sixteen_at_once_as_alone") && self.is_busy();
        if muddled || self.has("answers_two_at_once_as_alone") {
            response.blocks = vec![Block::text(self.mind.last.lock().unwrap().clone())];
        }
        // A permit that is leaked by a drop is given back by a call that ends.
        drop(Permit(permit.0.is_none().then(|| self.clone())));
        Ok(response)
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        self.check(&request).map_err(|error| self.other(error))?;
        self.in_time(&request).await?;
        let leaks = self.leaks("stands_a_dropped_stream");
        let permit = self.begin(leaks).await;
        let response = self.streamed(self.respond(&request));
        let mut events = VecDeque::new();
        if self.thinks(&request) {
            let hollow = self.has("thinks in empty pieces");
            events.extend(hollow.then(|| ChatEvent::Thinking(String::new())));
            events
                .extend(THOUGHT.split_inclusive(' ').map(|thought| ChatEvent::Thinking(thought.to_owned())));
        }
        events.extend(self.pieces(&response).into_iter().map(ChatEvent::Text));
        events.push_back(ChatEvent::Done(Box::new(response)));
        if self.has("ends_a_stream_in_one_done") {
            events.extend(events.back().cloned());
        }
        let (parrot, time) = (self.clone(), request.compute_time);
        time.track();
        if self.has("stops_computing_when_dropped") {
            let time = time.clone();
            tokio::spawn(async move {
                for _ in 0..100_000 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    time.add(Duration::from_millis(1));
                }
            });
        }
        let state = (events, permit, time, Instant::now());
        Ok(Box::pin(stream::unfold(state, move |(mut events, permit, time, before)| {
            let parrot = parrot.clone();
            async move {
                let begun = Instant::now();
                if parrot.has("waits_for_a_slow_reader") && events.len() > 1 && begun > before {
                    events.pop_front();
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                time.add(begun.elapsed());
                let event = events.pop_front()?;
                if leaks && events.is_empty() {
                    drop(Permit(Some(parrot)));
                }
                Some((Ok(event), (events, permit, time, Instant::now())))
            }
        })))
    }
}

impl fmt::Display for Parrot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has("shows_itself") { "" } else { "parrot" })
    }
}

/// Further flaws, with the scenario that must catch them: a scenario that makes several demands is tried in each.
const MORE: &[(&str, &str)] = &[
    ("answers_at_every_effort", "says nothing when told to think"),
    ("calls_the_tool_that_it_must", "leaves an argument out"),
    ("calls_the_tool_that_it_must", "adds an argument"),
    ("calls_the_tool_that_it_must", "stops for nothing"),
    ("counts_the_same_input_every_time", "counts less where it is cut"),
    ("gives_every_call_its_id", "gives two calls one id"),
    ("gives_up_in_time", "takes its time"),
    ("goes_on_after_the_result_of_a_tool", "calls again"),
    ("leaves_out_what_others_made", "counts what others made"),
    ("marks_every_call", "marks with nothing"),
    ("names_itself_in_its_errors", "blames the wire"),
    ("names_itself_in_its_errors", "states a reading of nothing"),
    ("names_the_model_that_answered", "names another model in a stream"),
    ("notes_the_same_whole_and_in_pieces", "notes twice"),
    ("refuses_a_schema_that_is_none", "refuses otherwise in a stream"),
    ("refuses_what_no_sampling_allows", "names no field"),
    ("states_energy_that_is_some", "states nothing in a stream"),
    ("streams_its_calls", "streams other arguments"),
    ("streams_its_calls", "tells calls as text"),
    ("takes_back_its_opaque_blocks", "denies its thoughts"),
    ("takes_back_its_opaque_blocks", "keeps its thoughts from a stream"),
    ("tells_log_probabilities_where_asked", "tells probabilities"),
    ("tells_log_probabilities_where_asked", "tells one too many"),
    ("thinks_apart_from_its_text", "thinks aloud"),
    ("thinks_apart_from_its_text", "thinks in empty pieces"),
];

fn subject(able: bool, flaw: &'static str) -> provider::Subject {
    let parrot = Arc::new(Parrot::new(able, flaw));
    let model = parrot.card().key;
    provider::Subject::new(parrot, TestRuntime::new(), model)
}

/// The names of the scenarios that a provider passes; it fails none.
async fn passed(subject: provider::Subject, skips: &[(&str, &str)]) -> BTreeSet<&'static str> {
    let report = run_async(provider::ALL, &subject, skips).await.conforms().unwrap();
    let passed = report.verdicts().iter().filter(|(_, verdict)| *verdict == Verdict::Passed);
    passed.map(|(name, _)| *name).collect()
}

fn every() -> BTreeSet<&'static str> {
    provider::ALL.iter().map(|scenario| scenario.name).collect()
}

#[tokio::test(start_paused = true)]
async fn each_scenario_is_passed_by_the_parrot_that_can_or_by_the_one_that_cannot() {
    let (able, plain) = (passed(subject(true, ""), &[]).await, passed(subject(false, ""), &[]).await);
    assert_eq!(&able | &plain, every());
    let only_able = &able - &plain;
    assert!(only_able.contains("calls_the_tool_that_it_must"), "{only_able:?}");
    let only_plain: Vec<_> = plain.difference(&able).copied().collect();
    assert_eq!(
        only_plain,
        [
            "refuses_a_schema_that_it_does_not_take",
            "refuses_an_image_that_it_does_not_take",
            "refuses_tools_that_it_does_not_take",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_parrot_in_a_closure_conforms_in_one_piece() {
    let parrot = Parrot::new(true, "");
    let card = parrot.card();
    let model = card.key.clone();
    let closure = completion_fn(card, move |request| {
        let parrot = parrot.clone();
        async move { parrot.chat(request).await }
    });
    let subject_of_closure = provider::Subject::new(Arc::new(closure), TestRuntime::new(), model);
    let skips = [("streams_the_text_of_its_answer", "a closure gives its answer whole")];
    let passed_by_closure = passed(subject_of_closure, &skips).await;
    let lost: Vec<_> = passed(subject(true, ""), &[]).await.difference(&passed_by_closure).copied().collect();
    assert_eq!(
        lost,
        ["stops_computing_when_dropped", "streams_the_text_of_its_answer", "thinks_apart_from_its_text",]
    );
}

#[tokio::test(start_paused = true)]
async fn a_limited_parrot_conforms_as_the_parrot_does() {
    let alone = &passed(subject(true, ""), &[]).await | &passed(subject(false, ""), &[]).await;
    let twenty_held = ("stands_twenty_dropped_at_once", "it holds twenty streams that it does not read");
    for (concurrent, skips) in [(20, &[][..]), (1, &[twenty_held])] {
        let limits = Limits { concurrent: NonZeroU32::new(concurrent), per_minute: NonZeroU32::new(6_000) };
        let mut by_limited = BTreeSet::new();
        for able in [true, false] {
            let provider::Subject { provider, runtime, model, .. } = subject(able, "");
            let limited = Limited::new(provider, limits, Arc::clone(&runtime));
            let limited = provider::Subject::new(Arc::new(limited), runtime, model);
            by_limited.append(&mut passed(limited, skips).await);
        }
        let skipped: BTreeSet<_> = skips.iter().map(|(name, _)| *name).collect();
        assert_eq!(&alone - &by_limited, skipped, "{concurrent} at once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_cannot_repeat_itself_is_judged_by_the_rest() {
    let able = provider::Subject { repeatable: false, ..subject(true, "repeats_itself_when_greedy") };
    let plain = provider::Subject { repeatable: false, ..subject(false, "repeats_itself_when_greedy") };
    let passed = &passed(able, &[]).await | &passed(plain, &[]).await;
    assert_eq!(&every() - &passed, BTreeSet::from(["repeats_itself_when_greedy"]));
}

#[tokio::test(start_paused = true)]
async fn a_flawed_provider_is_caught() {
    let mut missed = Vec::new();
    let flaws =
        provider::ALL.iter().map(|scenario| (scenario.name, scenario.name)).chain(MORE.iter().copied());
    for (name, flaw) in flaws {
        let scenario = provider::ALL.iter().find(|scenario| scenario.name == name).unwrap();
        let mut caught = false;
        for able in [true, false] {
            let report = run_async(&[*scenario], &subject(able, flaw), &[]).await;
            caught |= report.failed().next().is_some();
        }
        if !caught {
            missed.push((name, flaw));
        }
    }
    assert!(missed.is_empty(), "these flaws are not caught: {missed:#?}");
}

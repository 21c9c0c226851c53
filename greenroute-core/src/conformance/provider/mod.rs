//! What a [`ModelProvider`] promises: one whole answer or one error of the right kind, the same text in pieces, no
//! harm from who gives up early, and a word on everything that it could not do as asked.
//!
//! What the model's card does not claim, such as tools, is not demanded: those scenarios report that they do not
//! apply, and others ask that it is refused.

mod answering;
mod cancelling;
mod form;
mod history;
mod images;
mod refusing;
mod settings;
mod streaming;
mod structured;
mod telling;
mod thinking;
mod timing_out;
mod tools;

use super::{AsyncCheck, Finding, Scenario, fail, scenarios};
use crate::chat::{ChatEvent, ChatRequest, ChatResponse, FinishReason, Message, Role, Sampling};
use crate::error::Error;
use crate::model::{Accepts, ModelCard, ModelKey};
use crate::provider::ModelProvider;
use crate::runtime::Runtime;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

pub use answering::*;
pub use cancelling::*;
pub use history::*;
pub use images::*;
pub use refusing::*;
pub use settings::*;
pub use streaming::*;
pub use structured::*;
pub use telling::*;
pub use thinking::*;
pub use timing_out::*;
pub use tools::*;

/// A provider, and what to ask of it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The provider.
    pub provider: Arc<dyn ModelProvider>,
    /// The clock that its patience is measured by.
    pub runtime: Arc<dyn Runtime>,
    /// One of its models.
    pub model: ModelKey,
    /// A prompt that this model answers with a dozen words or more.
    pub prompt: String,
    /// A prompt that does not fit the model's window.
    pub overlong: String,
    /// The longest answer to ask for, in tokens: enough for a dozen words, and soon done.
    pub max_output_tokens: u64,
    /// Whether temperature 0 and a seed give the same answer every time.
    pub repeatable: bool,
    /// How long to wait for one answer.
    pub patience: Duration,
}

/// Every scenario.
pub const ALL: &[Scenario<AsyncCheck<Subject>>] = scenarios![
    async
    keeps_its_name,
    describes_its_models,
    answers_a_prompt,
    counts_its_tokens,
    tells_sane_time_and_energy,
    repeats_itself_when_greedy,
    stops_at_the_output_limit,
    stops_before_a_stop_text,
    reads_a_system_message,
    reads_the_history,
    refuses_an_empty_prompt,
    refuses_an_overlong_prompt,
    refuses_an_unknown_model,
    refuses_an_image_that_it_does_not_take,
    refuses_tools_that_it_does_not_take,
    refuses_a_schema_that_it_does_not_take,
    answers_after_a_refusal,
    streams_the_text_of_its_answer,
    ends_a_stream_in_one_done,
    streams_what_it_says_whole,
    keeps_unicode_whole_in_pieces,
    stands_a_dropped_stream,
    stands_a_dropped_chat,
    answers_two_at_once_as_alone,
    stands_twenty_dropped_at_once,
    answers_sixteen_at_once_as_alone,
    stops_computing_when_dropped,
    waits_for_a_slow_reader,
    gives_up_in_time,
    stands_an_endless_timeout,
    reads_two_messages_in_a_row,
    reads_every_block_of_a_message,
    reads_a_long_conversation,
    stands_empty_texts_among_others,
    stands_turns_in_any_order,
    stands_strange_text,
    refuses_what_no_sampling_allows,
    answers_at_the_edges_of_sampling,
    stops_before_the_first_of_several,
    keeps_to_every_stop_text_or_says_so,
    writes_nothing_where_nothing_is_wanted,
    stands_a_limit_above_its_own,
    tells_log_probabilities_where_asked,
    answers_alike_whatever_is_kept,
    forgets_the_settings_of_the_last_request,
    shows_itself,
    keeps_its_cards,
    names_the_model_that_answered,
    counts_more_for_a_longer_prompt,
    counts_the_same_input_every_time,
    states_energy_that_is_some,
    tells_parts_within_the_whole,
    marks_every_call,
    notes_the_same_whole_and_in_pieces,
    names_itself_in_its_errors,
    answers_at_every_effort,
    thinks_or_says_that_it_cannot,
    thinks_apart_from_its_text,
    takes_back_its_opaque_blocks,
    leaves_out_what_others_made,
    calls_the_tool_that_it_must,
    gives_every_call_its_id,
    fills_in_nested_arguments,
    calls_a_tool_without_parameters,
    calls_no_tool_where_it_must_not,
    calls_no_tool_that_was_not_given,
    streams_its_calls,
    goes_on_after_the_result_of_a_tool,
    goes_on_after_the_failure_of_a_tool,
    takes_two_results_at_once,
    takes_the_calls_of_other_models,
    answers_in_the_form_of_a_schema,
    answers_in_a_nested_form,
    streams_the_form_of_a_schema,
    says_that_a_form_was_cut,
    refuses_a_schema_that_is_none,
    keeps_to_a_schema_late_in_a_conversation,
    takes_an_image,
    takes_images_throughout_a_conversation,
    refuses_an_image_that_is_none,
];

impl Subject {
    /// A provider with a prompt that most models answer at length, and an overlong one by the card's window.
    #[must_use]
    pub fn new(provider: Arc<dyn ModelProvider>, runtime: Arc<dyn Runtime>, model: ModelKey) -> Self {
        let cards = provider.models();
        let window = cards.iter().find(|card| card.key == model).map_or(0, |card| card.window.context);
        // A word is a token or more in every vocabulary.
        let words = usize::try_from(window).unwrap_or(usize::MAX).saturating_add(64).min(4 << 20);
        Self {
            provider,
            runtime,
            model,
            prompt: "Count from one to thirty in English words, separated by commas.".to_owned(),
            overlong: "river ".repeat(words),
            max_output_tokens: 40,
            repeatable: true,
            patience: Duration::from_secs(120),
        }
    }

    fn card(&self) -> Result<Arc<ModelCard>, Finding> {
        let found = self.provider.models().into_iter().find(|card| card.key == self.model);
        found.ok_or_else(|| Finding::Failed(format!("{} is none of the provider's models", self.model)))
    }

    /// Nothing where the model takes this; else the scenario does not apply.
    fn takes(&self, takes: fn(&Accepts) -> bool, what: &str) -> super::Outcome {
        if takes(&self.card()?.accepts) {
            return Ok(());
        }
        Err(Finding::DoesNotApply(format!("the model takes no {what}")))
    }

    /// So much output, or as much as the model surely has room for.
    fn room(&self, wanted: u64) -> u64 {
        let most = self.card().map_or(0, |card| {
            let half = card.window.context / 2;
            card.window.max_output.map_or(half, |output| output.min(half))
        });
        wanted.min(most).max(self.max_output_tokens)
    }

    /// A greedy request with room for calls of tools and answers in a form.
    fn roomy(&self, messages: Vec<Message>) -> ChatRequest {
        ChatRequest { max_output_tokens: Some(self.room(400)), ..self.request(messages) }
    }

    /// A short and greedy request.
    fn request(&self, messages: Vec<Message>) -> ChatRequest {
        ChatRequest {
            max_output_tokens: Some(self.max_output_tokens),
            sampling: Sampling { temperature: Some(0.0), seed: Some(7), ..Sampling::default() },
            timeout: Some(self.patience),
            ..ChatRequest::new(self.model.clone(), messages)
        }
    }

    fn asking(&self, text: &str) -> ChatRequest {
        self.request(vec![Message::text(Role::User, text)])
    }

    async fn chat(&self, request: ChatRequest) -> Result<Result<ChatResponse, Error>, Finding> {
        self.within("an answer", self.provider.chat(request)).await
    }

    /// The answer to the subject's prompt.
    async fn answer(&self) -> Result<ChatResponse, Finding> {
        Ok(self.chat(self.asking(&self.prompt)).await??)
    }

    async fn stream(&self, request: ChatRequest) -> Result<Result<Streamed, Error>, Finding> {
        let collected = async {
            let mut events = match self.provider.chat_stream(request).await {
                Ok(events) => events,
                Err(error) => return Ok(Err(error)),
            };
            let (mut pieces, mut thinking) = (Vec::new(), Vec::new());
            while let Some(event) = events.next().await {
                match event {
                    Ok(ChatEvent::Text(text)) => pieces.push(text),
                    Ok(ChatEvent::Thinking(thought)) => thinking.push(thought),
                    Err(error) => return Ok(Err(error)),
                    Ok(ChatEvent::Done(done)) => {
                        let after = events.next().await;
                        return match after {
                            None => Ok(Ok(Streamed { pieces, thinking, done: *done })),
                            Some(after) => fail(format!("after `Done` came {after:?}")),
                        };
                    }
                }
            }
            fail(format!("the stream ended after {} pieces without `Done` or an error", pieces.len()))
        };
        self.within("a streamed answer", collected).await?
    }

    async fn within<T>(&self, what: &str, work: impl Future<Output = T>) -> Result<T, Finding> {
        match select(pin!(work), self.runtime.sleep(self.patience)).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right(_) => fail(format!("{what} did not come within {:?}", self.patience)),
        }
    }

    /// Whether it said something to the end, or to the limit. A single token may be the end itself.
    fn spoke(&self, answer: &ChatResponse) -> super::Outcome {
        let written = answer.usage.usage().output_tokens().get();
        let spoke = !answer.text().is_empty() || written <= 1;
        super::demand(spoke, || format!("no text came in {written} tokens: {:?}", answer.blocks))?;
        let done = matches!(answer.finish_reason, FinishReason::Stop | FinishReason::Length);
        super::demand(done, || format!("it stopped for {:?}", answer.finish_reason))?;
        super::same("the provider that answered", &self.provider.name(), &answer.returned.provider)
    }

    /// Whether two answers to one prompt are as they must be: equal where the provider can repeat itself.
    fn alike(&self, what: &str, one: &ChatResponse, other: &ChatResponse) -> super::Outcome {
        if self.repeatable {
            super::same(what, &one.text(), &other.text())
        } else {
            super::demand(!other.text().trim().is_empty(), || format!("{what}: no text came"))
        }
    }
}

/// A stream that was read to its end.
struct Streamed {
    pieces: Vec<String>,
    thinking: Vec<String>,
    done: ChatResponse,
}

//! What a [`ModelProvider`] promises: one whole answer or one error of the right kind, the same text in pieces, and
//! no harm from who gives up early.

mod answering;
mod refusing;
mod streaming;

use super::{AsyncCheck, Finding, Scenario, fail, scenarios};
use crate::chat::{ChatEvent, ChatRequest, ChatResponse, Message, Role, Sampling};
use crate::error::Error;
use crate::model::{ModelCard, ModelKey};
use crate::provider::ModelProvider;
use crate::runtime::Runtime;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

pub use answering::*;
pub use refusing::*;
pub use streaming::*;

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
            let mut pieces = Vec::new();
            while let Some(event) = events.next().await {
                match event {
                    Ok(ChatEvent::Text(text)) => pieces.push(text),
                    Ok(ChatEvent::Thinking(_)) => {}
                    Err(error) => return Ok(Err(error)),
                    Ok(ChatEvent::Done(done)) => {
                        let after = events.next().await;
                        return match after {
                            None => Ok(Ok(Streamed { pieces, done: *done })),
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
    done: ChatResponse,
}

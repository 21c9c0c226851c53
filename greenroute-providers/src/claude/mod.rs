//! Claude, by Anthropic's Messages API.

mod answer;
mod batch;
mod builder;
mod convert;
mod failure;
mod list;
mod rules;
mod stream;
#[cfg(test)]
mod tests;
mod thinking;
mod usage;
mod wire;

pub use builder::ClaudeBuilder;
pub use rules::{ClaudeOff, ClaudeRules, ClaudeThinking};

use crate::hosted::checks::{card_of, check};
use answer::Asked;
use async_trait::async_trait;
use convert::{Terms, ask};
use futures_core::stream::BoxStream;
use greenroute_core::chat::{ChatEvent, ChatRequest, ChatResponse};
use greenroute_core::model::{ModelCard, ProviderName};
use greenroute_core::units::Tokens;
use greenroute_core::{Date, ModelProvider, Note, Result, ServerTiming, TimingSource, TokenCounter};
use greenroute_http::{Client, Headers, Response};
use rules::rules_of;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use stream::Assembly;

const NAME: &str = "anthropic";
const MESSAGES: &str = "v1/messages";

/// Anthropic's models behind their Messages API.
///
/// A request becomes what this API has words for:
///
/// | asked | sent |
/// |---|---|
/// | [`Effort`](greenroute_core::chat::Effort) `Low`, `Medium`, `High` | adaptive thinking of that effort, or a budget of 1024, 4096, 16 384 tokens, at most half of the output limit, by [`ClaudeRules`] |
/// | `Off` | thinking turned off; where a model cannot, its lowest effort |
/// | a forced tool together with effort | the tool, without thinking |
/// | no output limit | the card's; without a card 4096 tokens |
/// | a [`CacheFor`](greenroute_core::chat::CacheFor) | breakpoints after the tools, the instructions and the last message |
/// | a schema | `output_config.format`; a keyword that it does not know is an error |
/// | instructions between messages | instructions ahead of them |
///
/// Thinking, sealed or not, comes back as [`Block::Opaque`](greenroute_core::chat::Block::Opaque) and goes word for
/// word to the model that made it, to no other. What a model or this API does not take, such as a seed, is left out,
/// and a note on the answer names it. A batch's answers come without the request that they answer, so that they can
/// carry no notes: what would be noted is refused there.
///
/// Clones share one pool of connections.
#[derive(Clone)]
pub struct Claude {
    client: Client,
    version: Date,
    cards: Vec<Arc<ModelCard>>,
    rules: Vec<Arc<ClaudeRules>>,
}

impl Claude {
    /// With the key in `ANTHROPIC_API_KEY`.
    ///
    /// # Errors
    /// As [`ClaudeBuilder::build`].
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// With this key.
    ///
    /// # Errors
    /// As [`ClaudeBuilder::build`].
    pub fn new(key: impl Into<String>) -> Result<Self> {
        Self::builder().key(key).build()
    }

    /// With settings of one's own.
    #[must_use]
    pub fn builder() -> ClaudeBuilder {
        ClaudeBuilder::default()
    }

    /// The request as it is sent, and what of it could not be said.
    fn ask<'a>(&self, request: &'a ChatRequest, stream: bool) -> Result<(wire::Ask<'a>, Vec<Note>)> {
        let card = card_of(&self.cards, &request.model);
        check(request, &self.name(), card)?;
        let rules = rules_of(&self.rules, request.model.model.as_str());
        ask(request, Terms { card, rules, version: self.version }, stream)
    }

    async fn send(&self, request: ChatRequest, stream: bool) -> Result<(Response, Asked)> {
        let (sent, notes) = {
            let (ask, notes) = self.ask(&request, stream)?;
            (self.client.post(MESSAGES).origin(request.model.to_string()).json(&ask), notes)
        };
        let response = sent.timeout(request.timeout).send().await?;
        Ok((response, Asked::new(request, notes)))
    }
}

#[async_trait]
impl ModelProvider for Claude {
    fn name(&self) -> ProviderName {
        ProviderName::new(NAME)
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.cards.clone()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        let (response, mut asked) = self.send(request, false).await?;
        let (request_id, timing) = (request_id(response.headers()), timing(response.headers()));
        let mut response = asked.read(response.json().await?)?;
        response.served.request_id = request_id;
        response.timing = timing;
        Ok(response)
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let (response, asked) = self.send(request, true).await?;
        let assembly = Assembly::new(self.client.clone(), asked, request_id(response.headers()));
        Ok(stream::events(response.events().await?, assembly))
    }
}

#[async_trait]
impl TokenCounter for Claude {
    async fn count(&self, request: &ChatRequest) -> Result<Tokens> {
        let (ask, _) = self.ask(request, false)?;
        let path = "v1/messages/count_tokens";
        let sent = self.client.post(path).origin(request.model.to_string()).json(&ask.prompt);
        let counted: wire::TokenCount = sent.timeout(request.timeout).send().await?.json().await?;
        Ok(Tokens::new(counted.input_tokens))
    }
}

impl fmt::Debug for Claude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claude")
            .field("client", &self.client)
            .field("version", &self.version)
            .field("models", &self.cards.iter().map(|card| &card.key.model).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Claude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME} at {}", self.client.base_url())
    }
}

fn request_id(headers: &Headers) -> Option<String> {
    headers.get("request-id").map(str::to_owned)
}

/// What the front end took, of a whole answer: a stream's headers leave before the model has begun.
fn timing(headers: &Headers) -> Option<ServerTiming> {
    let millis = headers.get("x-envoy-upstream-service-time")?.parse().ok()?;
    let mut timing = ServerTiming::by(TimingSource::FrontendElapsed);
    timing.elapsed = Some(Duration::from_millis(millis));
    Some(timing)
}

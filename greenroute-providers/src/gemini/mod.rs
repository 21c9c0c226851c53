//! Google's Gemini API: <https://ai.google.dev/api>.
//!
//! What becomes of a request's settings that the API has no word for, or has another for:
//!
//! | setting | what becomes of it |
//! |---|---|
//! | `effort` | `thinkingBudget` or `thinkingLevel`, as the model takes it: `data/gemini.toml`, [`GeminiBuilder::thinking`]; a note where that is not known |
//! | `max_output_tokens` | counts thinking too: a small one may leave no text |
//! | `seed` | its lowest 31 bits |
//! | `repetition_penalty` | left out, with a note |
//! | `cache` | nothing: Gemini caches by itself |
//! | `log_probabilities` | not asked for: current models answer the wish with an error |
//! | `schema` | `responseJsonSchema`; `Unsupported`, naming the keyword, for what Gemini would pass over |
//!
//! Gemini signs parts of its answers. A signature comes as a [`Block::Opaque`](greenroute_core::chat::Block::Opaque)
//! before the block that it belongs to, and goes back on that block's part. Where a tool call in the history has none,
//! because another model made it, models that check get the documented stand-in.

mod answer;
mod ask;
mod batch;
mod builder;
mod embed;
mod error;
mod facts;
mod history;
mod list;
mod stream;
mod usage;
mod wire;

pub use builder::GeminiBuilder;
pub use facts::{ByEffort, Thinking};

use crate::hosted::checks;
use answer::Answer;
use async_trait::async_trait;
use facts::Facts;
use futures_core::stream::BoxStream;
use greenroute_core::chat::{ChatEvent, ChatRequest, ChatResponse};
use greenroute_core::model::ProviderName;
use greenroute_core::units::Tokens;
use greenroute_core::{
    Error, ErrorKind, ModelCard, ModelKey, ModelProvider, Note, Result, ServerTiming, TimingSource,
    TokenCounter,
};
use greenroute_http::{Client, Headers};
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use wire::{GenerateRequest, GenerateResponse};

/// The first part of the keys of its models.
const NAME: &str = "gemini";

/// Google's Gemini models. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Gemini(Arc<Inner>);

struct Inner {
    client: Client,
    version: String,
    cards: Vec<Arc<ModelCard>>,
    facts: Facts,
    thoughts: bool,
}

impl Gemini {
    /// With all settings from the environment: the key is `GEMINI_API_KEY`, or `GOOGLE_API_KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the variable.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// With this key, all else from the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where it can be no key, or another setting cannot be used.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        Self::builder().key(key).build()
    }

    /// Settings to choose.
    pub fn builder() -> GeminiBuilder {
        GeminiBuilder::default()
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    fn version(&self) -> &str {
        &self.0.version
    }

    /// `v1beta/models/{m}:{method}`. Only what names a model may stand in the path.
    fn path(&self, model: &ModelKey, method: &str) -> Result<String> {
        let name = model.model.as_str();
        let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/');
        if model.provider.as_str() != NAME
            || name.is_empty()
            || name.contains("..")
            || !name.chars().all(known)
        {
            let message = format!("`{NAME}` serves no model of this name");
            return Err(Error::new(ErrorKind::ModelNotFound, model.to_string(), message));
        }
        Ok(format!("{}/{}:{method}", self.version(), resource(model)))
    }

    /// The request in Gemini's words, and what those could not say.
    fn ask(&self, request: &ChatRequest) -> Result<(GenerateRequest, Vec<Note>)> {
        let card = checks::card_of(&self.0.cards, &request.model);
        checks::check(request, &ProviderName::new(NAME), card)?;
        ask::ask(request, card, &self.0.facts.of(request.model.model.as_str()), self.0.thoughts)
    }
}

#[async_trait]
impl ModelProvider for Gemini {
    fn name(&self) -> ProviderName {
        ProviderName::new(NAME)
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.0.cards.clone()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        let (asked, notes) = self.ask(&request)?;
        let path = self.path(&request.model, "generateContent")?;
        let call = self.client().post(&path).origin(request.model.to_string()).timeout(request.timeout);
        let response = call.json(&asked).send().await?;
        let (timing, tier) = (timing(response.headers()), service_tier(response.headers()));
        let mut answer = Answer::to(request, notes);
        let whole: GenerateResponse = response.json().await?;
        if let Some(error) = whole.error {
            return Err(self.client().error_in(&json!({ "error": error }), &answer.origin()));
        }
        answer.add(whole);
        let mut answer = answer.finish()?;
        answer.timing = timing;
        answer.served.service_tier = tier.or(answer.served.service_tier);
        Ok(answer)
    }

    /// No timing comes with a stream: its headers were sent before the answer was made.
    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let (asked, notes) = self.ask(&request)?;
        let path = self.path(&request.model, "streamGenerateContent")?;
        let call = self.client().post(&path).query("alt", "sse").origin(request.model.to_string());
        let response = call.timeout(request.timeout).json(&asked).send().await?;
        Ok(stream::events(response.events().await?, Answer::to(request, notes), self.client().clone()))
    }
}

#[async_trait]
impl TokenCounter for Gemini {
    async fn count(&self, request: &ChatRequest) -> Result<Tokens> {
        let (asked, _) = self.ask(request)?;
        let path = self.path(&request.model, "countTokens")?;
        // Contents alone would leave out the instructions and the tools.
        let asked = GenerateRequest { model: Some(resource(&request.model)), ..asked };
        let call = self.client().post(&path).origin(request.model.to_string()).timeout(request.timeout);
        let body = json!({ "generateContentRequest": asked });
        let Count { total_tokens } = call.json(&body).send().await?.json().await?;
        Ok(Tokens::new(total_tokens))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    total_tokens: u64,
}

/// A model's full name: `models/gemini-2.5-flash`, `tunedModels/mine`.
fn resource(model: &ModelKey) -> String {
    let name = model.model.as_str();
    if name.contains('/') { name.to_owned() } else { format!("models/{name}") }
}

/// `server-timing: gfet4t7; dur=1105`: milliseconds in Google's front end, until the headers were sent.
fn timing(headers: &Headers) -> Option<ServerTiming> {
    let metrics = headers.get("server-timing")?.split(',');
    let mut fields =
        metrics.filter(|metric| metric.trim().starts_with("gfet4t7")).flat_map(|metric| metric.split(';'));
    let millis = fields.find_map(|field| field.trim().strip_prefix("dur=")?.parse::<f64>().ok())?;
    let elapsed = Duration::try_from_secs_f64(millis / 1000.0).ok()?;
    Some(ServerTiming { elapsed: Some(elapsed), ..front_end() })
}

const fn front_end() -> ServerTiming {
    ServerTiming::by(TimingSource::FrontendElapsed)
}

fn service_tier(headers: &Headers) -> Option<String> {
    headers.get("x-gemini-service-tier").map(str::to_owned)
}

impl fmt::Debug for Gemini {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gemini")
            .field("base_url", &self.client().base_url())
            .field("api_version", &self.version())
            .field("models", &self.0.cards.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Gemini {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME} at {}", self.client().base_url())
    }
}

//! Models behind an [Ollama](https://ollama.com) server, by its own protocol: only there does it tell how long it
//! computed.
//!
//! ```no_run
//! # async fn example() -> greenroute_core::Result<()> {
//! use greenroute_providers::ollama::Ollama;
//!
//! let provider = Ollama::from_env()?.with_installed().await?;   // OLLAMA_HOST, else this machine
//! # Ok(())
//! # }
//! ```

mod address;
mod answer;
mod builder;
mod convert;
mod embed;
mod fault;
mod list;
mod stream;
mod wire;

use crate::hosted::checks::{card_of, check, output_limit};
use answer::Answer;
use async_trait::async_trait;
pub use builder::OllamaBuilder;
use convert::Standing;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use greenroute_core::chat::{ChatEvent, ChatRequest, ChatResponse};
use greenroute_core::model::{ModelCard, ProviderName};
use greenroute_core::{Error, ErrorKind, ModelProvider, Note, NoteCode, Result};
use greenroute_http::{Client, Response};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use wire::Think;

const NAME: &str = "ollama";

/// A server that runs models with Ollama, on this machine or elsewhere, or ollama.com itself.
///
/// Left alone, Ollama cuts a prompt that does not fit and answers what is left. It is told not to: such a prompt is a
/// [`ErrorKind::ContextOverflow`]. Effort becomes a level of thinking; a model that knows no levels just thinks, one that
/// cannot think just answers, and a [note](ChatResponse::notes) says so. The server counts thinking and answer
/// together: both are visible output. Loading a model is booked as waiting, not as computing.
#[derive(Clone)]
pub struct Ollama {
    client: Client,
    cards: Vec<Arc<ModelCard>>,
    standing: Standing,
}

impl Ollama {
    /// The server that the environment names: `OLLAMA_BASE_URL`, else `OLLAMA_HOST`, else this machine, with the key in
    /// `OLLAMA_API_KEY` if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the setting.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// ollama.com with this key. A server of one's own needs none: [`Ollama::from_env`] or [`Ollama::builder`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a key that cannot be sent.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        Self::builder().base_url("https://ollama.com").key(key).build()
    }

    /// Settings.
    #[must_use]
    pub fn builder() -> OllamaBuilder {
        OllamaBuilder::default()
    }

    fn over(client: Client, cards: Vec<Arc<ModelCard>>, standing: Standing) -> Self {
        Self { client, cards, standing }
    }

    /// Whether the server is this machine.
    fn is_here(&self) -> bool {
        let place = self.client.base_url().split("://").nth(1).unwrap_or_default();
        let place = place.split('/').next().unwrap_or_default();
        let host = match place.strip_prefix('[') {
            Some(address) => address.split(']').next().unwrap_or_default(),
            None => place.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Sends the request. A model that cannot think as told refuses before it computes anything, and is asked again
    /// for less.
    async fn send(&self, request: &ChatRequest, streamed: bool) -> Result<(Response, Answer)> {
        let card = card_of(&self.cards, &request.model);
        check(request, &self.name(), card)?;
        let (mut body, mut notes) = convert::chat(request, card, self.standing, streamed);
        let (origin, begun) = (request.model.to_string(), Instant::now());
        loop {
            let left = request.timeout.map(|left| left.saturating_sub(begun.elapsed()));
            let post = self.client.post("api/chat").origin(origin.as_str()).timeout(left);
            match post.json(&body).send().await {
                Ok(response) => {
                    let limit = output_limit(request, card);
                    let client = self.client.clone();
                    return Ok((response, Answer::to(request, client, limit, body.think, notes)));
                }
                Err(error) => match less(body.think, &error) {
                    Some((think, note)) => {
                        body.think = think;
                        notes.retain(|known| *known != THINKS_AS_IT_CAN);
                        notes.push(note);
                    }
                    None => return Err(error),
                },
            }
        }
    }
}

const THINKS_AS_IT_CAN: Note =
    note("`effort`: this model knows no levels of thinking, so it thought as it does");
const CANNOT_THINK: Note = note("`effort`: this model cannot think, so it just answered");

const fn note(text: &'static str) -> Note {
    Note { code: NoteCode::Setting, text: std::borrow::Cow::Borrowed(text) }
}

/// What to ask for instead of a way of thinking that was refused.
fn less(think: Option<Think>, error: &Error) -> Option<(Option<Think>, Note)> {
    if *error.kind() != ErrorKind::Unsupported || !fault::is_about_thinking(error.message()) {
        return None;
    }
    match think? {
        Think::Level(_) if !error.message().contains("does not support thinking") => {
            Some((Some(Think::Switch(true)), THINKS_AS_IT_CAN))
        }
        Think::Level(_) | Think::Switch(_) => Some((None, CANNOT_THINK)),
    }
}

#[async_trait]
impl ModelProvider for Ollama {
    fn name(&self) -> ProviderName {
        ProviderName::new(NAME)
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.cards.clone()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        let (response, mut answer) = self.send(&request, false).await?;
        let done = answer.take(&response.text().await?)?.pop();
        match done {
            Some(ChatEvent::Done(response)) => Ok(*response),
            _ => {
                let message = "the answer does not say that it is done";
                Err(Error::new(ErrorKind::Decode, request.model.to_string(), message))
            }
        }
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let (response, answer) = self.send(&request, true).await?;
        // Lines that are not JSON, such as a proxy's page, may have no end and would look like an answer cut short.
        if let Some(media) = response.headers().get("content-type").filter(|media| !media.contains("json")) {
            let message = format!("expected lines of JSON, got {media}");
            return Err(Error::new(ErrorKind::Decode, request.model.to_string(), message));
        }
        Ok(stream::events(response.lines(), answer).boxed())
    }
}

impl fmt::Debug for Ollama {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<_> = self.cards.iter().map(|card| card.key.to_string()).collect();
        f.debug_struct("Ollama")
            .field("client", &self.client)
            .field("models", &models)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Ollama {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME} ({})", self.client.base_url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_this_machine_is_here() {
        let here = |address: &str| Ollama::builder().base_url(address).build().unwrap().is_here();
        for address in
            ["localhost", "127.0.0.1:80", "http://[::1]", "[::1]:11434", "0.0.0.0", "http://localhost/x"]
        {
            assert!(here(address), "{address}");
        }
        for address in
            ["gpu.lan", "10.0.0.7:11434", "https://ollama.com", "localhost.example.org", "[fe80::1]"]
        {
            assert!(!here(address), "{address}");
        }
    }
}

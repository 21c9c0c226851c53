use super::OpenAi;
use super::answer::{Call, Fault, Heard};
use super::request;
use super::stream;
use crate::hosted::checks;
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use greenroute_core::chat::{ChatEvent, ChatRequest, ChatResponse};
use greenroute_core::model::{ModelCard, ProviderName};
use greenroute_core::{Error, ErrorKind, ModelProvider, Result};
use greenroute_http::{Headers, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const EVENTS: &str = "text/event-stream";

#[async_trait]
impl ModelProvider for OpenAi {
    fn name(&self) -> ProviderName {
        self.0.name.clone()
    }

    fn models(&self) -> Vec<Arc<ModelCard>> {
        self.0.cards.clone()
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse> {
        let (response, mut call) = self.send(request, false).await?;
        call.elapsed = self.elapsed(response.headers());
        let body: Value = response.json().await?;
        self.whole(body, call)
    }

    /// A server that answers as a whole all the same is heard as one piece.
    async fn chat_stream(&self, request: ChatRequest) -> Result<BoxStream<'static, Result<ChatEvent>>> {
        let (response, call) = self.send(request, true).await?;
        let media = response.headers().get("content-type").unwrap_or(EVENTS);
        if media.trim_start().to_ascii_lowercase().starts_with(EVENTS) {
            return Ok(stream::events(response.sse(), call).boxed());
        }
        let body: Value = response.json().await?;
        let answer = self.whole(body, call)?;
        let text = Some(answer.text()).filter(|text| !text.is_empty()).map(ChatEvent::Text);
        let events = text.into_iter().chain([ChatEvent::Done(Box::new(answer))]);
        Ok(futures_util::stream::iter(events.map(Ok)).boxed())
    }
}

impl OpenAi {
    /// The request in the vendor's form, and what the form has no words for.
    pub(super) fn written(&self, request: &ChatRequest) -> Result<request::Written> {
        let card = checks::card_of(&self.0.cards, &request.model);
        checks::check(request, &self.0.name, card)?;
        request::write(request, &self.0.dialect, &self.0.efforts, card)
    }

    async fn send(&self, request: ChatRequest, streamed: bool) -> Result<(Response, Call)> {
        let request::Written { mut body, notes } = self.written(&request)?;
        if streamed {
            body.insert("stream".to_owned(), true.into());
            if self.0.dialect.stream_usage {
                body.insert("stream_options".to_owned(), json!({"include_usage": true}));
            }
        }
        let sent = self.0.client.post("chat/completions").origin(request.model.to_string());
        let response = sent.timeout(request.timeout).json(&body).send().await?;
        let request_id = response.headers().get("x-request-id").map(str::to_owned);
        Ok((response, Call { provider: self.clone(), request, notes, request_id, elapsed: None }))
    }

    /// The answer that came as one body.
    pub(super) fn whole(&self, body: Value, call: Call) -> Result<ChatResponse> {
        let origin = call.request.model.to_string();
        let mut heard = Heard::default();
        match heard.hear(body, &self.0.dialect) {
            Ok(_) if heard.is_answer() => heard.answer(call),
            Ok(_) => Err(Error::new(ErrorKind::Decode, origin, "the answer has no `choices`")),
            Err(Fault::Reported(body)) => Err(self.0.client.error_in(&body, &origin)),
            Err(Fault::Unreadable(what)) => {
                Err(Error::new(ErrorKind::Decode, origin, format!("the answer cannot be read: {what}")))
            }
        }
    }

    /// What the header of the front end's time says.
    pub(super) fn elapsed(&self, headers: &Headers) -> Option<Duration> {
        let milliseconds: f64 = headers.get(self.0.dialect.elapsed_header?)?.parse().ok()?;
        Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
    }
}

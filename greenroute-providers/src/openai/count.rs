use super::dialect::Counting;
use super::{OpenAi, request};
use crate::hosted::checks;
use async_trait::async_trait;
use greenroute_core::chat::{Block, ChatRequest};
use greenroute_core::units::Tokens;
use greenroute_core::{Error, ErrorKind, Result, TokenCounter};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

#[async_trait]
impl TokenCounter for OpenAi {
    /// The servers count text alone: where there are images, nothing is counted.
    async fn count(&self, request: &ChatRequest) -> Result<Tokens> {
        let card = checks::card_of(&self.0.cards, &request.model);
        checks::check(request, &self.0.name, card)?;
        let (Some(counting), Some(_)) = (self.0.dialect.counting, &self.0.root) else {
            return Err(self.unsupported("counts no tokens before they are sent"));
        };
        let mut blocks = request.messages.iter().flat_map(|message| &message.blocks);
        if blocks.any(|block| matches!(block, Block::Image { .. })) {
            return Err(self.unsupported("counts no images"));
        }
        let mut conversation = Map::new();
        conversation.insert("messages".to_owned(), request::messages(request, &self.0.dialect)?.into());
        if !request.tools.is_empty() {
            conversation.insert("tools".to_owned(), request.tools.iter().map(request::tool).collect());
        }
        // Two requests at llama-server, one deadline.
        let begun = Instant::now();
        let left = || request.timeout.map(|left| left.saturating_sub(begun.elapsed()));
        let (answer, field) = match counting {
            Counting::Template => {
                let written =
                    self.ask(request, "apply-template", &Value::Object(conversation), left()).await?;
                let Some(prompt) = written.get("prompt").and_then(Value::as_str) else {
                    return Err(unreadable(request, "no `prompt` came from /apply-template"));
                };
                let text = json!({"content": prompt, "add_special": true, "parse_special": true});
                (self.ask(request, "tokenize", &text, left()).await?, "tokens")
            }
            Counting::Conversation => {
                conversation.insert("model".to_owned(), request.model.model.as_str().into());
                conversation.insert("add_generation_prompt".to_owned(), true.into());
                (self.ask(request, "tokenize", &Value::Object(conversation), left()).await?, "count")
            }
        };
        let count = match answer.get(field) {
            Some(Value::Array(tokens)) => u64::try_from(tokens.len()).ok(),
            Some(count) => count.as_u64(),
            None => None,
        };
        count.map(Tokens::new).ok_or_else(|| unreadable(request, "no count came from /tokenize"))
    }
}

impl OpenAi {
    async fn ask(
        &self,
        request: &ChatRequest,
        path: &str,
        body: &Value,
        left: Option<Duration>,
    ) -> Result<Value> {
        let root = self.0.root.as_ref().unwrap_or(&self.0.client);
        let sent = root.post(path).origin(request.model.to_string()).timeout(left);
        sent.json(body).send().await?.json().await
    }
}

fn unreadable(request: &ChatRequest, what: &str) -> Error {
    Error::new(ErrorKind::Decode, request.model.to_string(), what)
}

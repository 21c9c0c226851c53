use super::NAME;
use super::usage::buckets;
use super::wire::Answer;
use crate::hosted::estimate;
use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason, Served};
use greenroute_core::model::ModelKey;
use greenroute_core::units::Tokens;
use greenroute_core::{Counted, Error, ErrorKind, Note, NoteCode, Result, Usage};
use serde_json::{Value, json};

/// What a provider remembers of a request until its answer is there.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: ModelKey,
    pub(super) notes: Vec<Note>,
    /// What was asked, should nobody count it.
    request: Option<ChatRequest>,
}

impl Asked {
    pub(super) fn new(request: ChatRequest, notes: Vec<Note>) -> Self {
        Self { key: request.model.clone(), notes, request: Some(request) }
    }

    /// A request that is long gone: only the model that answered is known.
    pub(super) fn forgotten(answered_by: &str) -> Self {
        Self { key: ModelKey::new(NAME, answered_by), notes: Vec::new(), request: None }
    }

    pub(super) fn fault(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, self.key.to_string(), message)
    }

    /// An answer in greenroute's words.
    ///
    /// # Errors
    /// [`ErrorKind::ContentFiltered`] for a refusal without a word, [`ErrorKind::Decode`] for a broken block.
    pub(super) fn read(&mut self, answer: Answer) -> Result<ChatResponse> {
        let mut blocks: Vec<Block> = Vec::new();
        for block in answer.content.unwrap_or_default() {
            blocks.extend(self.block(block)?);
        }
        let finish = finish_reason(answer.stop_reason.as_deref());
        // Had it been whole, it would have been the reason to stop.
        if finish == FinishReason::Length && matches!(blocks.last(), Some(Block::ToolCall { .. })) {
            blocks.pop();
            let text = "a call of a tool was cut off at the output limit and is left out";
            self.notes.push(Note::new(NoteCode::Setting, text));
        }
        let speaks = blocks.iter().any(|block| !matches!(block, Block::Opaque { .. }));
        if finish == FinishReason::Refused && !speaks {
            return Err(self.fault(ErrorKind::ContentFiltered, refusal(&answer.stop_details)));
        }
        let counted = match buckets(&answer.usage) {
            Some(usage) => Counted::Reported(usage),
            None => Counted::Approximate(self.guess(&blocks)),
        };
        let returned = answer.model.map_or_else(|| self.key.clone(), |model| ModelKey::new(NAME, model));
        let mut response = ChatResponse::new(returned, blocks, finish, counted);
        let told = |name: &str| answer.usage.get(name).and_then(Value::as_str).map(str::to_owned);
        response.served = Served {
            response_id: answer.id,
            request_id: None,
            service_tier: told("service_tier"),
            // Older models run wherever there is room, and say that they cannot tell.
            region: told("inference_geo").filter(|region| region != "not_available"),
        };
        response.notes = std::mem::take(&mut self.notes);
        Ok(response)
    }

    /// A count without the model's tokenizer.
    fn guess(&self, answered: &[Block]) -> Usage {
        let written = answered.iter().map(|block| match block {
            Block::Text { text } => estimate::output([text.as_str()]),
            Block::ToolCall { name, arguments, .. } => {
                estimate::output([name.as_str(), &arguments.to_string()])
            }
            _ => Tokens::ZERO,
        });
        Usage::new(self.request.as_ref().map_or(Tokens::ZERO, estimate::input), written.sum())
    }

    fn block(&self, block: Value) -> Result<Option<Block>> {
        let text = |name: &str| block.get(name).and_then(Value::as_str);
        match text("type") {
            Some("text") => Ok(text("text").filter(|text| !text.is_empty()).map(Block::text)),
            Some("tool_use") => {
                let (Some(id), Some(name)) = (text("id"), text("name")) else {
                    return Err(self.fault(ErrorKind::Decode, "a call of a tool has no id or no name"));
                };
                let arguments = block.get("input").filter(|input| !input.is_null());
                let arguments = arguments.cloned().unwrap_or_else(|| json!({}));
                Ok(Some(Block::ToolCall { id: id.to_owned(), name: name.to_owned(), arguments }))
            }
            // Thinking, sealed or not, and whatever the vendor adds: only this model can read it again.
            Some(_) => Ok(Some(Block::Opaque { made_by: self.key.clone(), content: block })),
            None => Err(self.fault(ErrorKind::Decode, "a block of the answer has no type")),
        }
    }
}

/// Why a model stopped, in greenroute's words.
pub(super) fn finish_reason(reason: Option<&str>) -> FinishReason {
    match reason {
        Some("end_turn" | "stop_sequence") => FinishReason::Stop,
        Some("max_tokens") => FinishReason::Length,
        Some("model_context_window_exceeded") => FinishReason::ContextOverflow,
        Some("tool_use") => FinishReason::ToolCalls,
        Some("refusal") => FinishReason::Refused,
        Some("pause_turn") => FinishReason::Paused,
        Some(other) => FinishReason::Other(other.to_owned()),
        None => FinishReason::Other("unstated".to_owned()),
    }
}

fn refusal(details: &Value) -> String {
    let told = |name: &str| details.get(name).and_then(Value::as_str);
    let mut message = "the model refused to answer".to_owned();
    if let Some(category) = told("category") {
        message.push_str(&format!(" ({category})"));
    }
    if let Some(explanation) = told("explanation") {
        message.push_str(&format!(": {explanation}"));
    }
    message
}

//! Conversations as providers see them: messages, blocks, tools, and one answer whole or piece by piece.

use crate::model::ModelKey;
use crate::reading::Reading;
use crate::usage::{Counted, ServerTiming};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

pub use crate::spent::{ComputeTime, Spent};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The standing instructions.
    System,
    /// The person, or the program on their behalf; results of tools come from here too.
    User,
    /// The model.
    Assistant,
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Block {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// An image.
    Image {
        /// Such as `image/png`.
        media_type: String,
        /// The bytes, in standard base64.
        base64: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Joins the call with its result; made up where the vendor gives none.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments, by the tool's schema.
        arguments: Value,
    },
    /// What the tool gave.
    ToolResult {
        /// The call that this answers.
        id: String,
        /// What the model gets to read.
        content: String,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// What only the model that made it can read, such as signed thinking. Replayed to the same provider and
    /// model, dropped for every other, never turned into text.
    Opaque {
        /// Who made it.
        made_by: ModelKey,
        /// The vendor's own form.
        content: Value,
    },
}

impl Block {
    /// A text block.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// The word for this kind of block in messages to people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Image { .. } => "image",
            Self::ToolCall { .. } => "tool call",
            Self::ToolResult { .. } => "tool result",
            Self::Opaque { .. } => "opaque block",
        }
    }
}

/// One turn of one speaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What, in order.
    pub blocks: Vec<Block>,
}

impl Message {
    /// A message of plain text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, blocks: vec![Block::text(text)] }
    }

    /// All text in it, blocks joined by a blank line.
    #[must_use]
    pub fn plain_text(&self) -> String {
        plain_text(&self.blocks)
    }
}

/// All text in `blocks`, joined by a blank line.
#[must_use]
pub(crate) fn plain_text(blocks: &[Block]) -> String {
    let texts = blocks.iter().filter_map(|block| match block {
        Block::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

/// A tool that the model may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The name that comes back in [`Block::ToolCall`].
    pub name: String,
    /// When and how to use it, for the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// How the next token is chosen. Unset fields leave it to the model's own default.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0 is greedy; the usual range ends at 2.
    pub temperature: Option<f64>,
    /// Nucleus: only the most likely tokens whose probabilities sum to this.
    pub top_p: Option<f64>,
    /// Only the `k` most likely tokens.
    pub top_k: Option<u32>,
    /// Above 1, how much less likely a token becomes that was there before; 1 is off, the usual range ends at 2.
    /// Keskar et al.: "CTRL", 2019 (arXiv 1909.05858), section 4.1.
    pub repetition_penalty: Option<f64>,
    /// The same seed, prompt and model give the same answer, where the provider can.
    pub seed: Option<u64>,
}

impl Sampling {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`], naming the field and what is allowed.
    pub fn validate(&self) -> Result<()> {
        let number = |field: &str, value: Option<f64>, allowed: &str, ok: fn(f64) -> bool| match value {
            Some(bad) if !ok(bad) => {
                let message = format!("`{field}` must be {allowed}, not {bad}");
                Err(Error::new(ErrorKind::InvalidRequest, "sampling", message))
            }
            _ => Ok(()),
        };
        number("temperature", self.temperature, "between 0 and 2", |value| (0.0..=2.0).contains(&value))?;
        number("top_p", self.top_p, "above 0 and at most 1", |value| value > 0.0 && value <= 1.0)?;
        number("top_k", self.top_k.map(f64::from), "at least 1", |value| value >= 1.0)?;
        let penalty = self.repetition_penalty;
        number("repetition_penalty", penalty, "between 1 and 2", |value| (1.0..=2.0).contains(&value))
    }
}

/// One request to one model: what the Router hands to a [`ModelProvider`](crate::ModelProvider).
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// The model, always one of the provider's own.
    pub model: ModelKey,
    /// The conversation so far, ending with what is to be answered.
    pub messages: Vec<Message>,
    /// Tools that the model may ask for.
    pub tools: Vec<Tool>,
    /// JSON Schema that the answer must match.
    pub schema: Option<Value>,
    /// The longest answer wanted, in tokens; `None` is the model's own limit.
    pub max_output_tokens: Option<u64>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts at which to stop; they are not part of the answer.
    pub stop: Vec<String>,
    /// Whether the answer's [log-probabilities](ChatResponse::log_probabilities) are wanted, where the provider can.
    pub log_probabilities: bool,
    /// Time left for this request.
    pub timeout: Option<Duration>,
    /// Where a meter leaves the reading of a stream that is dropped before its end.
    pub spent: Spent,
    /// Where a provider tells a meter for how long it has computed.
    pub compute_time: ComputeTime,
}

impl ChatRequest {
    /// A request with nothing but its messages.
    #[must_use]
    pub fn new(model: ModelKey, messages: Vec<Message>) -> Self {
        Self {
            model,
            messages,
            tools: Vec::new(),
            schema: None,
            max_output_tokens: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            log_probabilities: false,
            timeout: None,
            spent: Spent::default(),
            compute_time: ComputeTime::default(),
        }
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// It was done, or came upon a stop text.
    Stop,
    /// The output limit was reached.
    Length,
    /// The window was full.
    ContextOverflow,
    /// It waits for the results of tools.
    ToolCalls,
    /// It, or its provider, refused; some text may have come.
    Refused,
    /// It produced something unusable.
    Faulty,
    /// It paused and can be asked to go on.
    Paused,
    /// Something that only the vendor knows.
    Other(String),
}

/// A whole answer of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatResponse {
    /// The model that answered, as the provider names it: it may differ from the one asked for.
    pub returned: ModelKey,
    /// What it said.
    pub blocks: Vec<Block>,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// What was counted, and by whom.
    pub usage: Counted,
    /// Where the time went, where the provider says.
    pub timing: Option<ServerTiming>,
    /// Energy that the provider reported or a counter bracketed.
    pub reading: Option<Reading>,
    /// The natural logarithm of the probability that the model gave each token of its answer when it chose it, before
    /// any temperature, cut or penalty; without the token that ends the answer, with those of a stop text. `None`
    /// where they were not asked for or the provider does not tell.
    pub log_probabilities: Option<Vec<f64>>,
}

impl ChatResponse {
    /// All text in it.
    #[must_use]
    pub fn text(&self) -> String {
        plain_text(&self.blocks)
    }
}

/// One step of a streamed answer. A stream ends in exactly one `Done`, or in an error.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ChatEvent {
    /// More text; the pieces joined are the answer's text.
    Text(String),
    /// More of the model's thinking, to show or not.
    Thinking(String),
    /// The whole answer, the text and all blocks included.
    Done(Box<ChatResponse>),
}

use super::message::{Block, texts};
use crate::model::ModelKey;
use crate::note::Note;
use crate::reading::Reading;
use crate::usage::{Counted, ServerTiming};
use serde::{Deserialize, Serialize};

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

/// Under which names, and where, a provider served a call: what its support asks for. All as the provider writes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Served {
    /// The answer's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The class of service, such as `on_demand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// The region that it ran in, where the provider names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl Served {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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
    /// Energy that a counter bracketed.
    pub reading: Option<Reading>,
    /// Energy that the provider states, by its own measure.
    pub stated: Option<Reading>,
    /// Under which names and where the provider served it.
    pub served: Served,
    /// What the provider could not do as asked, such as a setting that this model does not have.
    pub notes: Vec<Note>,
    /// The natural logarithm of the probability that the model gave each token of its answer when it chose it, before
    /// any temperature, cut or penalty; without the token that ends the answer, with those of a stop text. `None`
    /// where they were not asked for or the provider does not tell.
    pub log_probabilities: Option<Vec<f64>>,
}

impl ChatResponse {
    /// An answer with what every answer has.
    #[must_use]
    pub fn new(returned: ModelKey, blocks: Vec<Block>, finish_reason: FinishReason, usage: Counted) -> Self {
        Self {
            returned,
            blocks,
            finish_reason,
            usage,
            timing: None,
            reading: None,
            stated: None,
            served: Served::default(),
            notes: Vec::new(),
            log_probabilities: None,
        }
    }

    /// All text in it, its pieces joined by nothing.
    #[must_use]
    pub fn text(&self) -> String {
        texts(&self.blocks).collect()
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

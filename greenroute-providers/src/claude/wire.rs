//! The Messages API as it is on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// What a message and a count of its tokens have in common.
#[derive(Debug, Serialize)]
pub(super) struct Prompt<'a> {
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) system: Vec<Marked<Block<'a>>>,
    pub(super) messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Marked<Tool<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    pub(super) output_config: OutputConfig,
}

#[derive(Debug, Serialize)]
pub(super) struct Ask<'a> {
    #[serde(flatten)]
    pub(super) prompt: Prompt<'a>,
    pub(super) max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_k: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) stream: bool,
}

/// Something up to which the prompt may be cached.
#[derive(Debug, Serialize)]
pub(super) struct Marked<T> {
    #[serde(flatten)]
    pub(super) it: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
}

impl<T> From<T> for Marked<T> {
    fn from(it: T) -> Self {
        Self { it, cache_control: None }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct CacheControl {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) ttl: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    pub(super) role: &'static str,
    pub(super) content: Vec<Part<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Block(Marked<Block<'a>>),
    /// What the model itself made, word for word: its signature covers it.
    Own(&'a Value),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Image<'a>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, Value>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Image<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) media_type: &'a str,
    pub(super) data: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Tool<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'a str,
    pub(super) input_schema: Cow<'a, Value>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToolChoice<'a> {
    Any,
    None,
    Tool { name: &'a str },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Enabled { budget_tokens: u64 },
    Adaptive,
    BetweenTools,
    Disabled,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Format>,
}

impl OutputConfig {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Format {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) schema: Value,
}

/// An answer, whole or as a stream begins it. What is not read here is kept where it must be replayed: blocks and
/// usage stay as they came.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Answer {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) content: Option<Vec<Value>>,
    pub(super) stop_reason: Option<String>,
    #[serde(default)]
    pub(super) stop_details: Value,
    #[serde(default)]
    pub(super) usage: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct TokenCount {
    pub(super) input_tokens: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModelPage {
    pub(super) data: Vec<Model>,
    #[serde(default)]
    pub(super) has_more: bool,
    pub(super) last_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub(super) id: String,
    pub(super) display_name: Option<String>,
    pub(super) max_input_tokens: Option<u64>,
    pub(super) max_tokens: Option<u64>,
    pub(super) retires_at: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct BatchAsk<'a> {
    pub(super) requests: Vec<BatchEntry<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct BatchEntry<'a> {
    pub(super) custom_id: &'a str,
    pub(super) params: Ask<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) processing_status: String,
    pub(super) request_counts: Counts,
    pub(super) expires_at: Option<String>,
    pub(super) cancel_initiated_at: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Counts {
    pub(super) processing: u64,
    pub(super) succeeded: u64,
    pub(super) errored: u64,
    pub(super) canceled: u64,
    pub(super) expired: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct BatchLine {
    pub(super) custom_id: String,
    pub(super) result: BatchEnd,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BatchEnd {
    Succeeded {
        message: Answer,
    },
    Errored {
        error: Value,
    },
    Canceled,
    Expired,
    #[serde(other)]
    Unknown,
}

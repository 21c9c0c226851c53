//! Ollama's own words: `/api/chat`, `/api/embed`, `/api/tags` and `/api/show`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// A request of `/api/chat`.
#[derive(Debug, Serialize)]
pub(super) struct Chat<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<Turn<'a>>,
    pub(super) stream: bool,
    /// False: a history that does not fit is an error. Left out, its oldest messages are dropped without a word.
    pub(super) truncate: bool,
    /// False: a prompt that does not fit is an error. Left out, its middle is dropped without a word.
    pub(super) shift: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
    /// JSON Schema of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) think: Option<Think>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keep_alive: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) logprobs: bool,
    pub(super) options: Options<'a>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Turn<'a> {
    pub(super) role: &'static str,
    pub(super) content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<&'a str>,
    /// Base64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<Called<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Called<'a> {
    pub(super) id: &'a str,
    pub(super) function: CalledFunction<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct CalledFunction<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a Value,
}

#[derive(Debug, Serialize)]
pub(super) struct Tool<'a> {
    pub(super) r#type: &'static str,
    pub(super) function: Function<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters: &'a Value,
}

/// How hard to think: some models know levels, most only yes and no, and many do not think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Think {
    Switch(bool),
    Level(&'static str),
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repeat_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) num_predict: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) num_ctx: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) stop: &'a [String],
}

/// A line of a streamed answer, or a whole one. What stands beside the answer in another form than expected counts as
/// not there: a model has answered, and no number may take that away.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    #[serde(deserialize_with = "lenient")]
    pub(super) model: Option<String>,
    pub(super) message: Option<Said>,
    #[serde(deserialize_with = "lenient")]
    pub(super) done: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    pub(super) done_reason: Option<String>,
    pub(super) error: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub(super) logprobs: Option<Vec<LogProbability>>,
    #[serde(flatten)]
    pub(super) metrics: Metrics,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) content: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolCall {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) id: Option<String>,
    pub(super) function: CallFunction,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallFunction {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogProbability {
    pub(super) logprob: f64,
}

/// Counts in tokens, durations in nanoseconds. Zeros are left out by the server.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Metrics {
    #[serde(deserialize_with = "lenient")]
    pub(super) total_duration: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) load_duration: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) prompt_eval_count: Option<u64>,
    /// Of these, read from the cache.
    #[serde(deserialize_with = "lenient")]
    pub(super) prompt_eval_cached_count: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) prompt_eval_duration: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) eval_count: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) eval_duration: Option<u64>,
}

/// A request of `/api/embed`.
#[derive(Debug, Serialize)]
pub(super) struct Embed<'a> {
    pub(super) model: &'a str,
    pub(super) input: &'a [String],
    pub(super) truncate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keep_alive: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vectors {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) model: Option<String>,
    pub(super) embeddings: Vec<Vec<f32>>,
    #[serde(flatten)]
    pub(super) metrics: Metrics,
}

/// The answer of `/api/tags`.
#[derive(Debug, Deserialize)]
pub(super) struct Tags {
    pub(super) models: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    /// Bytes on disk.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) size: Option<f64>,
    /// Where it runs, if not here.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) remote_host: Option<String>,
}

/// A request of `/api/show`.
#[derive(Debug, Serialize)]
pub(super) struct Show<'a> {
    pub(super) model: &'a str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    #[serde(deserialize_with = "lenient")]
    pub(super) capabilities: Option<Vec<String>>,
    /// What the file says of itself; most names begin with the architecture.
    #[serde(deserialize_with = "lenient")]
    pub(super) model_info: Option<serde_json::Map<String, Value>>,
    /// Settings that go with the model, a name and a value a line.
    #[serde(deserialize_with = "lenient")]
    pub(super) parameters: Option<String>,
}

/// What can be read, else nothing.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

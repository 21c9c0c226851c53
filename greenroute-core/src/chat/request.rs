use super::message::{Message, Tool, ToolChoice};
use super::{ComputeTime, Spent};
use crate::model::ModelKey;
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

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

/// How hard a model shall think before it answers. Vendors count in levels or in tokens; each provider's docs say
/// what becomes of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Not at all, or as little as the model can.
    Off,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// As hard as it can.
    High,
}

/// For how long a provider shall keep what it has read of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheFor {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    OneHour,
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
    /// Whether one of them must be asked for.
    pub tool_choice: ToolChoice,
    /// JSON Schema that the answer must match.
    pub schema: Option<Value>,
    /// The longest answer wanted, in tokens; `None` is the model's own limit.
    pub max_output_tokens: Option<u64>,
    /// How hard to think first; `None` is the model's own default. Where the model cannot be told, a
    /// [note](super::ChatResponse::notes) says so.
    pub effort: Option<Effort>,
    /// For how long the provider shall keep what it has read, up to the last message. A hint: providers that cache by
    /// themselves, or not at all, pass it over.
    pub cache: Option<CacheFor>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts at which to stop; they are not part of the answer.
    pub stop: Vec<String>,
    /// Whether the answer's [log-probabilities](super::ChatResponse::log_probabilities) are wanted, where the provider can.
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
            tool_choice: ToolChoice::default(),
            schema: None,
            max_output_tokens: None,
            effort: None,
            cache: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            log_probabilities: false,
            timeout: None,
            spent: Spent::default(),
            compute_time: ComputeTime::default(),
        }
    }
}

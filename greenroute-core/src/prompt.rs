use crate::chat::{Block, CacheFor, Effort, Message, Role, Sampling, Tool, ToolChoice};
use crate::conversation::ConversationId;
use crate::error::{Error, ErrorKind, Result};
use crate::grid::{GridChoice, Zone};
use crate::objective::Objective;
use crate::units::CarbonIntensity;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest text that is looked at, in bytes: far above every model's window, far below what hurts.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// What the user wants answered, before any model is chosen.
///
/// ```
/// use greenroute_core::Prompt;
/// let prompt = Prompt::from("Why is the sky blue?").system("Answer in one sentence.").max_output_tokens(60);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    /// The question.
    pub text: String,
    /// Images and results of tools that go with it.
    pub blocks: Vec<Block>,
    /// Standing instructions.
    pub system: Option<String>,
    /// Tools that the model may ask for.
    pub tools: Vec<Tool>,
    /// Whether the model must ask for one of them.
    pub tool_choice: ToolChoice,
    /// JSON Schema that the answer must match.
    pub schema: Option<Value>,
    /// The conversation that this continues; it must exist in the Router's store.
    pub conversation: Option<ConversationId>,
    /// What was said before, where no store keeps it; not together with `conversation`.
    pub history: Vec<Message>,
    /// Free words for the ledger, such as `user` or `task`.
    pub tags: BTreeMap<String, String>,
    /// What to weigh, where that differs from the Router's objective.
    pub objective: Option<Objective>,
    /// The zone or the carbon intensity that counts for this call, whatever any source says.
    pub grid: Option<GridChoice>,
    /// The longest answer wanted, in tokens.
    pub max_output_tokens: Option<u64>,
    /// How hard the model shall think first; `None` for its own default.
    pub effort: Option<Effort>,
    /// For how long the provider shall keep what it has read, for the next turn or prompt.
    pub cache: Option<CacheFor>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts at which the answer stops.
    pub stop: Vec<String>,
    /// Whether the answer's log-probabilities are wanted, where the model's provider can tell them.
    pub log_probabilities: bool,
    /// Whether a stream that breaks after its first piece begins anew, at the next model or at the same: the answer
    /// then comes from its beginning, after an [`AnswerEvent::Restarted`](crate::AnswerEvent::Restarted).
    pub restart: bool,
    /// The time for everything, retries and fall-backs included; `None` for the Router's own.
    pub deadline: Option<Duration>,
}

impl Prompt {
    /// From bytes of a file or socket.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] where they are no UTF-8, naming the first bad byte.
    pub fn from_utf8(bytes: Vec<u8>) -> Result<Self> {
        String::from_utf8(bytes).map(Self::from).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let message = format!("`text` must be UTF-8; byte {at} is not");
            Error::new(ErrorKind::InvalidRequest, "prompt", message).with_source(error)
        })
    }

    /// With standing instructions.
    #[must_use]
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.system = Some(text.into());
        self
    }

    /// With a limit on the answer.
    #[must_use]
    pub fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// In a conversation.
    #[must_use]
    pub fn conversation(mut self, id: impl Into<ConversationId>) -> Self {
        self.conversation = Some(id.into());
        self
    }

    /// With its own objective.
    #[must_use]
    pub fn objective(mut self, objective: Objective) -> Self {
        self.objective = Some(objective);
        self
    }

    /// Counting every model as running in `zone`.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.grid.get_or_insert_default().zone = Some(zone);
        self
    }

    /// Counting all electricity at this intensity, whatever any source says.
    #[must_use]
    pub fn carbon_intensity(mut self, intensity: CarbonIntensity) -> Self {
        self.grid.get_or_insert_default().intensity = Some(intensity);
        self
    }

    /// With its own deadline.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// With a tag for the ledger.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Checks what can be checked before a model is chosen.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`], naming the field and what is allowed.
    pub fn validate(&self) -> Result<()> {
        let fault = |message: String| Err(Error::new(ErrorKind::InvalidRequest, "prompt", message));
        if self.text.trim().is_empty() && self.blocks.is_empty() {
            return fault("`text` must not be empty".into());
        }
        if self.conversation.is_some() && !self.history.is_empty() {
            return fault("`history` must be empty in a `conversation`: its store has it".into());
        }
        let bytes = self.text.len();
        if bytes > MAX_TEXT_BYTES {
            return fault(format!("`text` must be at most {MAX_TEXT_BYTES} bytes, not {bytes}"));
        }
        if self.max_output_tokens == Some(0) {
            return fault("`max_output_tokens` must be at least 1".into());
        }
        if self.stop.iter().any(String::is_empty) {
            return fault("`stop` must not hold an empty text".into());
        }
        if let ToolChoice::One(name) = &self.tool_choice
            && self.tools.iter().all(|tool| tool.name != *name)
        {
            return fault(format!("`tool_choice` must name one of `tools`, not `{name}`"));
        }
        if self.tool_choice == ToolChoice::Any && self.tools.is_empty() {
            return fault("`tool_choice` must be Auto or Never where there are no `tools`".into());
        }
        if self.grid.as_ref().is_some_and(GridChoice::is_empty) {
            return fault("`grid` must have a `zone` or an intensity".into());
        }
        if self.deadline.is_some_and(|deadline| deadline.is_zero()) {
            return fault("`deadline` must be longer than zero".into());
        }
        self.sampling.validate()
    }

    /// The prompt as the last message of its conversation.
    #[must_use]
    pub fn message(&self) -> Message {
        let mut blocks = self.blocks.clone();
        if !self.text.is_empty() {
            blocks.push(Block::text(self.text.clone()));
        }
        Message { role: Role::User, blocks }
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_prompts_name_the_field() {
        let mut prompts = vec![(Prompt::from("  \n"), "`text` must not be empty")];
        prompts.push((Prompt::from("x").max_output_tokens(0), "`max_output_tokens` must be at least 1"));
        let nowhere = Prompt { grid: Some(GridChoice::default()), ..Prompt::from("x") };
        prompts.push((nowhere, "`grid` must have a `zone` or an intensity"));
        prompts.push((Prompt::from("x").deadline(Duration::ZERO), "`deadline` must be longer than zero"));
        let mut hot = Prompt::from("x");
        hot.sampling.temperature = Some(f64::NAN);
        prompts.push((hot, "`temperature` must be between 0 and 2, not NaN"));
        for (prompt, message) in prompts {
            let error = prompt.validate().unwrap_err();
            assert_eq!((error.kind(), error.message()), (&ErrorKind::InvalidRequest, message));
        }
        let error = Prompt::from_utf8(b"caf\xe9".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "prompt: `text` must be UTF-8; byte 3 is not");
        assert!(Prompt::from("x".repeat(1 << 20)).validate().is_ok());
    }
}

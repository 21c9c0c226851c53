//! OpenAI, and every server that speaks its chat-completions protocol.
//!
//! One provider, [`OpenAi`], reads a [`Dialect`]: the settings in which a vendor differs. The shipped ones are in
//! [`dialects`](crate::dialects); any other is a constant of your own.
//!
//! What is promised of every dialect:
//!
//! * An answer is complete when its `finish_reason` has come, whether or not `[DONE]` follows: some servers never send
//!   it, and some gateways send it after an answer that broke off. A stream without a `finish_reason` is
//!   `StreamTruncated`; what breaks after one costs only the usage, which is then counted approximately.
//! * Usage that comes more than once (three times in a stream of Groq's) is overwritten, never added.
//! * Time in a queue is told apart and is never part of the time of computing.
//! * A limit that fills up again by itself is `RateLimited` with the vendor's own wait, however long; so are Groq's
//!   limits per day, which fill up steadily. `QuotaExhausted` is what only paying or a new month mends.
//! * `Effort` becomes `reasoning_effort`, in the words of the dialect or of the model (`data/efforts.toml`); `Off` becomes
//!   the vendor's switch where there is one. What a model refuses of its settings, such as a temperature, is
//!   `Unsupported`, so that another model may be asked.
//! * The flag of a failed tool is written before its result, as the protocol has no field for it.

mod answer;
mod batch;
mod builder;
mod count;
mod dialect;
mod effort;
mod embed;
mod fault;
mod list;
mod provider;
mod replay;
mod request;
mod stream;
mod tally;
#[cfg(test)]
mod tests;
mod wire;

pub use builder::OpenAiBuilder;
pub use dialect::{Counting, Dialect, Embeddings, NoThinking, Prices, SchemaForm, Times, Unit};

use greenroute_core::model::{ModelCard, ProviderName};
use greenroute_core::{Error, ErrorKind, ModelKey, Result};
use greenroute_http::Client;
use std::fmt;
use std::sync::Arc;

/// OpenAI itself.
pub(crate) const OPENAI: Dialect = Dialect {
    name: "openai",
    display_name: "OpenAI",
    base_url: "https://api.openai.com/v1",
    base_url_variable: "OPENAI_BASE_URL",
    key_variable: "OPENAI_API_KEY",
    output_limit: "max_completion_tokens",
    system_role: "developer",
    seed: Some("seed"),
    schema: SchemaForm::Strict,
    log_probabilities: true,
    elapsed_header: Some("openai-processing-ms"),
    embeddings: Some(Embeddings { dimensions: Some("dimensions") }),
    batches: true,
    ..Dialect::PLAIN
};

/// Models behind OpenAI's chat-completions protocol, wherever they are. A clone is the same provider.
#[derive(Clone)]
pub struct OpenAi(Arc<Inner>);

struct Inner {
    dialect: Dialect,
    name: ProviderName,
    client: Client,
    /// At the server's root, where the dialect has roads beside `/v1`.
    root: Option<Client>,
    cards: Vec<Arc<ModelCard>>,
    efforts: effort::Efforts,
}

impl OpenAi {
    /// OpenAI itself, with the key in `OPENAI_API_KEY`, at `OPENAI_BASE_URL` where that is set.
    ///
    /// # Errors
    /// As [`OpenAiBuilder::build`].
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// OpenAI itself, with this key.
    ///
    /// # Errors
    /// As [`OpenAiBuilder::build`].
    pub fn new(key: impl Into<String>) -> Result<Self> {
        Self::builder().key(key).build()
    }

    /// OpenAI itself, with settings.
    #[must_use]
    pub fn builder() -> OpenAiBuilder {
        Self::of(&OPENAI)
    }

    /// Who speaks `dialect`, with settings; its key and base URL come from the environment where they are not set.
    #[must_use]
    pub fn of(dialect: &Dialect) -> OpenAiBuilder {
        OpenAiBuilder::new(dialect)
    }

    fn key(&self, model: &str) -> ModelKey {
        ModelKey::new(self.0.name.as_str(), model)
    }

    /// That this vendor cannot do `what`.
    fn unsupported(&self, what: &str) -> Error {
        let message = format!("{} {what}", self.0.dialect);
        Error::new(ErrorKind::Unsupported, self.0.name.as_str(), message)
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi")
            .field("name", &self.0.name)
            .field("base_url", &self.0.client.base_url())
            .field("models", &self.0.cards.len())
            .finish()
    }
}

/// The vendor and where it is.
impl fmt::Display for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.0.dialect, self.0.client.base_url())
    }
}

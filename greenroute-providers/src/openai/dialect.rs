use std::fmt;

/// How one vendor speaks the chat-completions protocol: settings, no code.
///
/// A new vendor is [`Dialect::PLAIN`] with what it does otherwise:
///
/// ```
/// use greenroute_providers::openai::{Dialect, OpenAi};
///
/// const ACME: Dialect = Dialect {
///     name: "acme",
///     display_name: "Acme",
///     base_url: "https://api.acme.example/v1",
///     base_url_variable: "ACME_BASE_URL",
///     key_variable: "ACME_API_KEY",
///     ..Dialect::PLAIN
/// };
/// let acme = OpenAi::of(&ACME).key("secret").build()?;
/// assert_eq!(acme.to_string(), "Acme at https://api.acme.example/v1");
/// # Ok::<(), greenroute_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The provider's name in every [`ModelKey`](greenroute_core::ModelKey).
    pub name: &'static str,
    /// Its name for people.
    pub display_name: &'static str,
    /// Where it is, up to what stands before `/chat/completions`.
    pub base_url: &'static str,
    /// The environment variable that puts it elsewhere.
    pub base_url_variable: &'static str,
    /// The environment variable of its key.
    pub key_variable: &'static str,
    /// Whether it answers nobody without a key.
    pub needs_key: bool,
    /// The field that limits the answer's length.
    pub output_limit: &'static str,
    /// The role of standing instructions.
    pub system_role: &'static str,
    /// The field of `Sampling::top_k`, where there is one.
    pub top_k: Option<&'static str>,
    /// The field of `Sampling::repetition_penalty`, where there is one.
    pub repetition_penalty: Option<&'static str>,
    /// The field of `Sampling::seed`, where there is one.
    pub seed: Option<&'static str>,
    /// The words of `reasoning_effort` for off, low, medium and high, where every model takes them or passes them over.
    /// Elsewhere the models that take them stand in `data/efforts.toml`.
    pub effort: Option<[&'static str; 4]>,
    /// How a model is told not to think, where no word of `reasoning_effort` says it. It comes before the words.
    pub no_thinking: Option<NoThinking>,
    /// In which form it takes the schema of an answer.
    pub schema: SchemaForm,
    /// Whether `stream_options.include_usage` must be sent for a stream to say its usage.
    pub stream_usage: bool,
    /// Whether it tells log-probabilities.
    pub log_probabilities: bool,
    /// The exact length that it wants ids of tool calls to have, in letters and digits.
    pub call_id_length: Option<usize>,
    /// Fields of an answer with tool calls that must come back to it with the tools' results.
    pub replayed: &'static [&'static str],
    /// Where its answers say how long they took.
    pub times: Option<Times>,
    /// The header that says how many milliseconds passed in its front end. In a stream headers come first and cannot
    /// know, so there it is not read.
    pub elapsed_header: Option<&'static str>,
    /// The unit of the prices in its list of models.
    pub prices: Option<Prices>,
    /// Whether it embeds, and under which name it takes the number of dimensions.
    pub embeddings: Option<Embeddings>,
    /// How it counts tokens before they are sent to be answered.
    pub counting: Option<Counting>,
    /// Whether it has `/files` and `/batches`.
    pub batches: bool,
}

/// How a model is told not to think. One that cannot but think does so all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoThinking {
    /// `thinking: {"type": "disabled"}`.
    Disabled,
    /// `chat_template_kwargs: {"enable_thinking": false}`, which the templates of most models that think read.
    Template,
}

/// Whether and how a schema of the answer can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaForm {
    /// Not at all.
    None,
    /// As it is given.
    Plain,
    /// With `strict`: every property required, no others allowed, and only some keywords.
    Strict,
}

/// Where an answer says how long it took: JSON pointers into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// What the numbers count.
    pub unit: Unit,
    /// Waiting for a slot; never part of the others.
    pub queue: &'static str,
    /// Reading the input.
    pub prefill: &'static str,
    /// Writing the output.
    pub decode: &'static str,
    /// Computing in all, where the two parts are not told.
    pub compute: &'static str,
}

impl Times {
    /// None told yet; a pointer that is empty leads to no number.
    pub const IN_SECONDS: Self =
        Self { unit: Unit::Seconds, queue: "", prefill: "", decode: "", compute: "" };
    /// None told yet, in milliseconds.
    pub const IN_MILLISECONDS: Self = Self { unit: Unit::Milliseconds, ..Self::IN_SECONDS };
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
}

/// The prices in a list of models, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prices {
    /// `pricing.{prompt, completion, input_cache_read, input_cache_write}` per token.
    PerToken,
    /// `pricing.{input, output, cached_input}` per million tokens.
    PerMillion,
}

/// What can be told of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embeddings {
    /// The field for the number of dimensions, where there is one.
    pub dimensions: Option<&'static str>,
}

/// How tokens are counted. Both roads lie at the server's root, beside `/v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// `/apply-template` writes the conversation out, `/tokenize` counts it (llama-server).
    Template,
    /// `/tokenize` counts the conversation (vLLM).
    Conversation,
}

impl Dialect {
    /// What nearly every server of this protocol understands, and nothing else. Names and places are still to be
    /// said.
    pub const PLAIN: Self = Self {
        name: "",
        display_name: "",
        base_url: "",
        base_url_variable: "",
        key_variable: "",
        needs_key: true,
        output_limit: "max_tokens",
        system_role: "system",
        top_k: None,
        repetition_penalty: None,
        seed: None,
        effort: None,
        no_thinking: None,
        schema: SchemaForm::None,
        stream_usage: true,
        log_probabilities: false,
        call_id_length: None,
        replayed: &[],
        times: None,
        elapsed_header: None,
        prices: None,
        embeddings: None,
        counting: None,
        batches: false,
    };
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.display_name)
    }
}

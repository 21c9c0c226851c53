use crate::reply::Reply;
use bytes::Bytes;
use greenroute_core::chat::Role;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Whom it was sent to, such as `anthropic`.
    pub vendor: &'static str,
    /// Such as `POST`.
    pub method: String,
    /// Without the vendor's prefix and the query, such as `/v1/messages`.
    pub path: String,
    /// The query's fields, decoded. Of fields of one name the last.
    pub query: BTreeMap<String, String>,
    /// The headers, their names in small letters. Several of one name are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The body; null where there is none, or where it is not JSON.
    pub body: Value,
    /// The body's bytes.
    pub raw: Bytes,
}

impl Recorded {
    /// A header's value; the name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether the body is said to be JSON and is.
    #[must_use]
    pub fn is_json(&self) -> bool {
        let said = self.header("content-type").and_then(|media| media.split(';').next());
        said.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
            && !self.body.is_null()
    }
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// An answer.
    Chat(Box<AskedChat>),
    /// The number of a prompt's tokens.
    Count(Box<AskedChat>),
    /// Vectors.
    Embed(AskedEmbed),
    /// The models.
    List(AskedList),
    /// Something that only this vendor has, with its answer.
    Own(Reply),
}

/// A prompt, and how to answer it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AskedChat {
    /// The model's name at the vendor.
    pub model: String,
    /// Whether the answer is wanted in pieces.
    pub streamed: bool,
    /// Whether usage is wanted in a stream, where the vendor leaves that open.
    pub streamed_usage: bool,
    /// The standing instructions.
    pub system: String,
    /// What was said so far, the latest last.
    pub turns: Vec<Turn>,
    /// The tools that the model may ask for.
    pub tools: Vec<AskedTool>,
    /// Whether it may, or must.
    pub tool_choice: ToolChoice,
    /// The schema that the answer must satisfy. `{}` where any JSON will do.
    pub schema: Option<Value>,
    /// The longest answer, in words, thinking included.
    pub max_tokens: Option<u64>,
    /// The answer ends before the first of these.
    pub stop: Vec<String>,
    /// Whether to think first.
    pub thinking: bool,
    /// Whether its thoughts are shown, where the vendor leaves that open.
    pub shows_reasoning: bool,
    /// Whether its thoughts are part of the text, between marks of the vendor's.
    pub raw_reasoning: bool,
    /// Of the prompt's words, how many are read from a cache. More than there are means all.
    pub cached: u64,
    /// How many of the likeliest tokens are wanted beside each token; none: no probabilities at all.
    pub top_log_probabilities: Option<u64>,
}

/// What one side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which side.
    pub role: Role,
    /// Its text.
    pub text: String,
    /// How many images came with it.
    pub images: u64,
    /// The tools that it asked for, as JSON texts.
    pub calls: Vec<String>,
    /// What tools gave.
    pub results: Vec<String>,
}

impl Turn {
    /// A turn of this side that says nothing yet.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self { role, text: String::new(), images: 0, calls: Vec::new(), results: Vec::new() }
    }
}

/// A tool that the model may ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedTool {
    /// Its name.
    pub name: String,
    /// The schema of its arguments; null where it takes none.
    pub schema: Value,
}

/// Whether a model may ask for tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// It may.
    #[default]
    Auto,
    /// It may not.
    None,
    /// It must.
    Any,
    /// It must ask for this one.
    One(String),
}

/// Texts to make vectors of.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedEmbed {
    /// The model's name at the vendor.
    pub model: String,
    /// The texts.
    pub texts: Vec<String>,
    /// How long the vectors are to be; the model's own length where none is asked for.
    pub dimensions: Option<u64>,
    /// Whether the vectors are wanted as base64 of little-endian 32-bit floats.
    pub base64: bool,
}

/// Which of the models to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedList {
    /// One model by its name, rather than a list.
    pub only: Option<String>,
    /// How many at most on this page.
    pub limit: Option<usize>,
    /// How many to leave out before it.
    pub skip: usize,
}

use crate::asked::{Asked, AskedChat, AskedEmbed, AskedList, Recorded};
use crate::reply::Reply;
use crate::said::SaidChat;
use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

/// How one vendor reads and writes; [the crate's page](crate#a-vendor-of-ones-own) has an example. What it says is the
/// [mind](crate::say)'s; how it breaks is [`Fault`](crate::Fault)'s.
///
/// The server calls [`Self::read`] after it has checked the key, then checks the model and the window, asks the mind
/// and lets [`Self::chat`] (or [`Self::count`], …) put the answer into the vendor's form.
pub trait Vendor: Debug + Send + Sync + 'static {
    /// The prefix of its paths, such as `anthropic`.
    fn name(&self) -> &'static str;

    /// What a client's base URL has after the prefix, such as `/v1`, or nothing.
    fn base_path(&self) -> &'static str {
        ""
    }

    /// Where it looks for the key: names of headers (small letters) and what precedes the key in them. The first that
    /// a request has counts. None: it asks for no key.
    fn key_headers(&self) -> &'static [(&'static str, &'static str)];

    /// The models that it serves.
    fn models(&self) -> &'static [Model];

    /// The model of this name, if it serves one.
    fn model(&self, id: &str) -> Option<Model> {
        self.models().iter().find(|model| model.id == id).cloned()
    }

    /// Holds headers, path and body against the vendor's rules, and says what is asked.
    ///
    /// # Errors
    /// The vendor's own answer to a request that breaks them.
    fn read(&self, request: &Recorded) -> Result<Asked, Reply>;

    /// An answer, whole or as the frames of a stream, as it was asked for.
    fn chat(&self, asked: &AskedChat, said: &SaidChat) -> Reply;

    /// How many tokens a prompt has.
    fn count(&self, _asked: &AskedChat, _tokens: u64) -> Reply {
        self.error(&Trouble::NoSuchPath)
    }

    /// The vectors of texts, in their order; `tokens` is what they have together.
    fn embed(&self, _asked: &AskedEmbed, _vectors: &[Vec<f64>], _tokens: u64) -> Reply {
        self.error(&Trouble::NoSuchPath)
    }

    /// The models that it serves, of which the vendor shows the page that is asked for; where one is asked for by its
    /// name, this one.
    fn list(&self, _asked: &AskedList, _models: &[Model]) -> Reply {
        self.error(&Trouble::NoSuchPath)
    }

    /// An error in the vendor's own words.
    fn error(&self, trouble: &Trouble) -> Reply;

    /// The frame by which a stream that has begun says that it failed.
    fn midway(&self) -> String;

    /// Whether a frame belongs to the end of a stream: a stream without such frames is half an answer.
    fn ends(&self, frame: &str) -> bool;

    /// Whether a frame tells what the answer used.
    fn tells_usage(&self, frame: &str) -> bool;
}

/// A model that a fake vendor serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name at the vendor.
    pub id: Cow<'static, str>,
    /// The longest prompt, in words, which are this server's tokens.
    pub window: u64,
    /// The longest answer, in words.
    pub max_output: u64,
    /// Whether it makes vectors of texts. If not, it chats.
    pub embeds: bool,
    /// Whether it thinks before it answers.
    pub thinks: bool,
}

impl Model {
    /// A model that chats: prompts of 4096 words, answers of 1024.
    #[must_use]
    pub const fn chat(id: &'static str) -> Self {
        Self::of(id, 4096, false, false)
    }

    /// The same, but it thinks first.
    #[must_use]
    pub const fn thinking(id: &'static str) -> Self {
        Self::of(id, 4096, false, true)
    }

    /// The model `tiny-window`, whose prompts have 512 words at most.
    #[must_use]
    pub const fn tiny_window() -> Self {
        Self::of("tiny-window", 512, false, false)
    }

    /// A model that makes vectors of texts.
    #[must_use]
    pub const fn embedding(id: &'static str) -> Self {
        Self::of(id, 4096, true, false)
    }

    /// The same model under a name that is known at run time only.
    #[must_use]
    pub fn named(self, id: impl Into<String>) -> Self {
        Self { id: Cow::Owned(id.into()), ..self }
    }

    const fn of(id: &'static str, window: u64, embeds: bool, thinks: bool) -> Self {
        Self { id: Cow::Borrowed(id), window, max_output: 1024, embeds, thinks }
    }
}

/// What a vendor can complain of, whatever its words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// There is no key, or a wrong one.
    Key,
    /// The key is good, but not for this.
    Permission,
    /// It serves no model of this name.
    NoSuchModel(String),
    /// It has nothing at this path.
    NoSuchPath,
    /// The prompt does not fit.
    TooLong {
        /// The prompt's tokens.
        tokens: u64,
        /// The model's window.
        window: u64,
    },
    /// The request breaks a rule; this says which.
    Invalid(String),
    /// Too many requests, or too many tokens. The time after which to come again, where the vendor tells it in its
    /// own way, be it a header or a field.
    RateLimited(Option<Duration>),
    /// The money or the day's allowance is spent: waiting does not help.
    QuotaExhausted,
    /// Too many customers at once; 529 where the vendor has that, else 503.
    Overloaded,
    /// The server is down, or still starting.
    Unavailable,
    /// The server failed.
    Server,
}

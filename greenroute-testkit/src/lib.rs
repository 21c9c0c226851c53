//! Fake model providers over real HTTP, as strict and as nasty as the real ones.
//!
//! One server on one port plays every vendor, each under its own prefix. It refuses what the vendor would refuse, in
//! the vendor's own words; it answers from a small deterministic mind, or with what a test lays down; and it breaks in
//! every way that a wire can break when it is told to.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use greenroute_testkit::{Fault, FakeServer, Reply};
//!
//! let server = FakeServer::start().await?;
//! // A client under test gets this address and this key.
//! let (base_url, key) = (server.url("openai"), server.key());
//! assert!(base_url.starts_with("http://127.0.0.1:") && base_url.ends_with("/openai/v1"));
//! assert!(!key.is_empty());
//!
//! server.fault_next("openai", Fault::DropBeforeHeaders);
//! server.reply_with("openai", Reply::fixture("openai_stream_cut"));
//! assert!(server.requests().is_empty());
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! # What is played
//!
//! | vendor | at | what |
//! |---|---|---|
//! | `anthropic` | `/anthropic` | messages, token counts, models, batches; `2023-06-01` and `2026-10-21` |
//! | `gemini` | `/gemini` | content whole and in streams, token counts, vectors, models, batches |
//! | `groq` | `/groq/openai/v1` | chat completions with times and reasoning, models with prices, files, batches |
//! | `llamacpp` | `/llamacpp/v1` | chat completions with timings, models; beside `/v1` templates and tokens |
//! | `ollama` | `/ollama` | `/api/chat`, `/api/embed`, `/api/tags`, `/api/show` |
//! | `openai` | `/openai/v1` | chat completions, embeddings, models, files, batches |
//!
//! * **Strict**: a field that the vendor does not know, a value out of range, a tool's result without its call, a
//!   thought whose signature is missing: each is the vendor's own 400. What the real one would pass over in silence is
//!   refused too, since in a test it is a misspelling.
//! * **Deterministic**: a token is a word; [`say`] is a function of the prompt alone. `tiny-window` is a model of every
//!   vendor whose prompts have 512 words at most.
//! * **Nasty**: every [`Fault`] for the next request, or [`Faults`] for a share of all, the same for the same seed. What
//!   was recorded from the real vendors is a [`Fixture`], for [`FakeServer::reply_with`].
//!
//! Sources of carbon intensities are played too, by [`grids`].
//!
//! Another process, such as a vendor's SDK, is told the address by the example `fake_providers`, and asks for faults and
//! recorded replies with the headers `x-fake-fault` and `x-fake-reply`.
//!
//! # A vendor of one's own
//!
//! Its form is all that must be written. Keys, unknown models, windows, the mind, the faults and the records are the
//! server's.
//!
//! ```
//! use greenroute_core::chat::Role;
//! use greenroute_testkit::{
//!     Asked, AskedChat, FakeServer, Fault, Fields, Model, Recorded, Reply, SaidChat, Trouble, Turn, Vendor, Wrong,
//! };
//! use serde_json::json;
//!
//! #[derive(Debug)]
//! struct Acme;
//!
//! impl Acme {
//!     /// `{"model": …, "prompt": …, "max_tokens"?: …}`, and nothing else.
//!     fn prompt(request: &Recorded) -> Result<AskedChat, Wrong> {
//!         let mut fields = Fields::of(&request.body, "")?;
//!         let mut asked = AskedChat { model: fields.need_text("model")?.to_owned(), ..AskedChat::default() };
//!         let text = fields.need_text("prompt")?.to_owned();
//!         asked.turns.push(Turn { text, ..Turn::new(Role::User) });
//!         asked.max_tokens = fields.count("max_tokens", 1)?;
//!         fields.done()?;
//!         Ok(asked)
//!     }
//! }
//!
//! impl Vendor for Acme {
//!     fn name(&self) -> &'static str {
//!         "acme"
//!     }
//!
//!     fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
//!         &[("x-acme-key", "")]
//!     }
//!
//!     fn models(&self) -> &'static [Model] {
//!         const { &[Model::chat("acme-1"), Model::tiny_window()] }
//!     }
//!
//!     fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
//!         match (request.method.as_str(), request.path.as_str()) {
//!             ("POST", "/say") => Self::prompt(request)
//!                 .map(|asked| Asked::Chat(Box::new(asked)))
//!                 .map_err(|wrong| self.error(&Trouble::Invalid(wrong.to_string()))),
//!             _ => Err(self.error(&Trouble::NoSuchPath)),
//!         }
//!     }
//!
//!     fn chat(&self, _asked: &AskedChat, said: &SaidChat) -> Reply {
//!         Reply::json(200, json!({"said": said.text, "tokens": [said.usage.input, said.usage.output]}))
//!     }
//!
//!     fn error(&self, trouble: &Trouble) -> Reply {
//!         let status = match trouble {
//!             Trouble::Key => 401,
//!             Trouble::NoSuchModel(_) | Trouble::NoSuchPath => 404,
//!             Trouble::RateLimited(_) | Trouble::QuotaExhausted => 429,
//!             Trouble::Overloaded | Trouble::Unavailable => 503,
//!             Trouble::Server => 500,
//!             _ => 400,
//!         };
//!         Reply::json(status, json!({"problem": format!("{trouble:?}")}))
//!     }
//!
//!     // It does not stream: no frame is anything.
//!     fn midway(&self) -> String {
//!         String::new()
//!     }
//!
//!     fn ends(&self, _frame: &str) -> bool {
//!         false
//!     }
//!
//!     fn tells_usage(&self, _frame: &str) -> bool {
//!         false
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let server = FakeServer::builder().vendor(Acme).start().await?;
//! assert!(server.url("acme").ends_with("/acme"));
//! server.fault_next("acme", Fault::Server500);
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```

mod anthropic;
mod asked;
mod fault;
mod faults;
mod fields;
mod fixture;
mod gemini;
pub mod grids;
mod groq;
mod line;
mod llamacpp;
mod mind;
mod ollama;
mod openai;
mod reply;
mod said;
mod serve;
mod server;
mod spoil;
mod vendor;
mod vendors;

pub use asked::{Asked, AskedChat, AskedEmbed, AskedList, AskedTool, Recorded, ToolChoice, Turn};
pub use fault::{Fault, RetryAfter, UnknownFault};
pub use faults::{Faults, Tally};
pub use fields::{Fields, Wrong};
pub use fixture::Fixture;
pub use mind::{count_words, say, value_of};
pub use reply::{Body, Reply};
pub use said::{Finish, SaidCall, SaidChat, SaidUsage};
pub use server::{Builder, FakeServer};
pub use vendor::{Model, Trouble, Vendor};

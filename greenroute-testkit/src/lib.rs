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
//! To play a vendor of one's own, implement [`Vendor`] and give it to [`Builder::vendor`].

mod anthropic;
mod asked;
mod fault;
mod faults;
mod fields;
mod fixture;
mod gemini;
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

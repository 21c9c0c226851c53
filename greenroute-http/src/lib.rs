//! greenroute's one HTTP client: it sends once, classifies every failure and reads streams.
//!
//! Waiting and retrying are the `Router`'s. A [`Request`] is sent once and ends in a [`Response`] with a 2xx status or
//! in one [`Error`](greenroute_core::Error) whose kind says what to do next and whose
//! [`retry_after`](greenroute_core::Error::retry_after) says when. The one exception is below HTTP's own words: where
//! a server closes a kept-alive connection before it took the request, or refuses the stream (HTTP/2
//! `REFUSED_STREAM`, a graceful `GOAWAY`), the request never ran and goes out on another connection.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use greenroute_http::{Client, Secret, SseItem, Timeouts};
//!
//! # async fn first_words() -> greenroute_core::Result<()> {
//! let client = Client::new("groq", "https://api.groq.com/openai/v1", Timeouts::default())?
//!     .secret_header("authorization", "Bearer ", &Secret::from_env("GROQ_API_KEY")?)?;
//! let request = serde_json::json!({"model": "openai/gpt-oss-20b", "stream": true, "messages": []});
//! let mut events = client.post("chat/completions").json(&request).send().await?.sse();
//! while let Some(item) = events.next().await {
//!     match item? {
//!         SseItem::Event { data, .. } if data == "[DONE]" => break,
//!         SseItem::Event { data, .. } => println!("{data}"),
//!         SseItem::Comment(_) => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | what happened | kind |
//! |---|---|
//! | refused, unreachable, unknown host, TLS failure, connect timeout | `Connection`: it never left |
//! | connection lost before the answer was there; total or first-byte time out | `Timeout`: it may have run |
//! | body lost, or idle for too long, before it was whole | `Timeout` |
//! | a stream lost, or idle for too long, after its first event | `StreamError`; before it `Timeout` |
//! | total time out in a stream | `Timeout` |
//! | 400, 413, 422 and other 4xx | `InvalidRequest` |
//! | 401; 402; 403, 407, 451 | `Authentication`; `QuotaExhausted`; `PermissionDenied` |
//! | 404, 410 | `ModelNotFound` |
//! | 408, 504, 524 | `Timeout` |
//! | 429; 503, 529 | `RateLimited`; `Overloaded` |
//! | 409, 500, 502 and other 5xx; 501 | `Server`; `Unsupported` |
//! | 3xx: no redirect is followed, as the key would travel with it | `Decode` |
//! | a 2xx whose body is not what was asked for, or too large | `Decode` |
//! | a setting: base URL, key, header, timeout | `Config` |
//!
//! A [`Classifier`] knows better where a vendor says more than the status does. Secrets never stand in an error: what
//! a server says is searched for the client's own [`Secret`]s before anything else reads it.

mod body;
mod call;
mod classify;
mod client;
mod delay;
mod headers;
mod lines;
mod part;
mod pool;
mod request;
mod response;
mod secret;
mod sse;
mod sse_stream;
mod timeouts;

pub use classify::{Classified, Classifier, Failure};
pub use client::Client;
pub use delay::rfc3339;
pub use headers::Headers;
pub use lines::LineStream;
pub use part::Part;
pub use request::Request;
pub use response::Response;
pub use secret::Secret;
pub use sse::{SseItem, SseReader, TooLarge};
pub use sse_stream::SseStream;
pub use timeouts::Timeouts;

use crate::fixture::Fixture;
use bytes::Bytes;
use serde_json::Value;

/// An answer as it goes out.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, the content type among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// What is sent after the headers.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// One JSON value.
    Json(Value),
    /// The frames of a stream, each with the line ends that close it.
    Frames(Vec<Bytes>),
    /// Anything else, as it is.
    Raw(Bytes),
}

impl Reply {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self::of(status, "application/json", Body::Json(body))
    }

    /// Server-sent events: every frame ends in an empty line.
    #[must_use]
    pub fn sse(frames: impl IntoIterator<Item = String>) -> Self {
        Self::frames("text/event-stream", frames)
    }

    /// One JSON value a line: every frame ends in a line end.
    #[must_use]
    pub fn ndjson(frames: impl IntoIterator<Item = String>) -> Self {
        Self::frames("application/x-ndjson", frames)
    }

    /// With this number behind the request's id, where its headers have one.
    pub(crate) fn numbered(mut self, number: u64) -> Self {
        let ids = self.headers.iter_mut().filter(|(name, _)| name.ends_with("request-id"));
        ids.for_each(|(_, id)| id.push_str(&format!("-{number}")));
        self
    }

    /// Bytes of any kind.
    #[must_use]
    pub fn raw(status: u16, media: &str, body: impl Into<Bytes>) -> Self {
        Self::of(status, media, Body::Raw(body.into()))
    }

    /// The recorded answer of this name: see [`Fixture::NAMES`].
    ///
    /// # Panics
    /// Where there is none of this name.
    #[must_use]
    pub fn fixture(name: &str) -> Self {
        Fixture::named(name).reply
    }

    /// With one header more, or with this value instead of another. The name in small letters.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Without a header. The name in small letters.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// What kind of body it is said to have.
    #[must_use]
    pub fn media(&self) -> &str {
        let media = self.headers.iter().find(|(name, _)| name == "content-type");
        media.and_then(|(_, value)| value.split(';').next()).unwrap_or_default().trim()
    }

    fn frames(media: &str, frames: impl IntoIterator<Item = String>) -> Self {
        Self::of(200, media, Body::Frames(frames.into_iter().map(Bytes::from).collect()))
    }

    fn of(status: u16, media: &str, body: Body) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), media.to_owned())], body }
    }
}

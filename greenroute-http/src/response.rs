use crate::body::Body;
use crate::classify::excerpt;
use crate::headers::Headers;
use crate::lines::LineStream;
use crate::sse_stream::SseStream;
use crate::transport::Cause;
use greenroute_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

/// No answer is read whole that is larger.
const LARGEST: usize = 64 * 1024 * 1024;

/// An answer with a 2xx status, whose body is still to be read.
#[derive(Debug)]
pub struct Response {
    status: u16,
    headers: Headers,
    body: Body,
}

impl Response {
    pub(crate) fn new(status: u16, headers: Headers, body: Body) -> Self {
        Self { status, headers, body }
    }

    /// Its status: 200 to 299.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Its headers. Those of a stream were sent before its body: no time in them is the whole answer's.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body, read whole, as JSON.
    ///
    /// # Errors
    ///
    /// `Decode` where it is not the JSON expected, is empty or is larger than 64 MiB; `Timeout` where it did not come
    /// to its end.
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T> {
        let bytes = self.whole().await?;
        serde_json::from_slice(&bytes).map_err(|error| self.unread(&bytes, &error))
    }

    /// The body, read whole, as text; what is not UTF-8 in it becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// As those of [`json`](Self::json), but that any text will do.
    pub async fn text(mut self) -> Result<String> {
        let bytes = self.whole().await?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// The body as an event stream.
    #[must_use]
    pub fn sse(self) -> SseStream {
        SseStream::new(self.body)
    }

    /// The body line by line, as of newline-delimited JSON.
    #[must_use]
    pub fn lines(self) -> LineStream {
        LineStream::new(self.body)
    }

    async fn whole(&mut self) -> Result<Vec<u8>> {
        match self.body.whole(LARGEST).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(self.decode(format!("the answer is larger than {LARGEST} bytes"))),
            Err(interruption) => Err(self.body.error(interruption, false)),
        }
    }

    fn decode(&self, message: String) -> Error {
        Error::new(ErrorKind::Decode, self.body.origin.as_str(), message)
    }

    fn unread(&self, bytes: &[u8], error: &serde_json::Error) -> Error {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return self.decode(format!("expected JSON, got nothing (HTTP {})", self.status));
        }
        let media = self.headers.media_type().unwrap_or_else(|| "no content type".to_owned());
        let text = String::from_utf8_lossy(bytes);
        let text = excerpt(&self.body.redaction.text(&text));
        let cause = Cause::of(error, &self.body.redaction);
        let message = if error.is_data() {
            format!("the JSON is not the one expected: {cause}: {text}")
        } else {
            format!("expected JSON, got {media}: {text}")
        };
        self.decode(message).with_source(cause)
    }
}

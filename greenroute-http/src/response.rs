use crate::body::Body;
use crate::headers::Headers;
use crate::lines::LineStream;
use crate::request::{ERROR_BODY, ERROR_PATIENCE};
use crate::sse_stream::SseStream;
use greenroute_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

/// An answer with a 2xx status, whose body is still to be read. Dropped before, it closes the connection.
#[derive(Debug)]
pub struct Response {
    status: u16,
    headers: Headers,
    body: Body,
    largest: usize,
}

impl Response {
    pub(crate) fn new(status: u16, headers: Headers, body: Body, largest: usize) -> Self {
        Self { status, headers, body, largest }
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
    /// `Decode` where it is not the JSON expected, is empty or is larger than the client reads; `Timeout` where it did not come
    /// to its end. An `error` in it where another JSON was expected is classified as if the status had said so.
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T> {
        let bytes = self.whole().await?;
        let json = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        serde_json::from_slice(json).map_err(|error| self.unread(json, &error))
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

    /// The body as an event stream, whatever its content type says.
    #[must_use]
    pub fn sse(self) -> SseStream {
        SseStream::new(self.body, self.headers)
    }

    /// The body as an event stream, where its content type says that it is one.
    ///
    /// # Errors
    ///
    /// What came instead: the error that it holds, classified as if the status had said so, else `Decode`.
    pub async fn events(mut self) -> Result<SseStream> {
        if self.headers.media_type().as_deref() == Some("text/event-stream") {
            return Ok(self.sse());
        }
        let said = self.body.some(ERROR_BODY, ERROR_PATIENCE).await;
        Err(self.body.call.unexpected("an event stream", &self.headers, &said))
    }

    /// The body line by line, as of newline-delimited JSON.
    #[must_use]
    pub fn lines(self) -> LineStream {
        LineStream::new(self.body)
    }

    async fn whole(&mut self) -> Result<Vec<u8>> {
        let call = self.body.call.clone();
        match self.body.whole(self.largest).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => {
                let message = format!("the answer is larger than {} bytes", self.largest);
                Err(call.error(ErrorKind::Decode, &message))
            }
            Err(interruption) => Err(call.interrupted(interruption, false)),
        }
    }

    fn unread(&self, body: &[u8], error: &serde_json::Error) -> Error {
        let call = &self.body.call;
        if body.iter().all(u8::is_ascii_whitespace) {
            let message = format!("expected JSON, got nothing (HTTP {})", self.status);
            return call.error(ErrorKind::Decode, &message);
        }
        let expected = if error.is_data() { format!("other JSON ({error})") } else { "JSON".to_owned() };
        call.unexpected(&expected, &self.headers, body)
    }
}

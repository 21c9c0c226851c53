use crate::body::{Body, Deadline};
use crate::call::Call;
use crate::client::{Client, header};
use crate::headers::Headers;
use crate::part::Part;
use crate::response::Response;
use greenroute_core::{Error, ErrorKind, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

/// Of an error's body no more is read.
pub(crate) const ERROR_BODY: usize = 256 * 1024;
/// The status is known: for what is said beside it nobody waits long.
pub(crate) const ERROR_PATIENCE: Duration = Duration::from_secs(5);

/// One request, sent once by [`send`](Self::send).
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    client: Client,
    origin: String,
    method: Method,
    url: Url,
    headers: HeaderMap,
    content: Content,
    left: Option<Duration>,
    fault: Option<Error>,
}

enum Content {
    None,
    Bytes(Vec<u8>),
    Parts(Vec<Part>),
}

impl Request {
    pub(crate) fn new(client: &Client, method: Method, path: &str) -> Self {
        let mut url = client.inner.base.clone();
        // Only a URL that cannot be a base refuses, and no base URL is such a one.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/').filter(|segment| !segment.is_empty()));
            if path.ends_with('/') {
                segments.push("");
            }
        }
        if !client.inner.query.is_empty() {
            let keys = client.inner.query.iter().map(|(name, secret)| (name, secret.reveal()));
            url.query_pairs_mut().extend_pairs(keys);
        }
        Self {
            origin: client.inner.origin.clone(),
            client: client.clone(),
            method,
            url,
            headers: HeaderMap::new(),
            content: Content::None,
            left: None,
            fault: None,
        }
    }

    /// With another origin in errors than the client's, such as `groq/openai/gpt-oss-20b`.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = origin.into();
        self
    }

    /// With one more pair in the query, which is escaped.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.url.query_pairs_mut().append_pair(name, &value.to_string());
        self
    }

    /// With a header, instead of the client's of that name. One that cannot be sent is a `Config` error of `send`.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match header(name, value) {
            Ok((name, value)) => {
                self.headers.insert(name, value);
            }
            Err(fault) => self.fail(ErrorKind::Config, fault),
        }
        self
    }

    /// With a JSON body. One that cannot be written as JSON is an `Internal` error of `send`.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.bytes("application/json", bytes),
            Err(error) => {
                self.fail(ErrorKind::Internal, format!("the request is no JSON: {error}"));
                self
            }
        }
    }

    /// With a body of that content type.
    pub fn bytes(mut self, content_type: &str, body: Vec<u8>) -> Self {
        match HeaderValue::from_str(content_type) {
            Ok(value) => {
                self.headers.insert(CONTENT_TYPE, value);
                self.content = Content::Bytes(body);
            }
            Err(_) => self.fail(ErrorKind::Internal, "the content type cannot be sent".to_owned()),
        }
        self
    }

    /// With a `multipart/form-data` body.
    pub fn multipart(mut self, parts: Vec<Part>) -> Self {
        self.content = Content::Parts(parts);
        self
    }

    /// Within what is left of the caller's time, if that is less than the client's total timeout.
    pub fn timeout(mut self, left: Option<Duration>) -> Self {
        self.left = left;
        self
    }

    /// Sends it, once.
    ///
    /// # Errors
    ///
    /// All that the crate's table names but faults of the body: only an answer with a 2xx status is `Ok`.
    pub async fn send(self) -> Result<Response> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let host = self.url.host_str().unwrap_or("the server").to_owned();
        let call = self.client.call(self.origin, host);
        let inner = &self.client.inner;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(call.error(ErrorKind::Config, "a request can be sent only within a tokio runtime"));
        }
        let total = self.left.map_or(inner.timeouts.total, |left| left.min(inner.timeouts.total));
        if total.is_zero() {
            return Err(call.error(ErrorKind::Timeout, "no time was left to send the request"));
        }
        let mut headers = inner.headers.clone();
        headers.extend(self.headers);
        let request = inner.http()?.request(self.method, self.url).headers(headers);
        let request = match self.content {
            Content::None => request,
            Content::Bytes(bytes) => request.body(bytes),
            Content::Parts(parts) => request.multipart(form(parts, &call)?),
        };
        let deadline = Deadline::after(total);
        let first_byte = inner.timeouts.first_byte.map_or(total, |first| first.min(total));
        let answer = match timeout(first_byte, request.send()).await {
            Err(_) => {
                let message = format!("{} did not answer within {first_byte:?}", call.host);
                return Err(call.error(ErrorKind::Timeout, &message));
            }
            Ok(Err(error)) => return Err(call.unanswered(error)),
            Ok(Ok(answer)) => answer,
        };
        let status = answer.status();
        let headers = Headers::from(answer.headers().clone());
        let mut body = Body::new(call, Box::pin(answer.bytes_stream()), inner.timeouts.idle, deadline);
        if status.is_success() {
            return Ok(Response::new(status.as_u16(), headers, body, inner.largest));
        }
        let said = body.some(ERROR_BODY, ERROR_PATIENCE).await;
        Err(body.call.refused(status.as_u16(), &headers, &said))
    }

    /// The first fault counts.
    fn fail(&mut self, kind: ErrorKind, message: String) {
        self.fault.get_or_insert_with(|| Error::new(kind, self.origin.as_str(), message));
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("origin", &self.origin)
            .field("method", &self.method)
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

fn form(parts: Vec<Part>, call: &Call) -> Result<reqwest::multipart::Form> {
    let mut form = reqwest::multipart::Form::new();
    for part in parts {
        let mut content = reqwest::multipart::Part::bytes(part.bytes);
        if let Some(file_name) = part.file_name {
            content = content.file_name(file_name);
        }
        if let Some(content_type) = part.content_type {
            content = content.mime_str(&content_type).map_err(|_| {
                let message = format!("the part `{}` has a content type that is none", part.name);
                call.error(ErrorKind::InvalidRequest, &message)
            })?;
        }
        form = form.part(part.name, content);
    }
    Ok(form)
}

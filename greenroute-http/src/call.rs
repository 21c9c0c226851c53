use crate::classify::{Classifier, Failure, alone, excerpt};
use crate::headers::Headers;
use crate::secret::Redaction;
use greenroute_core::{Error, ErrorKind};
use serde_json::Value;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One call, as its errors need to know it. Every error of this crate about a call is made here, where the keys are
/// taken out of it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) origin: String,
    pub(crate) host: String,
    pub(crate) redaction: Arc<Redaction>,
    pub(crate) classifier: Option<Classifier>,
}

/// Why a body ended before its end.
#[derive(Debug)]
pub(crate) enum Interruption {
    /// The total time is over.
    Total(Duration),
    /// Nothing came for so long.
    Idle(Duration),
    /// The connection is lost, or what it brought is no body.
    Lost(reqwest::Error),
}

impl Call {
    pub(crate) fn error(&self, kind: ErrorKind, message: &str) -> Error {
        Error::new(kind, self.origin.as_str(), excerpt(&self.redaction.text(message)))
    }

    /// An answer with a status that is not 2xx.
    pub(crate) fn refused(&self, status: u16, headers: &Headers, body: &[u8]) -> Error {
        let text = String::from_utf8_lossy(body);
        let mut value = serde_json::from_str(&text).unwrap_or(Value::Null);
        self.redaction.value(&mut value);
        self.failed(&Failure { status, headers, body: alone(&value), text: &text })
    }

    /// An error inside a body that was sent as a success.
    pub(crate) fn in_band(&self, body: &Value) -> Error {
        let mut body = body.clone();
        self.redaction.value(&mut body);
        self.failed(&Failure::in_band(&body))
    }

    fn failed(&self, failure: &Failure<'_>) -> Error {
        let mut classified =
            self.classifier.and_then(|read| read(failure)).unwrap_or_else(|| failure.by_status());
        classified.message = self.redaction.text(&classified.message).into_owned();
        // A spent quota is not filled by the wait that stands beside it: vendors send one out of habit.
        let spent = matches!(classified.kind, ErrorKind::QuotaExhausted { .. });
        if !spent {
            classified.retry_after = classified.retry_after.or_else(|| failure.delay(SystemTime::now()));
        }
        let error = classified.into_error(&self.origin);
        match failure.headers.get("x-should-retry") {
            Some("true") if !spent => error.with_retryable(true),
            Some("false") => error.with_retryable(false),
            _ => error,
        }
    }

    /// A body sent as a success that is not what was asked for: an error after all, or no one knows what.
    pub(crate) fn unexpected(&self, expected: &str, headers: &Headers, body: &[u8]) -> Error {
        let text = String::from_utf8_lossy(body);
        let media = headers.media_type().unwrap_or_else(|| "no content type".to_owned());
        let text = match serde_json::from_str::<Value>(&text) {
            Ok(value) if alone(&value).get("error").is_some_and(|error| !error.is_null()) => {
                return self.in_band(&value);
            }
            // Written anew: an escape in the text could hide a key from the redaction.
            Ok(mut value) => {
                self.redaction.value(&mut value);
                value.to_string()
            }
            Err(_) => text.into_owned(),
        };
        self.error(ErrorKind::Decode, &format!("expected {expected}, got {media}: {text}"))
    }

    /// A request that brought no answer.
    pub(crate) fn unanswered(&self, error: reqwest::Error) -> Error {
        let host = &self.host;
        let (kind, what) = if error.is_builder() {
            (ErrorKind::Internal, format!("the request to {host} could not be built"))
        } else if error.is_connect() {
            (ErrorKind::Connection, format!("no connection to {host}"))
        } else {
            (ErrorKind::Timeout, format!("the connection to {host} was lost before an answer came"))
        };
        let cause = self.cause(error);
        self.error(kind, &format!("{what}: {}", cause.root())).with_source(cause)
    }

    /// A body that was interrupted; `heard`: events had come before.
    pub(crate) fn interrupted(&self, interruption: Interruption, heard: bool) -> Error {
        let lost = if heard { ErrorKind::StreamError } else { ErrorKind::Timeout };
        match interruption {
            Interruption::Total(total) => {
                self.error(ErrorKind::Timeout, &format!("the answer was not complete after {total:?}"))
            }
            Interruption::Idle(idle) => {
                self.error(lost, &format!("nothing came for {idle:?} within the answer"))
            }
            Interruption::Lost(error) if !heard && is_garbled(&error) => self
                .error(ErrorKind::Decode, "the answer's encoding is broken")
                .with_source(self.cause(error)),
            Interruption::Lost(error) => {
                self.error(lost, "the connection was lost within the answer").with_source(self.cause(error))
            }
        }
    }

    /// What the HTTP client says, without the address, which may hold what its owner would not log.
    fn cause(&self, error: reqwest::Error) -> Cause {
        Cause::of(&error.without_url(), &self.redaction)
    }
}

/// Whether bytes came that their own encoding forbids, rather than too few.
fn is_garbled(error: &reqwest::Error) -> bool {
    let mut source = StdError::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return matches!(io.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput);
        }
        source = cause.source();
    }
    false
}

/// A cause with the keys taken out of its text, and out of its own cause's.
#[derive(Debug)]
struct Cause {
    text: String,
    source: Option<Box<Cause>>,
}

impl Cause {
    fn of(error: &(dyn StdError + 'static), redaction: &Redaction) -> Self {
        let source = error.source().map(|source| Box::new(Self::of(source, redaction)));
        Self { text: excerpt(&redaction.text(&error.to_string())), source }
    }

    fn root(&self) -> &str {
        self.source.as_ref().map_or(&self.text, |source| source.root())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

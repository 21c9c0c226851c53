//! What happens below HTTP's own words: connections refused, lost, and answers that are none.

use crate::classify::excerpt;
use crate::secret::Redaction;
use greenroute_core::{Error, ErrorKind};
use std::error::Error as StdError;
use std::fmt;

/// A cause with the client's keys taken out of its text, and of its own cause's.
#[derive(Debug)]
pub(crate) struct Cause {
    text: String,
    source: Option<Box<Cause>>,
}

impl Cause {
    pub(crate) fn of(error: &(dyn StdError + 'static), redaction: &Redaction) -> Self {
        Self {
            text: excerpt(&redaction.text(&error.to_string())),
            source: error.source().map(|source| Box::new(Self::of(source, redaction))),
        }
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

/// The error of a request that brought no answer.
pub(crate) fn unsent(error: reqwest::Error, origin: &str, host: &str, redaction: &Redaction) -> Error {
    // The address may hold what its owner would not log.
    let error = error.without_url();
    let cause = Cause::of(&error, redaction);
    let (kind, message) = if error.is_builder() {
        (ErrorKind::Internal, format!("the request could not be built: {}", cause.root()))
    } else if error.is_connect() {
        (ErrorKind::Connection, format!("no connection to {host}: {}", cause.root()))
    } else {
        (ErrorKind::Timeout, format!("{host} closed without an answer: {}", cause.root()))
    };
    Error::new(kind, origin, message).with_source(cause)
}

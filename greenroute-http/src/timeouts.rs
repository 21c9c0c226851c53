use greenroute_core::{Error, ErrorKind, Result};
use std::time::Duration;

/// How long a call may take, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands, name lookup and TLS included. 10 s unless told.
    pub connect: Duration,
    /// From sending until the answer's headers are there; `None`: until `total`. A server that answers whole, not as
    /// a stream, sends its headers only when the model is done.
    pub first_byte: Option<Duration>,
    /// Between two pieces of a body. Every byte starts it anew, pings too. 60 s unless told.
    pub idle: Duration,
    /// From sending until the body's end. 600 s unless told.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: None,
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
        }
    }
}

impl Timeouts {
    /// Refuses a time of zero, in which nothing can happen.
    pub(crate) fn check(&self, origin: &str) -> Result<()> {
        let times = [
            ("connect", Some(self.connect)),
            ("first_byte", self.first_byte),
            ("idle", Some(self.idle)),
            ("total", Some(self.total)),
        ];
        match times.iter().find(|(_, time)| time.is_some_and(|time| time.is_zero())) {
            None => Ok(()),
            Some((name, _)) => {
                Err(Error::new(ErrorKind::Config, origin, format!("`timeouts.{name}` is zero")))
            }
        }
    }
}

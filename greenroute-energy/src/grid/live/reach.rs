use greenroute_core::Result;
use greenroute_http::{Classifier, Client, Timeouts};
use std::time::Duration;

/// A day of the largest authority has some hundred kilobytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// How a source is reached.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) base_url: String,
    pub(super) timeouts: Timeouts,
}

impl Reach {
    /// The vendor's own address, with little patience: a call waits for the grid no longer than ten seconds.
    pub(super) fn new(base_url: &str) -> Self {
        let timeouts = Timeouts {
            connect: Duration::from_secs(3),
            first_byte: None,
            idle: Duration::from_secs(5),
            total: Duration::from_secs(8),
        };
        Self { base_url: base_url.to_owned(), timeouts }
    }

    pub(super) fn client(&self, origin: &str, classifier: Classifier) -> Result<Client> {
        Ok(Client::new(origin, &self.base_url, self.timeouts)?.classifier(classifier).largest(LARGEST))
    }
}

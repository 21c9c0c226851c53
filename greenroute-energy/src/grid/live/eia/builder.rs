use super::super::reach::Reach;
use super::{Eia, ROWS, SAID};
use greenroute_core::{ErrorKind, Result};
use greenroute_http::{Classified, Failure, Secret, Timeouts};

/// Settings of an [`Eia`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct EiaBuilder {
    key: Secret,
    reach: Reach,
    page: usize,
}

impl EiaBuilder {
    pub(super) fn new(key: Secret) -> Self {
        Self { key, reach: Reach::new("https://api.eia.gov/v2"), page: ROWS }
    }

    /// Another address; `https://api.eia.gov/v2` unless told.
    pub fn base_url(mut self, base_url: &str) -> Self {
        base_url.clone_into(&mut self.reach.base_url);
        self
    }

    /// How long a request may take; 8 s in all unless told.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.reach.timeouts = timeouts;
        self
    }

    /// How many rows are asked for at once, from 1 to 5000; 5000 unless told.
    pub fn page(self, rows: usize) -> Self {
        Self { page: rows.clamp(1, ROWS), ..self }
    }

    /// The source.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an address, a timeout or a key that nothing can be sent with.
    pub fn build(self) -> Result<Eia> {
        let client = self.reach.client(SAID.0, classify)?.secret_query("api_key", &self.key)?;
        Ok(Eia { client, page: self.page })
    }
}

/// Its gateway says of a key by 403, and of a limit by a code.
fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let kind = match failure.code().as_deref() {
        Some(code) if code.starts_with("API_KEY_") => ErrorKind::Authentication,
        Some("OVER_RATE_LIMIT") => ErrorKind::RateLimited { after: None },
        // Its zones are known here: what it does not find is its own address.
        _ if failure.status == 404 => ErrorKind::Server,
        _ => return None,
    };
    Some(Classified { kind, ..failure.by_status() })
}

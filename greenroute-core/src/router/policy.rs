use super::health::Breaker;
use crate::error::{Error, ErrorKind, Result};
use std::time::Duration;

/// How long and how often one call tries, whatever the number of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The time for everything: deciding, waiting, retries, fall-backs, the whole stream.
    pub deadline: Duration,
    /// Attempts in all.
    pub max_attempts: u32,
    /// Attempts more at the same model after a failure that may pass.
    pub max_retries: u32,
    /// Retries that a hundred calls may make together at one provider, beyond the first ten: a provider that is down
    /// is not kept down.
    pub retries_per_hundred: u32,
    /// When a model that keeps failing is left alone; `None` for never, whatever it says.
    pub breaker: Option<Breaker>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(600),
            max_attempts: 4,
            max_retries: 2,
            retries_per_hundred: 20,
            breaker: Some(Breaker::default()),
        }
    }
}

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

impl Policy {
    /// Checks every number.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the field and what is allowed.
    pub(super) fn validate(&self) -> Result<()> {
        let fault = |message: &str| Err(Error::new(ErrorKind::Config, "policy", message));
        if self.deadline.is_zero() {
            return fault("`deadline` must be longer than zero");
        }
        if self.max_attempts == 0 {
            return fault("`max_attempts` must be at least 1");
        }
        if self.breaker.is_some_and(|breaker| breaker.failures == 0) {
            return fault("`breaker.failures` must be at least 1");
        }
        Ok(())
    }

    /// How long to wait before asking the same model again, or `None` for never.
    ///
    /// A delay that the provider asks for is obeyed as it is. Else the wait doubles from half a second up to eight,
    /// less up to a quarter by `random`, so that many callers do not return at once.
    pub(super) fn backoff(&self, error: &Error, retries: u32, random: u128) -> Option<Duration> {
        let retries_allowed = match error.kind() {
            // A second broken tool call says that this model cannot do it.
            ErrorKind::ModelFault => self.max_retries.min(1),
            _ => self.max_retries,
        };
        if !error.is_retryable() || retries >= retries_allowed {
            return None;
        }
        let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(retries)).min(LONGEST_BACKOFF);
        let jitter = doubled / 4 * u32::try_from(random % 1000).unwrap_or(0) / 1000;
        Some(error.retry_after().unwrap_or(doubled.saturating_sub(jitter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "x", "y")
    }

    #[test]
    fn the_providers_delay_is_obeyed() {
        let after = Duration::from_secs(31);
        let limited = error(ErrorKind::RateLimited { after: Some(after) });
        assert_eq!(Policy::default().backoff(&limited, 0, 7), Some(after));
    }

    #[test]
    fn a_timeout_is_not_repeated_and_a_model_fault_once() {
        let policy = Policy::default();
        assert_eq!(policy.backoff(&error(ErrorKind::Timeout), 0, 0), None);
        assert!(policy.backoff(&error(ErrorKind::ModelFault), 0, 0).is_some());
        assert_eq!(policy.backoff(&error(ErrorKind::ModelFault), 1, 0), None);
        assert_eq!(policy.backoff(&error(ErrorKind::Overloaded), 2, 0), None);
    }

    proptest! {
        #[test]
        fn waits_double_with_less_than_a_quarter_of_jitter(retries in 0u32..2, random in any::<u128>()) {
            let wait = Policy::default().backoff(&error(ErrorKind::Server), retries, random).unwrap();
            let full = FIRST_BACKOFF * 2u32.pow(retries);
            prop_assert!(wait <= full && wait >= full * 3 / 4);
        }
    }
}

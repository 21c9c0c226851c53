//! What a provider and a meter leave on a request while it is served.

use crate::reading::Reading;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// A place for readings that no answer and no error can carry any more: the caller dropped the stream.
#[derive(Debug, Clone, Default)]
pub struct Spent(Arc<Mutex<Vec<Reading>>>);

impl Spent {
    /// Leaves a reading.
    pub fn leave(&self, reading: Reading) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
    }

    /// Takes all readings left so far.
    #[must_use]
    pub fn take(&self) -> Vec<Reading> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// For how long a model in this process has computed for one request, where several requests share the machine.
///
/// The provider writes, a meter reads: what a counter shows is shared out by it, so that a request that waits for
/// its turn pays nothing, and requests that are computed together pay their parts.
#[derive(Debug, Clone, Default)]
pub struct ComputeTime(Arc<OnceLock<AtomicU64>>);

impl ComputeTime {
    /// Promises that all time for this request will be [added](Self::add). Providers that cannot tell never call
    /// this, and a meter takes their requests to compute all the time.
    pub fn track(&self) {
        let _ = self.0.get_or_init(AtomicU64::default);
    }

    /// Adds time that was computed for this request; where it was computed together with others, its part.
    pub fn add(&self, part: Duration) {
        let nanos = u64::try_from(part.as_nanos()).unwrap_or(u64::MAX);
        self.0.get_or_init(AtomicU64::default).fetch_add(nanos, Ordering::Relaxed);
    }

    /// All that was added, or `None` where nobody tracks it.
    #[must_use]
    pub fn total(&self) -> Option<Duration> {
        self.0.get().map(|nanos| Duration::from_nanos(nanos.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_untold_until_somebody_promises_to_tell() {
        let time = ComputeTime::default();
        let seen = time.clone();
        assert_eq!(seen.total(), None);
        time.track();
        assert_eq!(seen.total(), Some(Duration::ZERO));
        time.add(Duration::from_millis(2));
        time.track();
        time.add(Duration::from_millis(3));
        assert_eq!(seen.total(), Some(Duration::from_millis(5)));
    }
}

use greenroute_core::Runtime;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

/// Where a source reads the time: this machine's clock, or a [`Runtime`]'s.
#[derive(Clone, Default)]
pub(super) struct Clock(Option<Arc<dyn Runtime>>);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock {
    pub(super) fn of(runtime: Arc<dyn Runtime>) -> Self {
        Self(Some(runtime))
    }

    pub(super) fn now(&self) -> SystemTime {
        self.0.as_ref().map_or_else(SystemTime::now, |runtime| runtime.now())
    }

    /// What can wait and work in the background; this machine's clock alone cannot.
    pub(super) fn runtime(&self) -> Option<&Arc<dyn Runtime>> {
        self.0.as_ref()
    }

    /// Time since some fixed moment, never going back.
    pub(super) fn elapsed(&self) -> Duration {
        self.0.as_ref().map_or_else(|| START.elapsed(), |runtime| runtime.elapsed())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(runtime)" } else { "Clock(system)" })
    }
}

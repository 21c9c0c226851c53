//! Time as it is, for suites that want a `Runtime`.

use futures_util::future::BoxFuture;
use greenroute_core::Runtime;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The real clock.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    ids: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { started: Instant::now(), ids: AtomicU64::new(0) }
    }
}

impl Runtime for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn unique_id(&self) -> u128 {
        self.ids.fetch_add(1, Ordering::Relaxed).into()
    }
}

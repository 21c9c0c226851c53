use futures_core::future::BoxFuture;
use greenroute_core::{Error, ErrorKind, Result, Runtime};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;

/// Time, waiting and tasks by tokio; ids by UUID version 7, so that receipts sort by time.
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    handle: Handle,
    origin: Instant,
}

impl TokioRuntime {
    /// Over the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] outside of one.
    pub fn current() -> Result<Self> {
        Handle::try_current().map(Self::new).map_err(|error| {
            let message = "there is no tokio runtime here: call this inside `#[tokio::main]`, or use `TokioRuntime::new`";
            Error::new(ErrorKind::Config, "runtime", message).with_source(error)
        })
    }

    /// Over a given tokio runtime, whose timer must be enabled.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        Self { handle, origin: Instant::now() }
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let _entered = self.handle.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // The handle of a task that nobody waits for is of no use.
        drop(self.handle.spawn(task));
    }

    fn unique_id(&self) -> u128 {
        uuid::Uuid::now_v7().as_u128()
    }
}

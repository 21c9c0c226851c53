use futures_core::future::BoxFuture;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Everything that core takes from the world: time, waiting, tasks and uniqueness. So core runs in virtual time.
pub trait Runtime: Debug + Send + Sync + 'static {
    /// The time of day, for receipts, prices and grids.
    fn now(&self) -> SystemTime;

    /// Time since some fixed moment, never going back: durations and deadlines.
    fn elapsed(&self) -> Duration;

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs `task` to its end without being waited for.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// 128 bits that nobody else got: ids, and the jitter of retries.
    fn unique_id(&self) -> u128;
}

const _: Option<&dyn Runtime> = None;

impl<T: Runtime + ?Sized> Runtime for Arc<T> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn elapsed(&self) -> Duration {
        (**self).elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        (**self).sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        (**self).spawn(task);
    }

    fn unique_id(&self) -> u128 {
        (**self).unique_id()
    }
}

//! A thread that looks after a counter while a call is open, and sleeps while none is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the thread is told.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a call is open.
    open: bool,
    /// Whether the counter is gone.
    closed: bool,
    /// Whether there is a thread.
    started: bool,
}

impl Bell {
    /// Says that a call is open, or that none is any more. `true` where there is no thread yet.
    pub(super) fn open(&self, open: bool) -> bool {
        let mut state = self.state();
        let sleeps = open && !state.open;
        state.open = open;
        let first = open && !state.started;
        state.started |= open;
        drop(state);
        if sleeps {
            self.rung.notify_one();
        }
        first
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.rung.notify_one();
    }

    /// Waits for `time`, and then until a call is open. `false` where the counter is gone.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let state = self.state();
        let late = self.rung.wait_timeout_while(state, time, |state| !state.closed && state.open);
        let (state, _) = late.unwrap_or_else(PoisonError::into_inner);
        let state = self.rung.wait_while(state, |state| !state.closed && !state.open);
        !state.unwrap_or_else(PoisonError::into_inner).closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

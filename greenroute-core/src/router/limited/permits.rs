use std::collections::VecDeque;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// So many permits, given out in the order in which they are asked for.
#[derive(Debug, Clone)]
pub(super) struct Permits(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: u32,
    /// Who waits, first come first; each by a number of its own.
    queue: VecDeque<(u64, Waker)>,
    next: u64,
}

/// One permit; dropped, it is given back.
#[derive(Debug)]
pub(super) struct Permit(Permits);

/// A permit that is waited for; dropped, its place in the queue is given up.
#[derive(Debug)]
pub(super) struct Acquire {
    permits: Permits,
    place: Option<u64>,
}

impl Permits {
    pub(super) fn new(count: NonZeroU32) -> Self {
        Self(Arc::new(Mutex::new(State { free: count.get(), queue: VecDeque::new(), next: 0 })))
    }

    pub(super) fn acquire(&self) -> Acquire {
        Acquire { permits: self.clone(), place: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Wakes those at the head of the queue for whom a permit is free.
    fn wake(&self) {
        let free = usize::try_from(self.free).unwrap_or(usize::MAX);
        for (_, waker) in self.queue.iter().take(free) {
            waker.wake_by_ref();
        }
    }

    /// How many wait before the one of this number. Numbers are given in order, so the queue is sorted by them.
    fn ahead(&self, place: u64) -> Option<usize> {
        self.queue.binary_search_by_key(&place, |(waiting, _)| *waiting).ok()
    }
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        let permits = self.permits.clone();
        let mut state = permits.state();
        let waiting = self.place.and_then(|place| state.ahead(place));
        let ahead = waiting.unwrap_or(state.queue.len());
        if u32::try_from(ahead).is_ok_and(|ahead| ahead < state.free) {
            state.free -= 1;
            self.place = None;
            if let Some(place) = waiting {
                state.queue.remove(place);
            }
            drop(state);
            return Poll::Ready(Permit(permits));
        }
        let waker = context.waker().clone();
        match waiting.and_then(|place| state.queue.get_mut(place)) {
            Some((_, known)) => *known = waker,
            None => {
                let place = state.next;
                state.next += 1;
                state.queue.push_back((place, waker));
                self.place = Some(place);
            }
        }
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut state = self.permits.state();
            if let Some(place) = state.ahead(place) {
                state.queue.remove(place);
            }
            // It may have been woken for a permit that the next in line can have now.
            state.wake();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.free += 1;
        state.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn permits_are_given_in_order_and_a_place_given_up_is_passed_on() {
        let permits = Permits::new(NonZeroU32::new(2).unwrap());
        let (one, two) =
            (permits.acquire().now_or_never().unwrap(), permits.acquire().now_or_never().unwrap());
        let (mut third, mut fourth) = (permits.acquire(), permits.acquire());
        assert!((&mut third).now_or_never().is_none() && (&mut fourth).now_or_never().is_none());
        drop(one);
        assert!((&mut fourth).now_or_never().is_none(), "the third was there before");
        drop(third);
        let fourth = fourth.now_or_never().unwrap();
        assert!(permits.acquire().now_or_never().is_none());
        drop((two, fourth));
        assert!(permits.acquire().now_or_never().is_some());
    }
}

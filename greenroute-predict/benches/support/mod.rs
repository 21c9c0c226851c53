//! What the benches share: an allocator that counts, quantiles of one call each, the machine's load.
#![expect(unsafe_code, reason = "an allocator is unsafe by its trait; all it does is the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one call takes.
pub(crate) struct Figures {
    pub(crate) least: Duration,
    pub(crate) median: Duration,
    pub(crate) high: Duration,
    pub(crate) allocations: usize,
}

/// The quantiles of half a second of calls, timed one by one so that the high end is seen; the clock's own cost, some
/// 25 ns, is in them, and so is dropping whatever the call drops.
pub(crate) fn measured(mut call: impl FnMut()) -> Figures {
    for _ in 0..50 {
        call();
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    call();
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let (mut times, began) = (Vec::with_capacity(50_000), Instant::now());
    while times.len() < 50_000 && began.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        call();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().expect("there were rounds");
    Figures { least: at(0), median: at(50), high: at(95), allocations }
}

/// Prints the load of the machine: with other work on it, times are longer.
pub(crate) fn load() {
    if let Ok(load) = fs::read_to_string("/proc/loadavg") {
        println!("load average {}", load.trim());
    }
}

/// Prints the head of a table of [`row`]s.
pub(crate) fn head() {
    load();
    println!("{:<34}{:>11}{:>11}{:>11}{:>13}", "", "least", "p50", "p95", "allocations");
}

/// Measures and prints; where the command line names a row, all others are passed over.
pub(crate) fn row(name: &str, call: impl FnMut()) -> Option<Figures> {
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if named.is_some_and(|named| !name.contains(&named)) {
        return None;
    }
    let figures = measured(call);
    let Figures { least, median, high, allocations } = figures;
    println!("{name:<34}{least:>11.2?}{median:>11.2?}{high:>11.2?}{allocations:>13}");
    Some(figures)
}

//! An allocator that counts what each thread takes: how much at once, how often, and how much in all. The same input gives the
//! same numbers on every machine, which no clock does.

#![allow(unsafe_code, reason = "an allocator cannot be written without; it hands everything on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a thread took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Allocations.
    pub calls: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Most bytes that were held at once.
    pub peak: i64,
    held: i64,
}

thread_local! {
    static WORK: Cell<Work> = const { Cell::new(Work { calls: 0, bytes: 0, peak: 0, held: 0 }) };
}

/// What this thread takes while something runs.
pub(crate) fn during<T>(run: impl FnOnce() -> T) -> (T, Work) {
    WORK.set(Work::default());
    let result = run();
    (result, WORK.get())
}

fn taken(bytes: usize) {
    change(|work| {
        work.calls += 1;
        work.bytes += bytes as u64;
        work.held += bytes.cast_signed() as i64;
        work.peak = work.peak.max(work.held);
    });
}

fn given_back(bytes: usize) {
    change(|work| work.held -= bytes.cast_signed() as i64);
}

fn change(how: impl FnOnce(&mut Work)) {
    // A thread that ends has no numbers any more.
    let _ = WORK.try_with(|cell| {
        let mut work = cell.get();
        how(&mut work);
        cell.set(work);
    });
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came; the numbers beside it allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller keeps what `GlobalAlloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        given_back(layout.size());
        taken(size);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

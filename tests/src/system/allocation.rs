//! An allocator that counts: what the present thread has, and the most it had at once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// To be the `#[global_allocator]` of a test.
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The most that the thread has had at once more than before, while this ran.
pub fn peak_of(run: impl FnOnce()) -> usize {
    let before = NOW.get();
    PEAK.set(before);
    run();
    // A thread that has freed more than it allocated begins below nothing.
    PEAK.get().wrapping_sub(before)
}

fn grow(bytes: usize) {
    // What is freed here may have been allocated by another thread.
    let now = NOW.get().wrapping_add(bytes);
    NOW.set(now);
    if now as isize > PEAK.get() as isize {
        PEAK.set(now);
    }
}

// SAFETY: every call is passed on to the allocator of the system as it came; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as of the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.set(NOW.get().wrapping_sub(layout.size()));
        // SAFETY: as of the caller.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may be there at once.
        grow(size);
        NOW.set(NOW.get().wrapping_sub(layout.size()));
        // SAFETY: as of the caller.
        unsafe { System.realloc(memory, layout, size) }
    }
}

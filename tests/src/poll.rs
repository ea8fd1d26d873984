//! Waiting for a state, and for nothing else.

use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(5);

/// Returns once `reached` is true; false if that does not happen within the time limit.
pub fn becomes_true(limit: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if reached() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(TICK);
    }
}

/// Returns once `reached` is true; fails the test if that does not happen within the time limit.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, reached: impl FnMut() -> bool) {
    assert!(becomes_true(limit, reached), "not within {limit:?}: {what}");
}

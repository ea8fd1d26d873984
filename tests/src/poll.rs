//! Waiting for a state, and for nothing else.

use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(5);

/// Returns once `reached` is true; false if that does not happen within the time limit. What a tick takes longer than it is to, on
/// a machine that is busy or stands still, does not count.
pub fn becomes_true(limit: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let mut deadline = Instant::now() + limit;
    loop {
        if reached() {
            return true;
        }
        let tick = Instant::now();
        if tick >= deadline {
            return false;
        }
        thread::sleep(TICK);
        deadline += tick.elapsed().saturating_sub(TICK);
    }
}

/// Returns once `reached` is true; fails the test if that does not happen within the time limit.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, reached: impl FnMut() -> bool) {
    assert!(becomes_true(limit, reached), "not within {limit:?}: {what}");
}

//! A line that could come with every operation is logged so often and no more.
//!
//! When a disk stands still every operation is slow. Twenty lines tell the operator; one for each would fill the disk, too.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lines of one kind in one [`PERIOD`].
const LINES_MAX: u32 = 20;
const PERIOD: Duration = Duration::from_mins(1);

/// Knows when lines of one kind were logged.
#[derive(Debug)]
pub struct Sparing {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Option<Instant>,
    lines: u32,
    /// How many were not logged since the last that was.
    more: u64,
}

impl Sparing {
    /// For a `static` beside the line.
    #[expect(clippy::new_without_default, reason = "it is made in a static")]
    pub const fn new() -> Sparing {
        let state = State {
            since: None,
            lines: 0,
            more: 0,
        };
        Sparing {
            state: Mutex::new(state),
        }
    }

    /// Whether a line is to be logged now, and then how many were not before it: it has them as `more`.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        let is_over = |since| now.saturating_duration_since(since) >= PERIOD;
        if state.since.is_none_or(is_over) {
            state.since = Some(now);
            state.lines = 0;
        }
        if state.lines == LINES_MAX {
            state.more += 1;
            return None;
        }
        state.lines += 1;
        Some(std::mem::take(&mut state.more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_every_operation_is_logged_so_often_a_minute() {
        let sparing = Sparing::new();
        let began = Instant::now();
        let due = |at| {
            (0..1000)
                .filter_map(|_| sparing.due_at(at))
                .collect::<Vec<_>>()
        };
        assert_eq!(due(began), [0; LINES_MAX as usize]);
        assert_eq!(due(began + PERIOD / 2), [0; 0]);
        let later = due(began + PERIOD);
        assert_eq!(later.len(), LINES_MAX as usize);
        assert_eq!(later[0], 2000 - u64::from(LINES_MAX));
        assert_eq!(later[1], 0);
    }
}

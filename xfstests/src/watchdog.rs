//! What is done about a test that takes too long, step by step.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::{mounts, processes};

/// Between two steps.
const GRACE: Duration = Duration::from_secs(45);

/// Of one test.
#[derive(Debug)]
pub(crate) struct Watchdog {
    next: Instant,
    taken: usize,
}

/// Each is harder than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The kernel gives up the connections of the mounts: who waits for them gets an error. The test is killed.
    Abort,
    /// The daemons are killed.
    KillDaemons,
    /// Everything is; the tests that follow get a new `check`.
    KillCheck,
}

const STEPS: [Step; 3] = [Step::Abort, Step::KillDaemons, Step::KillCheck];

impl Watchdog {
    /// Begins to wait.
    pub(crate) fn new(limit: Duration) -> Watchdog {
        Watchdog {
            next: Instant::now() + limit,
            taken: 0,
        }
    }

    /// Whether anything was done.
    pub(crate) fn has_bitten(&self) -> bool {
        self.taken > 0
    }

    /// What is to be done now; each step once.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Step> {
        let step = STEPS
            .get(self.taken)
            .copied()
            .filter(|_| now >= self.next)?;
        self.taken += 1;
        self.next = now + GRACE;
        Some(step)
    }
}

impl Step {
    /// Does it; whether `check` is gone afterwards.
    pub(crate) fn take(self, check: u32, mountpoints: &Path) -> anyhow::Result<bool> {
        mounts::abort(mountpoints)?;
        for pid in processes::descendants(check) {
            processes::signal(pid, Signal::SIGKILL);
        }
        match self {
            Step::Abort => Ok(false),
            Step::KillDaemons => {
                for pid in processes::with_argument(mountpoints) {
                    processes::signal(pid, Signal::SIGKILL);
                }
                Ok(false)
            }
            Step::KillCheck => {
                processes::signal_group(check, Signal::SIGKILL);
                Ok(true)
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Step::Abort => "it is killed, and its mounts are given up",
            Step::KillDaemons => "the daemons are killed",
            Step::KillCheck => "check is killed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_comes_once_and_in_its_time() {
        let limit = Duration::from_mins(1);
        let mut watchdog = Watchdog::new(limit);
        let now = Instant::now();
        assert_eq!(watchdog.due(now), None);
        assert!(!watchdog.has_bitten());
        let late = now + limit;
        assert_eq!(watchdog.due(late), Some(Step::Abort));
        assert!(watchdog.has_bitten());
        assert_eq!(watchdog.due(late + GRACE / 2), None);
        assert_eq!(watchdog.due(late + GRACE), Some(Step::KillDaemons));
        assert_eq!(watchdog.due(late + 2 * GRACE), Some(Step::KillCheck));
        assert_eq!(watchdog.due(late + 9 * GRACE), None);
    }
}

//! How long to wait before another try.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::options::Timing;

/// Exponential, with full jitter: anything between nothing and the bound, so that many who failed
/// together do not come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    last: Duration,
    /// Every value is hashed with other keys, which come from the system.
    random: RandomState,
}

impl Backoff {
    pub(super) fn new(timing: &Timing) -> Backoff {
        Backoff {
            first: timing.backoff_first,
            last: timing.backoff_last,
            random: RandomState::new(),
        }
    }

    /// The pause after so many tries that failed.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let random = self.random.hash_one((failures, std::time::Instant::now()));
        // The fraction `random / 2^64` of the bound.
        let nanoseconds = (self.bound(failures).as_nanos() * u128::from(random)) >> 64;
        Duration::from_nanos(nanoseconds as u64)
    }

    fn bound(&self, failures: u32) -> Duration {
        let factor = 1_u32 << failures.saturating_sub(1).min(16);
        self.first.saturating_mul(factor).min(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_bound_and_differ() {
        let backoff = Backoff::new(&Timing::default());
        let bounds: Vec<u128> = (1..=9).map(|n| backoff.bound(n).as_millis()).collect();
        assert_eq!(bounds, [5, 10, 20, 40, 80, 160, 320, 500, 500]);
        assert_eq!(backoff.bound(u32::MAX), Duration::from_millis(500));
        let pauses: Vec<Duration> = (0..1000).map(|_| backoff.pause(20)).collect();
        assert!(
            pauses
                .iter()
                .all(|pause| *pause < Duration::from_millis(500))
        );
        let short = pauses
            .iter()
            .filter(|pause| pause.as_millis() < 250)
            .count();
        assert!((300..700).contains(&short), "{short} of 1000");
    }
}

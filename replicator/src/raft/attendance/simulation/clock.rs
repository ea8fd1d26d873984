//! The time of the simulation, and the clocks of machines, each of which goes at its own rate.

use std::time::{Duration, Instant};

/// Microseconds since the simulation began, by nobody's clock.
pub(super) type Time = u64;

pub(super) const MILLISECOND: Time = 1000;
pub(super) const SECOND: Time = 1_000_000;

/// The clock of one machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// What it showed when the simulation began.
    pub(super) began: Instant,
    /// How much it goes on while a thousand microseconds pass.
    pub(super) per_mille: u64,
}

impl Clock {
    /// What it shows at this time.
    pub(super) fn at(&self, time: Time) -> Instant {
        self.began + Duration::from_micros(time * self.per_mille / 1000)
    }

    /// When it will show this.
    pub(super) fn when(&self, now: Time, instant: Instant) -> Time {
        self.after(now, instant.saturating_duration_since(self.at(now)))
    }

    /// When it will have gone on so much.
    pub(super) fn after(&self, now: Time, duration: Duration) -> Time {
        let micros = duration.as_micros() as u64;
        now + (micros * 1000).div_ceil(self.per_mille) + 1
    }
}

//! How long something takes, in buckets that never change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds; one more has what is longer.
pub(crate) const BOUNDS_MICROS: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// Counts durations.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS_MICROS.len() + 1],
    micros: AtomicU64,
}

/// What was counted up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Of each bucket, without those before it.
    counts: [u64; BOUNDS_MICROS.len() + 1],
    pub(crate) sum: Duration,
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        let micros = duration.as_micros() as u64;
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counted {
        Counted {
            counts: self
                .counts
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
            sum: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        }
    }
}

impl Counted {
    /// The upper bound of each bucket, none for the last, with what is in it.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS_MICROS.map(|micros| Some(Duration::from_micros(micros)));
        bounds.into_iter().chain([None]).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_below_the_next_bound() {
        let histogram = Histogram::default();
        for micros in [1, 50, 51, 99_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counted = histogram.read();
        assert_eq!(counted.counts[..2], [2, 1]);
        assert_eq!(counted.counts[BOUNDS_MICROS.len()], 1);
        assert_eq!(counted.sum, Duration::from_micros(99_000_102));
    }
}

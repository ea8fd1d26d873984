//! What the log has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of a latency, in microseconds; one more bucket holds the rest.
const LATENCY_BOUNDS_MICROS: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// How often a latency fell between two bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LatencyHistogram {
    counts: [u64; LATENCY_BOUNDS_MICROS.len() + 1],
    /// Of all of them.
    pub(crate) sum: Duration,
}

impl LatencyHistogram {
    /// The upper bound of each bucket (the last has none), and how many fell into it alone.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = LATENCY_BOUNDS_MICROS.map(|micros| Some(Duration::from_micros(micros)));
        bounds.into_iter().chain([None]).zip(self.counts)
    }
}

/// The counters of a log database since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogMetrics {
    /// Appends of any number of entries of one group.
    pub(crate) appends: u64,
    /// Entries that were written.
    pub(crate) entries: u64,
    /// Bytes of them, encoded.
    pub(crate) bytes: u64,
    /// Votes that were written.
    pub(crate) votes: u64,
    /// Batches that were written.
    pub(crate) batches: u64,
    /// Batches that were synced.
    pub(crate) fsyncs: u64,
    /// Bytes of payload that wait to be written.
    pub(crate) queued_bytes: u64,
    /// Of the writes with a sync.
    pub(crate) fsync_latency: LatencyHistogram,
}

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) appends: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) votes: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) fsyncs: AtomicU64,
    pub(super) queued_bytes: AtomicU64,
    latency_counts: [AtomicU64; LATENCY_BOUNDS_MICROS.len() + 1],
    latency_micros: AtomicU64,
}

impl Counters {
    pub(super) fn count_fsync(&self, elapsed: Duration) {
        let micros = elapsed.as_micros() as u64;
        let bucket = LATENCY_BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.latency_counts.get(bucket) {
            add(count, 1);
        }
        add(&self.latency_micros, micros);
        add(&self.fsyncs, 1);
    }

    pub(super) fn read(&self) -> LogMetrics {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogMetrics {
            appends: load(&self.appends),
            entries: load(&self.entries),
            bytes: load(&self.bytes),
            votes: load(&self.votes),
            batches: load(&self.batches),
            fsyncs: load(&self.fsyncs),
            queued_bytes: load(&self.queued_bytes),
            fsync_latency: LatencyHistogram {
                counts: self.latency_counts.each_ref().map(load),
                sum: Duration::from_micros(load(&self.latency_micros)),
            },
        }
    }
}

/// Adds to a counter that orders nothing else.
pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_counted_below_the_next_bound() {
        let counters = Counters::default();
        for micros in [1, 50, 51, 1_000_000, 1_000_001] {
            counters.count_fsync(Duration::from_micros(micros));
        }
        let read = counters.read();
        assert_eq!(read.fsyncs, 5);
        let counted: Vec<_> = read
            .fsync_latency
            .buckets()
            .filter(|each| each.1 > 0)
            .collect();
        let bound = |micros| Some(Duration::from_micros(micros));
        let expected = [
            (bound(50), 2),
            (bound(100), 1),
            (bound(1_000_000), 1),
            (None, 1),
        ];
        assert_eq!(counted, expected);
        assert_eq!(read.fsync_latency.sum, Duration::from_micros(2_000_103));
    }
}

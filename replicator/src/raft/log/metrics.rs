//! What the log has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::raft::histogram::{Counted, Histogram};

/// The counters of a log database since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub(crate) fsync_latency: Counted,
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
    fsync_latency: Histogram,
}

impl Counters {
    pub(super) fn count_fsync(&self, elapsed: Duration) {
        self.fsync_latency.observe(elapsed);
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
            fsync_latency: self.fsync_latency.read(),
        }
    }
}

/// Adds to a counter that orders nothing else.
pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

//! What the state machine of a group has done, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast_metadata::LogIndex;

/// Counted since the group was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MachineMetrics {
    /// The last entry that was applied, ever.
    pub(crate) applied: LogIndex,
    /// Write batches that entries were applied in.
    pub(crate) batches: u64,
    /// Entries that were applied.
    pub(crate) entries: u64,
    /// Snapshots that were built.
    pub(crate) snapshots_built: u64,
    /// Bytes of the last snapshot, built or installed.
    pub(crate) snapshot_bytes: u64,
    /// How long building took, all together.
    pub(crate) snapshot_time: Duration,
    /// Snapshots that replaced the state.
    pub(crate) snapshots_installed: u64,
}

/// Where it is counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    entries: AtomicU64,
    built: AtomicU64,
    bytes: AtomicU64,
    microseconds: AtomicU64,
    installed: AtomicU64,
}

impl Counters {
    pub(super) fn applied(&self, entries: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
    }

    pub(super) fn built(&self, bytes: u64, time: Duration) {
        self.built.fetch_add(1, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.microseconds
            .fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    pub(super) fn installed(&self, bytes: u64) {
        self.installed.fetch_add(1, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn read(&self, applied: LogIndex) -> MachineMetrics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MachineMetrics {
            applied,
            batches: count(&self.batches),
            entries: count(&self.entries),
            snapshots_built: count(&self.built),
            snapshot_bytes: count(&self.bytes),
            snapshot_time: Duration::from_micros(count(&self.microseconds)),
            snapshots_installed: count(&self.installed),
        }
    }
}

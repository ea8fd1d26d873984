//! Notices when so much was removed from a volume that compacting its store gives worthwhile space back.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_metadata::Statistics;

/// Removing so much, and a quarter of all, is worth a compaction when there is no hurry.
const REMOVED_BYTES_MIN: u64 = 256 * 1024 * 1024;
/// Removing less is worth one only if it is half of what is free, and so much.
const REMOVED_BYTES_MIN_LOW: u64 = 1024 * 1024;
/// What an inode without data weighs on disk, about.
const INODE_BYTES: u64 = 512;

/// Remembers how much a volume held.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    /// The most since the store was last compacted, in bytes.
    largest: AtomicU64,
}

impl Removal {
    /// Takes note of what the volume holds now; answers how much that is, in bytes.
    pub(crate) fn weigh(&self, statistics: &Statistics) -> u64 {
        let weight = statistics.allocated + statistics.inodes * INODE_BYTES;
        self.largest.fetch_max(weight, Ordering::Relaxed);
        weight
    }

    /// Whether so much is gone that a compaction is due, with so much space on the disk. The next one is due when
    /// as much is gone again.
    pub(crate) fn is_due(&self, weight: u64, available: u64) -> bool {
        let largest = self.largest.load(Ordering::Relaxed);
        let in_no_hurry = REMOVED_BYTES_MIN.max(largest / 4);
        let in_need = REMOVED_BYTES_MIN_LOW.max(available / 2);
        let due = largest.saturating_sub(weight) >= in_no_hurry.min(in_need);
        if due {
            self.largest.store(weight, Ordering::Relaxed);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn of(allocated: u64) -> Statistics {
        Statistics {
            inodes: 0,
            allocated,
        }
    }

    #[test]
    fn removing_much_of_what_is_free_is_due_once() {
        let removal = Removal::default();
        removal.weigh(&of(100 * MIB));
        let weight = removal.weigh(&of(90 * MIB));
        assert!(!removal.is_due(weight, 21 * MIB), "less than half of it");
        assert!(removal.is_due(weight, 20 * MIB));
        assert!(!removal.is_due(weight, 20 * MIB), "nothing more is gone");
    }

    #[test]
    fn on_a_full_disk_little_is_enough_and_next_to_nothing_is_not() {
        let removal = Removal::default();
        removal.weigh(&of(100 * MIB));
        assert!(!removal.is_due(removal.weigh(&of(100 * MIB - 1)), 0));
        assert!(removal.is_due(removal.weigh(&of(99 * MIB)), 0));
    }

    #[test]
    fn on_an_empty_disk_it_waits_for_a_quarter_of_all() {
        let removal = Removal::default();
        removal.weigh(&of(4096 * MIB));
        let free = u64::MAX;
        assert!(!removal.is_due(removal.weigh(&of(3073 * MIB)), free));
        assert!(removal.is_due(removal.weigh(&of(3072 * MIB)), free));
    }
}

//! How many times the kernel was told of each inode, less how many times it forgot.
//!
//! **Invariant.** An inode is in the map exactly when the kernel may still name it; the mark of an
//! orphan is set while it is there, so that the forget that removes it knows what to do next.

use std::collections::HashMap;

use holdfast_metadata::InodeId;
use parking_lot::Mutex;

/// Event loops seldom meet in one shard.
const SHARDS: usize = 64;

/// The counts of one mount.
#[derive(Debug)]
pub(crate) struct LookupCounts {
    shards: Vec<Mutex<HashMap<InodeId, Count>>>,
}

#[derive(Debug, Default)]
struct Count {
    lookups: u64,
    orphan: bool,
}

impl LookupCounts {
    pub(crate) fn new() -> LookupCounts {
        LookupCounts {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The kernel is about to be told of the inode.
    pub(crate) fn remember(&self, ino: InodeId) {
        self.shard(ino, |shard| shard.entry(ino).or_default().lookups += 1);
    }

    /// The kernel forgot it so many times; true when that was the last time and the inode is an orphan.
    pub(crate) fn forget(&self, ino: InodeId, lookups: u64) -> bool {
        self.shard(ino, |shard| {
            let Some(count) = shard.get_mut(&ino) else {
                return false;
            };
            count.lookups = count.lookups.saturating_sub(lookups);
            count.lookups == 0 && shard.remove(&ino).is_some_and(|count| count.orphan)
        })
    }

    /// The inode lost its last name; true when the kernel does not know it.
    pub(crate) fn orphan(&self, ino: InodeId) -> bool {
        self.shard(ino, |shard| match shard.get_mut(&ino) {
            Some(count) => {
                count.orphan = true;
                false
            }
            None => true,
        })
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the number of shards"
    )]
    fn shard<T>(&self, ino: InodeId, change: impl FnOnce(&mut HashMap<InodeId, Count>) -> T) -> T {
        change(&mut self.shards[ino.get() as usize % SHARDS].lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INO: InodeId = InodeId::new(77);

    #[test]
    fn an_orphan_is_reclaimed_when_the_kernel_forgets_it() {
        let counts = LookupCounts::new();
        counts.remember(INO);
        counts.remember(INO);
        assert!(!counts.orphan(INO));
        assert!(!counts.forget(INO, 1));
        assert!(counts.forget(INO, 1));
        assert!(!counts.forget(INO, 1));
    }

    #[test]
    fn an_orphan_the_kernel_does_not_know_is_reclaimed_at_once() {
        let counts = LookupCounts::new();
        assert!(counts.orphan(INO));
        counts.remember(INO);
        assert!(!counts.forget(INO, 1));
        assert!(counts.orphan(INO));
    }

    #[test]
    fn an_inode_with_a_name_is_forgotten_without_consequence() {
        let counts = LookupCounts::new();
        counts.remember(INO);
        assert!(!counts.forget(INO, 5));
    }

    #[test]
    fn counts_add_up_over_threads() {
        let counts = LookupCounts::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| counts.remember(INO)));
            }
        });
        counts.orphan(INO);
        assert!(!counts.forget(INO, 3999));
        assert!(counts.forget(INO, 1));
    }
}

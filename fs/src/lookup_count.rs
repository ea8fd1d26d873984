//! How many times the kernel was told of each inode, less how many times it forgot, and how often it has it open.
//!
//! What lost its last name through this mount is in use until the kernel forgets it. What lost it elsewhere the kernel
//! does not know to be gone: it remembers the name until somebody asks for it again, which may be never. Such an inode
//! is in use as long as it is open; but what the kernel opens by itself (a FIFO) until it is forgotten.
//!
//! The kernel looks a name up, and opens what it found a moment later. Should the name be gone by then, the inode is still
//! there: it stays until this mount has said, when the cluster asked, that it has no use for it. From then on it is not opened.
//! A mount does not say so of what its kernel was told of just now.
//!
//! **Invariant.** An inode is in the map exactly when the kernel may still name it; the mark of an
//! orphan is set while it is in use, so that what ends that knows what to do next.

use std::collections::HashMap;
use std::time::Duration;

use holdfast_metadata::InodeId;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Event loops seldom meet in one shard.
const SHARDS: usize = 64;
/// The kernel opens within this time what it looked up to open it, unless it is held up; then it is told ESTALE and looks again,
/// once.
const OPENS_WITHIN: Duration = Duration::from_secs(1);

/// The counts of one mount.
#[derive(Debug)]
pub(crate) struct LookupCounts {
    began: Instant,
    shards: Vec<Mutex<HashMap<InodeId, Count>>>,
}

#[derive(Debug, Default)]
struct Count {
    lookups: u64,
    /// How often it is open; not counted where nobody else removes names.
    open: u64,
    /// When the kernel was told of it last, in milliseconds that begin anew after 49 days: whoever lies so far back is waited for
    /// once more.
    told: u32,
    orphan: bool,
    /// In use until it is forgotten, open or not.
    until_forgotten: bool,
    /// The cluster knows that it is not in use, and may remove it at any moment.
    given_up: bool,
}

impl Count {
    fn is_in_use(&self) -> bool {
        self.open > 0 || self.until_forgotten
    }
}

impl LookupCounts {
    pub(crate) fn new() -> LookupCounts {
        LookupCounts {
            began: Instant::now(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The kernel is about to be told of the inode.
    pub(crate) fn remember(&self, ino: InodeId) {
        self.shard(ino, |shard| {
            let count = shard.entry(ino).or_default();
            count.lookups += 1;
            count.told = self.clock();
        });
    }

    /// The same, of one that the kernel opens without asking.
    pub(crate) fn remember_special(&self, ino: InodeId) {
        self.shard(ino, |shard| {
            let count = shard.entry(ino).or_default();
            count.lookups += 1;
            count.until_forgotten = true;
        });
    }

    /// The kernel opens it; false when it has no name any more, and may be gone at any moment.
    pub(crate) fn open(&self, ino: InodeId, has_name: bool) -> bool {
        self.shard(ino, |shard| {
            let may_open = has_name || shard.get(&ino).is_some_and(|count| !count.given_up);
            if may_open {
                // The root is never looked up.
                shard.entry(ino).or_default().open += 1;
            }
            may_open
        })
    }

    /// How long the kernel may still be about to open it, having just looked it up.
    pub(crate) fn may_be_opened_for(&self, ino: InodeId) -> Option<Duration> {
        self.shard(ino, |shard| {
            let count = shard.get(&ino).filter(|count| !count.is_in_use())?;
            let ago = self.clock().wrapping_sub(count.told);
            let left = OPENS_WITHIN.checked_sub(Duration::from_millis(ago.into()));
            left.filter(|_| !count.given_up)
        })
    }

    /// Whether the kernel has it open.
    pub(crate) fn is_open(&self, ino: InodeId) -> bool {
        self.shard(ino, |shard| {
            shard.get(&ino).is_some_and(|count| count.open > 0)
        })
    }

    /// The kernel closed it; true when that was the last use of an orphan.
    pub(crate) fn close(&self, ino: InodeId) -> bool {
        self.shard(ino, |shard| {
            let Some(count) = shard.get_mut(&ino) else {
                return false;
            };
            count.open = count.open.saturating_sub(1);
            let is_over = !count.is_in_use() && std::mem::take(&mut count.orphan);
            count.given_up |= is_over;
            is_over
        })
    }

    /// The inode lost its last name through this mount.
    pub(crate) fn removed_here(&self, ino: InodeId) {
        self.shard(ino, |shard| {
            if let Some(count) = shard.get_mut(&ino) {
                count.until_forgotten = true;
            }
        });
    }

    /// The inode has lost its last name somewhere; true when it is in use here, of whose end is told once. If not, it is
    /// given up.
    pub(crate) fn keep(&self, ino: InodeId) -> bool {
        self.shard(ino, |shard| {
            let Some(count) = shard.get_mut(&ino) else {
                return false;
            };
            count.orphan = count.is_in_use();
            count.given_up |= !count.orphan;
            count.orphan
        })
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

    fn clock(&self) -> u32 {
        self.began.elapsed().as_millis() as u32
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
    fn what_was_removed_elsewhere_is_in_use_as_long_as_it_is_open() {
        let counts = LookupCounts::new();
        counts.remember(INO);
        assert!(!counts.keep(INO), "known is not used");
        assert!(counts.open(INO, true) && counts.open(INO, true));
        assert!(counts.keep(INO));
        assert!(!counts.close(INO));
        assert!(counts.close(INO));
        assert!(!counts.keep(INO));
        assert!(!counts.forget(INO, 1), "it is told once");
    }

    #[test]
    fn what_was_removed_here_is_in_use_until_it_is_forgotten() {
        let counts = LookupCounts::new();
        counts.remember(INO);
        assert!(counts.open(INO, true));
        counts.removed_here(INO);
        assert!(counts.keep(INO));
        assert!(!counts.close(INO));
        assert!(counts.keep(INO));
        assert!(counts.forget(INO, 1));
        assert!(!counts.keep(INO));
    }

    #[test]
    fn what_the_kernel_opens_by_itself_is_in_use_until_it_is_forgotten() {
        let counts = LookupCounts::new();
        counts.remember_special(INO);
        assert!(counts.keep(INO));
        assert!(counts.forget(INO, 1));
    }

    #[test]
    fn what_has_no_name_is_opened_until_it_is_given_up() {
        let counts = LookupCounts::new();
        assert!(!counts.open(INO, false), "nobody has looked it up");
        counts.remember(INO);
        assert!(counts.open(INO, false), "it had a name a moment ago");
        assert!(counts.keep(INO));
        assert!(counts.open(INO, false));
        assert!(!counts.close(INO));
        assert!(counts.close(INO));
        assert!(!counts.open(INO, false), "the cluster was told");
    }

    #[test]
    fn what_is_not_in_use_when_the_cluster_asks_is_given_up() {
        let counts = LookupCounts::new();
        counts.remember(INO);
        assert!(counts.open(INO, false));
        assert!(!counts.close(INO), "nobody has asked");
        assert!(!counts.keep(INO));
        assert!(!counts.open(INO, false));
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

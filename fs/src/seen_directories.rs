//! Which directory each thread of this machine found last, and under which name.
//!
//! FUSE tells what `rmdir` removes, and a `rename` replaces, by its name alone. The kernel has looked the name up just before,
//! in the same thread, and marks the directory that it found as removed: for good, it finds nothing new in it. When
//! another mount moves the name in between, the cluster would remove another directory than the kernel believes. So the
//! command says whom its thread has seen.

use std::collections::HashMap;

use holdfast_metadata::{FileName, InodeId};
use parking_lot::Mutex;

/// Threads seldom meet in one shard.
const SHARDS: usize = 16;

/// A thread is forgotten when so many others of its shard, and no more than twice as many, have found something since.
/// Between a lookup and what follows there are no more than those that wait for an answer.
const THREADS: usize = 1024;

/// What the threads of one mount have seen.
#[derive(Debug)]
pub(crate) struct SeenDirectories {
    shards: Vec<Mutex<Shard>>,
}

/// Threads whose last look was a while ago are all forgotten together.
#[derive(Debug, Default)]
struct Shard {
    recent: HashMap<u32, Sight>,
    older: HashMap<u32, Sight>,
}

#[derive(Debug)]
struct Sight {
    parent: InodeId,
    name: FileName,
    found: InodeId,
}

impl SeenDirectories {
    pub(crate) fn new() -> SeenDirectories {
        SeenDirectories {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The thread is about to be told that a name leads to a directory.
    pub(crate) fn found(&self, thread: u32, parent: InodeId, name: FileName, found: InodeId) {
        let sight = Sight {
            parent,
            name,
            found,
        };
        let mut shard = self.shard(thread).lock();
        if shard.recent.len() >= THREADS {
            shard.older = std::mem::take(&mut shard.recent);
        }
        shard.recent.insert(thread, sight);
    }

    /// The thread is about to be told that there is no directory.
    pub(crate) fn found_none(&self, thread: u32) {
        let mut shard = self.shard(thread).lock();
        shard.recent.remove(&thread);
        shard.older.remove(&thread);
    }

    /// The directory that the thread found in its last look, if that was for this name.
    pub(crate) fn last(&self, thread: u32, parent: InodeId, name: &FileName) -> Option<InodeId> {
        let shard = self.shard(thread).lock();
        let last = shard
            .recent
            .get(&thread)
            .or_else(|| shard.older.get(&thread));
        let sight = last.filter(|sight| sight.parent == parent && sight.name == *name);
        sight.map(|sight| sight.found)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the number of shards"
    )]
    fn shard(&self, thread: u32) -> &Mutex<Shard> {
        &self.shards[thread as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: InodeId = InodeId::ROOT;
    const OTHER: InodeId = InodeId::new(5);

    fn name(text: &str) -> FileName {
        FileName::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_thread_has_seen_what_it_found_last() {
        let seen = SeenDirectories::new();
        seen.found(1, ROOT, name("a"), InodeId::new(6));
        seen.found(2, ROOT, name("a"), InodeId::new(7));
        assert_eq!(seen.last(1, ROOT, &name("a")), Some(InodeId::new(6)));
        assert_eq!(seen.last(2, ROOT, &name("a")), Some(InodeId::new(7)));
        assert_eq!(seen.last(1, ROOT, &name("b")), None);
        assert_eq!(seen.last(1, OTHER, &name("a")), None);
        assert_eq!(seen.last(3, ROOT, &name("a")), None);
        seen.found(1, ROOT, name("b"), InodeId::new(8));
        assert_eq!(seen.last(1, ROOT, &name("a")), None);
        seen.found_none(1);
        assert_eq!(seen.last(1, ROOT, &name("b")), None);
        assert_eq!(seen.last(2, ROOT, &name("a")), Some(InodeId::new(7)));
    }

    #[test]
    fn threads_of_long_ago_are_forgotten_and_the_last_ones_never() {
        let seen = SeenDirectories::new();
        let last = (THREADS * SHARDS * 5) as u32;
        for thread in 0..=last {
            seen.found(thread, ROOT, name("a"), InodeId::new(thread.into()));
            let just_before = thread.saturating_sub((THREADS * SHARDS - SHARDS) as u32);
            let found = seen.last(just_before, ROOT, &name("a"));
            assert_eq!(found, Some(InodeId::new(just_before.into())));
        }
        for shard in &seen.shards {
            let shard = shard.lock();
            assert!(shard.recent.len() <= THREADS && shard.older.len() <= THREADS);
        }
        seen.found_none(last);
        assert_eq!(seen.last(last, ROOT, &name("a")), None);
        assert_eq!(seen.last(0, ROOT, &name("a")), None);
    }
}

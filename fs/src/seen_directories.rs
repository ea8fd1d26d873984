//! Which directory each thread of this machine found when it looked last, and under which name.
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

/// A look is forgotten when so many others of its shard, and no more than twice as many, have come since.
/// Between a look and what follows there are no more than those that wait for an answer.
const LOOKERS: usize = 1024;

/// What the threads of one mount have seen.
#[derive(Debug)]
pub(crate) struct SeenDirectories {
    shards: Vec<Mutex<Shard>>,
}

/// What a thread found when it looked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLook {
    Directory(InodeId),
    /// No directory has that name.
    None,
    /// It looked for another name.
    Elsewhere,
}

/// Who has looked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Looker {
    Thread(u32),
    /// One of those that the daemon cannot see, for they run outside of its process namespace: they are told apart by
    /// what they look for.
    Hidden(InodeId, FileName),
}

/// The older looks are forgotten together.
#[derive(Debug, Default)]
struct Shard {
    recent: HashMap<Looker, Look>,
    older: HashMap<Looker, Look>,
}

#[derive(Debug)]
struct Look {
    parent: InodeId,
    name: FileName,
    found: Option<InodeId>,
}

impl SeenDirectories {
    pub(crate) fn new() -> SeenDirectories {
        SeenDirectories {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The thread is about to be told that a name leads to a directory, or that it does not.
    pub(crate) fn note(
        &self,
        thread: u32,
        parent: InodeId,
        name: FileName,
        found: Option<InodeId>,
    ) {
        let looker = looker(thread, parent, &name);
        let look = Look {
            parent,
            name,
            found,
        };
        let mut shard = self.shard(thread).lock();
        if shard.recent.len() >= LOOKERS {
            shard.older = std::mem::take(&mut shard.recent);
        }
        shard.recent.insert(looker, look);
    }

    /// What the thread found in its last look.
    pub(crate) fn last(&self, thread: u32, parent: InodeId, name: &FileName) -> LastLook {
        let looker = looker(thread, parent, name);
        let shard = self.shard(thread).lock();
        let last = shard.recent.get(&looker);
        let last = last.or_else(|| shard.older.get(&looker));
        let last = last.filter(|look| look.parent == parent && look.name == *name);
        last.map_or(LastLook::Elsewhere, |look| {
            look.found.map_or(LastLook::None, LastLook::Directory)
        })
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the number of shards"
    )]
    fn shard(&self, thread: u32) -> &Mutex<Shard> {
        &self.shards[thread as usize % SHARDS]
    }
}

fn looker(thread: u32, parent: InodeId, name: &FileName) -> Looker {
    match thread {
        0 => Looker::Hidden(parent, name.clone()),
        thread => Looker::Thread(thread),
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

    const SIX: Option<InodeId> = Some(InodeId::new(6));
    const SEVEN: Option<InodeId> = Some(InodeId::new(7));

    fn directory(number: u64) -> LastLook {
        LastLook::Directory(InodeId::new(number))
    }

    #[test]
    fn each_thread_has_seen_what_it_found_last() {
        let seen = SeenDirectories::new();
        seen.note(1, ROOT, name("a"), SIX);
        seen.note(2, ROOT, name("a"), SEVEN);
        assert_eq!(seen.last(1, ROOT, &name("a")), directory(6));
        assert_eq!(seen.last(2, ROOT, &name("a")), directory(7));
        assert_eq!(seen.last(1, ROOT, &name("b")), LastLook::Elsewhere);
        assert_eq!(seen.last(1, OTHER, &name("a")), LastLook::Elsewhere);
        assert_eq!(seen.last(3, ROOT, &name("a")), LastLook::Elsewhere);
        seen.note(1, ROOT, name("b"), None);
        assert_eq!(seen.last(1, ROOT, &name("a")), LastLook::Elsewhere);
        assert_eq!(seen.last(1, ROOT, &name("b")), LastLook::None);
        assert_eq!(seen.last(2, ROOT, &name("a")), directory(7));
    }

    #[test]
    fn threads_that_cannot_be_seen_have_seen_what_any_of_them_found() {
        let seen = SeenDirectories::new();
        seen.note(0, ROOT, name("a"), SIX);
        seen.note(0, ROOT, name("b"), SEVEN);
        seen.note(0, OTHER, name("a"), None);
        assert_eq!(seen.last(0, ROOT, &name("a")), directory(6));
        seen.note(0, ROOT, name("a"), SEVEN);
        assert_eq!(seen.last(0, ROOT, &name("a")), directory(7));
        assert_eq!(seen.last(0, OTHER, &name("b")), LastLook::Elsewhere);
    }

    #[test]
    fn looks_of_long_ago_are_forgotten_and_the_last_ones_never() {
        let seen = SeenDirectories::new();
        let last = (LOOKERS * SHARDS * 5) as u32;
        for thread in 1..=last {
            seen.note(thread, ROOT, name("a"), Some(InodeId::new(thread.into())));
            let before = thread
                .saturating_sub((LOOKERS * SHARDS - SHARDS) as u32)
                .max(1);
            let look = seen.last(before, ROOT, &name("a"));
            assert_eq!(look, directory(before.into()));
        }
        for shard in &seen.shards {
            let shard = shard.lock();
            assert!(shard.recent.len() <= LOOKERS && shard.older.len() <= LOOKERS);
        }
        assert_eq!(seen.last(1, ROOT, &name("a")), LastLook::Elsewhere);
    }
}

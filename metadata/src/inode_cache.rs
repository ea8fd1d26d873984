//! The records of inodes that were changed lately: most of what operations read is one of them, and
//! searching the store for it would cost more than the operation.
//!
//! It never decides an answer; without it every answer is the same, only later.
//!
//! **Invariant.** While the version is even, every entry is what the store holds after the last
//! commit. It is odd while a commit changes both. Who commits is alone and may read at any time.
//! Everybody else reads between two looks at the version and keeps what was read only if it was even
//! and has not changed: then all of it was there together, at one moment of the call.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::store::{Batch, View, Visit};
use crate::types::InodeId;

/// Inodes have consecutive numbers, so a shard is a range of them and most are not used at first.
const SHARDS: u64 = 64;
/// Entries of a shard, allocated with its first one.
const SHARD_ENTRIES: u64 = 1024;

/// An entry for each number modulo the size of the cache.
pub(crate) struct InodeCache {
    version: AtomicU64,
    shards: Vec<Mutex<Shard>>,
}

type Shard = Vec<Option<Entry>>;

#[derive(Clone)]
struct Entry {
    ino: InodeId,
    record: Bytes,
}

/// A version of the cache and the store at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(u64);

impl InodeCache {
    pub(crate) fn new() -> InodeCache {
        InodeCache {
            version: AtomicU64::new(0),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The version to compare with after reading; `None` while a commit is under way.
    pub(crate) fn version(&self) -> Option<Version> {
        let version = self.version.load(Ordering::SeqCst);
        version.is_multiple_of(2).then_some(Version(version))
    }

    /// Whether nothing was committed since.
    pub(crate) fn is_at(&self, version: Version) -> bool {
        // What was read before must not be moved behind this look.
        fence(Ordering::Acquire);
        self.version.load(Ordering::SeqCst) == version.0
    }

    /// Commits a batch to the store and takes over what it says of inodes.
    pub(crate) fn commit(
        &self,
        batch: Batch,
        commit: impl FnOnce(Batch) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (start, end) = keys::all(Prefix::Inode);
        let changes: Vec<(InodeId, Option<Bytes>)> = batch
            .range(&start, &end)
            .filter_map(|(key, record)| Some((inode_of(key)?, record.clone())))
            .collect();
        self.version.fetch_add(1, Ordering::SeqCst);
        let committed = commit(batch);
        if committed.is_ok() {
            for (ino, record) in changes {
                self.set(ino, record);
            }
        }
        self.version.fetch_add(1, Ordering::SeqCst);
        committed
    }

    fn get(&self, ino: InodeId) -> Option<Bytes> {
        let (shard, index) = place(ino);
        let shard = self.shard(shard);
        let entry = shard.get(index)?.as_ref()?;
        (entry.ino == ino).then(|| entry.record.clone())
    }

    fn set(&self, ino: InodeId, record: Option<Bytes>) {
        let (shard, index) = place(ino);
        let mut shard = self.shard(shard);
        if shard.is_empty() {
            shard.resize(SHARD_ENTRIES as usize, None);
        }
        let entry = &mut shard[index];
        match record {
            Some(record) => *entry = Some(Entry { ino, record }),
            None if entry.as_ref().is_some_and(|entry| entry.ino == ino) => *entry = None,
            None => {}
        }
    }

    fn shard(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InodeCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InodeCache")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Shard and index in it.
fn place(ino: InodeId) -> (usize, usize) {
    let number = ino.get() % (SHARDS * SHARD_ENTRIES);
    (
        (number / SHARD_ENTRIES) as usize,
        (number % SHARD_ENTRIES) as usize,
    )
}

fn inode_of(key: &[u8]) -> Option<InodeId> {
    let is_inode = key.first() == Some(&(Prefix::Inode as u8)) && key.len() == 9;
    keys::first_number(key)
        .filter(|_| is_inode)
        .map(InodeId::new)
}

/// A view of the store that takes inodes from the cache.
#[derive(Debug)]
pub(crate) struct CachedView<'a, V> {
    base: V,
    cache: &'a InodeCache,
    /// Only who commits may add what it has read: nobody else knows that it is still so.
    fills: bool,
}

impl<'a, V: View> CachedView<'a, V> {
    /// For who commits.
    pub(crate) fn of_writer(base: V, cache: &'a InodeCache) -> CachedView<'a, V> {
        CachedView {
            base,
            cache,
            fills: true,
        }
    }

    /// For everybody else, between two looks at the version.
    pub(crate) fn of_reader(base: V, cache: &'a InodeCache) -> CachedView<'a, V> {
        CachedView {
            base,
            cache,
            fills: false,
        }
    }
}

impl<V: View> View for CachedView<'_, V> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let Some(ino) = inode_of(key) else {
            return self.base.with_value(key, visit);
        };
        if let Some(record) = self.cache.get(ino) {
            visit(&record);
            return Ok(true);
        }
        self.base.with_value(key, &mut |record| {
            if self.fills {
                self.cache.set(ino, Some(Bytes::copy_from_slice(record)));
            }
            visit(record);
        })
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.base.scan(start, end, visit)
    }

    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.base.scan_back(start, end, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Engine, MemoryEngine};

    const INO: InodeId = InodeId::new(7);
    /// In the same place as `INO`.
    const OTHER: InodeId = InodeId::new(7 + SHARDS * SHARD_ENTRIES);

    fn batch(changes: &[(InodeId, Option<&'static [u8]>)]) -> Batch {
        let mut batch = Batch::default();
        for (ino, record) in changes {
            batch.set(keys::inode(*ino), record.map(Bytes::from_static));
        }
        batch
    }

    fn commit(
        cache: &InodeCache,
        engine: &MemoryEngine,
        changes: &[(InodeId, Option<&'static [u8]>)],
    ) {
        cache
            .commit(batch(changes), |batch| engine.commit(batch))
            .unwrap();
    }

    #[test]
    fn what_was_committed_is_found_until_it_is_removed() {
        let (cache, engine) = (InodeCache::new(), MemoryEngine::new());
        commit(&cache, &engine, &[(INO, Some(b"one"))]);
        assert_eq!(cache.get(INO).as_deref(), Some(&b"one"[..]));
        assert_eq!(cache.get(OTHER), None);
        commit(&cache, &engine, &[(INO, None)]);
        assert_eq!(cache.get(INO), None);
    }

    #[test]
    fn an_inode_takes_the_place_of_another_and_is_not_removed_with_it() {
        let (cache, engine) = (InodeCache::new(), MemoryEngine::new());
        commit(&cache, &engine, &[(INO, Some(b"one"))]);
        commit(&cache, &engine, &[(OTHER, Some(b"two"))]);
        assert_eq!(cache.get(INO), None);
        commit(&cache, &engine, &[(INO, None)]);
        assert_eq!(cache.get(OTHER).as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn a_commit_that_fails_changes_nothing() {
        let (cache, engine) = (InodeCache::new(), MemoryEngine::new());
        commit(&cache, &engine, &[(INO, Some(b"one"))]);
        let failed = cache.commit(batch(&[(INO, Some(b"two"))]), |_| Err(Fault::NoSpace));
        assert_eq!(failed, Err(Fault::NoSpace));
        assert_eq!(cache.get(INO).as_deref(), Some(&b"one"[..]));
    }

    #[test]
    fn a_reader_notices_a_commit_that_is_under_way_or_was_made() {
        let (cache, engine) = (InodeCache::new(), MemoryEngine::new());
        let before = cache.version().unwrap();
        assert!(cache.is_at(before));
        let committed = cache.commit(batch(&[]), |_| {
            assert_eq!(cache.version(), None);
            assert!(!cache.is_at(before));
            Ok(())
        });
        committed.unwrap();
        assert!(!cache.is_at(before));
        commit(&cache, &engine, &[]);
        assert!(cache.version().is_some());
    }

    #[test]
    fn only_who_commits_adds_what_was_read() {
        let (cache, engine) = (InodeCache::new(), MemoryEngine::new());
        engine.commit(batch(&[(INO, Some(b"one"))])).unwrap();
        let reader = CachedView::of_reader(engine.view(), &cache);
        assert!(reader.contains(&keys::inode(INO)).unwrap());
        assert_eq!(cache.get(INO), None);
        let writer = CachedView::of_writer(engine.view(), &cache);
        assert_eq!(
            writer.get(&keys::inode(INO)).unwrap().as_deref(),
            Some(&b"one"[..])
        );
        assert_eq!(cache.get(INO).as_deref(), Some(&b"one"[..]));
        assert!(!writer.contains(&keys::inode(OTHER)).unwrap());
    }
}

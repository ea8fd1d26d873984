//! Where names lead, or that they lead nowhere, for the names that were looked at or changed lately.
//!
//! Most operations ask for a name twice: the kernel looks it up, then changes it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::keys::Prefix;

/// Powers of two, so that the hash of a key gives both places.
const SHARDS: usize = 64;
/// Entries of a shard, allocated with its first one.
const SHARD_ENTRIES: usize = 512;
/// Longer keys are not worth their memory; a name has 255 bytes at most.
const KEY_BYTES_MAX: usize = 9 + 64;

/// An entry for each hash modulo the size of the cache.
pub(super) struct Names {
    shards: Vec<Mutex<Shard>>,
}

pub(super) type Shard = Vec<Entry>;

/// An empty key stands for no entry.
#[derive(Clone, Default)]
pub(super) struct Entry {
    key: Vec<u8>,
    value: Option<Bytes>,
}

/// The place of one key, which nobody else looks at or changes meanwhile.
pub(super) struct Place<'a> {
    shard: MutexGuard<'a, Shard>,
    index: usize,
}

impl Names {
    pub(super) fn new() -> Names {
        Names {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The place of a key, or `None` when its kind is not kept here.
    pub(super) fn place(&self, key: &[u8]) -> Option<Place<'_>> {
        if !is_kept(key) {
            return None;
        }
        let hash = xxh3_64(key) as usize;
        Some(Place {
            shard: self.shards[hash % SHARDS]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            index: hash / SHARDS % SHARD_ENTRIES,
        })
    }
}

impl Place<'_> {
    /// What is known of the key: its value, or that it has none.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        let entry = self.shard.get(self.index)?;
        (entry.key == key).then_some(&entry.value)
    }

    /// Takes over what is known of the key now.
    pub(super) fn set(&mut self, key: &[u8], value: Option<Bytes>) {
        if self.shard.is_empty() {
            self.shard.resize(SHARD_ENTRIES, Entry::default());
        }
        let entry = &mut self.shard[self.index];
        entry.key.clear();
        entry.key.extend_from_slice(key);
        entry.value = value;
    }
}

/// Whether a place of this kind is kept: names, and orphans, which are read back soon.
pub(super) fn is_kept(key: &[u8]) -> bool {
    let is_name = key.first() == Some(&(Prefix::Dentry as u8));
    let is_orphan = key.first() == Some(&(Prefix::Orphan as u8));
    (is_name || is_orphan) && key.len() <= KEY_BYTES_MAX
}

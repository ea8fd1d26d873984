//! The records that are kept, by the inode they belong to, and which of them go when there are too many.
//!
//! Two generations: what comes is young. When there are too many young ones, the old ones go and the young ones are old.

use std::collections::HashMap;
use std::mem;

use bytes::Bytes;
use holdfast_metadata::InodeId;
use holdfast_metadata::copies;
use holdfast_proto as proto;

use crate::sparing::Sparing;

/// An inode with more records is forgotten as a whole.
const OF_INODE_MAX: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct Records {
    young: HashMap<InodeId, InodeRecords>,
    old: HashMap<InodeId, InodeRecords>,
    /// Records that have come since the young ones were none.
    came: usize,
    /// So many make a generation.
    young_max: usize,
}

/// The records of one inode.
#[derive(Debug, Default)]
struct InodeRecords {
    /// By their keys: the inode, its names if it is a directory, its extended attributes.
    records: HashMap<Bytes, Option<Bytes>>,
    /// A directory whose names are all here.
    is_whole: bool,
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known<'a> {
    /// It leads to this.
    Value(&'a Bytes),
    /// It leads to nothing.
    NoValue,
    /// Nothing: the leader has to be asked.
    Nothing,
}

impl Records {
    pub(super) fn new(young_max: usize) -> Records {
        Records {
            young: HashMap::new(),
            old: HashMap::new(),
            came: 0,
            young_max,
        }
    }

    /// What is known of a key.
    pub(super) fn get(&self, key: &[u8]) -> Known<'_> {
        let group = copies::inode_of(key)
            .and_then(|ino| self.young.get(&ino).or_else(|| self.old.get(&ino)));
        let Some(group) = group else {
            return Known::Nothing;
        };
        match group.records.get(key) {
            Some(Some(value)) => Known::Value(value),
            Some(None) => Known::NoValue,
            None if group.is_whole && copies::is_name(key) => Known::NoValue,
            None => Known::Nothing,
        }
    }

    pub(super) fn take(&mut self, copies: proto::Copies) {
        if copies.reset {
            *self = Records::new(self.young_max);
        }
        for ino in copies.dropped {
            let ino = InodeId::new(ino);
            self.young.remove(&ino);
            self.old.remove(&ino);
        }
        for proto::Record { key, value } in copies.records {
            self.put(&key, value.as_ref());
        }
    }

    fn put(&mut self, key: &[u8], value: Option<&Bytes>) {
        let Some(ino) = copies::inode_of(key) else {
            static NOT_KEPT: Sparing = Sparing::new();
            if let Some(more) = NOT_KEPT.due() {
                tracing::error!(more, "a node sent a record that is not kept");
            }
            return;
        };
        if self.came >= self.young_max {
            self.old = mem::take(&mut self.young);
            self.came = 0;
        }
        self.came += 1;
        let old = &mut self.old;
        let group = self.young.entry(ino);
        let group = group.or_insert_with(|| old.remove(&ino).unwrap_or_default());
        if value.is_some_and(|value| copies::is_fresh_directory(value)) {
            group.is_whole = true;
        }
        if value.is_none() && group.is_whole && copies::is_name(key) {
            group.records.remove(key);
            return;
        }
        // Not a part of the message it came in, which would stay with it.
        let value = value.map(|value| Bytes::copy_from_slice(value));
        group.records.insert(Bytes::copy_from_slice(key), value);
        if group.records.len() > OF_INODE_MAX {
            self.young.remove(&ino);
        }
    }
}

#[cfg(test)]
mod tests;

//! Copies of records: which of them others may keep, who changes them, and answers from them.
//!
//! A record that may be kept belongs to an inode: a name belongs to its directory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::ops::Stop;
use crate::outcome::{PosixError, Reply};
use crate::queries;
use crate::query::Query;
use crate::record::{Inode, InodeBody};
use crate::store::{Batch, View, Visit};
use crate::types::{Cookie, InodeId, SessionId};

/// The prefixes of what may be kept.
const KEPT: [Prefix; 3] = [Prefix::Inode, Prefix::Dentry, Prefix::Xattr];

/// A key and what it leads to, or that it leads to nothing.
pub type Record = (Vec<u8>, Option<Bytes>);

/// The inode that a record belongs to, if the record may be kept.
pub fn inode_of(key: &[u8]) -> Option<InodeId> {
    let is_kept = KEPT
        .iter()
        .any(|prefix| key.first() == Some(&(*prefix as u8)));
    keys::first_number(key)
        .filter(|_| is_kept)
        .map(InodeId::new)
}

/// Whether this is the record of a directory that never had an entry: then nothing is in it.
pub fn is_fresh_directory(record: &[u8]) -> bool {
    let inode = Inode::decode(record).map(|inode| inode.body);
    matches!(inode, Ok(InodeBody::Directory(body)) if body.next_cookie == Cookie::FIRST)
}

/// Whether this is the key of a name in a directory.
pub fn is_name(key: &[u8]) -> bool {
    key.first() == Some(&(Prefix::Dentry as u8))
}

/// Whether the records that a query reads may be kept, and answer it again.
pub fn may_keep(query: &Query) -> bool {
    query.is_short() && !matches!(query, Query::Statistics | Query::Squashed { .. })
}

/// Answers a query from copies; whoever shows them says by a fault that one is missing.
pub fn answer(copies: &dyn View, query: &Query) -> Result<Result<Reply, PosixError>, Fault> {
    match queries::answer(copies, query) {
        Ok(reply) => Ok(Ok(reply)),
        Err(Stop::Posix(error) | Stop::PosixChanged(error)) => Ok(Err(error)),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// The inodes whose records a batch changes, and the sessions whose commands do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Touches {
    sessions: BTreeMap<InodeId, BTreeSet<SessionId>>,
}

impl Touches {
    /// What one command changes.
    pub(crate) fn note(&mut self, changes: &Batch, session: Option<SessionId>) {
        for (key, _) in changes.changes() {
            if let Some(ino) = inode_of(key) {
                self.sessions.entry(ino).or_default().extend(session);
            }
        }
    }

    /// Nothing that may be kept is changed.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The inodes, and the sessions that change each.
    pub fn iter(&self) -> impl Iterator<Item = (InodeId, &BTreeSet<SessionId>)> {
        self.sessions.iter().map(|(ino, sessions)| (*ino, sessions))
    }
}

/// The records of an inode that a batch changes.
pub fn changes_of(batch: &Batch, ino: InodeId) -> Vec<Record> {
    let mut changes = Vec::new();
    for prefix in KEPT {
        let (start, end) = keys::of_inode(prefix, ino);
        let range = batch.range(&start, &end);
        changes.extend(range.map(|(key, value)| (key.clone(), value.clone())));
    }
    changes
}

/// Hears of a batch before anybody can see its effects.
pub trait Witness {
    /// Whether there is anybody to tell. Asked when a batch begins to be applied: nothing is kept by others until that is done.
    fn listens(&self) -> bool;

    /// The batch is about to be visible.
    fn touched(&self, touches: &Touches, batch: &Batch);
}

/// Notes what is read of a view.
pub(crate) struct Recorder<V> {
    base: V,
    records: RefCell<Vec<Record>>,
    /// What was read cannot be told as records.
    is_incomplete: Cell<bool>,
}

impl<V: View> Recorder<V> {
    pub(crate) fn new(base: V) -> Recorder<V> {
        Recorder {
            base,
            records: RefCell::default(),
            is_incomplete: Cell::new(false),
        }
    }

    /// What may be kept of what was read; nothing if that is not enough to answer again.
    pub(crate) fn into_records(self) -> Vec<Record> {
        if self.is_incomplete.get() {
            return Vec::new();
        }
        self.records.into_inner()
    }
}

impl<V: View> View for Recorder<V> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let mut value = None;
        let found = self.base.with_value(key, &mut |bytes| {
            value = Some(Bytes::copy_from_slice(bytes));
            visit(bytes);
        })?;
        if inode_of(key).is_some() {
            self.records.borrow_mut().push((key.to_vec(), value));
        } else {
            self.is_incomplete.set(true);
        }
        Ok(found)
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.is_incomplete.set(true);
        self.base.scan(start, end, visit)
    }

    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.is_incomplete.set(true);
        self.base.scan_back(start, end, visit)
    }
}

#[cfg(test)]
mod tests;

//! Operations as one write to the database.

use bytes::BytesMut;
use rocksdb::WriteBatch;

use super::keys::{self, Kind};
use super::metrics::{Counters, add};
use super::records;
use super::writer::Operation;
use crate::raft::type_config::GroupId;

/// Keys between which whole files can be removed, both included.
pub(super) type FileRange = (Vec<u8>, Vec<u8>);

/// A batch that is being put together.
pub(super) struct Batch<'a> {
    writes: WriteBatch,
    /// Whether somebody is to be told that it is durable.
    durable: bool,
    removed: Vec<FileRange>,
    buffer: BytesMut,
    counters: &'a Counters,
}

impl<'a> Batch<'a> {
    pub(super) fn new(counters: &'a Counters) -> Batch<'a> {
        Batch {
            writes: WriteBatch::default(),
            durable: false,
            removed: Vec::new(),
            buffer: BytesMut::new(),
            counters,
        }
    }

    pub(super) fn add(&mut self, operation: &Operation) {
        match operation {
            Operation::Vote { group, vote, .. } => {
                self.durable = true;
                let key = keys::record(group.id, Kind::Vote);
                self.writes.put(key, records::encode_vote(*vote));
            }
            Operation::Append { group, entries, .. } => {
                self.durable = true;
                for entry in entries {
                    self.buffer.clear();
                    records::encode_entry(entry, &mut self.buffer);
                    let key = keys::entry(group.id, entry.log_id.index());
                    self.writes.put(key, &self.buffer);
                    add(&self.counters.bytes, self.buffer.len() as u64);
                }
                add(&self.counters.entries, entries.len() as u64);
            }
            Operation::Truncate { group, next } => {
                let first = keys::entry(group.id, *next);
                self.writes
                    .delete_range(first.as_slice(), keys::entries_end(group.id).as_slice());
            }
            Operation::Purge { group, upto } => {
                let key = keys::record(group.id, Kind::Purged);
                self.writes.put(key, records::encode_log_id(*upto));
                self.purge(group.id, upto.index);
            }
            Operation::Committed { group, committed } => {
                let key = keys::record(group.id, Kind::Committed);
                match committed {
                    Some(committed) => self.writes.put(key, records::encode_log_id(*committed)),
                    None => self.writes.delete(key),
                }
            }
            Operation::Remove { group, .. } => {
                self.durable = true;
                let (first, end) = keys::group_range(group.id).into_inner();
                self.writes.delete_range(first, end);
                self.removed.push((first.to_vec(), end.to_vec()));
            }
        }
    }

    /// The batch, whether it must be synced, and (added to `removed`) the files it makes superfluous.
    pub(super) fn finish(self, removed: &mut Vec<FileRange>) -> (WriteBatch, bool) {
        removed.extend(self.removed);
        (self.writes, self.durable)
    }

    fn purge(&mut self, group: GroupId, last: u64) {
        let first = keys::entry(group, 0);
        match last.checked_add(1) {
            Some(end) => self.writes.delete_range(first, keys::entry(group, end)),
            None => self
                .writes
                .delete_range(first.as_slice(), keys::entries_end(group).as_slice()),
        }
        self.removed
            .push((first.to_vec(), keys::entry(group, last).to_vec()));
    }
}

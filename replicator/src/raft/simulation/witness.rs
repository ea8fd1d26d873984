//! What every node says of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use openraft::EntryPayload;
use parking_lot::Mutex;

use super::rules::same_entry;
use crate::raft::type_config::{Entry, LogId};

/// Sees the logs of all nodes; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    committed: BTreeMap<u64, Entry>,
    /// The highest index in any log.
    longest: u64,
    violation: Option<String>,
}

impl Witness {
    /// A node knows that the entry is committed.
    pub(super) fn committed(&self, entry: &Entry) {
        let mut seen = self.seen.lock();
        let index = entry.log_id.index;
        let known = seen.committed.entry(index).or_insert_with(|| entry.clone());
        if let Err(violation) = same_entry(known, entry) {
            seen.violation.get_or_insert(violation);
        }
    }

    /// A node has the entry in its log.
    pub(super) fn appended(&self, log_id: LogId) {
        let mut seen = self.seen.lock();
        seen.longest = seen.longest.max(log_id.index);
    }

    /// Something that must not be was found.
    pub(super) fn accuse(&self, what: impl FnOnce() -> String) {
        self.seen.lock().violation.get_or_insert_with(what);
    }

    /// The first thing that must not be.
    pub(super) fn violation(&self) -> Option<String> {
        self.seen.lock().violation.clone()
    }

    /// The highest index that any log has had.
    pub(super) fn longest(&self) -> u64 {
        self.seen.lock().longest
    }

    /// The highest index that is committed.
    pub(super) fn last_committed(&self) -> u64 {
        let seen = self.seen.lock();
        let last = seen.committed.keys().next_back().copied();
        last.unwrap_or_default()
    }

    /// All committed entries, in their order.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.seen.lock().committed.values().cloned().collect()
    }

    /// How many entries Raft made for itself, and how many came from somebody.
    pub(super) fn counts(&self) -> (usize, usize) {
        let seen = self.seen.lock();
        let proposals = seen.committed.values();
        let proposals = proposals.filter(|entry| matches!(entry.payload, EntryPayload::Normal(_)));
        let count = proposals.count();
        (seen.committed.len() - count, count)
    }
}

//! One group's part of the log: what its Raft sees at once, while the writer is still writing it.

use std::ops::Range;

use holdfast_metadata::Fault;
use openraft::storage::LogState;
use parking_lot::{Mutex, MutexGuard};
use rocksdb::{DB, DBRawIterator, ReadOptions};

use super::cache::{Cache, payload_bytes};
use super::database::Database;
use super::keys::{self, Kind};
use super::records;
use crate::raft::type_config::{Entry, GroupId, LogId, TypeConfig, Vote};

/// A group of the log.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: GroupId,
    state: Mutex<State>,
}

/// The log as it is when everything that was asked for is written.
#[derive(Debug)]
pub(super) struct State {
    /// The one that is on disk.
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    /// Of the last entry, or `purged` when there is none.
    pub(super) last: Option<LogId>,
    /// Index of the first entry that is there or comes next.
    first: u64,
    pub(super) cache: Cache,
    removed: bool,
}

impl Group {
    /// Reads what the database has of a group.
    pub(super) fn load(database: &Database, id: GroupId) -> Result<Group, Fault> {
        database.with(|opened| {
            let record = |kind| {
                let value = opened.get(keys::record(id, kind));
                value.map_err(|error| database.fault(&error))
            };
            let decoded = |kind| {
                let value = record(kind)?.map(|value| records::decode_log_id(&value));
                value
                    .transpose()
                    .map_err(|error| damaged(database, id, &format!("{kind:?}"), &error))
            };
            let vote = record(Kind::Vote)?.map(|value| records::decode_vote(&value));
            let vote = vote
                .transpose()
                .map_err(|error| damaged(database, id, "Vote", &error))?;
            let purged = decoded(Kind::Purged)?;
            let ends = ends(database, opened, id)?;
            let next_purged = purged.map_or(0, |purged| purged.index + 1);
            let (first, last) = match ends {
                None => (next_purged, purged),
                Some((first, last)) if purged.is_none() || first == next_purged => {
                    (first, Some(last))
                }
                Some((first, _)) => {
                    let detail = format!(
                        "group {id} was purged before {next_purged}, but its first entry is {first}"
                    );
                    return Err(database.corrupt(detail));
                }
            };
            let next = last.map_or(0, |last| last.index + 1);
            Ok(Group {
                id,
                state: Mutex::new(State {
                    vote,
                    committed: decoded(Kind::Committed)?,
                    purged,
                    last,
                    first,
                    cache: Cache::new(next),
                    removed: false,
                }),
            })
        })
    }

    /// The state, unless the group was removed.
    pub(super) fn state(&self) -> Result<MutexGuard<'_, State>, Fault> {
        let state = self.state.lock();
        if state.removed {
            return Err(Fault::Io(format!("group {} was removed", self.id)));
        }
        Ok(state)
    }

    /// Refuses everything after what `queue` adds; false when that is so already.
    pub(super) fn remove(&self, queue: impl FnOnce() -> Result<(), Fault>) -> Result<bool, Fault> {
        let mut state = self.state.lock();
        if state.removed {
            return Ok(false);
        }
        queue()?;
        state.removed = true;
        Ok(true)
    }

    /// The entries with indexes in a range, as they are now. At least one is answered when there is
    /// one, and no more once the payloads reach `bytes_max`.
    pub(super) fn read(
        &self,
        database: &Database,
        range: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, Fault> {
        database.with(|opened| {
            let state = self.state()?;
            let start = range.start.max(state.first);
            let end = range.end.min(state.cache.next());
            let mut answer = Answer::new(bytes_max);
            if start >= end {
                return Ok(answer.entries);
            }
            if start >= state.cache.first() {
                for entry in state.cache.range(start, end) {
                    if !answer.add(entry.clone()) {
                        break;
                    }
                }
                return Ok(answer.entries);
            }
            // The database reads for the iterator as it is now: what is cut or purged after the lock
            // is given back is still there.
            let old = start..end.min(state.cache.first());
            let recent: Vec<Entry> = state.cache.range(old.end, end).cloned().collect();
            let iterator = entries(opened, self.id, old.end);
            drop(state);
            if self.read_old(database, iterator, old, &mut answer)? {
                for entry in recent {
                    if !answer.add(entry) {
                        break;
                    }
                }
            }
            Ok(answer.entries)
        })
    }

    /// Reads from the database; false when the answer is full.
    fn read_old(
        &self,
        database: &Database,
        mut iterator: DBRawIterator<'_>,
        range: Range<u64>,
        answer: &mut Answer,
    ) -> Result<bool, Fault> {
        iterator.seek(keys::entry(self.id, range.start));
        for index in range {
            let item = iterator.item();
            let value = item
                .filter(|(key, _)| keys::index(self.id, key) == Some(index))
                .map(|(_, value)| value);
            let Some(value) = value else {
                iterator.status().map_err(|error| database.fault(&error))?;
                let detail = format!("entry {index} of group {} is missing", self.id);
                return Err(database.corrupt(detail));
            };
            let entry = records::decode_entry(value);
            let entry = entry.map_err(|error| {
                let what = format!("entry {index}");
                damaged(database, self.id, &what, &error)
            })?;
            if entry.log_id.index != index {
                let detail = format!("entry {index} of group {} is another one", self.id);
                return Err(database.corrupt(detail));
            }
            if !answer.add(entry) {
                return Ok(false);
            }
            iterator.next();
        }
        Ok(true)
    }
}

impl State {
    /// What openraft begins with.
    pub(super) fn log_state(&self) -> LogState<TypeConfig> {
        LogState {
            last_purged_log_id: self.purged,
            last_log_id: self.last,
        }
    }

    /// Adds entries at the end; nothing is added when they leave a gap.
    pub(super) fn append(&mut self, group: GroupId, entries: &[Entry]) -> Result<(), Fault> {
        let Some(start) = entries.first().map(|entry| entry.log_id.index) else {
            return Ok(());
        };
        if self.last.is_none() {
            self.first = start;
            self.cache.restart(start);
        }
        let expected = self.cache.next();
        if let Some((entry, expected)) = (entries.iter().zip(expected..))
            .find(|(entry, expected)| entry.log_id.index != *expected)
        {
            let index = entry.log_id.index;
            return Err(Fault::Io(format!(
                "group {group} appends entry {index} where {expected} is due"
            )));
        }
        for entry in entries {
            self.cache.push(entry.clone());
        }
        self.last = entries.last().map(|entry| entry.log_id);
        Ok(())
    }

    /// Removes what comes after a log id; answers the index of the first entry that is gone.
    pub(super) fn truncate_after(&mut self, last: Option<LogId>) -> u64 {
        let next = last.map_or(0, |last| last.index + 1);
        if next < self.cache.next() {
            self.last = if next > self.first { last } else { self.purged };
            self.cache.truncate(next.max(self.first));
        }
        next
    }

    /// Removes what comes before a log id, and its entry.
    pub(super) fn purge(&mut self, upto: LogId) {
        let next = upto.index + 1;
        self.first = self.first.max(next);
        self.cache.purge(next);
        if self.last.is_none_or(|last| last.index < next) {
            self.last = Some(upto);
        }
        self.purged = Some(upto);
    }
}

/// Entries up to a number of bytes.
struct Answer {
    entries: Vec<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Answer {
    fn new(bytes_max: usize) -> Answer {
        Answer {
            entries: Vec::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Adds an entry unless the answer would be too large; false when nothing more is to be added.
    fn add(&mut self, entry: Entry) -> bool {
        let bytes = self.bytes.saturating_add(payload_bytes(&entry));
        if bytes > self.bytes_max && !self.entries.is_empty() {
            return false;
        }
        self.entries.push(entry);
        self.bytes = bytes;
        true
    }
}

/// The index of the first and the log id of the last entry in the database.
fn ends(database: &Database, opened: &DB, id: GroupId) -> Result<Option<(u64, LogId)>, Fault> {
    let mut iterator = entries(opened, id, u64::MAX);
    iterator.seek(keys::entry(id, 0));
    let first = iterator.key().and_then(|key| keys::index(id, key));
    iterator.seek_for_prev(keys::entry(id, u64::MAX));
    let last = match (first, iterator.item()) {
        (Some(first), Some((key, value))) if keys::index(id, key).is_some() => {
            let entry = records::decode_entry(value);
            let entry = entry.map_err(|error| damaged(database, id, "last entry", &error))?;
            Some((first, entry.log_id))
        }
        (_, _) => None,
    };
    iterator.status().map_err(|error| database.fault(&error))?;
    Ok(last)
}

/// Over the entries of a group before an index.
fn entries(opened: &DB, id: GroupId, end: u64) -> DBRawIterator<'_> {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(keys::record(id, Kind::Entry));
    if end == u64::MAX {
        options.set_iterate_upper_bound(keys::entries_end(id));
    } else {
        options.set_iterate_upper_bound(keys::entry(id, end));
    }
    opened.raw_iterator_opt(options)
}

fn damaged(database: &Database, id: GroupId, what: &str, error: &dyn std::fmt::Display) -> Fault {
    database.corrupt(format!("{what} of group {id}: {error}"))
}

//! The log of a node without the node, for tests of what a failing disk leaves of it: those are in another crate.

use std::io;
use std::path::Path;

use bytes::Bytes;
use holdfast_metadata::Fault;
use holdfast_proto as proto;
use openraft::EntryPayload;
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;

use super::convert::from_message;
use super::log::{GroupLog, LogDatabase, LogOptions};
use super::poison::Poison;
use super::type_config::{Entry, GroupId, LogId, Proposal, TypeConfig, Vote};
use crate::testing::block_on;

const NODE: u64 = 1;

/// Small, so that a short life fills tables.
const OPTIONS: LogOptions = LogOptions {
    recent_bytes: 0,
    answer_bytes_max: 64 * 1024,
    write_buffer_bytes: 64 * 1024,
    block_cache_bytes: 1024 * 1024,
};

/// The log; closed when it is dropped.
#[expect(missing_debug_implementations, reason = "there is nothing to show")]
pub struct BareLog {
    database: LogDatabase,
    poison: Poison,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BareLogId {
    /// In which it was proposed.
    pub term: u64,
    /// Its place.
    pub index: u64,
}

/// What a group has in the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BareGroup {
    /// The term it voted in last.
    pub vote: Option<u64>,
    /// What it knows to be committed.
    pub committed: Option<BareLogId>,
    /// The last entry that was purged.
    pub purged: Option<BareLogId>,
    /// With their payloads.
    pub entries: Vec<(BareLogId, Vec<u8>)>,
}

impl BareLog {
    /// Opens the log in a directory, or makes it.
    pub fn open(path: &Path) -> io::Result<BareLog> {
        let poison = Poison::new();
        let database = LogDatabase::open(path, &OPTIONS, poison.clone());
        let database = database.map_err(io::Error::other)?;
        Ok(BareLog { database, poison })
    }

    /// Why a node with this log has stopped, if it has.
    pub fn fault(&self) -> Option<Fault> {
        self.poison.fault().cloned()
    }

    /// Saves a vote, durably.
    pub fn vote(&self, group: u64, term: u64) -> io::Result<()> {
        block_on(self.group(group)?.save_vote(&Vote::new(term, NODE)))
    }

    /// Notes what is committed, durable with what comes next.
    pub fn commit(&self, group: u64, last: BareLogId) -> io::Result<()> {
        block_on(self.group(group)?.save_committed(Some(log_id(last))))
    }

    /// Begins to append entries; what it answers returns when they are durable.
    pub fn append(
        &self,
        group: u64,
        entries: &[(BareLogId, Vec<u8>)],
    ) -> io::Result<impl FnOnce() -> io::Result<()> + use<>> {
        let (sender, answer) = TypeConfig::oneshot();
        let payload = |bytes| EntryPayload::Normal(Proposal(Bytes::copy_from_slice(bytes)));
        let entries = entries.iter().map(|(place, bytes)| Entry {
            log_id: log_id(*place),
            payload: payload(bytes),
        });
        let entries: Vec<Entry> = entries.collect();
        let mut log = self.group(group)?;
        block_on(log.append(entries, IOFlushed::signal(sender)))?;
        Ok(|| block_on(answer).unwrap_or_else(|lost| Err(io::Error::other(lost))))
    }

    /// Removes the entries after one, or all; durable with the next append or vote.
    pub fn truncate_after(&self, group: u64, last: Option<BareLogId>) -> io::Result<()> {
        block_on(self.group(group)?.truncate_after(last.map(log_id)))
    }

    /// Removes the entries up to one; durable with the next append or vote.
    pub fn purge(&self, group: u64, last: BareLogId) -> io::Result<()> {
        block_on(self.group(group)?.purge(log_id(last)))
    }

    /// Removes all that a group has, durably.
    pub fn remove(&self, group: u64) -> io::Result<()> {
        block_on(self.database.remove_group(GroupId(group))).map_err(io::Error::other)
    }

    /// What a group has.
    pub fn read(&self, group: u64) -> io::Result<BareGroup> {
        let mut log = self.group(group)?;
        let state = block_on(log.get_log_state())?;
        let entries = block_on(log.try_get_log_entries(..))?.into_iter();
        let entries = entries.map(|entry| match entry.payload {
            EntryPayload::Normal(proposal) => (bare(entry.log_id), proposal.0.to_vec()),
            EntryPayload::Blank | EntryPayload::Membership(_) => (bare(entry.log_id), Vec::new()),
        });
        Ok(BareGroup {
            vote: block_on(log.read_vote())?.map(|vote| vote.leader_id.term),
            committed: block_on(log.read_committed())?.map(bare),
            purged: state.last_purged_log_id.map(bare),
            entries: entries.collect(),
        })
    }

    fn group(&self, group: u64) -> io::Result<GroupLog> {
        self.database
            .group(GroupId(group))
            .map_err(io::Error::other)
    }
}

pub(super) fn log_id(bare: BareLogId) -> LogId {
    let BareLogId { term, index } = bare;
    from_message::log_id(proto::LogId {
        term,
        node: NODE,
        index,
    })
}

fn bare(log_id: LogId) -> BareLogId {
    BareLogId {
        term: log_id.leader_id.term,
        index: log_id.index,
    }
}

//! A log in a scratch directory, and short ways to use it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_metadata::Fault;
use holdfast_proto as proto;
use openraft::EntryPayload;
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use tempfile::TempDir;

use crate::raft::convert::from_message;
use crate::raft::log::{GroupLog, LogDatabase, LogOptions};
use crate::raft::poison::Poison;
use crate::raft::type_config::{Entry, GroupId, LogId, Proposal, TypeConfig};

pub(in crate::raft::log) const GROUP: GroupId = GroupId(7);
pub(in crate::raft::log) const OTHER: GroupId = GroupId(8);

/// Small enough that tests meet the database, not only memory.
pub(in crate::raft::log) const OPTIONS: LogOptions = LogOptions {
    recent_bytes: 0,
    answer_bytes_max: 64 * 1024,
    write_buffer_bytes: 1024 * 1024,
    block_cache_bytes: 1024 * 1024,
};

/// A directory that is removed in the end.
pub(in crate::raft::log) struct Place {
    directory: TempDir,
}

impl Place {
    pub(in crate::raft::log) fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        Place { directory }
    }

    pub(in crate::raft::log) fn path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    pub(in crate::raft::log) fn open(&self) -> LogDatabase {
        open(&self.path()).unwrap()
    }
}

pub(in crate::raft::log) fn open(path: &Path) -> Result<LogDatabase, Fault> {
    LogDatabase::open(path, &OPTIONS, Poison::new())
}

pub(in crate::raft::log) fn log_id(term: u64, index: u64) -> LogId {
    let node = 1;
    from_message::log_id(proto::LogId { term, node, index })
}

pub(in crate::raft::log) fn entry(term: u64, index: u64, payload: &[u8]) -> Entry {
    Entry {
        log_id: log_id(term, index),
        payload: EntryPayload::Normal(Proposal(Bytes::copy_from_slice(payload))),
    }
}

/// Entries whose payloads tell their place.
pub(in crate::raft::log) fn entries(term: u64, indexes: std::ops::Range<u64>) -> Vec<Entry> {
    let payload = |index: u64| format!("payload of {index} in term {term}");
    indexes
        .map(|index| entry(term, index, payload(index).as_bytes()))
        .collect()
}

/// Begins an append; the answer comes when it is durable.
pub(in crate::raft::log) async fn begin_append(
    log: &mut GroupLog,
    entries: Vec<Entry>,
) -> impl Future<Output = io::Result<()>> + use<> {
    let (sender, answer) = TypeConfig::oneshot();
    let flushed = IOFlushed::signal(sender);
    log.append(entries, flushed).await.unwrap();
    async move { answer.await.unwrap() }
}

/// Appends and waits.
pub(in crate::raft::log) async fn append(log: &mut GroupLog, entries: Vec<Entry>) {
    let answer = begin_append(log, entries).await;
    answer.await.unwrap();
}

/// All entries of a log.
pub(in crate::raft::log) async fn all(log: &mut GroupLog) -> Vec<Entry> {
    log.try_get_log_entries(..).await.unwrap()
}

/// Waits until so many batches were written since it was opened.
pub(in crate::raft::log) fn wait_until_written(database: &LogDatabase, batches: u64) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while database.metrics().batches < batches {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

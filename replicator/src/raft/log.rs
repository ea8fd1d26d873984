//! The log of all groups of a node, in one database with one writer.
//!
//! An append is visible when it returns and durable when its callback says so. One thread writes: what
//! came from all groups while it synced goes to the disk together, so that a node syncs once for many
//! entries. The end of each log is answered from memory; what is older, from the database.
//!
//! The format is described in `docs/formats/log.md`.

mod batch;
mod cache;
mod database;
mod group;
mod keys;
mod metrics;
mod options;
pub(super) mod records;
mod storage;
#[cfg(test)]
pub(in crate::raft) mod tests;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use holdfast_metadata::Fault;
use parking_lot::Mutex;
use tokio::sync::oneshot;

pub(super) use self::database::VERSION;
use self::database::{Database, closed};
use self::group::Group;
use self::metrics::Counters;
pub(crate) use self::metrics::LogMetrics;
pub(crate) use self::options::LogOptions;
pub(crate) use self::storage::GroupLog;
use self::writer::{Queue, Writer};
use super::poison::Poison;
use super::type_config::GroupId;

/// A group may keep this much in memory however many there are.
const RECENT_BYTES_MIN: usize = 1024 * 1024;

/// The log of a node. It is closed when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct LogDatabase {
    opened: Arc<Opened>,
}

/// Closes the log when it is dropped.
struct Opened {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the groups and the writer have in common.
struct Shared {
    database: Database,
    queue: Queue,
    poison: Poison,
    counters: Counters,
    options: LogOptions,
    groups: Mutex<BTreeMap<GroupId, Arc<Group>>>,
    group_count: AtomicUsize,
}

impl LogDatabase {
    /// Opens the log in a directory, or makes it when the directory is missing.
    ///
    /// A log that has lost what was durable is refused, and so is one of another format version.
    pub(crate) fn open(
        path: &Path,
        options: &LogOptions,
        poison: Poison,
    ) -> Result<LogDatabase, Fault> {
        let (database, progress) = Database::open(path, options)?;
        let shared = Arc::new(Shared {
            database,
            queue: Queue::default(),
            poison,
            counters: Counters::default(),
            options: *options,
            groups: Mutex::default(),
            group_count: AtomicUsize::new(0),
        });
        let writer = Writer::new(Arc::clone(&shared), progress);
        let thread = std::thread::Builder::new()
            .name("holdfast-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| Fault::Io(format!("no thread for the log: {error}")))?;
        Ok(LogDatabase {
            opened: Arc::new(Opened {
                shared,
                writer: Mutex::new(Some(thread)),
            }),
        })
    }

    /// The log of a group; empty when the group is new here.
    pub(crate) fn group(&self, group: GroupId) -> Result<GroupLog, Fault> {
        let shared = &self.opened.shared;
        let mut groups = shared.groups.lock();
        let loaded = if let Some(loaded) = groups.get(&group) {
            Arc::clone(loaded)
        } else {
            let loaded = Arc::new(Group::load(&shared.database, group)?);
            groups.insert(group, Arc::clone(&loaded));
            loaded
        };
        shared.group_count.store(groups.len(), Ordering::Relaxed);
        Ok(GroupLog::new(Arc::clone(shared), loaded))
    }

    /// Removes everything a group has, its vote included; what uses its log from now on fails.
    pub(crate) async fn remove_group(&self, group: GroupId) -> Result<(), Fault> {
        let shared = &self.opened.shared;
        let log = self.group(group)?;
        let (removed, answer) = oneshot::channel();
        if !log.remove(removed)? {
            // By another call, which may have failed.
            return shared
                .poison
                .fault()
                .map_or(Ok(()), |fault| Err(fault.clone()));
        }
        wait(answer).await?;
        let mut groups = shared.groups.lock();
        groups.remove(&group);
        shared.group_count.store(groups.len(), Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn metrics(&self) -> LogMetrics {
        self.opened.shared.counters.read()
    }

    /// Writes and answers what is queued, then closes the files. What uses the log afterwards fails.
    pub(crate) fn close(&self) {
        self.opened.close();
    }
}

impl Opened {
    fn close(&self) {
        self.shared.queue.stop();
        if let Some(writer) = self.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!("the thread of the log panicked");
        }
        self.shared.database.close();
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// What one group may keep in memory of what is written.
    fn recent_bytes_max(&self) -> usize {
        let groups = self.group_count.load(Ordering::Relaxed).max(1);
        (self.options.recent_bytes / groups).max(RECENT_BYTES_MIN)
    }
}

/// Waits for the writer.
async fn wait(answer: oneshot::Receiver<Result<(), Fault>>) -> Result<(), Fault> {
    answer.await.unwrap_or_else(|_| Err(closed()))
}

/// For openraft, which shows it and stops the group.
fn io_error(fault: &Fault) -> io::Error {
    io::Error::other(fault.clone())
}

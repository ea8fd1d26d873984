//! POSIX operations over a replicator, without FUSE: one file an operation family.
//!
//! The operations are async functions, but over a replicator that answers at once they never wait.

mod attributes;
mod caller;
mod copy_file_range;
mod create;
mod directory;
mod error;
mod file;
mod flags;
mod link;
mod lookup;
mod open;
mod rename;
mod statfs;
mod symlink;
mod unlink;
mod xattr;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_metadata::{
    Answer, Attributes, Command, Credentials, InodeId, Operation, Query, Reply, Timestamp,
    TouchAtime,
};
use holdfast_replicator::PosixMetadataReplicator;

pub(crate) use attributes::{Change, NewTime};
pub(crate) use caller::Caller;
pub(crate) use create::{Creation, NodeKind};
pub(crate) use directory::DirectorySink;
pub(crate) use error::FilesystemError;
pub(crate) use open::{OpenMode, Opened};
pub(crate) use statfs::Statfs;

use crate::atime::Atime;
use crate::lookup_count::LookupCounts;
use crate::reclaim::ReclaimQueue;
use crate::synchronous::Synchronous;

/// The operations of one mount.
#[derive(Debug)]
pub(crate) struct Filesystem<R> {
    replicator: Arc<R>,
    lookups: LookupCounts,
    reclaim: Arc<ReclaimQueue>,
    atime: Arc<Atime>,
    synchronous: Arc<Synchronous>,
    /// Whether other mounts may change the same tree.
    shared: bool,
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) fn new(
        replicator: Arc<R>,
        reclaim: Arc<ReclaimQueue>,
        atime: Arc<Atime>,
        synchronous: Arc<Synchronous>,
        shared: bool,
    ) -> Filesystem<R> {
        Filesystem {
            replicator,
            lookups: LookupCounts::new(),
            reclaim,
            atime,
            synchronous,
            shared,
        }
    }

    /// Makes everything that was acknowledged durable (`fsync`).
    pub(crate) async fn sync(&self) -> Result<(), FilesystemError> {
        self.replicate(now(), Credentials::ROOT, Operation::Sync)
            .await
            .map(drop)
    }

    /// Proposes a change, and waits until it is durable where flags ask for that.
    async fn change(
        &self,
        credentials: Credentials,
        operation: Operation,
    ) -> Result<Answer, FilesystemError> {
        self.change_at(now(), credentials, operation).await
    }

    /// Proposes a change that names its own time (`UTIME_NOW`).
    async fn change_at(
        &self,
        now: Timestamp,
        credentials: Credentials,
        operation: Operation,
    ) -> Result<Answer, FilesystemError> {
        let is_durable = self.synchronous.is_asked_for(&operation);
        let answer = self.replicate(now, credentials, operation).await?;
        // Before the sync, whose failure would lose the answer.
        self.note_orphan(&answer);
        if is_durable {
            self.sync().await?;
        }
        Ok(answer)
    }

    async fn replicate(
        &self,
        now: Timestamp,
        credentials: Credentials,
        operation: Operation,
    ) -> Result<Answer, FilesystemError> {
        let command = Command {
            request: None,
            now,
            credentials,
            operation,
        };
        Ok(self.replicator.replicate(command).await??)
    }

    async fn query(&self, query: Query) -> Result<Reply, FilesystemError> {
        Ok(self.replicator.query(query).await??)
    }

    /// Notes that the inode was read, where the policy asks for it. A read does not fail because its
    /// time could not be kept.
    async fn touch_atime(&self, attributes: &Attributes) {
        if self.atime.is_due(attributes, now()) {
            let ino = attributes.ino;
            let touch = Operation::TouchAtime(TouchAtime { ino });
            if let Err(error) = self.replicate(now(), Credentials::ROOT, touch).await {
                tracing::debug!(ino = ino.get(), %error, "the access time was not kept");
            }
        }
    }

    /// The kernel is about to be told of the inode.
    fn remember(&self, attributes: &Attributes) {
        self.lookups.remember(attributes.ino);
        self.synchronous.note(attributes);
    }

    /// The kernel forgot the inode so many times.
    pub(crate) fn forget(&self, ino: InodeId, lookups: u64) {
        if self.lookups.forget(ino, lookups) {
            self.reclaim.add(ino);
        }
    }

    /// Takes note of an inode that lost its last name.
    fn note_orphan(&self, answer: &Answer) {
        let orphan = match answer {
            Answer::Removed { ino, orphaned } => orphaned.then_some(*ino),
            Answer::Renamed { orphaned } => *orphaned,
            Answer::Done
            | Answer::Entry { .. }
            | Answer::Attributes(_)
            | Answer::Written { .. }
            | Answer::Reclaimed { .. }
            | Answer::Locked
            | Answer::Waiting => None,
        };
        if let Some(ino) = orphan.filter(|ino| self.lookups.orphan(*ino)) {
            self.reclaim.add(ino);
        }
    }
}

/// The time of the wall clock, for the commands that begin now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: since.as_secs() as i64,
        nanoseconds: since.subsec_nanos(),
    }
}

#[cfg(test)]
mod tests;

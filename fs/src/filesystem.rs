//! POSIX operations over a replicator, without FUSE: one file an operation family.
//!
//! The operations are async functions, but over a replicator that answers at once they never wait.

mod attributes;
mod caller;
mod close;
mod copy_file_range;
mod create;
mod directory;
mod error;
mod file;
mod flags;
mod link;
mod lock;
mod lookup;
mod open;
mod owner_quota;
mod quota;
mod rename;
mod statfs;
mod symlink;
mod unlink;
mod xattr;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_metadata::{
    Answer, Attributes, Command, Credentials, FileKind, InodeId, Operation, PosixError, Query,
    Reply, Timestamp, TouchAtime,
};
use holdfast_replicator::PosixMetadataReplicator;

pub(crate) use attributes::{Change, NewTime};
pub(crate) use caller::Caller;
pub(crate) use create::{Creation, NodeKind};
pub(crate) use directory::DirectorySink;
pub(crate) use error::FilesystemError;
pub(crate) use lock::{LockRequest, Obstacle};
pub(crate) use open::{OpenMode, Opened};
pub(crate) use statfs::Statfs;

use crate::arrivals::Arrival;
use crate::atime::Atime;
use crate::known_inodes::KnownInodes;
use crate::locks::Locks;
use crate::reclaim::ReclaimQueue;
use crate::seen_directories::SeenDirectories;
use crate::synchronous::Synchronous;

/// The operations of one mount.
#[derive(Debug)]
pub(crate) struct Filesystem<R> {
    replicator: Arc<R>,
    known: Arc<KnownInodes>,
    tree: TreeUse,
    atime: Arc<Atime>,
    synchronous: Arc<Synchronous>,
    /// Where they are not left to the kernel.
    locks: Option<Arc<Locks>>,
    /// Told to answer nothing any more.
    shut_down: AtomicBool,
}

/// Whether other mounts may change the same tree.
#[derive(Debug)]
pub(crate) enum TreeUse {
    /// No: orphans are reclaimed from here.
    Alone(Arc<ReclaimQueue>),
    /// Yes: the cluster reclaims what no mount has open.
    Shared(Sharing),
}

/// What is kept where other mounts change the same tree.
#[derive(Debug)]
pub(crate) struct Sharing {
    pub(crate) directories: SeenDirectories,
    /// The kernel may use a name for some time without looking it up again (`entry_timeout=`).
    pub(crate) kernel_remembers: bool,
    /// The cluster checks permissions, of one user for all who call.
    pub(crate) is_squashed: bool,
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) fn new(
        replicator: Arc<R>,
        known: Arc<KnownInodes>,
        tree: TreeUse,
        atime: Arc<Atime>,
        synchronous: Arc<Synchronous>,
        locks: Option<Arc<Locks>>,
    ) -> Filesystem<R> {
        Filesystem {
            replicator,
            known,
            tree,
            atime,
            synchronous,
            locks,
            shut_down: AtomicBool::new(false),
        }
    }

    fn check_not_shut_down(&self) -> Result<(), FilesystemError> {
        if self.shut_down.load(Ordering::Acquire) {
            return Err(FilesystemError::ShutDown);
        }
        Ok(())
    }

    fn is_alone(&self) -> bool {
        matches!(self.tree, TreeUse::Alone(_))
    }

    fn is_squashed(&self) -> bool {
        match &self.tree {
            TreeUse::Alone(_) => false,
            TreeUse::Shared(sharing) => sharing.is_squashed,
        }
    }

    /// An operation begins that may have the kernel use an inode, or remove its last name.
    fn arrive(&self) -> Option<Arrival<'_>> {
        match self.tree {
            TreeUse::Alone(_) => None,
            TreeUse::Shared(_) => Some(self.known.arrivals.begin()),
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
        self.change_in(None, now(), credentials, operation).await
    }

    /// Proposes a change that names its own time (`UTIME_NOW`), and perhaps the session outside of which it must not be
    /// made.
    async fn change_in(
        &self,
        epoch: Option<u64>,
        now: Timestamp,
        credentials: Credentials,
        operation: Operation,
    ) -> Result<Answer, FilesystemError> {
        self.check_not_shut_down()?;
        let is_durable = self.synchronous.is_asked_for(&operation);
        let command = Command {
            request: None,
            now,
            credentials,
            squashed: false,
            operation,
        };
        let answer = match (epoch, self.replicator.shared(), &self.tree) {
            (Some(epoch), Some(volume), _) => {
                let outcome = volume.replicate_in(epoch, command).await;
                outcome.inspect_err(|_| self.note_session())??
            }
            (_, _, TreeUse::Alone(queue)) if queue.is_at_work() => {
                self.replicate_beside(queue, command).await?
            }
            _ => self.replicator.replicate(command).await??,
        };
        // Before the sync, whose failure would lose the answer.
        self.note_orphan(&answer);
        if is_durable {
            self.sync().await?;
        }
        Ok(answer)
    }

    /// Proposes a change while the space of removed files is coming back: what a program gave back, it finds free in its
    /// quota.
    async fn replicate_beside(
        &self,
        queue: &ReclaimQueue,
        command: Command,
    ) -> Result<Answer, FilesystemError> {
        match self.replicator.replicate(command.clone()).await? {
            Err(PosixError::QuotaExceeded) => {
                queue.settled().await;
                Ok(self.replicator.replicate(command).await??)
            }
            outcome => Ok(outcome?),
        }
    }

    async fn replicate(
        &self,
        now: Timestamp,
        credentials: Credentials,
        operation: Operation,
    ) -> Result<Answer, FilesystemError> {
        self.check_not_shut_down()?;
        let command = Command {
            request: None,
            now,
            credentials,
            squashed: false,
            operation,
        };
        Ok(self.replicator.replicate(command).await??)
    }

    async fn query(&self, query: Query) -> Result<Reply, FilesystemError> {
        self.check_not_shut_down()?;
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
        match attributes.kind {
            FileKind::Regular | FileKind::Directory => {
                self.known.lookups.remember(attributes.ino);
            }
            FileKind::Symlink
            | FileKind::Fifo
            | FileKind::Socket
            | FileKind::CharacterDevice
            | FileKind::BlockDevice => self.known.lookups.remember_special(attributes.ino),
        }
        self.synchronous.note(attributes);
    }

    /// The kernel forgot the inode so many times.
    pub(crate) fn forget(&self, ino: InodeId, lookups: u64) {
        if self.known.lookups.forget(ino, lookups) {
            self.give_back(ino);
        }
    }

    /// An orphan is not in use any more.
    fn give_back(&self, ino: InodeId) {
        match (&self.tree, self.replicator.shared()) {
            (TreeUse::Alone(queue), _) => queue.add(ino),
            (TreeUse::Shared(_), Some(volume)) => volume.release(ino),
            (TreeUse::Shared(_), None) => {}
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
        match (&self.tree, orphan) {
            (TreeUse::Alone(queue), Some(ino)) => {
                if self.known.lookups.orphan(ino) {
                    queue.add(ino);
                }
            }
            // The cluster will ask.
            (TreeUse::Shared(_), Some(ino)) => self.known.lookups.removed_here(ino),
            (_, None) => {}
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

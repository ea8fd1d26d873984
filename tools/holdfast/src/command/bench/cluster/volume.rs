//! What the clients of one connection ask of a volume, and how it is emptied again.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use holdfast_metadata::{
    Answer, Attributes, Command, Cookie, Credentials, DirectoryEntry, FileKind, FileName, InodeId,
    Mkdir, Mode, Operation, PosixError, Query, Reply, Rmdir, Unlink,
};
use holdfast_replicator::{PosixMetadataReplicator, ReplicateError};
use tokio::sync::Semaphore;

use super::connect::PATIENCE;
use crate::clock;

/// Untimed calls that are under way at the same time.
const ROOM: usize = 64;
/// Entries of a directory that are listed at once.
const PAGE: usize = 1_000;
/// The usual umask of programs.
pub(super) const UMASK: Mode = Mode::new(0o022);

/// A connection to a volume.
#[derive(Debug)]
pub(in crate::command::bench) struct Volume<R> {
    replicator: R,
    /// For messages.
    pub(super) name: String,
    credentials: Credentials,
    room: Semaphore,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum VolumeError {
    #[error(transparent)]
    Posix(#[from] PosixError),
    #[error(
        "the cluster did not answer for {} s: holdfast status --cluster tells which nodes are missing",
        PATIENCE.as_secs()
    )]
    Silent,
    #[error(transparent)]
    Refused(ReplicateError),
    #[error("an answer that does not fit")]
    UnexpectedAnswer,
}

impl From<ReplicateError> for VolumeError {
    fn from(error: ReplicateError) -> VolumeError {
        match error {
            ReplicateError::TimedOut => VolumeError::Silent,
            ReplicateError::Stopped
            | ReplicateError::Unavailable { .. }
            | ReplicateError::OutcomeUnknown
            | ReplicateError::SessionLost
            | ReplicateError::Interrupted
            | ReplicateError::Fault(_) => VolumeError::Refused(error),
        }
    }
}

impl<R: PosixMetadataReplicator> Volume<R> {
    pub(super) fn new(replicator: R, name: String) -> Volume<R> {
        Volume {
            replicator,
            name,
            credentials: Credentials {
                uid: nix::unistd::getuid().as_raw(),
                gid: nix::unistd::getgid().as_raw(),
                groups: Vec::new(),
            },
            room: Semaphore::new(ROOM),
        }
    }

    /// Sends a command as a mount does, and waits for its answer.
    pub(super) async fn change(&self, operation: Operation) -> Result<Answer, VolumeError> {
        let command = Command {
            request: None,
            now: clock::now(),
            credentials: self.credentials.clone(),
            squashed: false,
            operation,
        };
        Ok(self.replicator.replicate(command).await??)
    }

    pub(super) async fn look_up(
        &self,
        parent: InodeId,
        name: FileName,
    ) -> Result<Attributes, VolumeError> {
        match self
            .replicator
            .query(Query::Lookup { parent, name })
            .await??
        {
            Reply::Attributes(attributes) => Ok(attributes),
            _ => Err(VolumeError::UnexpectedAnswer),
        }
    }

    pub(super) async fn make_directory(
        &self,
        parent: InodeId,
        name: FileName,
    ) -> Result<InodeId, VolumeError> {
        match self.change(mkdir(parent, name)).await? {
            Answer::Entry { attributes, .. } => Ok(attributes.ino),
            _ => Err(VolumeError::UnexpectedAnswer),
        }
    }

    /// Makes many things at once.
    pub(super) async fn change_all(&self, operations: Vec<Operation>) -> Result<(), VolumeError> {
        let operations = stream::iter(operations).map(Ok);
        operations
            .try_for_each_concurrent(ROOM, async |operation| {
                self.change_untimed(operation).await.map(drop)
            })
            .await
    }

    /// Removes a directory with everything in it; one that is not there is removed. The files become orphans, which
    /// the cluster reclaims: no client of it may, as another one could have them open.
    pub(super) async fn remove_directory(
        &self,
        parent: InodeId,
        name: FileName,
    ) -> Result<(), VolumeError> {
        match self.look_up(parent, name.clone()).await {
            Ok(attributes) => self.empty(attributes.ino).await?,
            Err(VolumeError::Posix(PosixError::NotFound)) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.change(Operation::Rmdir(Rmdir {
            parent,
            name,
            seen: None,
        }))
        .await?;
        Ok(())
    }

    async fn empty(&self, directory: InodeId) -> Result<(), VolumeError> {
        let mut after = Cookie::DOT_DOT;
        loop {
            let page = self.page(directory, after).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.cookie;
            stream::iter(page)
                .map(Ok)
                .try_for_each_concurrent(ROOM, async |entry| self.remove(directory, entry).await)
                .await?;
        }
    }

    async fn page(&self, ino: InodeId, after: Cookie) -> Result<Vec<DirectoryEntry>, VolumeError> {
        let query = Query::ReadDirectory {
            ino,
            after,
            entries_max: PAGE,
            with_attributes: false,
        };
        match self.replicator.query(query).await?? {
            Reply::Directory { entries, .. } => Ok(entries),
            _ => Err(VolumeError::UnexpectedAnswer),
        }
    }

    async fn remove(&self, parent: InodeId, entry: DirectoryEntry) -> Result<(), VolumeError> {
        let name = FileName::new(&entry.name)?;
        if entry.kind != FileKind::Directory {
            let unlink = Operation::Unlink(Unlink { parent, name });
            return self.change_untimed(unlink).await.map(drop);
        }
        let rmdir = Operation::Rmdir(Rmdir {
            parent,
            name,
            seen: None,
        });
        match self.change_untimed(rmdir.clone()).await {
            Err(VolumeError::Posix(PosixError::NotEmpty)) => {
                Box::pin(self.empty(entry.ino)).await?;
                self.change_untimed(rmdir).await.map(drop)
            }
            removed => removed.map(drop),
        }
    }

    async fn change_untimed(&self, operation: Operation) -> Result<Answer, VolumeError> {
        let _room = self.room.acquire().await.ok();
        self.change(operation).await
    }

    pub(super) async fn close(&self) {
        if let Err(error) = self.replicator.stop().await {
            tracing::warn!(%error, "the session was not closed");
        }
    }
}

pub(super) fn mkdir(parent: InodeId, name: FileName) -> Operation {
    Operation::Mkdir(Mkdir {
        parent,
        name,
        mode: Mode::new(0o777),
        umask: UMASK,
    })
}

pub(super) fn file_name(name: &str) -> Result<FileName, VolumeError> {
    Ok(FileName::new(name.as_bytes())?)
}

//! `getattr`, `setattr` and `access`.

use holdfast_metadata::{
    Answer, Attributes, InodeId, Mode, Operation, PosixError, Query, Reply, SetAttributes,
    Timestamp, limits,
};
use holdfast_replicator::{PosixMetadataReplicator, ReplicateError};

use super::{Caller, Filesystem, FilesystemError, now};
use crate::open_files::{Handle, Use};

/// `W_OK`
const WRITE: u8 = 2;

/// What `setattr` changes; `None` leaves one as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) mode: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) size: Option<u64>,
    pub(crate) atime: Option<NewTime>,
    pub(crate) mtime: Option<NewTime>,
    pub(crate) ctime: Option<Timestamp>,
}

/// A time to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewTime {
    /// `UTIME_NOW`
    Now,
    At(Timestamp),
}

impl NewTime {
    fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            NewTime::Now => now,
            NewTime::At(time) => time,
        }
    }
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn getattr(&self, ino: InodeId) -> Result<Attributes, FilesystemError> {
        let found = self.attributes_of(Query::Attributes { ino }).await;
        let attributes = found.map_err(|error| self.lost_if_open(ino, error))?;
        // The root is never looked up; this is where its flags are seen.
        self.synchronous.note(&attributes);
        Ok(attributes)
    }

    /// What is open goes only with the session. The kernel would begin an `open` anew that has made the file already.
    fn lost_if_open(&self, ino: InodeId, error: FilesystemError) -> FilesystemError {
        match error {
            FilesystemError::Posix(PosixError::InodeGone) if self.known.lookups.is_open(ino) => {
                ReplicateError::SessionLost.into()
            }
            error => error,
        }
    }

    /// `through` is the open file, of `ftruncate` for one.
    pub(crate) async fn setattr(
        &self,
        caller: Caller,
        ino: InodeId,
        change: Change,
        through: Option<Handle>,
    ) -> Result<Attributes, FilesystemError> {
        if change
            .size
            .is_some_and(|size| size > limits::FILE_BYTES_MAX)
        {
            return Err(PosixError::FileTooLarge.into());
        }
        if change.size.is_some() && through.is_none() {
            self.demand(caller, ino, WRITE).await?;
        }
        let epoch = match (through, change.size) {
            (Some(handle), Some(_)) => self.usable(ino, Use::Through(handle))?,
            (Some(_) | None, _) => None,
        };
        let mode = change.mode.map(Mode::new);
        let needs_groups = mode.is_some_and(|mode| mode.has(Mode::SET_GROUP_ID));
        // Of the command too: times to exactly that are what an append-only file allows.
        let now = now();
        let command = SetAttributes {
            ino,
            mode,
            uid: change.uid,
            gid: change.gid,
            size: change.size,
            atime: change.atime.map(|time| time.resolve(now)),
            mtime: change.mtime.map(|time| time.resolve(now)),
            ctime: change.ctime,
        };
        let credentials = caller.credentials_if(needs_groups);
        match self
            .change_in(epoch, now, credentials, Operation::SetAttributes(command))
            .await?
        {
            Answer::Attributes(attributes) => Ok(attributes),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    /// Refuses what the kernel has not checked: who is squashed is somebody else than it knows.
    pub(super) async fn demand(
        &self,
        caller: Caller,
        ino: InodeId,
        mask: u8,
    ) -> Result<(), FilesystemError> {
        if self.is_squashed() {
            self.access(caller, ino, mask).await
        } else {
            Ok(())
        }
    }

    /// Asked by the kernel only where it does not check permissions itself.
    pub(crate) async fn access(
        &self,
        caller: Caller,
        ino: InodeId,
        mask: u8,
    ) -> Result<(), FilesystemError> {
        let credentials = caller.credentials_with_groups();
        let query = Query::Access {
            ino,
            mask,
            credentials,
        };
        match self.query(query).await? {
            Reply::Granted => Ok(()),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

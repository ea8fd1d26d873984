//! `read`, `write`, `fsync`, `lseek` and `fallocate`.

use holdfast_metadata::{
    Answer, Fallocate, InodeId, Operation, PosixError, Query, Reply, SeekTarget, Write,
};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError, now};
use crate::open_files::{Handle, Use};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// Fewer bytes than asked for only at the end of the file.
    pub(crate) async fn read(
        &self,
        ino: InodeId,
        handle: Handle,
        offset: u64,
        length: u32,
        keep_atime: bool,
    ) -> Result<Vec<u8>, FilesystemError> {
        self.usable(ino, Use::Through(handle))?;
        let query = Query::Read {
            ino,
            offset,
            length,
        };
        match self.query(query).await? {
            Reply::Data { bytes, attributes } => {
                if !keep_atime {
                    self.touch_atime(&attributes).await;
                }
                Ok(bytes)
            }
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    pub(crate) async fn write(
        &self,
        caller: Caller,
        how: Use,
        command: Write,
    ) -> Result<u64, FilesystemError> {
        let epoch = self.usable(command.ino, how)?;
        let caller = match how {
            Use::Through(_) => caller,
            // The kernel does not say who wrote them, and root passes the limits of users.
            Use::WriteBack => Caller::NOBODY,
        };
        let (credentials, operation) = (caller.credentials(), Operation::Write(command));
        match self.change_in(epoch, now(), credentials, operation).await? {
            Answer::Written { length, .. } => Ok(length),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    /// Makes what was written to an open file durable.
    pub(crate) async fn fsync(&self, ino: InodeId, handle: Handle) -> Result<(), FilesystemError> {
        self.usable(ino, Use::Through(handle))?;
        self.sync().await
    }

    pub(crate) async fn lseek(
        &self,
        ino: InodeId,
        offset: i64,
        target: SeekTarget,
    ) -> Result<u64, FilesystemError> {
        let offset = u64::try_from(offset).map_err(|_| PosixError::NoSuchPosition)?;
        let query = Query::Seek {
            ino,
            offset,
            target,
        };
        match self.query(query).await? {
            Reply::Offset(offset) => Ok(offset),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    pub(crate) async fn fallocate(
        &self,
        caller: Caller,
        handle: Handle,
        command: Fallocate,
    ) -> Result<(), FilesystemError> {
        let epoch = self.usable(command.ino, Use::Through(handle))?;
        if command.length == 0 {
            return Err(PosixError::InvalidArgument.into());
        }
        let (credentials, operation) = (caller.credentials(), Operation::Fallocate(command));
        self.change_in(epoch, now(), credentials, operation)
            .await
            .map(drop)
    }
}

//! `read`, `write`, `lseek` and `fallocate`.

use holdfast_metadata::{
    Answer, Fallocate, InodeId, Operation, PosixError, Query, Reply, SeekTarget, Write,
};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// Fewer bytes than asked for only at the end of the file.
    pub(crate) async fn read(
        &self,
        ino: InodeId,
        offset: u64,
        length: u32,
        keep_atime: bool,
    ) -> Result<Vec<u8>, FilesystemError> {
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
        command: Write,
    ) -> Result<u64, FilesystemError> {
        match self
            .change(caller.credentials(), Operation::Write(command))
            .await?
        {
            Answer::Written { length, .. } => Ok(length),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
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
        command: Fallocate,
    ) -> Result<(), FilesystemError> {
        if command.length == 0 {
            return Err(PosixError::InvalidArgument.into());
        }
        self.change(caller.credentials(), Operation::Fallocate(command))
            .await
            .map(drop)
    }
}

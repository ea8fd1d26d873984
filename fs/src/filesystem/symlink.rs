//! `symlink` and `readlink`.

use bytes::Bytes;
use holdfast_metadata::{Attributes, FileName, InodeId, Operation, Query, Reply, Symlink};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn symlink(
        &self,
        caller: Caller,
        parent: InodeId,
        name: FileName,
        target: Bytes,
    ) -> Result<Attributes, FilesystemError> {
        let command = Symlink {
            parent,
            name,
            target,
        };
        self.new_entry(caller.credentials(), Operation::Symlink(command))
            .await
    }

    pub(crate) async fn readlink(&self, ino: InodeId) -> Result<Bytes, FilesystemError> {
        match self.query(Query::Readlink { ino }).await? {
            Reply::Target { target, attributes } => {
                self.touch_atime(&attributes).await;
                Ok(target)
            }
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

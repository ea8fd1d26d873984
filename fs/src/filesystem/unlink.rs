//! `unlink` and `rmdir`: names go, and with the last one the inode becomes an orphan.

use holdfast_metadata::{Answer, FileName, InodeId, Operation, Rmdir, Unlink};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn unlink(
        &self,
        caller: Caller,
        parent: InodeId,
        name: FileName,
    ) -> Result<(), FilesystemError> {
        self.remove(caller, Operation::Unlink(Unlink { parent, name }))
            .await
    }

    pub(crate) async fn rmdir(
        &self,
        caller: Caller,
        parent: InodeId,
        name: FileName,
    ) -> Result<(), FilesystemError> {
        let seen = self.seen(caller, parent, &name)?;
        self.remove(caller, Operation::Rmdir(Rmdir { parent, name, seen }))
            .await
    }

    async fn remove(&self, caller: Caller, operation: Operation) -> Result<(), FilesystemError> {
        let _arrival = self.arrive();
        match self.change(caller.credentials(), operation).await? {
            Answer::Removed { .. } => Ok(()),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

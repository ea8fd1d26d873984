//! `setxattr`, `getxattr`, `listxattr`, `removexattr`; access lists are extended attributes, too.

use bytes::Bytes;
use holdfast_metadata::{InodeId, Operation, Query, RemoveXattr, Reply, SetXattr};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError, quota};

/// Setting it may clear set-group-id, which depends on the caller's groups.
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn setxattr(
        &self,
        caller: Caller,
        command: SetXattr,
    ) -> Result<(), FilesystemError> {
        if quota::is_of_quotas(&command.name) {
            return self.set_quota_text(caller, &command).await;
        }
        let credentials = caller.credentials_if(&*command.name == ACCESS_LIST);
        self.change(credentials, Operation::SetXattr(command))
            .await
            .map(drop)
    }

    pub(crate) async fn getxattr(
        &self,
        caller: Caller,
        ino: InodeId,
        name: &[u8],
    ) -> Result<Bytes, FilesystemError> {
        if quota::is_of_quotas(name) {
            return self.quota_text(caller, ino, name).await;
        }
        let name = name.into();
        match self.query(Query::GetXattr { ino, name }).await? {
            Reply::Xattr(value) => Ok(value),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    pub(crate) async fn listxattr(&self, ino: InodeId) -> Result<Vec<u8>, FilesystemError> {
        match self.query(Query::ListXattr { ino }).await? {
            Reply::XattrNames(names) => Ok(names),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    pub(crate) async fn removexattr(
        &self,
        caller: Caller,
        ino: InodeId,
        name: &[u8],
    ) -> Result<(), FilesystemError> {
        if quota::is_of_quotas(name) {
            return self.lift_quota(caller, ino, name).await;
        }
        let name = name.into();
        let command = RemoveXattr { ino, name };
        self.change(caller.credentials(), Operation::RemoveXattr(command))
            .await
            .map(drop)
    }
}

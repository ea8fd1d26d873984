//! `lookup`: where a name leads.

use holdfast_metadata::{Attributes, FileName, InodeId, PosixError, Query, Reply};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Filesystem, FilesystemError};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// The inode behind a name; the kernel holds it from now on.
    ///
    /// `.` and `..` come from `open_by_handle_at` and NFS, which know an inode without a path.
    pub(crate) async fn lookup(
        &self,
        parent: InodeId,
        name: &[u8],
    ) -> Result<Attributes, FilesystemError> {
        let _arrival = self.arrive();
        let query = match name {
            b"." => return self.lookup_itself(parent).await,
            b".." => Query::Parent { ino: parent },
            name => Query::Lookup {
                parent,
                name: FileName::new(name)?,
            },
        };
        let attributes = self.attributes_of(query).await?;
        self.remember(&attributes);
        Ok(attributes)
    }

    /// The count comes first here: no lock of the kernel keeps the inode's last name in its place.
    async fn lookup_itself(&self, ino: InodeId) -> Result<Attributes, FilesystemError> {
        self.known.lookups.remember(ino);
        let found = self.attributes_of(Query::Attributes { ino }).await;
        let found = found.and_then(|attributes| match attributes.nlink {
            0 => Err(PosixError::InodeGone.into()),
            _ => Ok(attributes),
        });
        match &found {
            Ok(attributes) => self.synchronous.note(attributes),
            Err(_) => self.forget(ino, 1),
        }
        found
    }

    pub(super) async fn attributes_of(&self, query: Query) -> Result<Attributes, FilesystemError> {
        match self.query(query).await? {
            Reply::Attributes(attributes) => Ok(attributes),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

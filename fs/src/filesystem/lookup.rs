//! `lookup`: where a name leads.

use holdfast_metadata::{Attributes, FileKind, FileName, InodeId, PosixError, Query, Reply};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError, TreeUse};
use crate::seen_directories::LastLook;

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// The inode behind a name; the kernel holds it from now on.
    ///
    /// `.` and `..` come from `open_by_handle_at` and NFS, which know an inode without a path.
    pub(crate) async fn lookup(
        &self,
        caller: Caller,
        parent: InodeId,
        name: &[u8],
    ) -> Result<Attributes, FilesystemError> {
        let _arrival = self.arrive();
        let query = match name {
            b"." => return self.lookup_itself(parent).await,
            b".." => Query::Parent { ino: parent },
            name => return self.lookup_name(caller, parent, FileName::new(name)?).await,
        };
        let attributes = self.attributes_of(query).await?;
        self.remember(&attributes);
        Ok(attributes)
    }

    async fn lookup_name(
        &self,
        caller: Caller,
        parent: InodeId,
        name: FileName,
    ) -> Result<Attributes, FilesystemError> {
        let seen = match &self.tree {
            TreeUse::Alone(_) => None,
            TreeUse::Shared(seen) => Some((seen, name.clone())),
        };
        let found = self.attributes_of(Query::Lookup { parent, name }).await;
        if let Some((seen, name)) = seen {
            let directory = found.as_ref().ok();
            let directory = directory.filter(|found| found.kind == FileKind::Directory);
            let directory = directory.map(|found| found.ino);
            seen.directories.note(caller.pid, parent, name, directory);
        }
        let attributes = found?;
        self.remember(&attributes);
        Ok(attributes)
    }

    /// The directory that a name led to when this caller looked, just now: the kernel believes that it is still there. Where it
    /// did not look, because it remembers names, ESTALE has it look.
    pub(super) fn seen(
        &self,
        caller: Caller,
        parent: InodeId,
        name: &FileName,
    ) -> Result<Option<InodeId>, PosixError> {
        let TreeUse::Shared(seen) = &self.tree else {
            return Ok(None);
        };
        match seen.directories.last(caller.pid, parent, name) {
            LastLook::Directory(found) => Ok(Some(found)),
            LastLook::Elsewhere if seen.kernel_remembers => Err(PosixError::AnotherDirectory),
            LastLook::None | LastLook::Elsewhere => Ok(None),
        }
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

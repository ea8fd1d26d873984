//! `create`, `mknod`, `mkdir`: new inodes.

use holdfast_metadata::{
    Answer, Attributes, Create, Credentials, FileKind, FileName, InodeId, Mkdir, Mknod, Mode,
    Operation,
};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Change, Filesystem, FilesystemError, OpenMode};
use crate::open_files::Handle;

/// Where a new inode goes and which permissions it gets.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) caller: Caller,
    pub(crate) parent: InodeId,
    pub(crate) name: FileName,
    pub(crate) mode: Mode,
    pub(crate) umask: Mode,
}

impl Creation {
    /// Whether a new file may keep set-group-id depends on the caller's groups.
    fn credentials(&self) -> Credentials {
        self.caller
            .credentials_if(self.mode.has(Mode::SET_GROUP_ID))
    }
}

/// What `mknod` makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeKind {
    pub(crate) kind: FileKind,
    pub(crate) device: u32,
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// Makes a file, or finds it, and opens it.
    pub(crate) async fn create(
        &self,
        creation: Creation,
        exclusive: bool,
        mode: OpenMode,
    ) -> Result<(Attributes, Handle), FilesystemError> {
        let credentials = creation.credentials();
        let caller = creation.caller;
        let _arrival = self.arrive();
        let command = Create {
            parent: creation.parent,
            name: creation.name,
            mode: creation.mode,
            umask: creation.umask,
            exclusive,
        };
        match self.change(credentials, Operation::Create(command)).await? {
            Answer::Entry {
                attributes,
                created,
            } => {
                self.remember(&attributes);
                if !created {
                    let may_open = self.demand(caller, attributes.ino, mode.wanted()).await;
                    may_open.inspect_err(|_| self.forget(attributes.ino, 1))?;
                }
                if created || !mode.truncate {
                    let handle = self.begin_use(attributes.ino, true)?;
                    return Ok((attributes, handle));
                }
                let empty = Change {
                    size: Some(0),
                    ..Change::default()
                };
                let ino = attributes.ino;
                let truncated = self.setattr(caller, ino, empty, None).await;
                let attributes = truncated.inspect_err(|_| self.forget(ino, 1))?;
                let handle = self.begin_use(ino, true)?;
                Ok((attributes, handle))
            }
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    pub(crate) async fn mknod(
        &self,
        creation: Creation,
        node: NodeKind,
    ) -> Result<Attributes, FilesystemError> {
        let credentials = creation.credentials();
        let command = Mknod {
            parent: creation.parent,
            name: creation.name,
            kind: node.kind,
            mode: creation.mode,
            umask: creation.umask,
            device: node.device,
        };
        self.new_entry(credentials, Operation::Mknod(command)).await
    }

    pub(crate) async fn mkdir(&self, creation: Creation) -> Result<Attributes, FilesystemError> {
        let credentials = creation.credentials();
        let command = Mkdir {
            parent: creation.parent,
            name: creation.name,
            mode: creation.mode,
            umask: creation.umask,
        };
        self.new_entry(credentials, Operation::Mkdir(command)).await
    }

    /// Makes a name; the kernel holds the inode behind it from now on.
    pub(super) async fn new_entry(
        &self,
        credentials: Credentials,
        operation: Operation,
    ) -> Result<Attributes, FilesystemError> {
        let _arrival = self.arrive();
        match self.change(credentials, operation).await? {
            Answer::Entry { attributes, .. } => {
                self.remember(&attributes);
                Ok(attributes)
            }
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

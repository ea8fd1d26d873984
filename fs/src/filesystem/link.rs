//! `link`: one more name.

use holdfast_metadata::{Attributes, FileName, InodeId, Link, Operation};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn link(
        &self,
        caller: Caller,
        ino: InodeId,
        parent: InodeId,
        name: FileName,
    ) -> Result<Attributes, FilesystemError> {
        let command = Link { ino, parent, name };
        self.new_entry(caller.credentials(), Operation::Link(command))
            .await
    }
}

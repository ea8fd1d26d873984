//! `rename`: moves, replaces or exchanges names.

use holdfast_metadata::{Answer, Operation, PosixError, Rename};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn rename(
        &self,
        caller: Caller,
        mut command: Rename,
    ) -> Result<(), FilesystemError> {
        let flags = command.flags;
        if flags.exchange && (flags.no_replace || flags.whiteout) {
            return Err(PosixError::InvalidArgument.into());
        }
        if !flags.exchange {
            command.seen = self.seen(caller, command.new_parent, &command.new_name)?;
        }
        let _arrival = self.arrive();
        match self
            .change(caller.credentials(), Operation::Rename(command))
            .await?
        {
            Answer::Renamed { .. } => Ok(()),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

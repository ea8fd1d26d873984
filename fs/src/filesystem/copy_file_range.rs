//! `copy_file_range`: shares the data of a range.

use holdfast_metadata::{Answer, CopyRange, Operation};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};

/// The reply has 32 bits for the length; whole pages leave the rest aligned for the next call.
const LENGTH_MAX: u64 = u32::MAX as u64 & !4095;

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn copy_file_range(
        &self,
        caller: Caller,
        command: CopyRange,
    ) -> Result<u64, FilesystemError> {
        let command = CopyRange {
            length: command.length.min(LENGTH_MAX),
            ..command
        };
        match self
            .change(caller.credentials(), Operation::CopyRange(command))
            .await?
        {
            Answer::Written { length, .. } => Ok(length),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

//! `copy_file_range`: shares the data of a range.

use holdfast_metadata::{Answer, CopyRange, Operation};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError, now};
use crate::open_files::{Handle, Use};

/// The reply has 32 bits for the length; whole pages leave the rest aligned for the next call.
const LENGTH_MAX: u64 = u32::MAX as u64 & !4095;

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn copy_file_range(
        &self,
        caller: Caller,
        (source, destination): (Handle, Handle),
        command: CopyRange,
    ) -> Result<u64, FilesystemError> {
        let read = self.usable(command.source, Use::Through(source))?;
        let written = self.usable(command.destination, Use::Through(destination))?;
        let epoch = read.into_iter().chain(written).min();
        let command = CopyRange {
            length: command.length.min(LENGTH_MAX),
            ..command
        };
        let (credentials, operation) = (caller.credentials(), Operation::CopyRange(command));
        match self.change_in(epoch, now(), credentials, operation).await? {
            Answer::Written { length, .. } => Ok(length),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}

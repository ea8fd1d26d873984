//! Why an operation failed.

use holdfast_metadata::PosixError;
use holdfast_replicator::ReplicateError;

/// An answer, a refusal or a fault; `errno.rs` gives each its number.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesystemError {
    #[error(transparent)]
    Posix(#[from] PosixError),
    #[error(transparent)]
    Replicate(#[from] ReplicateError),
    #[error("no file answers this ioctl")]
    UnknownIoctl,
    #[error("the replicator answered something that was not asked")]
    UnexpectedAnswer,
    #[error("the caller was told to end while it waited")]
    Interrupted,
    #[error("the mount was shut down")]
    ShutDown,
}

//! Why there is no mount: one line each, saying what to do. The line is complete: there is no source to
//! add to it.

use std::io;
use std::path::PathBuf;

use holdfast_replicator::ReplicateError;

/// Mounting failed, or a mount ended badly.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The directory is not there.
    #[error("mountpoint {} does not exist: create it with `mkdir -p {}`", path.display(), path.display())]
    MountpointMissing {
        /// As it was given.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("mountpoint {} is not a directory: choose an empty directory", path.display())]
    NotADirectory {
        /// As it was given.
        path: PathBuf,
    },
    /// A mount is there whose daemon has died.
    #[error("mountpoint {} belongs to a filesystem that died: free it with `fusermount3 -u -z {}`", path.display(), path.display())]
    DeadMount {
        /// As it was given.
        path: PathBuf,
    },
    /// It cannot be looked at.
    #[error("mountpoint {} cannot be used: {reason}", path.display())]
    MountpointUnusable {
        /// As it was given.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The kernel has no FUSE here.
    #[error(
        "/dev/fuse is missing: load it with `modprobe fuse`, or start the container with `--device /dev/fuse`"
    )]
    DeviceMissing,
    /// It may not be opened.
    #[error(
        "/dev/fuse may not be opened: {reason}; run as root, or make it readable and writable for this user"
    )]
    DeviceRefused {
        /// Why.
        reason: io::Error,
    },
    /// The caller may not mount.
    #[error("not permitted to mount on {}: {reason}; run as root, or permit it to this user", path.display())]
    NotPermitted {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Others than root mount with its help.
    #[error("fusermount3 is missing: install it (Debian package fuse3), or run as root")]
    FusermountMissing,
    /// The kernel did not accept the mount.
    #[error("the kernel refused to mount on {}: {reason}; check the mount options", path.display())]
    Refused {
        /// As it was given.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Somebody was faster.
    #[error("{} was unmounted before the mount was ready; mount it again", path.display())]
    UnmountedEarly {
        /// As it was given.
        path: PathBuf,
    },
    /// The kernel and the filesystem did not agree.
    #[error(
        "the kernel did not complete the FUSE handshake: {reason}; holdfast needs Linux 5.10 or later"
    )]
    Handshake {
        /// Why.
        reason: io::Error,
    },
    /// The mount is there and does not answer.
    #[error("the mount on {} does not answer", path.display())]
    NotAnswering {
        /// As it was given.
        path: PathBuf,
    },
    /// The state cannot be read.
    #[error("the filesystem is not served: {0}")]
    Replicator(ReplicateError),
    /// Threads cannot be started, or the mount ended with an error.
    #[error("serving the mount failed: {reason}")]
    Serving {
        /// Why.
        reason: io::Error,
    },
    /// It is still there.
    #[error("{} cannot be unmounted: {reason}", path.display())]
    Unmount {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl From<ReplicateError> for MountError {
    fn from(error: ReplicateError) -> MountError {
        MountError::Replicator(error)
    }
}

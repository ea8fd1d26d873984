//! Why a data directory cannot be served; each in one line that says what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use holdfast_metadata::Fault;

/// Why [`NoOpReplicator::open`](crate::NoOpReplicator::open) failed. Nothing was damaged.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process serves it.
    #[error(
        "{} is in use by {}{}: unmount it or wait for it first",
        path.display(),
        Holder(*pid),
        MountedAt(mountpoint.as_ref())
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The process; 0 for one that only reads it (`fsck`) or has not yet said who it is.
        pid: u32,
        /// Where that process mounted it.
        mountpoint: Option<PathBuf>,
    },
    /// It was written by another version of Holdfast.
    #[error(
        "{} has format version {found}, this holdfast knows version {known}: use the version that made it",
        path.display()
    )]
    OtherFormat {
        /// The data directory.
        path: PathBuf,
        /// What it has.
        found: u64,
        /// What this program reads and writes.
        known: u64,
    },
    /// What is in it is not what was written.
    #[error("{} is corrupt: {what}: {detail}: restore it from a backup", path.display())]
    Corrupt {
        /// The data directory.
        path: PathBuf,
        /// The file or record.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Nothing can be written to it.
    #[error("{} is on a read-only filesystem: make that writable first", .0.display())]
    ReadOnly(PathBuf),
    /// There is no room to begin with.
    #[error("no space left on the disk of {}: free some first", .0.display())]
    NoSpace(PathBuf),
    /// It holds something else.
    #[error(
        "{} is not empty and not a data directory of holdfast: choose an empty or new directory",
        .0.display()
    )]
    NotADataDirectory(PathBuf),
    /// It was to be made from a dump.
    #[error(
        "{} is what a load that was cut off has left, and no volume: load again (holdfast load --data), or remove it",
        .0.display()
    )]
    LoadCutOff(PathBuf),
    /// The path leads to something else.
    #[error("{} is not a directory: choose an empty or new directory", .0.display())]
    NotADirectory(PathBuf),
    /// There is nothing to read.
    #[error("{} does not exist: check the path", .0.display())]
    NotFound(PathBuf),
    /// The caller may not use it.
    #[error("permission denied for {}: run as its owner or change its permissions", .0.display())]
    PermissionDenied(PathBuf),
    /// Anything else.
    #[error("cannot use {}: {error}", path.display())]
    Io {
        /// The data directory, or the file in it.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Who has it.
struct Holder(u32);

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => formatter.write_str("another process, perhaps holdfast fsck"),
            pid => write!(formatter, "process {pid}"),
        }
    }
}

struct MountedAt<'a>(Option<&'a PathBuf>);

impl fmt::Display for MountedAt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(mountpoint) => write!(formatter, ", mounted at {}", mountpoint.display()),
            None => Ok(()),
        }
    }
}

impl OpenError {
    /// The error of a system call on a path.
    pub(super) fn io(path: impl Into<PathBuf>, error: io::Error) -> OpenError {
        let path = path.into();
        // ErrorKind has kinds we have nothing to say about, and will get more.
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly(path),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::NoSpace(path),
            io::ErrorKind::PermissionDenied => OpenError::PermissionDenied(path),
            io::ErrorKind::NotADirectory => OpenError::NotADirectory(path),
            io::ErrorKind::NotFound => OpenError::NotFound(path),
            _ => OpenError::Io { path, error },
        }
    }

    /// The fault of the store or the state in it.
    pub(super) fn fault(path: impl Into<PathBuf>, fault: Fault) -> OpenError {
        let path = path.into();
        match fault {
            Fault::Corrupt { what, detail } => OpenError::Corrupt { path, what, detail },
            Fault::NoSpace => OpenError::NoSpace(path),
            Fault::Io(text) => OpenError::Io {
                path,
                error: io::Error::other(text),
            },
        }
    }
}

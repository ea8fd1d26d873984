//! What a NoOp replicator is told when it opens.

use std::path::PathBuf;

use holdfast_metadata::TableCache;

/// What an acknowledged command is safe from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of the process. What `fsync` covered is safe from a power failure too, everything else
    /// within a second.
    #[default]
    Fsync,
    /// A power failure: every command is on disk before it is acknowledged.
    Commit,
}

/// How to open a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoOpOptions {
    /// The data directory; made if it is missing.
    pub data: PathBuf,
    /// What an acknowledged command is safe from.
    pub durability: Durability,
    /// Noted in the lock file, for the message that another process gets.
    pub mountpoint: Option<PathBuf>,
    /// Memory for what was read from the store.
    pub cache_bytes: usize,
    /// Owner of the root directory of a new volume.
    pub root_uid: u32,
    /// Group of the root directory of a new volume.
    pub root_gid: u32,
    /// Permission bits of the root directory of a new volume.
    pub root_mode: u16,
}

impl NoOpOptions {
    /// The defaults; a new volume belongs to the user of this process.
    pub fn new(data: impl Into<PathBuf>) -> NoOpOptions {
        NoOpOptions {
            data: data.into(),
            durability: Durability::default(),
            mountpoint: None,
            cache_bytes: TableCache::BYTES,
            root_uid: nix::unistd::geteuid().as_raw(),
            root_gid: nix::unistd::getegid().as_raw(),
            root_mode: 0o755,
        }
    }
}

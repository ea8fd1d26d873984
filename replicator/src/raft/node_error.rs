//! Why a node does not start; each in one line that says what to do.

use std::io;
use std::path::{Path, PathBuf};

use holdfast_metadata::Fault;

/// Why [`Node::start`](super::Node::start) failed. Nothing was damaged.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Another process has the data directory.
    #[error("{} is in use by another holdfast: stop that first", .0.display())]
    InUse(PathBuf),
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
    #[error("{} is corrupt: {detail}: remove the node from the cluster, and let a new one with another --id and an empty directory join", path.display())]
    Corrupt {
        /// The data directory.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// It belongs to another node.
    #[error(
        "{} belongs to node {found}, not to node {asked}: give each node a directory of its own, or say --id {found} if it is that node",
        path.display()
    )]
    OtherNode {
        /// The data directory.
        path: PathBuf,
        /// Whose it is.
        found: u64,
        /// Who was to be started.
        asked: u64,
    },
    /// Somebody began to make a new cluster of it.
    #[error(
        "a recovery of {path} was cut off: say holdfast recover --data {path} --force-new-cluster again",
        path = .0.display()
    )]
    RecoveryCutOff(PathBuf),
    /// There is no cluster in it that could be recovered.
    #[error("{} cannot be recovered: {reason}", path.display())]
    Unrecoverable {
        /// The data directory.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It holds something else.
    #[error("{} is not empty and not a directory of a node: choose an empty or new one", .0.display())]
    Foreign(PathBuf),
    /// It is empty, and nobody said what to do.
    #[error(
        "{} has no node in it: say --bootstrap to make a new cluster, or --join HOST:PORT to become a node of one",
        .0.display()
    )]
    Empty(PathBuf),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The cluster did not take it.
    #[error("cannot join: {0}")]
    Join(String),
    /// The cluster has removed it, or has another node of its number or at its address.
    #[error("the cluster does not want this node: {0}")]
    Unwanted(String),
    /// Options that contradict each other.
    #[error("{0}")]
    Options(String),
    /// The directory cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The data directory, or what is in it.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The state or the log cannot be read or written.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl NodeError {
    pub(super) fn io(path: &Path, error: io::Error) -> NodeError {
        NodeError::Io {
            path: path.to_owned(),
            error,
        }
    }
}

//! Orders commands and applies them: the seam between the filesystem and consensus.

mod error;
mod replicator;

pub use error::ReplicateError;
pub use replicator::{PosixMetadataReplicator, Space, Status};

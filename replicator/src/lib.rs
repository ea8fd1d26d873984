//! Orders commands and applies them: the seam between the filesystem and consensus.

mod error;
mod noop;
mod replicator;
#[cfg(feature = "testing")]
pub mod testing;
mod watermark;

pub use error::ReplicateError;
pub use noop::{DataDirectory, Durability, NoOpOptions, NoOpReplicator, OpenError, VolumeId};
pub use replicator::{PosixMetadataReplicator, Space, Status};

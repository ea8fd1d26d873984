//! Orders commands and applies them: the seam between the filesystem and consensus.

mod call;
mod error;
mod noop;
mod refusal;
mod remote;
mod replicator;
#[cfg(feature = "testing")]
pub mod testing;
mod watermark;

pub use error::ReplicateError;
pub use noop::{DataDirectory, Durability, NoOpOptions, NoOpReplicator, OpenError, VolumeId};
pub use remote::{ConnectError, FailureReason, NodeFailure, RemoteOptions, RemoteReplicator};
pub use replicator::{PosixMetadataReplicator, Space, Status};

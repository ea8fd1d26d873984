//! Orders commands and applies them: the seam between the filesystem and consensus.

mod call;
pub mod course;
mod disk_space;
mod durable;
mod error;
mod fault_point;
mod formats;
mod noop;
mod raft;
mod rates;
mod refusal;
mod remote;
mod removal;
mod replicator;
mod space_guard;
mod sparing;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod watermark;

pub use call::CallLimits;
pub use error::ReplicateError;
pub use fault_point::FaultPoint;
pub use formats::{FormatVersion, format_versions};
pub use noop::{
    DataDirectory, Durability, LoadError, NoOpOptions, NoOpReplicator, OpenError, VolumeId,
};
#[cfg(feature = "testing")]
pub use raft::fuzz;
#[cfg(feature = "testing")]
pub use raft::{BareGroup, BareLog, BareLogId, BareSnapshot, BareStore};
pub use raft::{
    Event, FIRST_VOLUME, Limits, Load, Neighbour, Node, NodeError, NodeOptions, Observer, Overview,
    ReadMode, Recovery, Sample, Silence, SnapshotOptions, Start, StoppedNode, StoredVolume,
    SurveyedGroup, SurveyedLog, Timing, VolumeMounts,
};
pub use rates::{OperationRate, Rates};
pub use remote::{ConnectError, FailureReason, NodeFailure, RemoteOptions, RemoteReplicator};
pub use replicator::{Attendant, Pending, PosixMetadataReplicator, SharedVolume, Space, Status};
pub use sparing::Sparing;
pub use tls::{
    CA_FILE, CERTIFICATE_FILE, Certificate, CertificateError, Holder, HolderError, KEY_FILE,
    LastWords, REVOKED_FILE, RevokedError, Rights, Squash, Tls, TlsError, Volumes, certificates_in,
    connect_lazy, connect_listening, explain,
};

//! Many Raft groups on one node: the order of commands is decided by a quorum.

mod activity;
mod admin_service;
mod announce;
mod attendance;
mod backup_service;
#[cfg(feature = "testing")]
mod bare_log;
#[cfg(feature = "testing")]
mod bare_store;
mod catalog_client;
mod check_service;
mod client_service;
mod complaints;
mod connections;
mod convert;
mod copies;
mod everyone;
#[cfg(feature = "testing")]
pub mod fuzz;
mod gate;
mod group;
mod health;
mod histogram;
mod limits;
mod log;
mod machine;
mod membership;
mod memory_keeper;
mod metrics;
mod network;
mod node;
mod node_directory;
mod node_disk;
mod node_error;
mod observer;
mod options;
mod poison;
mod progress;
mod proposer;
mod raft_service;
mod read_index;
mod recovery;
mod registry;
mod router;
mod runtime;
mod server;
mod session_service;
mod settle;
#[cfg(test)]
mod simulation;
mod slow;
mod snapshot;
mod snapshot_schedule;
mod space_keeper;
mod status;
mod stopped_node;
mod type_config;
mod volume;
mod volume_service;
mod watch_service;

#[cfg(feature = "testing")]
pub use self::bare_log::{BareGroup, BareLog, BareLogId};
#[cfg(feature = "testing")]
pub use self::bare_store::{BareSnapshot, BareStore};
/// The versions of what a node has on its disk.
pub(crate) const FORMATS: [(&str, u64); 3] = [
    ("node directory", node_directory::VERSION),
    ("Raft log", log::VERSION as u64),
    ("list of a snapshot", snapshot::listing::VERSION as u64),
];

pub use self::limits::Limits;
pub use self::node::Node;
pub use self::node_error::NodeError;
pub use self::observer::{
    Event, Load, Neighbour, Observer, Overview, Sample, Silence, VolumeMounts,
};
pub use self::options::{NodeOptions, ReadMode, SnapshotOptions, Start, Timing};
pub use self::recovery::{Recovery, SurveyedGroup, SurveyedLog};
pub use self::settle::FIRST_VOLUME;
pub use self::stopped_node::{StoppedNode, StoredVolume};

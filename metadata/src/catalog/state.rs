//! Everything the catalog knows.

use super::command::{NodeRole, ReplicationMode};
use crate::state_machine::Format;

/// Nodes and volumes, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogState {
    /// `None` until the cluster was created.
    pub cluster_id: Option<[u8; 16]>,
    /// In the order of their ids.
    pub nodes: Vec<NodeRecord>,
    /// The ids of the nodes that were removed, in their order: none of them is ever given again, for what such
    /// a node voted before is not known any more.
    pub removed: Vec<u64>,
    /// In the order of their ids.
    pub volumes: Vec<VolumeRecord>,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    /// Never 0.
    pub id: u64,
    /// `host:port`
    pub address: String,
    /// Random, made with the data directory.
    pub incarnation: [u8; 16],
    /// What it does.
    pub role: NodeRole,
}

/// A volume of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRecord {
    /// Counted up from 1, never given again.
    pub id: u64,
    /// Unique among the volumes there are.
    pub name: String,
    /// When a command is acknowledged.
    pub replication: ReplicationMode,
    /// How it begins.
    pub format: Format,
    /// The nodes that were voters when it was created, in the order of their ids.
    pub initial_voters: Vec<u64>,
}

//! What the catalog can be told, and what it answers.

use crate::state_machine::Format;

/// A change of the catalog as it is proposed, logged and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogCommand {
    /// The first command of a cluster.
    CreateCluster {
        /// Random, so that nodes of another cluster are told apart.
        cluster_id: [u8; 16],
    },
    /// Makes a node known, as a learner, or notes its new address.
    AddNode {
        /// Never 0.
        id: u64,
        /// `host:port`
        address: String,
        /// Random, made with the data directory: another one under the same id is another node.
        incarnation: [u8; 16],
    },
    /// Says what a node is from now on.
    SetNodeRole {
        /// The node.
        id: u64,
        /// What it is.
        role: NodeRole,
    },
    /// Forgets a node, but for its id, which is never given again.
    RemoveNode {
        /// The node.
        id: u64,
    },
    /// Makes a volume on every voter.
    CreateVolume {
        /// 1 to 64 of `a-z0-9._-`, the first a letter or a digit.
        name: String,
        /// When a command is acknowledged.
        replication: ReplicationMode,
        /// How it begins; chosen by the proposer, so that all replicas begin alike.
        format: Format,
    },
    /// Forgets a volume.
    DeleteVolume {
        /// The volume.
        name: String,
        /// Random, the same each time this deletion is tried again: it takes effect once.
        request: Option<[u8; 16]>,
    },
    /// The quorum was lost for ever: one node goes on alone, as another cluster. It is never proposed; who recovers
    /// the data of that node writes it to its log.
    ForceNewCluster {
        /// Random: who belongs to the old one is refused.
        cluster_id: [u8; 16],
        /// The node.
        node: u64,
    },
}

/// What a node does for the groups it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum NodeRole {
    /// Receives everything and does not vote.
    Learner = 1,
    /// Votes.
    Voter = 2,
}

/// When a command of a volume is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ReplicationMode {
    /// When a quorum has it on disk.
    Quorum = 1,
    /// When every voter has applied it.
    All = 2,
}

/// What a command of the catalog answers. Both are deterministic.
pub type CatalogOutcome = Result<CatalogAnswer, CatalogError>;

/// What a command that succeeded answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogAnswer {
    /// Nothing to tell.
    Done,
    /// The volume has this number.
    Volume {
        /// Counted up from 1, never given again.
        id: u64,
    },
}

/// Why a command was refused; it changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// There is another cluster here.
    #[error("this node belongs to another cluster ({})", hexadecimal(.cluster_id))]
    ClusterExists {
        /// The one that is here.
        cluster_id: [u8; 16],
    },
    /// The first command makes the cluster.
    #[error("the cluster was not created yet")]
    NoCluster,
    /// The id is taken by a node with another data directory.
    #[error(
        "there is a node {id} already, at {address}, with another data directory: choose another --id"
    )]
    NodeExists {
        /// The id.
        id: u64,
        /// Where the other node is.
        address: String,
    },
    /// The id was a node's that was removed.
    #[error("node {id} was removed; ids are never used again: choose another --id")]
    NodeRemoved {
        /// The id.
        id: u64,
    },
    /// No node has this id.
    #[error("there is no node {id}")]
    UnknownNode {
        /// The id.
        id: u64,
    },
    /// 0 is no id.
    #[error("{id} is not the id of a node: ids count from 1")]
    InvalidNodeId {
        /// The id.
        id: u64,
    },
    /// Not a place to connect to.
    #[error("{address:?} is not an address: it is written host:port")]
    InvalidAddress {
        /// As it was given.
        address: String,
    },
    /// Two nodes cannot be at one place.
    #[error("node {id} has the address {address} already")]
    AddressTaken {
        /// The address.
        address: String,
        /// Who has it.
        id: u64,
    },
    /// Without a voter nothing can be decided any more.
    #[error("node {id} is the only voter: make another node a voter first")]
    LastVoter {
        /// The node.
        id: u64,
    },
    /// A volume is kept by voters.
    #[error("the cluster has no voter to keep a volume")]
    NoVoter,
    /// The name is taken.
    #[error("there is a volume {name:?} already")]
    VolumeExists {
        /// The name.
        name: String,
        /// The volume that has it.
        id: u64,
    },
    /// No volume has this name.
    #[error("there is no volume {name:?}")]
    NoSuchVolume {
        /// The name.
        name: String,
    },
    /// Not a name for a volume.
    #[error(
        "{name:?} is not a name for a volume: it takes 1 to 64 of a-z, 0-9, \".\", \"_\" and \"-\", \
         beginning with a letter or a digit"
    )]
    InvalidName {
        /// As it was given.
        name: String,
    },
}

fn hexadecimal(id: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}

//! What a node is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::limits::Limits;
use super::node_error::NodeError;
use crate::tls::Tls;

/// How a node of a cluster runs.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Its number, its own in the cluster and never another's.
    pub id: u64,
    /// Its data directory.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// `host:port` under which others reach it.
    pub advertise: String,
    /// What to do with an empty data directory.
    pub start: Start,
    /// When it believes that a leader is gone.
    pub timing: Timing,
    /// When it takes snapshots.
    pub snapshots: SnapshotOptions,
    /// How it makes sure that it still leads before it answers a query.
    pub reads: ReadMode,
    /// How many changes of each volume it remembers for those who watch.
    pub changes: usize,
    /// Memory for what it has read of the tables of all volumes; indexes of the newest of them come on top.
    pub cache_bytes: usize,
    /// How much may wait, and be remembered.
    pub limits: Limits,
    /// A call that takes longer is logged.
    pub slow_operation: Duration,
    /// Its certificates. Without them it neither encrypts nor asks who is there.
    pub tls: Option<Tls>,
    /// The version of the program, for messages.
    pub program: &'static str,
}

impl NodeOptions {
    /// Refuses what no node can start with.
    pub fn check(&self) -> Result<(), NodeError> {
        if self.id == 0 {
            let message = "ids of nodes count from 1: say --id 1".to_owned();
            return Err(NodeError::Options(message));
        }
        if let Some(tls) = &self.tls {
            tls.check_node(self.id).map_err(NodeError::Options)?;
        }
        if self.listen.ip().is_unspecified() && self.advertise.is_empty() {
            let message = format!(
                "{} is no address that others can reach: say --advertise HOST:PORT",
                self.listen
            );
            return Err(NodeError::Options(message));
        }
        Ok(())
    }
}

/// What to do with an empty data directory; one that is not empty goes on where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Refuse it.
    Existing,
    /// Make a new cluster of this one node.
    Bootstrap,
    /// Become a node of the cluster that one of these addresses belongs to.
    Join {
        /// `host:port`
        addresses: Vec<String>,
        /// Receive everything and do not vote.
        as_learner: bool,
    },
}

/// When a node believes that a leader, or a mount, is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two signs of life of a leader.
    pub heartbeat: Duration,
    /// A follower waits `election_max` after the last sign, and then between these two.
    pub election_min: Duration,
    /// See `election_min`.
    pub election_max: Duration,
    /// A mount that is silent for so long loses its session, its locks and what it has open.
    pub session_lease: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(500),
            session_lease: Duration::from_secs(10),
        }
    }
}

/// When a node takes snapshots, so that its log stays short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// After so many entries,
    pub entries: u64,
    /// or after so long if there is anything new,
    pub interval: Duration,
    /// but never sooner than this after the last one, however many entries there are.
    pub spacing: Duration,
    /// Entries that stay in the log behind a snapshot, for followers that are a little late.
    pub keep: u64,
}

impl Default for SnapshotOptions {
    fn default() -> SnapshotOptions {
        SnapshotOptions {
            entries: 10_000,
            interval: Duration::from_mins(2),
            spacing: Duration::from_secs(5),
            keep: 10_000,
        }
    }
}

/// How a leader makes sure that it still leads before it answers a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadMode {
    /// It asks a quorum, one round for all queries that wait.
    #[default]
    ReadIndex,
    /// It trusts its lease: right as long as no clock of a voter runs faster than the leader's by more than
    /// the heartbeat interval within one lease.
    Lease,
}

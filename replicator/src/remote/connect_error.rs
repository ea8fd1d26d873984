//! Why a volume of a cluster could not be reached.

use std::fmt;
use std::io;
use std::time::Duration;

/// What `connect` says.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing to try.
    #[error("no address of a node was given")]
    NoAddress,
    /// The cluster is there, the volume is not.
    #[error("{reason}")]
    NoSuchVolume {
        /// What the node says: the name, and which volumes there are.
        reason: String,
    },
    /// None of the nodes can be used.
    #[error("no node of the cluster can be used: {}", listed(.nodes))]
    Unreachable {
        /// Each with its reason.
        nodes: Vec<NodeFailure>,
    },
    /// This machine lacks something.
    #[error("cannot start the threads of a connection: {0}")]
    System(#[from] io::Error),
}

/// A node that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFailure {
    /// As it was tried.
    pub address: String,
    /// What went wrong.
    pub reason: FailureReason,
}

/// Why a node cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FailureReason {
    /// It is not `host:port`.
    #[error("not an address (host:port)")]
    InvalidAddress,
    /// Nobody listens there.
    #[error("connection refused (no node runs there)")]
    Refused,
    /// It is down, cut off or overloaded.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It listens, and is no node this program can talk to.
    #[error("{0}")]
    OtherProtocol(String),
    /// It does not know the volume.
    #[error("{0}")]
    NoSuchVolume(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.address, self.reason)
    }
}

impl ConnectError {
    /// After every node was tried.
    pub(super) fn of(nodes: Vec<NodeFailure>) -> ConnectError {
        let missing = nodes.iter().find_map(|node| match &node.reason {
            FailureReason::NoSuchVolume(reason) => Some(reason.clone()),
            FailureReason::InvalidAddress
            | FailureReason::Refused
            | FailureReason::TimedOut(_)
            | FailureReason::OtherProtocol(_)
            | FailureReason::Other(_) => None,
        });
        match missing {
            Some(reason) => ConnectError::NoSuchVolume { reason },
            None => ConnectError::Unreachable { nodes },
        }
    }
}

fn listed(nodes: &[NodeFailure]) -> String {
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    nodes.join("; ")
}

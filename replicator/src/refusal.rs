//! Why a node of a cluster did not answer: for the retry loop, never for the caller of a system call.

use holdfast_metadata::Fault;

use crate::error::ReplicateError;

/// A node that can be asked instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its number.
    pub id: u64,
    /// `host:port`
    pub address: String,
}

impl From<holdfast_proto::Endpoint> for Endpoint {
    fn from(message: holdfast_proto::Endpoint) -> Endpoint {
        Endpoint {
            id: message.id,
            address: message.address,
        }
    }
}

impl From<Endpoint> for holdfast_proto::Endpoint {
    fn from(endpoint: Endpoint) -> holdfast_proto::Endpoint {
        holdfast_proto::Endpoint {
            id: endpoint.id,
            address: endpoint.address,
        }
    }
}

/// What a node, or the road to it, says instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not done: another node leads, or none.
    #[error("not the leader")]
    NotLeader {
        /// Who is, if it is known.
        leader: Option<Endpoint>,
    },
    /// Not done: trying again later may help.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What is missing.
        reason: String,
    },
    /// Not done: too much is waiting.
    #[error("overloaded")]
    Overloaded,
    /// It may be done or not, now or later.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
    /// Not done and never will be.
    #[error("the volume does not exist")]
    NoSuchVolume,
    /// Not done: it could not be understood.
    #[error("malformed request: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The node has failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Refusal> for ReplicateError {
    fn from(refusal: Refusal) -> ReplicateError {
        match refusal {
            Refusal::OutcomeUnknown => ReplicateError::OutcomeUnknown,
            Refusal::Fault(fault) => ReplicateError::Fault(fault),
            Refusal::NotLeader { .. }
            | Refusal::Unavailable { .. }
            | Refusal::Overloaded
            | Refusal::NoSuchVolume
            | Refusal::Malformed { .. } => ReplicateError::Unavailable {
                reason: refusal.to_string(),
            },
        }
    }
}

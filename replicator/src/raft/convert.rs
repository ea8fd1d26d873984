//! Between the types of openraft and the messages that travel and are written to disk.
//!
//! Going out nothing can fail. Coming in everything is doubted: what these functions return, openraft
//! can work with.

pub(crate) mod from_message;
#[cfg(test)]
mod tests;
pub(crate) mod to_message;

use openraft::raft::StreamAppendResult;

use crate::raft::type_config::TypeConfig;

/// A message that says something no node of this version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub(crate) struct MalformedMessage(pub(crate) &'static str);

impl From<MalformedMessage> for tonic::Status {
    fn from(malformed: MalformedMessage) -> tonic::Status {
        tonic::Status::invalid_argument(malformed.to_string())
    }
}

/// What a follower says to the entries of a leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppendAnswer {
    /// Its openraft has answered.
    Decided(StreamAppendResult<TypeConfig>),
    /// The group cannot answer, and why.
    Failed(String),
}

//! Why a replicator could not answer. What POSIX answers is not here: that is an outcome.

use holdfast_metadata::Fault;

/// A refusal is for the caller's retry loop; a fault has stopped the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplicateError {
    /// It was not started, or was stopped.
    #[error("the replicator is stopped")]
    Stopped,
    /// Nothing was done; trying again later may help.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What is missing.
        reason: String,
    },
    /// The command may or may not take effect; it may be tried again under the same request id.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
    /// Nobody answered for as long as the caller would wait; the command may or may not take effect.
    #[error("no answer in time")]
    TimedOut,
    /// The session that the command belongs to has ended; nothing was done.
    #[error("the session of this mount has ended")]
    SessionLost,
    /// Whoever asked does not wait any more; nothing was done, or it was undone.
    #[error("interrupted")]
    Interrupted,
    /// The node has stopped serving.
    #[error(transparent)]
    Fault(#[from] Fault),
}

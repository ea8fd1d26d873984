//! What stops a node: never an answer to a caller, never retried.

/// The state cannot be read or changed any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Bytes at rest are not what was written.
    #[error("corrupt {what}: {detail}")]
    Corrupt {
        /// Which record or file.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The disk is full; nothing was changed, and the engine works again when there is space.
    #[error("no space left for the data directory")]
    NoSpace,
    /// Reading or writing failed; the engine refuses changes from now on.
    #[error("input or output failed: {0}")]
    Io(String),
}

impl Fault {
    /// A record that does not decode.
    pub fn corrupt(what: impl Into<String>, detail: impl Into<String>) -> Fault {
        Fault::Corrupt {
            what: what.into(),
            detail: detail.into(),
        }
    }
}

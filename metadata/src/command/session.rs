//! Changes of who may send commands.

use crate::types::SessionId;

/// Registers a session, and says who it is for whoever lists the sessions.
///
/// No text is longer than [`crate::limits::SESSION_TEXT_BYTES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenSession {
    /// Name of the machine.
    pub host: String,
    /// Number of the process.
    pub process: u32,
    /// Version of the program.
    pub version: String,
    /// Where the volume is mounted there.
    pub mountpoint: String,
}

/// Closes the session as [`CloseSession`](super::Operation::CloseSession) does: its locks go, and its
/// commands are refused from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpireSession {
    /// Not that of the request; one that is not open is passed over.
    pub session: SessionId,
    /// The term of the leader that has not heard of it.
    pub term: u64,
}

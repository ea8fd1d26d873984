//! What a batch did that somebody other than who sent it wants to hear of.
//!
//! News are no part of the state: whoever missed them asks for the state instead, with
//! [`Query::LockTicket`](crate::Query::LockTicket), [`Query::Orphans`](crate::Query::Orphans) and
//! [`Query::Sessions`](crate::Query::Sessions).

use crate::types::{InodeId, SessionId};

/// One piece of news; a command that is refused makes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A wait is over: the lock is held.
    Granted {
        /// The session that waited.
        session: SessionId,
        /// The sequence of the request that waited.
        sequence: u64,
        /// The inode.
        ino: InodeId,
    },
    /// An inode lost its last name.
    Orphaned(InodeId),
    /// A session may send commands.
    SessionOpened(SessionId),
    /// A session was closed or has expired; its locks are gone.
    SessionEnded(SessionId),
}

#[cfg(test)]
mod tests;

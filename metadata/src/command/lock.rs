//! Changes of who holds which lock.
//!
//! The session is that of the request. Its sequence names a wait, the *ticket*: by (session, sequence)
//! the wait is cancelled, asked about ([`Query::LockTicket`](crate::Query::LockTicket)) and told of
//! ([`News::Granted`](crate::News::Granted)).

use crate::types::{InodeId, LockMode, LockOwner, LockRange, LockSpace};

/// Locks a range, or changes the mode in which the owner has it locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetLock {
    /// The inode.
    pub ino: InodeId,
    /// The kind of lock.
    pub space: LockSpace,
    /// Whose lock.
    pub owner: LockOwner,
    /// Which bytes; all of them in [`LockSpace::Flock`], whatever is said here.
    pub range: LockRange,
    /// How strong.
    pub mode: LockMode,
    /// Number of the process, for who asks who holds a lock, and to see who waits for whom.
    pub process: u32,
    /// Whether to wait for those who are in the way.
    pub wait: bool,
}

/// Gives up what the owner has locked of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unlock {
    /// The inode.
    pub ino: InodeId,
    /// The kind of lock.
    pub space: LockSpace,
    /// Whose lock.
    pub owner: LockOwner,
    /// Which bytes; all of them in [`LockSpace::Flock`], whatever is said here.
    pub range: LockRange,
}

/// Ends a wait of the session, if it still waits. Only for a [`SetLock`] whose outcome is known:
/// a cancellation that comes before what it cancels does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelLock {
    /// The inode.
    pub ino: InodeId,
    /// The sequence of the request that waits.
    pub sequence: u64,
}

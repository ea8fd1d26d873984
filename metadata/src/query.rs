//! What can be asked without changing anything.

use bytes::Bytes;

use crate::types::{
    Cookie, Credentials, FileName, InodeId, LockMode, LockOwner, LockRange, LockSpace, Owner,
    SessionId,
};

/// A question about the state; it is answered from one consistent view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The inode a name leads to.
    Lookup {
        /// The directory.
        parent: InodeId,
        /// The name in it.
        name: FileName,
    },
    /// The directory above a directory; the root is above itself.
    Parent {
        /// The directory below.
        ino: InodeId,
    },
    /// The attributes of an inode.
    Attributes {
        /// The inode.
        ino: InodeId,
    },
    /// The target of a symlink.
    Readlink {
        /// The symlink.
        ino: InodeId,
    },
    /// A page of a directory's listing.
    ReadDirectory {
        /// The directory.
        ino: InodeId,
        /// The last cookie the reader has seen.
        after: Cookie,
        /// Longest page.
        entries_max: usize,
        /// Whether to add the attributes of each entry.
        with_attributes: bool,
    },
    /// Bytes of a file.
    Read {
        /// The file.
        ino: InodeId,
        /// The first byte.
        offset: u64,
        /// Most bytes.
        length: u32,
    },
    /// The value of an extended attribute.
    GetXattr {
        /// The inode.
        ino: InodeId,
        /// With its namespace: `user.comment`.
        name: Box<[u8]>,
    },
    /// The names of all extended attributes.
    ListXattr {
        /// The inode.
        ino: InodeId,
    },
    /// The next byte of data or of a hole.
    Seek {
        /// The file.
        ino: InodeId,
        /// Where to begin.
        offset: u64,
        /// What to look for.
        target: SeekTarget,
    },
    /// Whether the caller may do this (`access(2)`), by mode and access list.
    Access {
        /// The inode.
        ino: InodeId,
        /// `R_OK | W_OK | X_OK`, or 0 for existence.
        mask: u8,
        /// Who asks.
        credentials: Credentials,
    },
    /// Counts of the whole volume.
    Statistics,
    /// The quota trees that an inode counts in, the innermost first.
    QuotasAround {
        /// The inode.
        ino: InodeId,
    },
    /// The quota trees of the volume, in the order of their roots.
    Quotas {
        /// Those whose root comes after this one.
        after: InodeId,
        /// Longest page.
        quotas_max: usize,
    },
    /// What users and groups use, in the order of their numbers.
    Owners {
        /// From this one on.
        from: Owner,
        /// Longest page.
        owners_max: usize,
    },
    /// Inodes that have no name any more.
    Orphans {
        /// Those after this one.
        after: InodeId,
        /// Longest page.
        inodes_max: usize,
    },
    /// Who is connected: the open sessions.
    Sessions,
    /// Who is in the way of a lock (`F_GETLK`).
    TestLock(TestLock),
    /// What has become of a wait.
    LockTicket {
        /// The inode.
        ino: InodeId,
        /// The session that waits.
        session: SessionId,
        /// The sequence of the request that waits.
        sequence: u64,
    },
    /// Who holds locks, and who waits.
    Locks {
        /// Of one inode, or of all.
        ino: Option<InodeId>,
        /// Where the last page said that this one begins; empty for the first.
        after: Bytes,
        /// Longest page.
        entries_max: usize,
    },
    /// Another query, of somebody whose permissions no kernel has checked.
    Squashed {
        /// Who asks.
        credentials: Credentials,
        /// What.
        query: Box<Query>,
    },
}

impl Query {
    /// The same query of this user, whoever claims to ask.
    #[must_use]
    pub fn squashed(self, credentials: Credentials) -> Query {
        let query = match self {
            Query::Squashed { query, .. } => query,
            query => Box::new(query),
        };
        Query::Squashed { credentials, query }
    }

    /// In whose name it is asked, where that decides what is answered.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Query::TestLock(test) => Some(test.session),
            Query::LockTicket { session, .. } => Some(*session),
            Query::Squashed { query, .. } => query.session(),
            Query::Lookup { .. }
            | Query::Parent { .. }
            | Query::Attributes { .. }
            | Query::Readlink { .. }
            | Query::GetXattr { .. }
            | Query::Access { .. }
            | Query::QuotasAround { .. }
            | Query::Statistics
            | Query::ReadDirectory { .. }
            | Query::Read { .. }
            | Query::ListXattr { .. }
            | Query::Seek { .. }
            | Query::Quotas { .. }
            | Query::Owners { .. }
            | Query::Orphans { .. }
            | Query::Sessions
            | Query::Locks { .. } => None,
        }
    }

    /// Whether it reads a few records, so that it is soon done or tried again.
    pub(crate) fn is_short(&self) -> bool {
        match self {
            Query::Lookup { .. }
            | Query::Parent { .. }
            | Query::Attributes { .. }
            | Query::Readlink { .. }
            | Query::GetXattr { .. }
            | Query::Access { .. }
            | Query::QuotasAround { .. }
            | Query::Statistics => true,
            Query::Squashed { query, .. } => query.is_short(),
            Query::ReadDirectory { .. }
            | Query::Read { .. }
            | Query::ListXattr { .. }
            | Query::Seek { .. }
            | Query::Quotas { .. }
            | Query::Owners { .. }
            | Query::Orphans { .. }
            | Query::Sessions
            | Query::TestLock(_)
            | Query::LockTicket { .. }
            | Query::Locks { .. } => false,
        }
    }
}

/// The lock that [`Query::TestLock`] asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestLock {
    /// The inode.
    pub ino: InodeId,
    /// The kind of lock.
    pub space: LockSpace,
    /// Whose session.
    pub session: SessionId,
    /// Whose in it: own locks are in nobody's way.
    pub owner: LockOwner,
    /// Which bytes; all of them in [`LockSpace::Flock`], whatever is said here.
    pub range: LockRange,
    /// How strong.
    pub mode: LockMode,
}

/// What [`Query::Seek`] looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekTarget {
    /// `SEEK_DATA`
    Data,
    /// `SEEK_HOLE`; the end of the file is a hole.
    Hole,
}

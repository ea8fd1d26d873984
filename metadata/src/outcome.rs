//! What apply and query answer.

use bytes::Bytes;

use crate::types::{
    Amounts, Attributes, Cookie, FileKind, FileName, InodeId, LockMode, LockOwner, LockRange,
    LockSpace, Owner, OwnerCount, SessionId, Timestamp,
};

/// The result of one command: an answer or the error POSIX promises. Both are deterministic.
pub type Outcome = Result<Answer, PosixError>;

/// What a command that succeeded answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing to tell.
    Done,
    /// The inode a name leads to after the command, and whether the command made it.
    Entry {
        /// Its attributes.
        attributes: Attributes,
        /// False when an existing file was opened by a create without `O_EXCL`.
        created: bool,
    },
    /// The attributes after the command.
    Attributes(Attributes),
    /// A name was removed.
    Removed {
        /// What it led to.
        ino: InodeId,
        /// Whether that was the last name: the inode is now an orphan to be reclaimed.
        orphaned: bool,
    },
    /// A name was moved; the inode it replaced, if that is now an orphan.
    Renamed {
        /// To be reclaimed.
        orphaned: Option<InodeId>,
    },
    /// Data was written.
    Written {
        /// Where it begins: the end of the file before the command, for an append.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// Orphans were reclaimed; those that are not finished need another command.
    Reclaimed {
        /// Still holding data.
        unfinished: Vec<InodeId>,
    },
    /// The lock is held.
    Locked,
    /// Somebody is in the way; the lock is given as soon as it can be.
    Waiting,
}

/// What a query that succeeded answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing to tell: the access is granted.
    Granted,
    /// The attributes of an inode.
    Attributes(Attributes),
    /// The target of a symlink, and its attributes.
    Target {
        /// The path as it was given.
        target: Bytes,
        /// For keeping the access time.
        attributes: Attributes,
    },
    /// A page of a directory.
    Directory {
        /// In the order of their cookies; `.` and `..` first.
        entries: Vec<DirectoryEntry>,
        /// Of the directory itself, for keeping the access time.
        attributes: Attributes,
    },
    /// Bytes of a file; fewer than asked for only at its end.
    Data {
        /// The bytes, holes filled with zeros.
        bytes: Vec<u8>,
        /// For keeping the access time.
        attributes: Attributes,
    },
    /// The value of an extended attribute.
    Xattr(Bytes),
    /// The names of all extended attributes, each followed by NUL, as `listxattr` wants them.
    XattrNames(Vec<u8>),
    /// A position in a file.
    Offset(u64),
    /// Counts of the whole volume.
    Statistics(Statistics),
    /// Quota trees.
    Quotas(Vec<QuotaInfo>),
    /// What users and groups use.
    Owners(Owners),
    /// Inodes without a name, in the order of their numbers.
    Orphans(Vec<InodeId>),
    /// The open sessions, in the order of their numbers.
    Sessions(Vec<SessionInfo>),
    /// The first lock that is in the way, if there is one.
    Lock(Option<LockInfo>),
    /// What has become of a wait.
    Ticket(TicketState),
    /// A page of locks: those that are held first, then those that wait.
    Locks {
        /// In the order of inodes.
        locks: Vec<LockInfo>,
        /// Where the next page begins; `None` when this is the last.
        next: Option<Bytes>,
    },
}

/// One line of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// `.`, `..` or a [`FileName`].
    pub name: Box<[u8]>,
    /// Where it leads.
    pub ino: InodeId,
    /// What that is.
    pub kind: FileKind,
    /// Where a listing goes on after this entry.
    pub cookie: Cookie,
    /// Filled in when they were asked for, and for entries other than `.` and `..`.
    pub attributes: Option<Attributes>,
}

impl DirectoryEntry {
    /// An entry with a name of its own.
    pub fn named(name: &FileName, ino: InodeId, kind: FileKind, cookie: Cookie) -> DirectoryEntry {
        DirectoryEntry {
            name: name.as_bytes().into(),
            ino,
            kind,
            cookie,
            attributes: None,
        }
    }
}

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its number.
    pub session: SessionId,
    /// Every outcome below this sequence has arrived.
    pub acknowledged: u64,
    /// When it was opened, by the clock of who opened it.
    pub opened: Timestamp,
    /// Name of the machine.
    pub host: String,
    /// Number of the process.
    pub process: u32,
    /// Version of the program.
    pub version: String,
    /// Where the volume is mounted there.
    pub mountpoint: String,
}

/// A lock, held or waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockInfo {
    /// The inode.
    pub ino: InodeId,
    /// The kind of lock.
    pub space: LockSpace,
    /// Whose session.
    pub session: SessionId,
    /// Whose in it.
    pub owner: LockOwner,
    /// Number of the process that asked for it.
    pub process: u32,
    /// Which bytes.
    pub range: LockRange,
    /// How strong.
    pub mode: LockMode,
    /// The time of the command that asked for it, by the clock of who sent that.
    pub since: Timestamp,
    /// Whether it is only waited for.
    pub waiting: bool,
}

/// What has become of a [`SetLock`](crate::SetLock) whose outcome was [`Answer::Waiting`].
///
/// A wait ends in one of four ways: it is granted, it is cancelled, its session ends, or its inode is
/// reclaimed, which is never while its session has it open. For a session that is not open the query answers
/// [`PosixError::SessionGone`]. Hence for one that has not cancelled the wait, `Unknown` says that it was granted and that its owner has changed the lock since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketState {
    /// It waits.
    Waiting,
    /// It was granted, and some of what was granted is held as it was granted.
    Granted,
    /// Neither.
    Unknown,
}

/// A quota tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaInfo {
    /// Its root; an inode that is gone if only files are left that were open when it was removed.
    pub root: InodeId,
    /// The tree around it, in which all of it counts as well.
    pub outer: Option<InodeId>,
    /// [`Amounts::NO_LIMIT`] where there is none.
    pub limits: Amounts,
    /// With all trees inside of it.
    pub used: Amounts,
}

/// What users and groups use, as far as it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owners {
    /// How far that is.
    pub count: OwnerCount,
    /// The inode that will be made next: where counting ends.
    pub next_inode: InodeId,
    /// A page of them; none where nothing is counted.
    pub owners: Vec<OwnerInfo>,
}

/// A user or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerInfo {
    /// Which.
    pub owner: Owner,
    /// [`Amounts::NO_LIMIT`] where there is none.
    pub limits: Amounts,
    /// Of all inodes it owns.
    pub used: Amounts,
}

/// Counts of the whole volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Inodes, orphans included.
    pub inodes: u64,
    /// Bytes that extents cover, summed over all inodes.
    pub allocated: u64,
}

/// The errors POSIX promises; `fs/errno.rs` alone knows their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PosixError {
    /// `EPERM`
    #[error("operation not permitted")]
    NotPermitted,
    /// `ENOENT`: the name does not exist.
    #[error("no such file or directory")]
    NotFound,
    /// `ESTALE`: the inode does not exist any more.
    #[error("the inode is gone")]
    InodeGone,
    /// `ESTALE`: the name leads to another directory than the one that the caller has seen there.
    #[error("another directory has the name")]
    AnotherDirectory,
    /// `EACCES`
    #[error("permission denied")]
    AccessDenied,
    /// `EEXIST`
    #[error("file exists")]
    Exists,
    /// `ENOTDIR`
    #[error("not a directory")]
    NotDirectory,
    /// `EISDIR`
    #[error("is a directory")]
    IsDirectory,
    /// `EINVAL`
    #[error("invalid argument")]
    InvalidArgument,
    /// `EFBIG`
    #[error("file too large")]
    FileTooLarge,
    /// `EDQUOT`: a quota tree, a user or a group would have more than its limit.
    #[error("disk quota exceeded")]
    QuotaExceeded,
    /// `EXDEV`: from one quota tree to another.
    #[error("the directories are in different quota trees")]
    CrossDevice,
    /// `ENOSPC`
    #[error("no space left on device")]
    NoSpace,
    /// `EMLINK`
    #[error("too many links")]
    TooManyLinks,
    /// `ENAMETOOLONG`
    #[error("file name too long")]
    NameTooLong,
    /// `ENOTEMPTY`
    #[error("directory not empty")]
    NotEmpty,
    /// `ENODATA`
    #[error("no such attribute")]
    NoAttribute,
    /// `E2BIG`
    #[error("argument list too long")]
    TooBig,
    /// `ERANGE`
    #[error("result does not fit")]
    OutOfRange,
    /// `ENXIO`: no data or hole at or after the offset.
    #[error("no such position in the file")]
    NoSuchPosition,
    /// `EOPNOTSUPP`
    #[error("operation not supported")]
    NotSupported,
    /// `EIO`: the session of the request is not open, or has said that nobody waits for the outcome.
    #[error("the session of the request is gone")]
    SessionGone,
    /// `EAGAIN`: somebody holds a lock that is in the way.
    #[error("locked by somebody else")]
    WouldBlock,
    /// `EDEADLK`: who is in the way waits, over others perhaps, for a lock of who asks.
    #[error("waiting for the lock would never end")]
    Deadlock,
    /// `ENOLCK`
    #[error("too many locks")]
    TooManyLocks,
    /// `EIO`: the leader that proposed the command was deposed before it was ordered.
    #[error("proposed by a leader of a past term")]
    PastTerm,
}

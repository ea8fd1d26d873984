//! What can be changed: one struct a change, with every choice already made.

mod load;
mod lock;
mod quota;
mod session;
mod trash;

use bytes::Bytes;
pub use load::LoadStep;
pub use lock::{CancelLock, SetLock, Unlock};
pub use quota::{CountOwners, SetOwnerQuota, SetQuota};
pub use session::{ExpireSession, OpenSession};
pub use trash::{EmptyTrash, SetTrash};

use crate::types::{
    Credentials, FileKind, FileName, InodeFlags, InodeId, Mode, RequestId, Timestamp,
};

/// A change as it is proposed, logged and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Set when the command can be tried again: it then takes effect once.
    pub request: Option<RequestId>,
    /// The time of the change, for all time stamps it sets.
    pub now: Timestamp,
    /// Who asks.
    pub credentials: Credentials,
    /// Whether a node has put these credentials in the place of those that a client claimed: no kernel has checked
    /// what they may do, so that is done here.
    pub squashed: bool,
    /// What to do.
    pub operation: Operation,
}

/// One variant an operation; its file in `ops/` has the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `open(O_CREAT)`
    Create(Create),
    /// `mknod(2)`, `mkfifo(3)`, the socket of `bind(2)`
    Mknod(Mknod),
    /// `mkdir(2)`
    Mkdir(Mkdir),
    /// `symlink(2)`
    Symlink(Symlink),
    /// `link(2)`
    Link(Link),
    /// `unlink(2)`
    Unlink(Unlink),
    /// `rmdir(2)`
    Rmdir(Rmdir),
    /// `renameat2(2)`
    Rename(Rename),
    /// `chmod(2)`, `chown(2)`, `truncate(2)`, `utimensat(2)`
    SetAttributes(SetAttributes),
    /// `chattr(1)`
    SetFlags(SetFlags),
    /// Limits what a directory tree may use.
    SetQuota(SetQuota),
    /// Limits what a user or group may use.
    SetOwnerQuota(SetOwnerQuota),
    /// A step of counting what users and groups use.
    CountOwners(CountOwners),
    /// Notes that the inode was read.
    TouchAtime(TouchAtime),
    /// `write(2)`
    Write(Write),
    /// `fallocate(2)`
    Fallocate(Fallocate),
    /// `copy_file_range(2)` and `FICLONE`: shares the data.
    CopyRange(CopyRange),
    /// `setxattr(2)`
    SetXattr(SetXattr),
    /// `removexattr(2)`
    RemoveXattr(RemoveXattr),
    /// Gives back what orphans hold; proposed when nobody has them open.
    Reclaim(Reclaim),
    /// `fsync(2)`: changes nothing; once it is acknowledged, everything before it is durable.
    Sync,
    /// The session of the request may send commands from now on.
    OpenSession(OpenSession),
    /// The session of the request sends nothing any more, and can never be opened again.
    CloseSession,
    /// Stands for a command that found no space: changes nothing and answers so, unless the request has its
    /// outcome already.
    RefuseNoSpace,
    /// `fcntl(F_SETLK)`, `fcntl(F_SETLKW)`, `flock(2)`
    SetLock(SetLock),
    /// `F_UNLCK`, `LOCK_UN`, and what `close(2)` does.
    Unlock(Unlock),
    /// A signal came while a lock was waited for.
    CancelLock(CancelLock),
    /// Closes a session that was not heard of for too long; proposed by the leader.
    ExpireSession(ExpireSession),
    /// Stands for a command of a leader that was deposed meanwhile: changes nothing and answers so.
    RefusePastTerm,
    /// A step of loading a dump into a volume that was made for it.
    Load(LoadStep),
    /// Says for how long what is removed is kept; an operator asks a node for it.
    SetTrash(SetTrash),
    /// Removes what was kept for long enough; proposed by the leader.
    EmptyTrash(EmptyTrash),
}

impl Operation {
    /// Whether only a leader proposes this, from what it alone knows: no mount may ask for it.
    pub fn is_duty(&self) -> bool {
        match self {
            Operation::Reclaim(_)
            | Operation::ExpireSession(_)
            | Operation::RefusePastTerm
            | Operation::RefuseNoSpace
            | Operation::Load(_)
            | Operation::SetTrash(_)
            | Operation::EmptyTrash(_) => true,
            Operation::Create(_)
            | Operation::Mknod(_)
            | Operation::Mkdir(_)
            | Operation::Symlink(_)
            | Operation::Link(_)
            | Operation::Unlink(_)
            | Operation::Rmdir(_)
            | Operation::Rename(_)
            | Operation::SetAttributes(_)
            | Operation::SetFlags(_)
            | Operation::SetQuota(_)
            | Operation::SetOwnerQuota(_)
            | Operation::CountOwners(_)
            | Operation::TouchAtime(_)
            | Operation::Write(_)
            | Operation::Fallocate(_)
            | Operation::CopyRange(_)
            | Operation::SetXattr(_)
            | Operation::RemoveXattr(_)
            | Operation::Sync
            | Operation::OpenSession(_)
            | Operation::CloseSession
            | Operation::SetLock(_)
            | Operation::Unlock(_)
            | Operation::CancelLock(_) => false,
        }
    }

    /// The term of the leader that proposed this because of what only it knew. In an entry of another
    /// term it must not be applied, but [`Operation::RefusePastTerm`] in its place.
    pub fn term(&self) -> Option<u64> {
        match self {
            Operation::ExpireSession(expire) => Some(expire.term),
            Operation::Reclaim(reclaim) => reclaim.term,
            Operation::EmptyTrash(empty) => Some(empty.term),
            Operation::Create(_)
            | Operation::Mknod(_)
            | Operation::Mkdir(_)
            | Operation::Symlink(_)
            | Operation::Link(_)
            | Operation::Unlink(_)
            | Operation::Rmdir(_)
            | Operation::Rename(_)
            | Operation::SetAttributes(_)
            | Operation::SetFlags(_)
            | Operation::SetQuota(_)
            | Operation::SetOwnerQuota(_)
            | Operation::CountOwners(_)
            | Operation::TouchAtime(_)
            | Operation::Write(_)
            | Operation::Fallocate(_)
            | Operation::CopyRange(_)
            | Operation::SetXattr(_)
            | Operation::RemoveXattr(_)
            | Operation::Sync
            | Operation::OpenSession(_)
            | Operation::CloseSession
            | Operation::RefuseNoSpace
            | Operation::SetLock(_)
            | Operation::Unlock(_)
            | Operation::CancelLock(_)
            | Operation::RefusePastTerm
            | Operation::Load(_)
            | Operation::SetTrash(_) => None,
        }
    }

    /// Whether this is applied to a volume that awaits a dump.
    pub fn is_for_loading(&self) -> bool {
        matches!(
            self,
            Operation::Load(_) | Operation::RefuseNoSpace | Operation::RefusePastTerm
        )
    }
}

/// Makes a regular file, or finds it when `exclusive` is not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The directory.
    pub parent: InodeId,
    /// The name in it.
    pub name: FileName,
    /// Permission bits before the umask.
    pub mode: Mode,
    /// Ignored where the directory has a default access list.
    pub umask: Mode,
    /// `O_EXCL`: an existing name is an error.
    pub exclusive: bool,
}

/// Makes a special file (or an empty regular one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mknod {
    /// The directory.
    pub parent: InodeId,
    /// The name in it.
    pub name: FileName,
    /// Anything but a directory or a symlink.
    pub kind: FileKind,
    /// Permission bits before the umask.
    pub mode: Mode,
    /// Ignored where the directory has a default access list.
    pub umask: Mode,
    /// Device number of a device file.
    pub device: u32,
}

/// Makes a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mkdir {
    /// The directory above.
    pub parent: InodeId,
    /// The name in it.
    pub name: FileName,
    /// Permission bits before the umask.
    pub mode: Mode,
    /// Ignored where the directory has a default access list.
    pub umask: Mode,
}

/// Makes a symlink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symlink {
    /// The directory.
    pub parent: InodeId,
    /// The name in it.
    pub name: FileName,
    /// Any path, up to 4,095 bytes.
    pub target: Bytes,
}

/// Gives an inode one more name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Anything but a directory.
    pub ino: InodeId,
    /// The directory of the new name.
    pub parent: InodeId,
    /// The new name.
    pub name: FileName,
}

/// Removes a name of anything but a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlink {
    /// The directory.
    pub parent: InodeId,
    /// The name in it.
    pub name: FileName,
}

/// Removes an empty directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rmdir {
    /// The directory above.
    pub parent: InodeId,
    /// The name in it.
    pub name: FileName,
    /// Whom the caller has seen under the name: another directory is not removed.
    pub seen: Option<InodeId>,
}

/// Moves or exchanges names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The directory of the old name.
    pub parent: InodeId,
    /// The old name.
    pub name: FileName,
    /// The directory of the new name.
    pub new_parent: InodeId,
    /// The new name.
    pub new_name: FileName,
    /// What may happen at the new name, and what stays at the old one.
    pub flags: RenameFlags,
    /// The directory that the caller has seen under the new name: nothing happens where another is there, or none.
    /// An exchange does not look at it.
    pub seen: Option<InodeId>,
}

/// `RENAME_NOREPLACE`, `RENAME_EXCHANGE`, `RENAME_WHITEOUT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RenameFlags {
    /// An existing new name is an error.
    pub no_replace: bool,
    /// Both names must exist and change places; excludes the other two.
    pub exchange: bool,
    /// A character device 0:0 takes the old name.
    pub whiteout: bool,
}

/// Changes attributes; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAttributes {
    /// The inode.
    pub ino: InodeId,
    /// Permission bits.
    pub mode: Option<Mode>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Truncates or extends a regular file.
    pub size: Option<u64>,
    /// Last access.
    pub atime: Option<Timestamp>,
    /// Last change of the content.
    pub mtime: Option<Timestamp>,
    /// Last change of the attributes; the time of the command unless given.
    pub ctime: Option<Timestamp>,
}

impl SetAttributes {
    /// Changes nothing, to be filled in.
    pub const fn nothing(ino: InodeId) -> SetAttributes {
        SetAttributes {
            ino,
            mode: None,
            uid: None,
            gid: None,
            size: None,
            atime: None,
            mtime: None,
            ctime: None,
        }
    }
}

/// Sets the `chattr` flags and, if given, the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetFlags {
    /// The inode.
    pub ino: InodeId,
    /// All flags from now on.
    pub flags: InodeFlags,
    /// The project from now on.
    pub project: Option<u32>,
}

/// Sets the access time to the time of the command, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TouchAtime {
    /// The inode.
    pub ino: InodeId,
}

/// Writes bytes to a regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The file.
    pub ino: InodeId,
    /// Where.
    pub position: WritePosition,
    /// Up to [`crate::limits::WRITE_BYTES_MAX`] bytes.
    pub data: Bytes,
    /// Whether set-user-id, set-group-id and file capabilities are cleared, as the kernel demands
    /// when the writer has no privilege.
    pub clear_privileges: bool,
}

/// Where a write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePosition {
    /// At this byte.
    At(u64),
    /// At the end of the file as it is when the command is applied (`O_APPEND`).
    End,
}

/// Changes which parts of a file have space, or moves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallocate {
    /// The file.
    pub ino: InodeId,
    /// The first byte.
    pub offset: u64,
    /// How many; never 0.
    pub length: u64,
    /// What to do with them.
    pub mode: FallocateMode,
}

/// The modes of `fallocate(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallocateMode {
    /// Gives space to holes, and extends the file unless told to keep its size.
    Allocate {
        /// `FALLOC_FL_KEEP_SIZE`
        keep_size: bool,
    },
    /// Makes a hole; the size stays.
    PunchHole,
    /// Zeros the range, keeping its space.
    ZeroRange {
        /// `FALLOC_FL_KEEP_SIZE`
        keep_size: bool,
    },
    /// Removes the range; what follows moves down.
    CollapseRange,
    /// Inserts a hole; what follows moves up.
    InsertRange,
    /// Stops sharing data with other files; here nothing shared is ever changed in place, so this
    /// only gives space to holes as `Allocate` does.
    Unshare,
}

/// Copies a range by sharing its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyRange {
    /// Read from here.
    pub source: InodeId,
    /// The first byte there.
    pub source_offset: u64,
    /// Written to here; may be the same file when the ranges do not overlap.
    pub destination: InodeId,
    /// The first byte there.
    pub destination_offset: u64,
    /// Most bytes; fewer are copied when the source ends.
    pub length: u64,
}

/// Sets an extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetXattr {
    /// The inode.
    pub ino: InodeId,
    /// With its namespace: `user.comment`.
    pub name: Box<[u8]>,
    /// Up to 64 KiB.
    pub value: Bytes,
    /// Whether it must or must not exist.
    pub mode: SetXattrMode,
}

/// The flags of `setxattr(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetXattrMode {
    /// Makes or replaces.
    Either,
    /// `XATTR_CREATE`
    Create,
    /// `XATTR_REPLACE`
    Replace,
}

/// Removes an extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveXattr {
    /// The inode.
    pub ino: InodeId,
    /// With its namespace.
    pub name: Box<[u8]>,
}

/// Gives back what these inodes hold, in steps of a bounded size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclaim {
    /// Those that have a name again, or are gone, are passed over.
    pub inodes: Vec<InodeId>,
    /// The term of the leader that asked everybody whether they have them open; `None` where there is
    /// nobody to ask.
    pub term: Option<u64>,
}

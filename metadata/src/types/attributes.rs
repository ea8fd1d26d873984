//! What `stat` tells of an inode.

use super::{FileKind, InodeFlags, InodeId, Mode, Timestamp};

/// The attributes of an inode at one point of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The inode.
    pub ino: InodeId,
    /// Told apart from an inode of the same number in a volume made anew.
    pub generation: u32,
    /// What it is.
    pub kind: FileKind,
    /// Permission bits.
    pub mode: Mode,
    /// `chattr` flags.
    pub flags: InodeFlags,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names that lead here; for a directory 2 and one for each subdirectory.
    pub nlink: u32,
    /// Device number of a device file, as the kernel encodes it.
    pub device: u32,
    /// Project id (`chattr -p`).
    pub project: u32,
    /// Bytes up to the end of the file; entries of a directory; bytes of a symlink's target.
    pub size: u64,
    /// Bytes that extents cover.
    pub allocated: u64,
    /// Extended attributes; 0 spares looking for one.
    pub xattrs: u32,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Last change of content or attributes.
    pub ctime: Timestamp,
    /// When the inode was made.
    pub btime: Timestamp,
}

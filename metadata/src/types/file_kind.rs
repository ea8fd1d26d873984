//! What an inode is: the type bits of `st_mode`.

/// The seven kinds of file that POSIX knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FileKind {
    /// Bytes that can be read and written.
    Regular = 1,
    /// Names of other inodes.
    Directory = 2,
    /// A path that is followed.
    Symlink = 3,
    /// A named pipe.
    Fifo = 4,
    /// The address of a local socket.
    Socket = 5,
    /// A character device.
    CharacterDevice = 6,
    /// A block device.
    BlockDevice = 7,
}

impl FileKind {
    /// Every kind, in the order of their numbers at rest.
    pub const ALL: [FileKind; 7] = [
        FileKind::Regular,
        FileKind::Directory,
        FileKind::Symlink,
        FileKind::Fifo,
        FileKind::Socket,
        FileKind::CharacterDevice,
        FileKind::BlockDevice,
    ];

    /// The kind with this number at rest.
    pub fn from_u8(raw: u8) -> Option<FileKind> {
        FileKind::ALL.into_iter().find(|kind| *kind as u8 == raw)
    }
}

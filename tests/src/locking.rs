//! Locks of `fcntl(2)` and `flock(2)`, as programs take them.

use std::fs::File;

use holdfast_metadata::LockMode;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use crate::system;

/// Which system call takes a lock, and whom it then belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// `F_SETLK`: the process.
    Fcntl,
    /// `F_OFD_SETLK`: the open file.
    Ofd,
    /// `flock(2)`: the open file. Always of the whole file.
    Flock,
}

/// So many bytes from there on; of the length 0 up to the end of every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes {
    /// The first one.
    pub start: i64,
    /// How many.
    pub length: i64,
}

impl Bytes {
    /// All there are and ever will be.
    pub const ALL: Bytes = Bytes {
        start: 0,
        length: 0,
    };
}

/// Takes a lock, changes one into another mode, or gives it up if `mode` is `None`; `waits` for others, or fails.
pub fn set_lock(
    file: &File,
    kind: LockKind,
    bytes: Bytes,
    mode: Option<LockMode>,
    waits: bool,
) -> Result<(), Errno> {
    let range = libc::flock {
        l_type: match mode {
            Some(LockMode::Shared) => libc::F_RDLCK,
            Some(LockMode::Exclusive) => libc::F_WRLCK,
            None => libc::F_UNLCK,
        } as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: bytes.start,
        l_len: bytes.length,
        l_pid: 0,
    };
    match kind {
        LockKind::Fcntl if waits => fcntl(file, FcntlArg::F_SETLKW(&range)).map(drop),
        LockKind::Fcntl => fcntl(file, FcntlArg::F_SETLK(&range)).map(drop),
        LockKind::Ofd if waits => fcntl(file, FcntlArg::F_OFD_SETLKW(&range)).map(drop),
        LockKind::Ofd => fcntl(file, FcntlArg::F_OFD_SETLK(&range)).map(drop),
        LockKind::Flock => {
            let operation = match mode {
                Some(LockMode::Shared) => libc::LOCK_SH,
                Some(LockMode::Exclusive) => libc::LOCK_EX,
                None => libc::LOCK_UN,
            };
            let patience = if waits { 0 } else { libc::LOCK_NB };
            let changed = system::flock(file, operation | patience);
            changed.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
        }
    }
}

//! The kernel's numbers to our types.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

use fuser::{FileHandle, INodeNo, OpenFlags, Request, TimeOrNow, WriteFlags};
use holdfast_metadata::{
    FallocateMode, FileKind, FileName, InodeId, LockMode, LockOwner, LockRange, Mode, PosixError,
    Rename, RenameFlags, SeekTarget, SetXattrMode, Timestamp, WritePosition,
};

use crate::filesystem::{Caller, Creation, LockRequest, NewTime, OpenMode};
use crate::open_files::{Handle, Use};

pub(super) fn ino(number: INodeNo) -> InodeId {
    InodeId::new(number.0)
}

pub(super) fn handle(number: FileHandle) -> Handle {
    Handle(number.0)
}

pub(super) fn owner(number: fuser::LockOwner) -> LockOwner {
    LockOwner(number.0)
}

/// A lock without the wish to wait for it. The kernel's last byte of every file is 2^63 - 1.
pub(super) fn lock(
    inode: INodeNo,
    (file, owned_by): (FileHandle, fuser::LockOwner),
    (start, end): (u64, u64),
    kind: i32,
    process: u32,
) -> Result<LockRequest, PosixError> {
    let end = if end >= i64::MAX as u64 {
        u64::MAX
    } else {
        end
    };
    Ok(LockRequest {
        ino: ino(inode),
        handle: handle(file),
        owner: owner(owned_by),
        range: LockRange::new(start, end).ok_or(PosixError::InvalidArgument)?,
        mode: match kind {
            libc::F_RDLCK => Some(LockMode::Shared),
            libc::F_WRLCK => Some(LockMode::Exclusive),
            libc::F_UNLCK => None,
            _ => return Err(PosixError::InvalidArgument),
        },
        process,
        wait: false,
    })
}

pub(super) fn caller(request: &Request) -> Caller {
    Caller {
        uid: request.uid(),
        gid: request.gid(),
        pid: request.pid(),
    }
}

pub(super) fn name(name: &OsStr) -> Result<FileName, PosixError> {
    FileName::new(name.as_bytes())
}

pub(super) fn creation(
    request: &Request,
    parent: INodeNo,
    file_name: &OsStr,
    mode: u32,
    umask: u32,
) -> Result<Creation, PosixError> {
    Ok(Creation {
        caller: caller(request),
        parent: ino(parent),
        name: name(file_name)?,
        mode: Mode::new(mode),
        umask: Mode::new(umask),
    })
}

/// The type bits of a mode; without any it is a regular file (`mknod(2)`).
pub(super) fn kind(mode: u32) -> Result<FileKind, PosixError> {
    match mode & libc::S_IFMT {
        0 | libc::S_IFREG => Ok(FileKind::Regular),
        libc::S_IFIFO => Ok(FileKind::Fifo),
        libc::S_IFSOCK => Ok(FileKind::Socket),
        libc::S_IFCHR => Ok(FileKind::CharacterDevice),
        libc::S_IFBLK => Ok(FileKind::BlockDevice),
        _ => Err(PosixError::InvalidArgument),
    }
}

/// What the kernel adds when it opens a program to execute it (`include/linux/fs.h`).
const FMODE_EXEC: i32 = 0x20;

pub(super) fn open_mode(flags: OpenFlags) -> OpenMode {
    OpenMode {
        read: flags.0 & libc::O_ACCMODE != libc::O_WRONLY,
        write: flags.0 & libc::O_ACCMODE != libc::O_RDONLY,
        execute: flags.0 & FMODE_EXEC != 0,
        append: flags.0 & libc::O_APPEND != 0,
        truncate: flags.0 & libc::O_TRUNC != 0,
    }
}

pub(super) fn new_time(time: TimeOrNow) -> NewTime {
    match time {
        TimeOrNow::Now => NewTime::Now,
        TimeOrNow::SpecificTime(time) => NewTime::At(timestamp(time)),
    }
}

/// Undoes how fuser 0.18 reads a time of the kernel.
///
/// For a negative number of seconds it builds 1970 minus the seconds **minus** the nanoseconds, though
/// the kernel counts nanoseconds forwards. The two parts are still there to be put right.
pub(super) fn timestamp(time: SystemTime) -> Timestamp {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Timestamp {
            seconds: after.as_secs() as i64,
            nanoseconds: after.subsec_nanos(),
        },
        Err(error) => Timestamp {
            seconds: 0_i64.wrapping_sub_unsigned(error.duration().as_secs()),
            nanoseconds: error.duration().subsec_nanos(),
        },
    }
}

pub(super) fn rename_flags(flags: fuser::RenameFlags) -> Result<RenameFlags, PosixError> {
    if !fuser::RenameFlags::all().contains(flags) {
        return Err(PosixError::InvalidArgument);
    }
    Ok(RenameFlags {
        no_replace: flags.contains(fuser::RenameFlags::RENAME_NOREPLACE),
        exchange: flags.contains(fuser::RenameFlags::RENAME_EXCHANGE),
        whiteout: flags.contains(fuser::RenameFlags::RENAME_WHITEOUT),
    })
}

pub(super) fn rename(
    (parent, old_name): (INodeNo, &OsStr),
    (new_parent, new_name): (INodeNo, &OsStr),
    flags: fuser::RenameFlags,
) -> Result<Rename, PosixError> {
    Ok(Rename {
        parent: ino(parent),
        name: name(old_name)?,
        new_parent: ino(new_parent),
        new_name: name(new_name)?,
        flags: rename_flags(flags)?,
        seen: None,
    })
}

/// The page cache writes pages where they are; only a system call appends.
pub(super) fn write_position(offset: u64, how: WriteFlags, flags: OpenFlags) -> WritePosition {
    let from_cache = how.contains(WriteFlags::FUSE_WRITE_CACHE);
    if flags.0 & libc::O_APPEND != 0 && !from_cache {
        WritePosition::End
    } else {
        WritePosition::At(offset)
    }
}

/// The page cache writes through any file of the inode.
pub(super) fn write_use(file: FileHandle, how: WriteFlags) -> Use {
    if how.contains(WriteFlags::FUSE_WRITE_CACHE) {
        Use::WriteBack
    } else {
        Use::Through(handle(file))
    }
}

/// The kernel clears set-user-id itself before most writes; this covers the rest. Pages that the cache
/// writes carry no user.
pub(super) fn clears_privileges(request: &Request, how: WriteFlags) -> bool {
    let from_cache = how.contains(WriteFlags::FUSE_WRITE_CACHE);
    how.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID) || (request.uid() != 0 && !from_cache)
}

pub(super) fn fallocate_mode(mode: i32) -> Result<FallocateMode, PosixError> {
    const KEEP_SIZE: i32 = libc::FALLOC_FL_KEEP_SIZE;
    const PUNCH_HOLE: i32 = libc::FALLOC_FL_PUNCH_HOLE | KEEP_SIZE;
    const ZERO_AND_KEEP: i32 = libc::FALLOC_FL_ZERO_RANGE | KEEP_SIZE;
    match mode {
        0 => Ok(FallocateMode::Allocate { keep_size: false }),
        KEEP_SIZE => Ok(FallocateMode::Allocate { keep_size: true }),
        PUNCH_HOLE => Ok(FallocateMode::PunchHole),
        libc::FALLOC_FL_ZERO_RANGE => Ok(FallocateMode::ZeroRange { keep_size: false }),
        ZERO_AND_KEEP => Ok(FallocateMode::ZeroRange { keep_size: true }),
        libc::FALLOC_FL_COLLAPSE_RANGE => Ok(FallocateMode::CollapseRange),
        libc::FALLOC_FL_INSERT_RANGE => Ok(FallocateMode::InsertRange),
        libc::FALLOC_FL_UNSHARE_RANGE => Ok(FallocateMode::Unshare),
        _ => Err(PosixError::NotSupported),
    }
}

pub(super) fn seek_target(whence: i32) -> Result<SeekTarget, PosixError> {
    match whence {
        libc::SEEK_DATA => Ok(SeekTarget::Data),
        libc::SEEK_HOLE => Ok(SeekTarget::Hole),
        _ => Err(PosixError::InvalidArgument),
    }
}

pub(super) fn set_xattr_mode(flags: i32) -> Result<SetXattrMode, PosixError> {
    match flags {
        0 => Ok(SetXattrMode::Either),
        libc::XATTR_CREATE => Ok(SetXattrMode::Create),
        libc::XATTR_REPLACE => Ok(SetXattrMode::Replace),
        _ => Err(PosixError::InvalidArgument),
    }
}

#[cfg(test)]
mod tests;
